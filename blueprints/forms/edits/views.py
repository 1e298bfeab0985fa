"""The request -> what it changes -> the answer that says so."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from flask import Response, request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from app import bus
from app.handler import Handler
from app.json_provider import dumps
from app.tables.columns import Column
from app.tables.databases.table import Table
from app.tables.edits import creation
from app.tables.edits.changes import Edits, Given, deletes, from_json, inserts, updates
from app.tables.edits.journal import Entry
from app.tables.edits.transactions import Conflict, Done, Transaction, apply
from app.tables.source import Missing
from blueprints.forms.edits.journals import editor, journal_of, where

if TYPE_CHECKING:
    from blueprints.forms.datasets import Opened

NAMED = 10_000
"""Rows of one change that are named to those who look on."""

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_READ: Mapping[str, Callable[[Given, Sequence[Column], Sequence[str], bool], Edits]] = {
    "POST": inserts,
    "PUT": updates,
    "PATCH": updates,
    "DELETE": deletes,
}


class Edited(NamedTuple):
    """What became of one dataset."""

    edits: Edits
    done: Done


def edited(datasets: Sequence["Opened"], handler: Handler) -> Response:
    """Make the changes that the request asks for, and say what was done; or go on to where `redirect` says.

    Raises what `app.tables` does: BadValue for what cannot be read, Outdated where an ETag of If-Match is old.
    """
    bodies = _bodies(_body(), [one.name for one in datasets])
    asked = [(one, Given(one.args, bodies[one.name])) for one in datasets]
    if len(asked) > 1:
        asked = [(one, given) for one, given in asked if not given.is_empty]
        for one, given in asked:
            _READ[request.method](given, one.source.columns(), one.settings.id, one.settings.strict)
    if not asked or all(given.is_empty for _, given in asked):
        raise BadRequest("the request gives no values: send them as arguments, as a form or as JSON")
    done = {one.name: _edited(one, given, handler) for one, given in asked}
    for name, each in done.items():
        if each.done.count:
            _publish(handler.mount.name, name, each)
    return _redirected(handler) or _answered(done, datasets, handler)


def _body() -> Any:
    """The JSON of the body; None for arguments and forms. Raises 415 for what is neither, 400 for what is no JSON."""
    kind = request.mimetype
    if kind in _FORMS:
        return None
    data = request.get_data()
    if not data:
        return None
    if kind != "application/json" and not kind.endswith("+json"):
        raise UnsupportedMediaType(f"the body is {kind or 'of no known type'}: send application/json, or a form")
    try:
        return from_json(data)
    except ValueError as error:
        raise BadRequest(str(error)) from error


def _bodies(body: Any, names: Sequence[str]) -> dict[str, Any]:
    """The body of each dataset: all of it, or with several datasets what stands under their names."""
    if len(names) > 1 and isinstance(body, dict) and body and body.keys() <= set(names):
        own = {name: value for name, value in body.items() if isinstance(value, dict | list)}
        return dict.fromkeys(names) | own
    return dict.fromkeys(names, body)


def _edited(one: "Opened", given: Given, handler: Handler) -> Edited:
    """Make the changes of one dataset. A table that is not there is made by the first rows that are put into it."""
    settings = one.settings
    if not settings.id:
        raise BadRequest("rows cannot be changed: `id:` in the YAML should name the columns that tell them apart")
    work, forget = _work(one, given, handler)
    try:
        try:
            return editor(one.source, _first(one, given)).transact(work, settings.timeout)
        except Conflict:
            if "_upsert" not in given.args:
                raise  # else somebody has inserted a row with this key meanwhile, which is now there to be changed
        except Missing:
            if not _may_make(one) or settings.columns or not isinstance(one.source, Table):
                raise
            creation.make(one.source, creation.of_kinds(creation.of_first(given, settings.id)))
        return editor(one.source).transact(work, settings.timeout)
    except BaseException:
        forget()
        raise


def _first(one: "Opened", given: Given) -> Sequence[Column]:
    """The columns of a file that a POST may make."""
    if not _may_make(one):
        return ()
    return creation.kinds(one.settings.columns) or creation.of_first(given, one.settings.id)


def _may_make(one: "Opened") -> bool:
    """Whether the request may make the file or table: not where it is the request that says which one this is."""
    return request.method == "POST" and not one.settings.place().needs


def _work(one: "Opened", given: Given, handler: Handler) -> tuple[Callable[[Transaction], Edited], Callable[[], None]]:
    """What to do in the transaction, and how to forget what the journal has of it if it fails."""
    read, etags, key = _READ[request.method], _etags(), one.settings.id
    journal = journal_of(handler.mount, one.settings.journal)
    written: list[int] = []

    def forget() -> None:
        while journal is not None and written:
            journal.remove(written.pop())

    def work(table: Transaction) -> Edited:
        forget()  # this may be another attempt
        edits = read(given, table.columns, key, one.settings.strict)
        done = apply(table, edits, key, etags, recording=journal is not None)
        if journal is not None and done.changes:
            entry = Entry(handler.mount.name, one.name, edits.op, key, done.changes, _who(handler), *where(one.source))
            written.append(journal.write(entry))
        return Edited(edits, done)

    return work, forget


def _etags() -> frozenset[str] | None:
    """The ETags of If-Match, None without. Weak ones too: our compression makes them so."""
    if "If-Match" not in request.headers:
        return None
    return frozenset({"*"} if request.if_match.star_tag else request.if_match.as_set(include_weak=True))


def _who(handler: Handler) -> str:
    user = handler.current_user
    return str(user.get("id", "")) if user else ""


def _ids(done: Done) -> list[Any]:
    return [each[0] if len(each) == 1 else each for each in done.ids]


def _publish(mount: str, dataset: str, each: Edited) -> None:
    """Tell whoever looks at the table, in whatever worker, that it has changed."""
    ids = _ids(each.done) if each.done.count <= NAMED else None
    bus.publish(f"changes/{mount}", {"mount": mount, "dataset": dataset, "op": each.edits.op, "ids": ids})


def _redirected(handler: Handler) -> Response | None:
    """The way on, where the mount has a `redirect`."""
    settings = handler.mount.guards.get("redirect")
    target = settings.target(request) if settings is not None else None
    return None if target is None else Response(status=302, headers={"Location": target, **_UNCACHED})


_UNCACHED = {"Cache-Control": "no-cache, no-store"}


def _answered(done: Mapping[str, Edited], datasets: Sequence["Opened"], handler: Handler) -> Response:
    """What was understood and done, for each dataset (gramex.md §10)."""
    settings = {one.name: one.settings for one in datasets}
    said = {name: _said(each, settings[name].modify, name, handler) for name, each in done.items()}
    response = Response(dumps(said), content_type="application/json")
    response.headers.update(_UNCACHED)
    for name, each in done.items():
        response.headers[f"Count-{quote(name.capitalize())}"] = str(each.done.count)
    return handler.apply_to(response)


def _said(each: Edited, modify: Any, name: str, handler: Handler) -> dict[str, Any]:
    edits, done = each
    said: dict[str, Any] = {
        "filters": edits.filters,
        "ignored": [[arg, list(values)] for arg, values in edits.ignored],
        "count": done.count,
    }
    if edits.op == "insert":
        said["inserted"] = done.inserted
    if modify is not None:
        said["modify"] = modify(data=done.count, key=None if name == "data" else name, handler=handler)
    return said
