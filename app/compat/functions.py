"""Functions that expressions of existing sites use without import (reference: gramex.md §3, §29)."""

import ast
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from app.compat import variables
from app.guards.log import FAMILIES, VALUES
from app.json_provider import dumps
from app.mistakes import did_you_mean
from app.state.database import Database, execute, sqlite

_OF_ANSWERS = ("status", "size")
"""Keys of the request log that are known when the answer is."""

_OF_MOUNTS: Mapping[str, Callable[[Any], Any]] = {
    "name": lambda handler: handler.name,
    "mount": lambda handler: handler.name,
    "class": lambda handler: handler.mount.handler,
}
"""Keys that the log learns with the answer, and a handler knows."""


def condition(*args: Any) -> Any:
    """The value after the first true condition: `condition(c1, v1, c2, v2, default)`; None if there is none.

    A condition that is text compares values, as `'$USER' == 'ann'` does once the YAML's variables are in it.
    """
    pairs, rest = args[: len(args) // 2 * 2], args[len(args) // 2 * 2 :]
    for test, value in zip(pairs[::2], pairs[1::2], strict=True):
        if _holds(test) if isinstance(test, str) else test:
            return value
    return rest[0] if rest else None


_COMPARING = (
    ast.Expression,
    ast.Compare,
    ast.BoolOp,
    ast.UnaryOp,
    ast.Constant,
    ast.Tuple,
    ast.List,
    ast.boolop,
    ast.cmpop,
    ast.unaryop,
    ast.expr_context,
)


def _holds(text: str) -> Any:
    """What a condition in text gives. The original ran any Python in it, also what a client had sent; this does not."""
    tree = ast.parse(text.strip(), mode="eval")
    if not all(isinstance(node, _COMPARING) for node in ast.walk(tree)):
        raise ValueError(f"a condition in text may only compare values: {text[:60]!r}; write it without quotes")
    return eval(compile(tree, "<condition>", "eval"), {"__builtins__": {}})


def objectpath(node: Any, keypath: str, default: Any = None) -> Any:
    """The value at a dotted path through mappings, lists and attributes: `a.b.0`; the default where it ends earlier."""
    for key in keypath.split(".") if keypath else ():
        try:
            node = _step(node, key)
        except (KeyError, IndexError, AttributeError):
            return default
    return node


def _step(node: Any, key: str) -> Any:
    if isinstance(node, Mapping):
        return node[key]
    return node[int(key)] if isinstance(node, list | tuple) and key.isdecimal() else getattr(node, key)


def flattener(fields: Mapping[str, Any], default: Any = None) -> Callable[[Any], dict[str, Any]]:
    """A function that flattens deep objects: each field has the value at its path.

    The path `""` or true is the object itself, a number an index.
    """
    paths = {name: "" if path is True else str(path) for name, path in fields.items()}
    return lambda node: {name: objectpath(node, path, default) for name, path in paths.items()}


def once(*key: Any) -> bool:
    """Whether this is the first call with these values, ever: the site remembers them, for all its workers."""
    database = _table(Path(variables.GRAMEXDATA) / "once.db")
    done = execute(database, "INSERT INTO once VALUES (:key) ON CONFLICT DO NOTHING", key=dumps(key).decode())
    return done.changed == 1


@cache
def _table(file: Path) -> Database:
    database = sqlite(file)
    execute(database, "CREATE TABLE IF NOT EXISTS once (key TEXT PRIMARY KEY)")
    return database


def time_key(format: str) -> str:
    """The time in UTC as text, as `%Y-%m-%d` for a key that is another one every day."""
    return datetime.now(UTC).strftime(format)


def handler_expr(key: str) -> Callable[[Any], Any]:
    """A function of the handler that gives a value as the request log names it: `user.id`, `args.x`, `ip` ...

    Raises ValueError for a key that is not known before the answer is there, or not at all.
    """
    if key in _OF_MOUNTS:
        return _OF_MOUNTS[key]
    family, dot, name = key.partition(".")
    value: Any = FAMILIES[family](name) if dot and family in FAMILIES else VALUES.get(key)
    if value is None or key in _OF_ANSWERS:
        raise ValueError(f"there is no key {key!r}{did_you_mean(key, VALUES)}")
    return lambda handler: value(handler.request, None)


def template(content: str | bytes, handler: Any = None, **names: Any) -> bytes:
    """A template of Tornado, rendered; one that it extends or includes lies beside the handler's file."""
    from tornado.template import Loader, Template

    file = getattr(handler, "file", None)
    loader = Loader(str(Path(file).parent)) if file else None
    seen = {name: getattr(handler, name, None) for name in ("request", "current_user")}
    rendered: bytes = Template(content, loader=loader).generate(handler=handler, **{**seen, **names})
    return rendered
