"""Functions that SQLite lacks: regular expressions, words of any script, and some aggregates.

Regular expressions are RE2's, as DuckDB's are. Their time is linear in the text: Python's own would let a pattern such
as `(a+)+$` stop the whole worker.
"""

import sqlite3
from collections.abc import Callable
from functools import lru_cache
from math import sqrt
from typing import Any

import re2  # type: ignore[import-untyped]  # it has no type hints


def install(connection: sqlite3.Connection) -> None:
    """Add the functions to a connection."""
    connection.create_function("regexp", 2, _search, deterministic=True)
    connection.create_function("iregexp", 2, _search_nocase, deterministic=True)
    connection.create_function("contains_nocase", 2, _contains, deterministic=True)
    connection.create_aggregate("variance", 1, _Variance)
    connection.create_aggregate("deviation", 1, _Deviation)
    connection.create_aggregate("product", 1, _Product)
    connection.create_aggregate("wide_sum", 1, _Sum)


def check(pattern: str) -> None:
    """Raise ValueError if it is no regular expression of RE2's."""
    try:
        _compiled(pattern, False)
    except re2.error as error:
        raise ValueError(str(error)) from error


@lru_cache(maxsize=256)
def _compiled(pattern: str, ignoring_case: bool) -> Callable[[str], Any]:
    options = re2.Options()
    options.case_sensitive = not ignoring_case
    options.log_errors = False
    return re2.compile(pattern, options).search  # type: ignore[no-any-return]  # as above


def _search(pattern: str, text: str | None) -> bool | None:
    return None if text is None else _compiled(pattern, False)(text) is not None


def _search_nocase(pattern: str, text: str | None) -> bool | None:
    return None if text is None else _compiled(pattern, True)(text) is not None


def _contains(text: str | None, word: str) -> bool | None:
    return None if text is None else word in text.lower()


class _Variance:
    """Of a sample, by Welford's method: sums of squares lose the digits that matter."""

    def __init__(self) -> None:
        self.count, self.mean, self.squares = 0, 0.0, 0.0

    def step(self, value: Any, /) -> None:
        if not isinstance(value, int | float):  # SQLite lets a column of numbers hold text too
            return
        self.count += 1
        distance = value - self.mean
        self.mean += distance / self.count
        self.squares += distance * (value - self.mean)

    def finalize(self) -> Any:
        return self.squares / (self.count - 1) if self.count > 1 else None


class _Deviation(_Variance):
    def finalize(self) -> Any:
        variance = super().finalize()
        return None if variance is None else sqrt(variance)


class _Product:
    def __init__(self) -> None:
        self.product: float | None = None

    def step(self, value: Any, /) -> None:
        if isinstance(value, int | float):
            self.product = value * (1.0 if self.product is None else self.product)

    def finalize(self) -> Any:
        return self.product


_INTEGERS = range(-(2**63), 2**63)


class _Sum:
    """Of integers exact up to 64 bits, and beyond to the 15 digits of a double: SQLite has nothing wider."""

    def __init__(self) -> None:
        self.sum: int | float | None = None

    def step(self, value: Any, /) -> None:
        if isinstance(value, int | float):
            self.sum = value + (self.sum or 0)

    def finalize(self) -> Any:
        return float(self.sum) if isinstance(self.sum, int) and self.sum not in _INTEGERS else self.sum
