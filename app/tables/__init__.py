"""Tables in files and databases, queried by one grammar. Knows no Flask.

A request's arguments become a `Query` (`grammar.py`), which means the same on every source.
"""
