"""`gramex.data`: queries over tables, which this version does not have."""

from typing import Any

from app.compat import missing


def __getattr__(name: str) -> Any:
    raise missing(__name__, name, "tables are not there yet: read them by pandas or a database's own package")
