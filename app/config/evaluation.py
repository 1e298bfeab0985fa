"""Python expressions in the config: conditions of keys, and the functions of variables."""

import ast
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from app import modules


def evaluate(expression: str, names: Mapping[str, Any], filename: str = "<config>") -> Any:
    """The value of a trusted Python expression; modules that it names are imported.

    Raises whatever the expression raises.
    """
    tree = ast.parse(expression.strip(), filename, mode="eval")
    found = {}
    for name, dotted in modules.named(tree, names):
        with suppress(modules.NoModule):  # if the value depends on it, the evaluation says so
            found[name] = modules.imported(dotted)
    return eval(compile(tree, filename, "eval"), {**found, **names})


def described(error: Exception) -> str:
    """What an expression raised, for a message."""
    if isinstance(error, modules.ExpressionError):
        return str(error)
    return f"{type(error).__name__}: {error.msg if isinstance(error, SyntaxError) else error}"
