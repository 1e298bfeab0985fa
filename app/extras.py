"""Optional packages: what to install where one is missing.

A feature whose settings ask for it is a mistake in the YAML, said by `flask check`, not a failure of the first request.
"""

from collections.abc import Mapping
from importlib.util import find_spec


def need(modules: Mapping[str, str], extra: str, what: str) -> None:
    """Raise ValueError, with the packages and how to install them, if one of the modules is missing.

    `modules` are the modules' names, and their packages; `what` is what needs them.
    """
    missing = [package for module, package in modules.items() if find_spec(module) is None]
    if missing:
        raise ValueError(f"{what} needs {' and '.join(missing)}, not installed: pip install 'skerry[{extra}]'")
