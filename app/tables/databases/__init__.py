"""Tables of databases, and what SQL gives there."""
