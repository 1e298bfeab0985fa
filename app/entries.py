"""One entry below `url:` -> a Mount, with the defaults of `handlers:` and the guards' settings taken apart."""

import importlib
from collections.abc import Collection, Iterable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from app import patterns
from app.config import Map
from app.config.yaml_source import copied, fill
from app.guards import GUARDS, cache
from app.handler import classes
from app.mistakes import KeyPath, did_you_mean
from app.modules import ExpressionError
from app.mounts import ALL_METHODS, Mount
from app.origin import HANDLERS as ORIGINAL
from app.settings import Number, Upper

if TYPE_CHECKING:
    from app.schema import Check, Features

KEYS = ("pattern", "handler", "service", "kwargs", "priority", "cache", "openapi")
BASE = "BaseHandler"
PACKAGE = "gramex.handlers."
OWN = "module.Class"
"""Stands in the table of features for every dotted name: handlers of a site's own."""
SITE_AUTH: KeyPath = ("app", "auth")
SITE_XSRF: KeyPath = ("app", "settings", "xsrf_cookies")
_OF_MOUNTS = (*GUARDS, "methods")
"""Keys that every mount's `kwargs` may have."""

OFF_MATTERS = ("log", "xsrf_cookies")
"""Guards that do something when they are switched off; for all others false is the same as no key."""


def handler_name(entry: Mapping[str, Any]) -> str:
    """The handler as named by an entry: `service` wins over `handler`, and the original's package may stand before."""
    return _bare(entry.get("service") or entry.get("handler") or "")


def check_defaults(check: "Check", features: "Features") -> None:
    """Look for mistakes in `handlers:` itself, which no mount need use."""
    defaults = check.mapping(("handlers",), "handlers to their settings")
    own = _own_handlers(check.value(("url",)))
    for key in defaults:
        name = _bare(key)
        if name == BASE or name in own or check.config.gramex and name in ORIGINAL and name not in features:
            check.mapping(("handlers", key), "settings to values")
        elif name not in features or name == OWN:
            check.unknown(("handlers", key), (BASE, *features, *own), "there is no such handler")
        else:
            feature = importlib.import_module(features[name])
            known = _known_kwargs(feature)
            for setting in check.mapping(("handlers", key), "settings to values"):
                if setting not in known and not feature.Settings.others:
                    check.unknown(("handlers", key, setting), known)


def _own_handlers(url: Any) -> set[str]:
    """The dotted names of the site's own handlers."""
    entries = url.values() if isinstance(url, Map) else ()
    return {handler_name(entry) for entry in entries if isinstance(entry, Map) and "." in handler_name(entry)}


def with_defaults(tree: Map, features: "Features") -> Map:
    """The tree with the kwargs of `handlers.<Name>`, then those of `handlers.BaseHandler`, below each mount's own.

    A default counts for every name of the same feature: that of FileHandler for File too.
    """
    defaults, url = tree.get("handlers"), tree.get("url")
    if not isinstance(defaults, Map) or not isinstance(url, Map):
        return tree
    entries = Map()
    for name, entry in url.items():
        own = _completed_entry(entry, defaults, features) if isinstance(entry, Map) else entry
        entries.put(name, own, url.places.get(name))
    whole = Map()
    for key, value in tree.items():
        whole.put(key, entries if key == "url" else value, tree.places.get(key))
    return whole


def _completed_entry(entry: Map, defaults: Map, features: "Features") -> Map:
    handler = handler_name(entry)
    same = [key for key in defaults if _bare(key) == handler or features.get(_bare(key)) == features.get(handler, "")]
    entry = copied(entry)
    kwargs = entry.setdefault("kwargs", Map())
    for key in (*same, BASE):
        if isinstance(kwargs, Map) and isinstance(defaults.get(key), Map):
            fill(kwargs, copied(defaults[key]))
    return entry


def _bare(name: object) -> str:
    """A handler's name without the original's package."""
    return str(name).removeprefix(PACKAGE)


def _known_kwargs(feature: ModuleType) -> tuple[str, ...]:
    return (*feature.Settings.model_fields, *_OF_MOUNTS)


