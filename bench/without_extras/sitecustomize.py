"""Hides modules from the interpreter that starts with this folder on PYTHONPATH, as if they were not installed.

`importlib.util.find_spec` finds them no more than `import` does, without the cost of a second virtual environment.
"""

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

HIDDEN = frozenset(os.environ["HIDDEN_MODULES"].split(","))


class Finder(PathFinder):
    """Python's own finder, blind for the hidden modules."""

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """None for a hidden module: it is not there."""
        return None if fullname in HIDDEN else super().find_spec(fullname, path, target)


sys.meta_path[sys.meta_path.index(PathFinder)] = Finder
