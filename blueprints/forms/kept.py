"""Small answers that are given again as long as their ETag holds, as pages and dashboards ask again and again."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

LARGEST = 64 << 10
"""Bytes of an answer that is kept."""

TOTAL = 4 << 20
"""Bytes of all that a mount keeps in each worker; those asked for longest ago go first."""


class Answer(NamedTuple):
    """The body and the headers of an answer."""

    body: bytes
    headers: Sequence[tuple[str, str]]


class Answers:
    """The answers of a mount, by their ETags."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, Answer] = OrderedDict()
        self._size = 0

    def get(self, etag: str) -> Answer | None:
        """The answer, if it is kept."""
        answer = self._answers.get(etag)
        if answer is not None:
            self._answers.move_to_end(etag)
        return answer

    def put(self, etag: str, answer: Answer) -> None:
        """Keep an answer, unless it is too large."""
        if len(answer.body) > LARGEST or etag in self._answers:
            return
        self._answers[etag] = answer
        self._size += len(answer.body)
        while self._size > TOTAL:
            _, oldest = self._answers.popitem(last=False)
            self._size -= len(oldest.body)
