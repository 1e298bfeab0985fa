"""What becomes of a file's content on the way out: which rule applies, and what a function's result is as bytes."""

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from .globs import Globs
from .headers import is_text
from .settings import Settings, Transform


@dataclass(frozen=True)
class Rule:
    """Files that match the globs are transformed: by a function of the site, or in one of the ways that we have."""

    globs: Globs
    how: str
    """function, template, markdown, sass or ts."""
    transform: Transform | None = None
    only_text: bool = False
    """Leave other files as they are: `template: true` does not mean pictures."""

    def applies(self, path: str) -> bool:
        """Whether a file is transformed; its path is as globs see it."""
        return self.globs.match(path) and (not self.only_text or is_text(path))


def rules(settings: Settings) -> tuple[Rule, ...]:
    """The rules in the order in which they are tried: the site's own functions first."""
    own = [Rule(Globs(key.replace(",", " ").split()), "function", value) for key, value in settings.transform.items()]
    ours = {
        "template": settings.template,
        "sass": (*settings.sass, *settings.scss),
        "ts": settings.ts,
        "markdown": settings.markdown,
    }
    return (*own, *(Rule(Globs(globs), how, only_text=globs == ("*",)) for how, globs in ours.items() if globs))


def first(rules: Iterable[Rule], path: str) -> Rule | None:
    """The first rule for a path as globs see it."""
    return next((rule for rule in rules if rule.applies(path)), None)


def as_bytes(result: object) -> bytes:
    """What a function returned, as the content to send: text, bytes, numbers, or an iterable of these.

    Raises TypeError for anything else, so that no answer says `<object at 0x...>`.
    """
    if inspect.iscoroutine(result):
        result.close()
        raise TypeError("a transform's function must not be async: return text, bytes or a generator")
    return b"".join(_pieces(result))


def _pieces(result: object) -> Iterator[bytes]:
    if result is None:
        return
    if isinstance(result, bytes | bytearray | memoryview):
        yield bytes(result)
    elif isinstance(result, str | int | float):
        yield str(result).encode()
    elif isinstance(result, Iterable) and not isinstance(result, Mapping):
        for item in result:
            yield from _pieces(item)
    else:
        raise TypeError(f"a transform's function must return text or bytes, not {type(result).__name__}")
