"""The names that existing sites' Python code imports from the system that they were written for.

`import gramex` in a site's code gives the modules of `app/compat/gramex` where no package of that name is installed
(reference: gramex.md §29). They are thin names over our own parts.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from app.compat import hub
from app.handler import AttrDict, HTTPError
from app.handler.attrdict import deep

PACKAGE = "gramex"
_FOLDER = Path(__file__).parent / PACKAGE

variables = AttrDict()
"""The variables of the site that was read last. Code may keep this object: a reload changes what is in it."""


class Finder:
    """Finds our package under the original's name; its submodules are found as those of any package."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Where the module is, as `sys.meta_path` asks for it; None for every other name."""
        if name != PACKAGE:
            return None
        return spec_from_file_location(name, _FOLDER / "__init__.py", submodule_search_locations=[str(_FOLDER)])


def install() -> None:
    """Let `import gramex` find our package. Asked last, it never hides one that is installed or the site's own."""
    hub.remember()
    if Finder not in sys.meta_path:
        sys.meta_path.append(Finder)


def set_variables(given: Mapping[str, Any]) -> None:
    """Make these the site's variables."""
    variables.clear()
    variables.update(deep(given))


def missing(module: str, name: str, instead: str) -> Exception:
    """What to raise where code asks a module for a name that we do not have; `instead` says what to do.

    AttributeError for the names that Python itself looks for.
    """
    if name.startswith("__"):
        return AttributeError(f"module {module!r} has no {name!r}")
    return ImportError(f"{module}.{name} is not in this version of Skerry: {instead}")


def as_refusal(error: BaseException) -> HTTPError | None:
    """An answer for Tornado's HTTPError, which functions of existing sites raise; None for other exceptions."""
    web = sys.modules.get("tornado.web")
    if web is None or not isinstance(error, web.HTTPError) or not 200 <= error.status_code <= 599:
        return None
    return HTTPError(error.status_code, error.reason or _filled(error.log_message or "", error.args) or None)


def _filled(text: str, args: tuple[Any, ...]) -> str:
    """Tornado's message; without arguments, its percent signs are doubled all the same."""
    try:
        return text % args
    except (TypeError, ValueError):  # the message does not fit its arguments
        return text
