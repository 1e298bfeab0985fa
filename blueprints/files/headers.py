"""The headers of a file's answer: those of the settings by glob, and the content type."""

import mimetypes
import os
import re
from collections.abc import Iterable, Mapping

from .globs import Globs

Values = Mapping[str, object]

_TYPES = {
    # Python's own table lacks these, or names a type that browsers do not run or show.
    ".avif": "image/avif",
    ".geojson": "application/geo+json",
    ".jsonl": "application/x-ndjson",
    ".map": "application/json",
    ".md": "text/markdown",
    ".ndjson": "application/x-ndjson",
    ".parquet": "application/vnd.apache.parquet",
    ".toml": "application/toml",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".gz": "application/gzip",
    ".bz2": "application/x-bzip2",
    ".xz": "application/x-xz",
    ".zst": "application/zstd",
    ".br": "application/octet-stream",
}
# The machine's own tables (/etc/mime.types) would make a site's types differ from host to host.
_PYTHONS = mimetypes.MimeTypes().types_map[True]
_SCRIPTS = {"application/javascript": "text/javascript"}  # RFC 9239
_NONE: Mapping[str, str] = {}
UNKNOWN = "application/octet-stream"


def content_type(path: str, own: Mapping[str, str] = _NONE) -> str:
    """The type by the name's extension in any case; the site's `own` come first."""
    extension = os.path.splitext(path)[1].lower()
    found = own.get(extension) or _PYTHONS.get(extension) or _TYPES.get(extension, UNKNOWN)
    return _SCRIPTS.get(found, found)


def is_text(path: str) -> bool:
    """Whether the file is one that people write: what `template: true` means."""
    kind = content_type(path)
    return kind.startswith("text/") or kind.endswith(("+xml", "+json", "/json", "/xml", "/yaml", "/toml"))


_OF_CONTENT = re.compile(r"(?i)content-(?!security)|cache-control$|expires$|etag$|last-modified$")


def of_failures(headers: Mapping[str, object]) -> dict[str, str]:
    """The plain headers of the settings that are not about a file's content, as a Content-Security-Policy."""
    plain = {name: value for name, value in headers.items() if not isinstance(value, Mapping)}
    return {name: value for name, value in merged([plain]).items() if not _OF_CONTENT.match(name)}


class HeaderRules:
    """The `headers` of the settings: plain ones, and those of the files that match a glob. The last one wins."""

    def __init__(self, headers: Mapping[str, object]):
        self._rules: list[tuple[Globs | None, Values]] = [
            (Globs([name]), value) if isinstance(value, Mapping) else (None, {name: value})
            for name, value in headers.items()
        ]
        has_globs = any(globs for globs, _ in self._rules)
        self._fixed = None if has_globs else merged(values for _, values in self._rules)

    def of(self, path: str) -> Mapping[str, str]:
        """The headers of a file, whose path is as globs see it."""
        if self._fixed is not None:
            return self._fixed
        return merged(values for globs, values in self._rules if globs is None or globs.match(path))


def merged(headers: Iterable[Values]) -> dict[str, str]:
    """Several headers as one, later ones over earlier ones in any case; null and false take one away."""
    found: dict[str, tuple[str, object]] = {}
    for values in headers:
        for name, value in values.items():
            found[name.lower()] = (name, value)
    return {name: str(value) for name, value in found.values() if value not in (None, False)}
