"""A dataset of a mount, and what becomes of it for one request: its arguments, its SQL, its table."""

from collections.abc import Hashable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from app.handler import Handler
from app.tables.columns import BadValue
from app.tables.source import Missing, Source
from blueprints.forms import placeholders
from blueprints.forms.functions import Args, QueryFunction, prepared, sql_of
from blueprints.forms.opening import Place, is_sql, names, queried
from blueprints.forms.settings import DatasetSettings
from blueprints.forms.tables import Tables

SINGLE = "data"
"""The name of the only dataset of a mount."""


@dataclass
class Opened:
    """A dataset with the placeholders filled and the arguments that are meant for it."""

    name: str
    """`data` if it is the only one."""
    settings: DatasetSettings
    source: Source
    args: dict[str, list[str]] = field(default_factory=dict)
    """Its own arguments, defaults and groups of the path included, without the prefix `name:`."""
    key: str = ""
    """What tells its source from others that the dataset may be: another file, other SQL."""


class Select(NamedTuple):
    """SQL, what its `:names` are bound to, and the arguments that it was made of."""

    sql: str
    values: dict[str, str | list[str]]
    used: frozenset[str]

    @property
    def key(self) -> Hashable:
        """What tells it from other SQL of the dataset."""
        return self.sql, repr(self.values)


class Dataset:
    """A dataset as the YAML has it; made once for a mount."""

    def __init__(self, name: str, settings: DatasetSettings):
        self.name, self.settings, self.place = name, settings, settings.place()
        self._tables = Tables(settings.function, settings.columns, settings.timeout)
        state = settings.state
        self._state_function = QueryFunction(function=state) if isinstance(state, str) and not is_sql(state) else None
        self._timeout = settings.timeout
        self._parameters = {name: bound.parameter() for name, bound in settings.argstype.items()}

    @property
    def is_asked_for(self) -> bool:
        """Whether requests say which file, table or SQL it is, so that there may be none."""
        return bool(self.place.needs or placeholders.names(self.settings.queryfile or ""))

    @property
    def is_table(self) -> bool:
        """Whether there is a file or a table to change, and not only what SQL gives."""
        return not self.place.has_sql or self.place.table is not None

    def read(self, args: Args, handler: Handler, in_memory: bool = False) -> Opened:
        """The dataset as a request reads it; all of it in memory, if its state can be told.

        Raises BadValue, ValueError, and what its functions raise.
        """
        args = self._prepared(args, handler)
        place = self._filled(args)
        if self.place.has_sql:
            select = self._sql(place, args, handler)
            key: Hashable = (place.key, select.key)
            source, used = self._queried(place, select, args, handler), select.used
        else:
            source, key, used = self._opened(place), place.key, frozenset()
        source = self._tables.transformed(source, key, handler)
        state = source.state() if in_memory else None
        if state is not None:
            source = self._tables.kept(partial(_same, source), ("memory", key), state)
        return self._as_opened(source, args, self.place.needs | used, key)

    def written(self, args: Args, handler: Handler) -> Opened:
        """The dataset as a request changes it: the file or the table itself, without what functions make of it."""
        args = self._prepared(args, handler)
        place = self._filled(args)
        return self._as_opened(self._opened(place), args, self.place.needs, place.key)

    def _as_opened(self, source: Source, args: Args, used: Set[str], key: Hashable) -> Opened:
        own = {name: values for name, values in args.items() if name not in used}
        return Opened(self.name, self.settings, source, own, repr(key))

    def _prepared(self, args: Args, handler: Handler) -> Args:
        prepare = self.settings.prepare
        return args if prepare is None else prepared(prepare, args, self.name, handler)

    def _filled(self, args: Args) -> Place:
        return self.place.filled(args)

    def _opened(self, place: Place) -> Source:
        """The source at a filled place. What a request has made of it is the request's mistake."""
        try:
            return self._tables.opened(place)
        except ValueError as error:
            if place is self.place:
                raise
            raise BadValue(", ".join(sorted(self.place.needs)), place.url, f"possible here: {error}") from error

    def _sql(self, place: Place, args: Args, handler: Handler) -> Select:
        """The SQL with its placeholders filled, and what its `:names` are bound to. Raises BadValue."""
        text = self._text(args, handler)
        sql = placeholders.filled(text, args, placeholders.in_sql)
        bound = names(sql, place.url)
        values = {name: self._values(name, args) for name in bound}
        return Select(sql, values, placeholders.names(text).union(bound))

    def _text(self, args: Args, handler: Handler) -> str:
        settings = self.settings
        if settings.queryfunction is not None:
            return sql_of(settings.queryfunction, args, self.name, handler)
        if settings.queryfile is not None:
            path = placeholders.filled(settings.queryfile, args, placeholders.in_path)
            try:
                return (settings.folder / path).read_text(encoding="utf-8")
            except FileNotFoundError:
                raise Missing(f"there is no file {path}") from None
        return settings.query or ""

    def _values(self, name: str, args: Args) -> str | list[str]:
        """The text, or texts, to which a `:name` is bound. Raises BadValue."""
        first, bound = placeholders.first(args, name), self.settings.argstype.get(name)
        return [value for value in args[name] if value] if bound and bound.expanding else first

    def _queried(self, place: Place, select: Select, args: Args, handler: Handler) -> Source:
        """What the SQL gives: kept until its state changes, if there is a way to tell."""
        query = partial(queried, place, select.sql, select.values, self._parameters, self._timeout)
        state = self._state(place, args, handler)
        return query() if state is None else self._tables.kept(query, (place.key, select.key), state)

    def _state(self, place: Place, args: Args, handler: Handler) -> str | None:
        """The state of what the SQL reads; by default that of the `table` beside it."""
        from blueprints.forms import states

        state, timeout = self.settings.state or place.table, self._timeout
        if state is None:
            return None
        if self._state_function is not None:
            return str(self._state_function(args=args, key=self.name, handler=handler))
        if isinstance(state, str) and is_sql(state):
            return states.of_sql(place, state, timeout)
        return states.of_tables(place, [state] if isinstance(state, str) else state, timeout)


def _same(source: Source) -> Source:
    return source


def split(args: Mapping[str, Sequence[str]], names: Sequence[str]) -> dict[str, Args]:
    """The arguments of each dataset: `name:arg` is for that one, and wins there; others are for all (gramex.md §9)."""
    prefixes = tuple(f"{name}:" for name in names)
    shared = {arg: list(values) for arg, values in args.items() if not arg.startswith(prefixes)}
    return {
        name: {arg: list(values) for arg, values in shared.items()}
        | {arg.removeprefix(f"{name}:"): list(values) for arg, values in args.items() if arg.startswith(f"{name}:")}
        for name in names
    }
