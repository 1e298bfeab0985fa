"""A function mount against a bare Flask view."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.measure import Effort, Figure, Target, at_least, compare
from bench.server import FLOOR, Server, site

SITE = """
url:
  hello:
    pattern: /hello
    handler: Function
    kwargs: {function: str("hello")}
"""


def figures(effort: Effort) -> Iterator[Figure]:
    """The share of a bare view's speed that a mount keeps, request log and all."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Server("/hello", FLOOR) as floor,
        Server("/hello", env=site(Path(folder), SITE)) as ours,
    ):
        found = compare(Target(floor, ["/hello"]), Target(ours, ["/hello"]), effort)
    yield at_least('function: str("hello"), of the floor', found.capacity, 0.75, found.note)
