"""URL patterns, and which mount a path belongs to (reference: gramex.md §2).

A pattern is a regular expression that matches the whole path, with positional or named groups, or text with
Flask's placeholders::

    /data/(.*)              # positional groups reach the view as _0, _1, ...
    /(?P<year>\\d{4})/sales  # named groups as themselves
    /item/<int:id>          # placeholders are converted

The first pattern in this order wins: higher `priority`, then more slashes, then fewer `*` and `+`, then the place
in the YAML. Only patterns whose plain beginning and end the path has are tried, so that a site of 500 mounts routes as
fast as one of five.
"""

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from werkzeug.exceptions import BadRequest, HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import BaseConverter, Map, MapAdapter, Rule
from werkzeug.routing.converters import DEFAULT_CONVERTERS
from werkzeug.routing.rules import parse_converter_args

from app.mistakes import did_you_mean

_PLACEHOLDER = re.compile(r"(?<!\?P)<(?:(?P<kind>[a-zA-Z_]\w*)(?:\((?P<options>[^)]*)\))?:)?(?P<name>[a-zA-Z_]\w*)>")
_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)
"""An escaped character, a whole character class, or one character."""
_ESCAPED = re.compile(r"\\(\W)")
_SPECIAL = frozenset("\\^$*+?{}[]|()<>.")
_QUANTIFIERS = ("*", "+", "?", "{")
_MAP = Map()
"""Converters want one; ours use nothing of it."""

Groups = dict[str, Any]


class PatternError(ValueError):
    """A pattern that cannot be used; the message says why."""


@dataclass(frozen=True)
class Pattern:
    """A parsed pattern."""

    text: str
    """As normalised; two patterns with the same text match the same paths."""
    regex: re.Pattern[str]
    literal: str | None
    """The one path that it matches, if there is only one."""
    prefix: str
    """What every matching path begins with; empty if that is not known."""
    suffix: str
    """What every matching path ends with; empty if that is not known."""
    converters: dict[str, BaseConverter]

    @property
    def specificity(self) -> tuple[int, int]:
        """Sorts patterns: more slashes first, then fewer wildcards."""
        wild = self.text.count("*") + self.text.count("+") + len(self.converters)
        return -self.text.count("/"), wild

    def match(self, path: str) -> Groups | None:
        """The groups, converted, if the whole path matches. One that took no part in the match is None."""
        if self.literal is not None:
            return {} if path == self.literal else None
        found = self.regex.fullmatch(path)
        if found is None:
            return None
        groups = found.groupdict()
        if not groups:
            return {f"_{number}": value for number, value in enumerate(found.groups())}
        return self._converted(groups) if self.converters else groups

    def _converted(self, groups: Groups) -> Groups | None:
        try:
            return {name: self.converters[name].to_python(value) for name, value in groups.items()}
        except ValueError:  # the converter's own refusal is one; so is Python's of a number of 5,000 digits
            return None


def is_positional(name: str) -> bool:
    """Whether this is the name under which `Pattern.match` gives a positional group."""
    return name[:1] == "_" and name[1:].isdecimal()


def parse(text: str) -> Pattern:
    """Parse a pattern; PatternError says what is wrong with it."""
    text = normalise(text)
    if _PLACEHOLDER.search(text):
        return _parse_placeholders(text)
    literal = _ESCAPED.sub(r"\1", text)
    if not _SPECIAL.intersection(literal.replace(".", "")):
        return Pattern(_from_slash(literal), re.compile(re.escape(literal)), literal, literal, literal, {})
    regex = _compiled(text)
    if regex.groupindex and len(regex.groupindex) != regex.groups:
        raise PatternError(f"{text!r} mixes positional and named groups: name all of them or none")
    suffix = "" if _has_choice(text) or regex.flags != re.UNICODE else _suffix(text)
    return Pattern(text, regex, None, _from_slash(_prefix(text), text), suffix, {})


def _from_slash(beginning: str, text: str | None = None) -> str:
    """The beginning of a pattern, which may be unknown; every path begins with a slash."""
    if beginning.startswith("/") or (text and not beginning):
        return beginning
    text = beginning if text is None else text
    raise PatternError(f"{text!r} should begin with a slash: {'/' + text!r}")


