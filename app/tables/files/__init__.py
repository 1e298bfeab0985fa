"""Tables of data files, folders and DataFrames, which the worker's own DuckDB answers queries on."""
