"""The configuration tree -> frozen settings and mounts; every mistake gathered, each with its file and line."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from app import entries, mail, offload, signing
from app.config import Config, Map
from app.config.secrets import Secrets, redacted
from app.config.yaml_source import Report
from app.guards import cache as cache_guard
from app.guards import log
from app.messages import SECRET, Explained, explained
from app.mistakes import KeyPath, Mistake, Place, did_you_mean
from app.mounts import Mount
from app.sections import App
from app.settings import Context
from app.storelocations import StoreLocations

Features = Mapping[str, str]
"""Handler name in YAML -> name of the module that has its `Settings` and `blueprint`."""

SECTIONS = ("version", "app", "url", "handlers", "log", "mime", "cache", "storelocations", "email")
"""What may stand at the top of a site's tree. `import:` and `variables:` have been used up by then."""

_KNOWN_SECRET = "secret-key"

T = TypeVar("T")


@dataclass(frozen=True)
class Site:
    """A site, checked: all that is needed to serve it."""

    config: Config
    app: App
    log: log.SiteSettings
    storelocations: StoreLocations
    email: Mapping[str, mail.Service]
    mounts: tuple[Mount, ...]
    mistakes: tuple[Mistake, ...]
    warnings: tuple[Mistake, ...]


def build(config: Config, features: Features) -> Site:
    """Check the whole tree. Nothing raises: what is wrong is in `mistakes`, and mounts with mistakes are broken."""
    check = Check(config)
    app = check.section("app", App, App())
    logging = check.section("log", log.SiteSettings, log.SiteSettings())
    places = check.section("storelocations", StoreLocations, StoreLocations())
    email: dict[str, mail.Service] = check.section("email", dict[str, mail.Service], {})
    mime: dict[str, str] = check.section("mime", dict[str, str], {})
    mime = {"." + extension.lower().removeprefix("."): kind for extension, kind in mime.items()}
    stores: dict[str, cache_guard.Store] = check.section("cache", dict[str, cache_guard.Store], {})
    check.top_level()
    check.secrets(app)
    entries.check_defaults(check, features)
    check.config = replace(config, tree=entries.with_defaults(config.tree, features))
    url = check.mapping(("url",), "names to mounts")
    mounts = []
    for name in url:
        mount = entries.Entry(check, features, stores, name).mount()
        mounts += [mount] if mount else []
        offload.pause()  # a reload checks while others are served
    of_site: dict[str, Any] = {"mime": mime, "email": email, "site_url": app.url or ""}
    mounts = [replace(mount, **of_site) for mount in without_conflicts(mounts, check)]
    mistakes = (*config.mistakes, *check.mistakes)
    return Site(config, app, logging, places, email, tuple(mounts), mistakes, tuple(check.warnings))


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """pydantic takes 140 µs to make one, a hundred times as long as it takes to use it."""
    return TypeAdapter(kind)


