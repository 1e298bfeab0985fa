"""Queries as SQL, for any database and for DuckDB."""
