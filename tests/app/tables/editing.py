"""Edits of tables for tests: `edit(editor, "PUT", id=3, city="Oslo")` as a request would make it."""

from app.tables.edits.changes import Given, deletes, from_json, inserts, updates
from app.tables.edits.transactions import apply
from app.tables.grammar import parse

READ = {"POST": inserts, "PUT": updates, "PATCH": updates, "DELETE": deletes}
KEY = ("id",)


def given(args, body=None):
    """What a request gives; `body` is the text of its JSON."""
    lists = {
        name: [str(one) for one in (value if isinstance(value, list) else [value])] for name, value in args.items()
    }
    return Given(lists, from_json(body.encode()) if body is not None else None)


def edit(editor, method, body=None, key=KEY, etags=None, recording=False, strict=False, **args):
    """What an editor has done for a request."""
    asked = given(args, body)
    return editor.transact(
        lambda table: apply(table, READ[method](asked, table.columns, key, strict), key, etags, recording), 10
    )


def rows(source, **args):
    """The rows of a source."""
    query = parse({name: [str(value)] for name, value in args.items()} | {"_limit": ["-1"]}, source.columns())
    result = source.run(query, 20)
    try:
        return [row for batch in result.batches() for row in batch]
    finally:
        result.close()