def _compiled(text: str) -> re.Pattern[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about sets within sets, which Python has not: `[[a]` means what it meant
            return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternError(f"{text!r} is not a regular expression: {error}") from None


def normalise(pattern: str) -> str:
    """The pattern without `.`, `..` and empty segments, with `^` and `$` taken as said; a trailing slash stays.

    >>> normalise("/./data/../x/")
    '/x/'
    """
    pattern = pattern.removeprefix("^")
    if pattern.endswith("$") and not pattern.endswith(r"\$"):
        pattern = pattern[:-1]
    first, *segments = _segments(pattern)
    if not segments:
        return pattern
    kept: list[str] = []
    for segment in segments:
        if segment == "..":
            kept = kept[:-1]
        elif segment not in ("", "."):
            kept.append(segment)
    tail = "/" if segments[-1] in ("", ".", "..") and kept else ""
    return first + "/" + "/".join(kept) + tail


def _segments(pattern: str) -> list[str]:
    """What stands between the slashes, except slashes in groups and in character classes."""
    segments, depth = [""], 0
    for token in _tokens(pattern):
        depth += (token == "(") - (token == ")")
        if token == "/" and depth <= 0:
            segments.append("")
        else:
            segments[-1] += token
    return segments


def _tokens(pattern: str) -> Iterator[str]:
    return (found[0] for found in _TOKEN.finditer(pattern))


def _prefix(text: str) -> str:
    """The plain text with which every match of a regular expression begins."""
    if _has_choice(text):
        return ""
    prefix: list[str] = []
    for token in _tokens(text):
        plain = _plain(token)
        if not plain:
            # What stands before a quantifier may be missing or repeated: `/x/?(.*)` matches `/xy`.
            return "".join(prefix[:-1] if token in _QUANTIFIERS else prefix)
        prefix.append(plain)
    return "".join(prefix)


def _suffix(text: str) -> str:
    """The plain text with which every match of a regular expression ends, if it has no choices and no flags."""
    suffix = ""
    for token in _tokens(text):
        plain = _plain(token)
        suffix = suffix + plain if plain else ""
    return suffix


def _plain(token: str) -> str:
    """The character that a token stands for; empty where it means something in regular expressions."""
    plain = _ESCAPED.sub(r"\1", token)
    return "" if plain == token and (token in _SPECIAL or len(token) > 1) else plain


def _has_choice(text: str) -> bool:
    """Whether there is a `|` outside of all groups. Comments in it, in which brackets mean nothing, count as one."""
    depth = 0
    for token in _tokens(text):
        depth += (token == "(") - (token == ")")
        if token == "|" and depth <= 0:
            return True
    return "(?#" in text


def _parse_placeholders(text: str) -> Pattern:
    """`/x/<int:id>`, the kinds being Flask's: text, string, int, float, path, uuid, any(a, b)."""
    if re.search(r"[()\[\]{}*+?|\\]", _PLACEHOLDER.sub("", text)):
        raise PatternError(f"{text!r} mixes <placeholders> with a regular expression: use one of them")
    regex, end, converters = "", 0, {}
    for found in _PLACEHOLDER.finditer(text):
        name, converter = found["name"], _converter(found)
        if name in converters:
            raise PatternError(f"{text!r} names <{name}> twice")
        regex += re.escape(text[end : found.start()]) + f"(?P<{name}>{converter.regex})"
        converters[name], end = converter, found.end()
    prefix = _from_slash(text[: text.index("<")], text)
    return Pattern(text, _compiled(regex + re.escape(text[end:])), None, prefix, text[end:], converters)


def _converter(found: re.Match[str]) -> BaseConverter:
    kind = found["kind"] or "default"
    if kind not in DEFAULT_CONVERTERS:
        known = ", ".join(sorted(DEFAULT_CONVERTERS))
        hint = did_you_mean(kind, DEFAULT_CONVERTERS) or f": there are {known}"
        raise PatternError(f"there is no placeholder <{kind}:...>{hint}")
    try:
        options, named = parse_converter_args(found["options"] or "")
        return DEFAULT_CONVERTERS[kind](_MAP, *options, **named)
    except (TypeError, ValueError) as error:
        raise PatternError(f"<{kind}({found['options']}):...> does not have such options: {error}") from None


class MountRule(Rule):
    """A Flask rule whose text is a pattern of ours; Flask's own placeholders keep `url_for` working."""

    def __init__(self, string: str, *, priority: float = 0, **options: Any):
        self.pattern = parse(string)
        self.priority = priority
        self._builds = self.pattern.literal is not None or bool(self.pattern.converters)
        super().__init__(self.pattern.text if self._builds else "/", **options)

    def compile(self) -> None:
        """Flask compiles only what it can build URLs from; matching is the pattern's work."""
        if self._builds:
            super().compile()

    def suitable_for(self, values: Any, method: str | None = None) -> bool:
        """Whether `url_for` can build this rule's URL."""
        return self._builds and super().suitable_for(values, method)


@dataclass(frozen=True)
class _Route:
    """The rules of one pattern and priority: a view for HTTP, perhaps another for WebSockets."""

    rank: tuple[float, int, int, int]
    pattern: Pattern
    rules: list[MountRule]


class Router:
    """Finds the rule for a path. Add all rules before the first match."""

    def __init__(self) -> None:
        self._routes: dict[tuple[str, float], _Route] = {}

    def add(self, rule: MountRule) -> None:
        """Add a rule; those of the same pattern and priority are tried together."""
        pattern, key = rule.pattern, (rule.pattern.text, rule.priority)
        if key not in self._routes:
            rank = (-rule.priority, *pattern.specificity, len(self._routes))
            self._routes[key] = _Route(rank, pattern, [])
        self._routes[key].rules.append(rule)

    def order(self) -> dict[tuple[str, float], int]:
        """The position at which each pattern is tried, by its text and priority."""
        routes = sorted(self._routes.items(), key=lambda item: item[1].rank)
        return {key: position for position, (key, _) in enumerate(routes)}

    def match(self, path: str, method: str, websocket: bool) -> tuple[MountRule, Groups]:
        """The rule and the pattern's groups.

        Raises NotFound, MethodNotAllowed with the methods that the first matching pattern has, or BadRequest where
        a WebSocket is asked for and there is none, or the other way round.
        """
        plain = self._plain.get(path)
        for route in self._open.find(path, path[::-1]):
            if plain is not None and plain.rank < route.rank:
                break
            groups = route.pattern.match(path)
            if groups is not None:
                return _for_method(route.rules, method, websocket), groups
        if plain is None:
            raise NotFound()
        return _for_method(plain.rules, method, websocket), {}

    @cached_property
    def _sorted(self) -> list[_Route]:
        return sorted(self._routes.values(), key=lambda route: route.rank)

    @cached_property
    def _plain(self) -> dict[str, _Route]:
        """The best route for each path that a pattern of plain text names."""
        found: dict[str, _Route] = {}
        for route in self._sorted:
            if route.pattern.literal is not None:
                found.setdefault(route.pattern.literal, route)
        return found

    @cached_property
    def _open(self) -> "_ByStart":
        """The routes whose pattern has groups or placeholders, by its beginning and by its end read backwards."""
        routes = [route for route in self._sorted if route.pattern.literal is None]
        return _ByStart(routes, lambda pattern: pattern.prefix, lambda pattern: pattern.suffix[::-1])


class _ByStart:
    """Routes by the plain text with which every text that they match starts; of several such texts, one after another.

    Routes are given and found best first.
    """

    def __init__(self, routes: Iterable[_Route], start: Callable[[Pattern], str], *rest: Callable[[Pattern], str]):
        own: dict[str, list[_Route]] = {}
        for route in routes:
            own.setdefault(start(route.pattern), []).append(route)
        self._lengths = sorted({len(text) for text in own}, reverse=True)
        self._found: dict[str, _ByStart | list[_Route]] = {
            text: _ByStart(self._all(own, text), *rest) if rest else self._all(own, text) for text in own
        }

    def _all(self, own: Mapping[str, list[_Route]], text: str) -> list[_Route]:
        """The routes for a text of this start: its own, and those of shorter starts."""
        starts = [text[:length] for length in self._lengths if length <= len(text)]
        return sorted((route for start in starts for route in own.get(start, ())), key=lambda route: route.rank)

    def find(self, text: str, *rest: str) -> list[_Route]:
        """The routes that could match."""
        for length in self._lengths:
            found = self._found.get(text[:length])
            if found is not None:
                return found if isinstance(found, list) else found.find(*rest)
        return []


def _for_method(rules: list[MountRule], method: str, websocket: bool) -> MountRule:
    kind = [rule for rule in rules if rule.websocket == websocket]
    if not kind:
        raise BadRequest("this address speaks HTTP only" if websocket else "this address is for WebSockets only")
    for rule in kind:
        if rule.methods is None or method in rule.methods:
            return rule
    raise MethodNotAllowed(valid_methods=sorted({m for rule in kind for m in rule.methods or ()}))


class Routes(Map):
    """Flask's URL map with our order of patterns."""

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        self.router = Router()

    def add(self, rulefactory: Any) -> None:
        """Add a rule, for Flask's URL building and for our matching."""
        super().add(rulefactory)
        self.router.add(rulefactory)


class Adapter(MapAdapter):
    """What Flask asks for the rule of a request."""

    map: Routes

    def match(  # type: ignore[override]  # Flask asks for the rule, never for the endpoint alone
        self, path_info: str | None = None, method: str | None = None, return_rule: bool = False, **_: Any
    ) -> tuple[Rule, Groups]:
        """The rule and its arguments, or an HTTPException that Flask answers with."""
        path = self.path_info if path_info is None else path_info
        return self.map.router.match("/" + path.lstrip("/"), method or self.default_method, self.websocket)

    def allowed_methods(self, path_info: str | None = None) -> list[str]:
        """The methods that the path has, for OPTIONS."""
        try:
            self.match(path_info, method="--")
        except MethodNotAllowed as error:
            return list(error.valid_methods or ())
        except HTTPException:
            return []
        return []
