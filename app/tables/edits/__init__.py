"""Changes of tables: what is asked, and how databases and files are changed."""
