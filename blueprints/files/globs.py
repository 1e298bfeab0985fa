"""Globs as file settings write them: `*.md`, `assets/**`, `.*`.

A glob is compared, in any case, with the end of a path that begins at the site's folder; its stars match slashes too.
"""

import fnmatch
import re
from collections.abc import Iterable


class Globs:
    """Some globs as one; empty ones match nothing."""

    __slots__ = ("_match",)

    def __init__(self, globs: Iterable[str]):
        regexes = [fnmatch.translate("*/" + glob.removeprefix("**/").lstrip("/")) for glob in globs]
        self._match = re.compile("|".join(regexes), re.IGNORECASE).match if regexes else None

    def match(self, path: str) -> bool:
        """Whether one of the globs matches a path that begins with a slash.

        >>> Globs(["*.md", ".*"]).match("/notes/README.MD")
        True
        """
        return self._match is not None and self._match(path) is not None
