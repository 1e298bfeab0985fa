"""Range requests (RFC 9110 §14) as functions of plain values; see `preconditions` for the shape of a request."""

import re
from collections.abc import Mapping
from typing import Any

from app.sending.preconditions import Validators, range_applies

MOST_RANGES = 50  # more than that is an attack (CVE-2011-3192) or a mistake; either gets the whole

# 18 digits are more than any file has bytes, and keep int() away from its limit.
_RANGE = re.compile(r"([0-9]{1,18})-([0-9]{1,18})?|-([0-9]{1,18})")


def wanted(method: str, environ: Mapping[str, Any], size: int, current: Validators) -> list[range] | None:
    """The byte ranges to send; None for the whole, an empty list when none of them can be satisfied (416)."""
    header = environ.get("HTTP_RANGE")
    if header is None or method != "GET" or not range_applies(environ, current):
        return None
    return parsed(header, size)


def parsed(header: str, size: int) -> list[range] | None:
    """Read a Range field (§14.2): ascending, overlapping and adjacent ranges made one.

    None when the field is to be ignored: another unit, malformed, or more than `MOST_RANGES`.
    """
    unit, _, spec = header.partition("=")
    if unit.strip().lower() != "bytes":
        return None
    items = [item for item in map(str.strip, spec.split(",")) if item]
    if not 0 < len(items) <= MOST_RANGES:
        return None
    spans = []
    for item in items:
        span = _span(item, size)
        if span is None:
            return None
        spans.append(span)
    return _coalesced(spans)


def _span(item: str, size: int) -> range | None:
    """One range, empty when it cannot be satisfied; None when it is malformed."""
    match = _RANGE.fullmatch(item)
    if not match:
        return None
    first, last, suffix = match.groups()
    if suffix:
        # A suffix of an empty representation is satisfied by all of it, which Content-Range cannot express (§14.4).
        return range(max(0, size - int(suffix)), size) if size else None
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, size) if last else size)


def _coalesced(spans: list[range]) -> list[range]:
    merged: list[range] = []
    for span in sorted(filter(None, spans), key=lambda span: span.start):
        if merged and span.start <= merged[-1].stop:
            merged[-1] = range(merged[-1].start, max(merged[-1].stop, span.stop))
        else:
            merged.append(span)
    return merged
