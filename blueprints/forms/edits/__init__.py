"""POST, PUT, PATCH and DELETE of tables: a request -> changes of its datasets -> what was changed.

::

    curl localhost:8000/orders -d city=Oslo -d city=Bergen -d sales=3
    curl localhost:8000/orders -X PUT -H 'Content-Type: application/json' -d '{"id": 3, "sales": 5}'
    curl localhost:8000/orders?id=3 -X DELETE -H 'If-Match: "..."'

The changes of one dataset are made together or not at all (reference: gramex.md §10).
"""

from app.tables.edits.changes import row_etag

from .journals import journals, undo
from .views import edited

__all__ = ["edited", "journals", "row_etag", "undo"]
