"""Which format a request wants, and as which file its answer is saved."""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from app.mistakes import did_you_mean
from app.tables.columns import BadValue
from blueprints.forms.formats.format import Format
from blueprints.forms.formats.settings import FORMATS, KINDS, NAMED_ONLY

PAGE = "page"
"""What browsers get: the page of a table, which is no format of this package. `html` is a plain table."""

DEFAULT = "json"

Args = Mapping[str, Sequence[str]]


def chosen(args: Args, accept: str, extension: str = "", own: Mapping[str, Format] = FORMATS) -> str:
    """The name of the format: what `_format` says, else the extension of the URL's path, else the header Accept.

    `own` are the formats of the mount, its own included. Browsers get `PAGE`. An extension or types that are not known
    say nothing, as the original answers everybody. Raises BadValue for a `_format` that is not there, and ValueError
    for one whose package is not installed.
    """
    asked = next((value for value in reversed(args.get("_format", ())) if value), "")
    if asked:
        return _known(asked, own)
    accepted = parse_accept_header(accept, MIMEAccept)
    by_extension = _of_extension(extension.lower().removeprefix("."), own)
    if by_extension and not (by_extension == "html" and _likes_pages(accepted)):
        return by_extension
    return _accepted(accepted, own)


def disposition(name: str) -> str:
    """The header Content-Disposition of an answer that is saved as a file of this name (RFC 6266, RFC 8187).

    Names beyond ASCII come twice, for clients that know only the old form; no name has paths or lines.
    """
    name = re.sub(r"[\x00-\x1f\x7f/\\\\]", "_", name)
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
    if plain == name:
        return f'attachment; filename="{name}"' if re.search(r"[^\w.-]", name) else f"attachment; filename={name}"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _known(asked: str, own: Mapping[str, Format]) -> str:
    if asked in own or asked == PAGE:
        return asked
    if asked in NAMED_ONLY:
        raise ValueError(f"_format: {asked!r} needs options: give it a name and options in `formats:`")
    if asked in KINDS:
        KINDS[asked](format=asked).made()  # raises, as its package is missing
    raise BadValue("_format", asked, f"one of {', '.join((*own, PAGE))}{did_you_mean(asked, own)}")


def _of_extension(extension: str, own: Mapping[str, Format]) -> str:
    if extension in own:
        return extension
    return next((name for name, format in own.items() if extension and format.extension == extension), "")


def _accepted(accepted: MIMEAccept, own: Mapping[str, Format]) -> str:
    """The format of the type that is liked best: of those named exactly, then those of a family, as `image/*`."""
    if _likes_pages(accepted):
        return PAGE
    types: dict[str, str] = {}
    for name, format in own.items():
        types.setdefault(format.content_type.partition(";")[0], name)
    best = accepted.best_match(types)
    if best is None or accepted[best] <= accepted[own[DEFAULT].content_type]:
        return DEFAULT
    return types[best]


def _likes_pages(accepted: MIMEAccept) -> bool:
    """As `app.accept.prefers_page`: browsers name HTML, and like JSON no better."""
    return "text/html" in accepted.values() and accepted["text/html"] >= accepted["application/json"]
