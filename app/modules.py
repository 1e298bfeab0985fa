"""The modules that Python code in YAML names: found in the code, and imported (reference: gramex.md §3, §29).

A name that is neither a variable of its place nor a builtin is a module, so that `json.dumps(x)` and
`sales.total(handler)` need no import. The site's own folder comes first on the import path.
"""

import ast
import builtins
import importlib
import importlib.machinery
import importlib.util
import sys
import sysconfig
import traceback
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from app.mistakes import did_you_mean, shown

ALIASES: Mapping[str, str] = {"pd": "pandas", "np": "numpy"}
"""Names that code may use for modules, as existing sites do."""

OBJECTS: Mapping[str, str] = {
    "AttrDict": "app.handler.attrdict",
    "ensure_single_session": "app.session",
    **dict.fromkeys(("condition", "flattener", "handler_expr", "once", "template", "time_key"), "app.compat.functions"),
}
"""What else code may name without import, and where it is (reference: gramex.md §29)."""

_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})


class ExpressionError(ValueError):
    """Code does not parse, or names a module or attribute that is not there."""


class NoModule(ExpressionError):
    """A name in code is neither a variable nor a module."""


def add_folder(folder: Path) -> None:
    """Let code import the modules of a site's folder, before others of the same name."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def modules_below(folder: Path) -> dict[str, Path]:
    """The imported modules whose source lies below the folder, by name.

    A package without `__init__.py` counts with the one that it could have: it keeps its submodules as attributes.
    """
    found = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or _possible_init(module)
        if file and Path(file).is_relative_to(folder) and "site-packages" not in file:
            found[name] = Path(file)
    return found


def _possible_init(module: ModuleType) -> str | None:
    path = next(iter(getattr(module, "__path__", ())), None)
    return f"{path}/__init__.py" if path else None


def named(tree: ast.Expression, variables: Collection[str]) -> Iterator[tuple[str, list[str]]]:
    """Every name in the code that stands for a module: the name, and it with the attributes that follow it."""
    nodes = list(ast.walk(tree))
    bound = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    bound |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    inner = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
    for node in nodes:
        if id(node) in inner or not root(node):
            continue
        dotted = ast.unparse(node).split(".")
        if dotted[0] not in bound and dotted[0] not in variables and not _is_builtin(dotted):
            yield dotted[0], dotted


def root(node: ast.AST) -> str | None:
    """`module` of the dotted name `module.sub.function`; None for another kind of expression."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _is_builtin(dotted: list[str]) -> bool:
    """`str`, and `str.upper`; but `filter.run` is of a site's module filter.py, as the builtin has no `run`."""
    builtin = getattr(builtins, dotted[0], None)
    return hasattr(builtins, dotted[0]) and (len(dotted) == 1 or hasattr(builtin, dotted[1]))


def imported(dotted: list[str], variables: Collection[str] = ()) -> Any:
    """The module `dotted[0]`, with as many of its submodules as the dotted name goes through; or one of the OBJECTS.

    Raises NoModule if there is no such module, and ExpressionError if it fails or has no such attribute.
    """
    if dotted[0] in OBJECTS and len(dotted) == 1:
        return getattr(importlib.import_module(OBJECTS[dotted[0]]), dotted[0])
    first = module = _root_module(dotted[0], variables)
    for part in dotted[1:]:
        child = _child(module, part)
        if not isinstance(child, ModuleType):
            break
        module = child
    return first


def _child(module: ModuleType, part: str) -> Any:
    """An attribute of a module, or its submodule, imported where it has not been."""
    try:
        return getattr(module, part)
    except AttributeError:
        pass
    except Exception as error:  # a module that loads its attributes when asked for them may fail in any way
        raise ExpressionError(f"{module.__name__}.{part} cannot be loaded: {_where(error)}") from error
    name = f"{module.__name__}.{part}"
    if hasattr(module, "__path__") and importlib.util.find_spec(name):
        return _import(name)
    raise ExpressionError(f"module {module.__name__!r} has no {part!r}{did_you_mean(part, dir(module))}")


def _root_module(name: str, variables: Collection[str]) -> ModuleType:
    """The module of this name, as `import name` at the top of a file would find it."""
    name = ALIASES.get(name, name)
    loaded = sys.modules.get(name)
    if loaded is None:
        return _import(name, variables)
    # The site's folder comes first on the path, yet a module that is loaded already wins: better said than suffered.
    found = importlib.machinery.PathFinder.find_spec(name)
    file = getattr(loaded, "__file__", None)
    if found and found.origin and file and Path(found.origin).resolve() != Path(file).resolve():
        where = shown(Path(found.origin))
        raise ExpressionError(f"{where} has the name of a module that is in use already ({file}): rename it")
    return loaded


def _import(name: str, variables: Collection[str] = ()) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise ExpressionError(
                f"module {name!r} needs {error.name!r}, which is not installed{_at(error)}"
            ) from error
        hint = did_you_mean(name, variables) or ": a site's own modules lie beside its YAML"
        raise NoModule(f"there is no module {name!r}{hint}") from None
    except (Exception, SystemExit) as error:  # whatever a site's module raises at import is a mistake in the site
        raise ExpressionError(f"module {name!r} cannot be imported: {_where(error)}") from error


def _where(error: BaseException) -> str:
    """What an import raised, and where."""
    if isinstance(error, SyntaxError):
        return f"{error.msg} ({shown(Path(error.filename or '?'))}:{error.lineno})"
    return f"{type(error).__name__}: {error}{_at(error)}"


def _at(error: BaseException) -> str:
    """The line of the site's code that an error passed through last, in brackets."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(("<", __file__, *_LIBRARIES))]
    return f" ({shown(Path(own[-1].filename))}:{own[-1].lineno})" if own else ""