class Entry:
    """One entry on its way to a mount; what is wrong with it breaks the mount."""

    def __init__(self, check: "Check", features: "Features", stores: Mapping[str, cache.Store], name: str):
        classes.offer(features)  # a site's modules may ask for them as they are imported
        self.check, self.features, self.stores = check, features, stores
        self.name = name
        self.path: KeyPath = ("url", name)
        self.entry: Any = check.config.tree["url"][name]
        self.wrong: list[str] = []
        self._fields: Collection[str] = ()
        """The names of the feature's settings. All other kwargs of a site's own class are its own, or a guard's."""

    def mount(self) -> Mount | None:
        """The mount; None if there is no pattern to serve even a failure at."""
        if not isinstance(self.entry, Map):
            self.check.wrong(self.path, "should be a mapping with `pattern:` and `handler:`")
            return None
        pattern = self._pattern()
        self._unknown(self.path, self.entry, KEYS)
        feature = self._feature()
        kwargs = self._kwargs()
        settings = self._settings(feature, kwargs) if feature else None
        guards = self._guards(kwargs)
        if getattr(feature, "SIGNS_IN", False):  # who is to be sent there is not signed in
            guards.pop("auth", None)
        methods, priority = self._methods(kwargs), self._priority()
        if pattern is None:
            return None
        config = self.check.config
        return Mount(
            name=str(self.name),
            pattern=pattern,
            handler=handler_name(self.entry),
            place=config.key_place(self.path),
            folder=config.folder,
            state=config.folder / "var",
            feature=feature,
            settings=settings,
            guards=guards,
            methods=methods,
            priority=priority,
            gramex=config.gramex,
            conf=self.entry,
            mistakes=tuple(self.wrong),
        )

    def _wrong(self, path: KeyPath, message: str) -> None:
        """Note a mistake that breaks the mount."""
        self.wrong.append(self.check.wrong(path, message))

    def _pattern(self) -> str | None:
        text = self.entry.get("pattern")
        if text is None:
            self._wrong(self.path, "`pattern:` is required: which URLs the mount answers")
        elif not isinstance(text, str):
            self._wrong((*self.path, "pattern"), f"should be text that begins with a slash, not {text!r}")
        else:
            try:
                return patterns.parse(text).text
            except patterns.PatternError as error:
                self._wrong((*self.path, "pattern"), str(error))
        return None

    def _feature(self) -> ModuleType | None:
        name, key = handler_name(self.entry), "service" if self.entry.get("service") else "handler"
        known = OWN if "." in name else name
        if not name:
            self._wrong(self.path, f"`handler:` is required, one of {self._handlers()}")
        elif known not in self.features:
            self._wrong((*self.path, key), self._no_handler(name))
        else:
            try:
                feature = importlib.import_module(self.features[known])
                self._fields = classes.fields(classes.find(name)) if known == OWN else feature.Settings.model_fields
                return feature
            except ExpressionError as error:
                self._wrong((*self.path, key), str(error))
            except ModuleNotFoundError as error:
                self._wrong((*self.path, key), f"{name} needs the package {error.name!r}, which is not installed")
        return None

    def _no_handler(self, name: str) -> str:
        if name in ORIGINAL:
            return f"{name} is not in this version of Skerry: there are {self._handlers()}"
        return f"there is no handler {name!r}{did_you_mean(name, self.features) or f': there are {self._handlers()}'}"

    def _handlers(self) -> str:
        return ", ".join(self.features)

    def _kwargs(self) -> Map:
        kwargs = self.entry.get("kwargs", Map())
        if isinstance(kwargs, Map):
            return kwargs
        self._wrong((*self.path, "kwargs"), "should be a mapping of settings to values")
        return Map()

    def _settings(self, feature: ModuleType, kwargs: Map) -> Any:
        """The feature's own settings; what is neither the feature's nor a guard's is a mistake.

        For a site's own class there are none: what it takes shows when it is set up.
        """
        if feature.__name__ == self.features.get(OWN):
            return feature.Settings()
        takes_others = bool(feature.Settings.others)
        if not takes_others:
            self._unknown((*self.path, "kwargs"), kwargs, _known_kwargs(feature))
        others = {key for key in kwargs if takes_others and key not in _OF_MOUNTS}
        own = {key: value for key, value in kwargs.items() if key in self._fields or key in others}
        return self._validate((*self.path, "kwargs"), feature.Settings, own)

    def _guards(self, kwargs: Map) -> dict[str, Any]:
        """The settings of the configured guards. A key that is the feature's own too is the feature's."""
        asked = {key: ((*self.path, "kwargs", key), kwargs[key]) for key in kwargs if key not in self._fields}
        asked["cache"] = ((*self.path, "cache"), self.entry.get("cache"))
        asked.setdefault("auth", (SITE_AUTH, self.check.value(SITE_AUTH) or None))
        xsrf = self.check.value(SITE_XSRF)
        asked.setdefault("xsrf_cookies", (SITE_XSRF, True if xsrf is None else xsrf))
        settings = {}
        for key, guard in GUARDS.items():
            path, value = asked.get(key, ((), None))
            if value is None or value is False and key not in OFF_MATTERS:
                continue
            settings[key] = self._validate(path, guard.Settings, value)
        if settings.get("auth"):
            at, config = asked["auth"][0], self.check.config
            settings["auth"].at(lambda path: config.key_place((*at, *path)))
        if settings.get("cache"):
            settings["cache"] = self._stored(settings["cache"])
        return settings

    def _stored(self, settings: cache.Settings) -> cache.Settings:
        """The cache's settings with the store that they name."""
        try:
            return settings.with_store(self.stores)
        except ValueError as error:
            self._wrong((*self.path, "cache"), str(error))
            return settings

    def _methods(self, kwargs: Map) -> tuple[str, ...] | None:
        path = (*self.path, "kwargs", "methods")
        methods = self._validate(path, Upper, kwargs.get("methods", ()))
        for method in methods or ():
            if method not in ALL_METHODS:
                self._wrong(path, f"{method} is not a method{did_you_mean(method, ALL_METHODS)}")
        return methods or None

    def _priority(self) -> float:
        return self._validate((*self.path, "priority"), Number, self.entry.get("priority", 0)) or 0

    def _validate(self, path: KeyPath, kind: Any, value: Any) -> Any:
        validated, mistakes = self.check.validate(path, kind, value)
        self.wrong += mistakes
        return validated

    def _unknown(self, path: KeyPath, found: Map, known: Iterable[str]) -> None:
        known = tuple(known)
        self.wrong += [self.check.unknown((*path, key), known) for key in found if key not in known]
