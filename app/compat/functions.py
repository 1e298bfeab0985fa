"""Functions that expressions of existing sites use without import (reference: gramex.md §3, §29)."""

import ast
from collections.abc import Callable, Mapping
from typing import Any


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