class Check:
    """Gathers what is wrong with a tree."""

    def __init__(self, config: Config):
        self.original = self.config = config
        self.context = Context(config.folder, config.gramex, config.variables)
        self.warnings: list[Mistake] = list(config.warnings)
        self._found: dict[tuple[Place, str], Mistake] = {}

    @property
    def mistakes(self) -> list[Mistake]:
        """What was found: in the site's own file first, and each file from top to bottom."""

        def position(mistake: Mistake) -> tuple[bool, str, int, int]:
            file, line, column = mistake.place
            return file != self.config.file, str(file), line, column

        return sorted(self._found.values(), key=position)

    def value(self, path: KeyPath) -> Any:
        """The value at a path through maps; None where it ends earlier."""
        node: Any = self.config.tree
        step: Any
        for step in path:
            node = node.get(step) if isinstance(node, Map) else None
        return node

    def mapping(self, path: KeyPath, of: str) -> Map:
        """The map at a path; an empty one where there is none, and anything else is a mistake."""
        value = self.value(path)
        if value is not None and not isinstance(value, Map):
            self.wrong(path, f"should be a mapping of {of}")
        return value if isinstance(value, Map) else Map()

    def wrong(self, path: KeyPath, message: str) -> str:
        """Note a mistake in the value at the path; returns it as the reason why a mount is broken."""
        return self._note(self.config.place(path), path, message)

    def unknown(self, path: KeyPath, known: Iterable[str], why: str = "unknown key") -> str:
        """Note a key that should not be there; returns it as the reason why a mount is broken."""
        return self._note(self.config.key_place(path), path, why + did_you_mean(path[-1], known))

    def _note(self, place: Place, path: KeyPath, message: str) -> str:
        message = redacted(message, self._secrets)
        # A default that is wrong is noted where it stands, once, and not for each mount that takes it.
        self._found.setdefault((place, message), Mistake(place, self._as_default(path, place) or path, message))
        return f"{'.'.join(map(str, path[2:]))}: {message}" if len(path) > 2 else message

    def _as_default(self, path: KeyPath, place: Place) -> KeyPath | None:
        """The path in `handlers:` of a mount's setting that comes from there."""
        if path[:1] != ("url",) or path[2:3] != ("kwargs",):
            return None
        paths = [("handlers", name, *path[3:]) for name in self.value(("handlers",)) or ()]
        return next((at for at in paths if place in (self.original.place(at), self.original.key_place(at))), None)

    @cached_property
    def _secrets(self) -> dict[str, Any]:
        """What no message may quote: `.secrets.yaml`, and the variables whose name says that they are secret."""
        secrets = Secrets(Report(), self.config.gramex)
        secrets.start(self.config.folder)
        telling = {name: value for name, value in self.config.variables.items() if SECRET.search(name)}
        return telling | secrets.values

    def validate(self, path: KeyPath, kind: Any, value: Any) -> tuple[Any, list[str]]:
        """The value at the path as the kind, or None, and what is wrong with it."""
        try:
            return self._as(kind, value), []
        except ValidationError as error:
            return None, [self._explain(path, found) for found in explained(error, kind, value)]

    def _as(self, kind: Any, value: Any) -> Any:
        return _adapter(kind).validate_python(value, context=self.context)

    def _explain(self, path: KeyPath, found: Explained) -> str:
        at = (*path, *found.path)
        return self._note(self.config.key_place(at) if found.about_key else self.config.place(at), at, found.message)

    def section(self, name: str, kind: Any, default: T) -> T:
        """A top-level section; what is wrong in it is left out, and its default where nothing is right."""
        value = self.config.tree.get(name)
        if value is None:
            return default
        if self.config.gramex:
            value = self._known_part((name,), kind, value)
        self.validate((name,), kind, value)
        return self._sound(kind, value, default)

    def _sound(self, kind: Any, value: Any, default: T) -> T:
        """The value without what is wrong in it: a slip in a title must not switch `strict` off."""
        while True:
            try:
                return self._as(kind, value)  # type: ignore[no-any-return]  # of the default's type
            except ValidationError as error:
                path = next(explained(error, kind, value)).path
                if not path or not isinstance(value, Mapping):
                    return default
                value = _without(value, path)

    def _known_part(self, path: KeyPath, kind: Any, value: Any) -> Any:
        """Of a section of a gramex.yaml what Skerry has; the rest is named in a warning."""
        fields = getattr(kind, "model_fields", None)
        if fields is None or not isinstance(value, Mapping):
            return value
        foreign = [key for key in value if key not in fields]
        if foreign:
            message = f"not used by Skerry: {', '.join(map(str, foreign))}"
            self.warnings.append(Mistake(self.config.key_place((*path, foreign[0])), path, message))
        return {
            key: self._known_part((*path, key), fields[key].annotation, item)
            for key, item in value.items()
            if key in fields
        }

    def secrets(self, app: App) -> None:
        """Warn of the word that the original signs with by default: whoever knows it can sign in as anybody."""
        if _KNOWN_SECRET in app.settings.cookie_secret:
            path = ("app", "settings", "cookie_secret")
            message = f"everybody knows {_KNOWN_SECRET!r}: remove it, and a secret is made in var/{signing.FILE}"
            self.warnings.append(Mistake(self.config.place(path), path, message))

    def top_level(self) -> None:
        """Sections that Skerry does not have: mistakes, or in a gramex.yaml one warning for all of them."""
        if self.value(("version",)) not in (None, 1, "1", "1.0"):
            self.wrong(("version",), "there is only version 1.0")
        foreign = [key for key in self.config.tree if key not in SECTIONS]
        if not self.config.gramex:
            for key in foreign:
                self.unknown((key,), (*SECTIONS, "import", "variables"), "there is no such section")
        elif foreign:
            message = f"services of the original that Skerry does not have: {', '.join(map(str, foreign))}"
            self.warnings.append(Mistake(self.config.key_place((foreign[0],)), (), message))


def _without(value: Mapping[Any, Any], path: KeyPath) -> dict[Any, Any]:
    """A copy of the mapping without the last key on the path that is there."""
    first, *rest = path
    left, inner = dict(value), value.get(first)
    if rest and isinstance(inner, Mapping) and rest[0] in inner:
        left[first] = _without(inner, tuple(rest))
    else:
        left.pop(first, None)
    return left


def without_conflicts(mounts: Iterable[Mount], check: Check) -> list[Mount]:
    """The mounts without those that repeat a pattern: the first in the YAML answers it, each later one is a mistake."""
    first: dict[tuple[str, float], Mount] = {}
    for mount in mounts:
        other = first.setdefault((mount.pattern, mount.priority), mount)
        if other is not mount:
            message = f"url.{other.name} has the pattern {mount.pattern!r} already ({other.place}): change one of them"
            check.wrong(("url", mount.name, "pattern"), message)
    return list(first.values())
