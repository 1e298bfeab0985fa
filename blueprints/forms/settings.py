"""The settings of tables: of one dataset, or of several by their names."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import (
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from app import settings as base
from app.settings import Texts, as_list, context
from app.tables.edits.creation import ColumnSettings
from blueprints.forms import opening, placeholders
from blueprints.forms.formats import Formats
from blueprints.forms.functions import Modifying, Preparing, QueryFunction, Querying, Transforming

if TYPE_CHECKING:
    from app.tables.databases import queries


def _as_texts(value: Any) -> Any:
    return [str(item) if isinstance(item, int | float) else item for item in as_list(value)]  # type: ignore[attr-defined]  # as_list gives a list


_Argument = Annotated[
    tuple[str, ...],
    BeforeValidator(_as_texts),
    WithJsonSchema({"anyOf": [{"type": ["string", "number", "boolean"]}, {"type": "array"}]}),
]
Defaults = dict[str, _Argument]
_TEXT_OR_MAP = WithJsonSchema({"type": ["string", "object"]})


_HARMLESS = frozenset(
    "parse_dates low_memory memory_map infer_datetime_format pool_size max_overflow pool_timeout pool_recycle "
    "pool_pre_ping poolclass echo isolation_level engine_kwargs rename transform".split()
)
"""Options of pandas and SQLAlchemy that say how, and not what, to read."""


class Bound(base.Settings):
    """How a `:name` in SQL is bound; text is the type."""

    type: str = Field("str", description="int, float, date, datetime, or an expression of a callable")
    expanding: bool = Field(False, description="Bind all values, for `IN :name`")

    @model_validator(mode="before")
    @classmethod
    def _of_text(cls, value: Any) -> Any:
        return {"type": value} if isinstance(value, str) else value

    @field_validator("type")
    @classmethod
    def _is_callable(cls, kind: str) -> str:
        opening.reader(kind)
        return kind

    def parameter(self) -> "queries.Parameter":
        """The type as `app.tables.databases.queries` takes it."""
        from app.tables.databases.queries import Parameter  # only here, as it loads SQLAlchemy

        return Parameter(opening.reader(self.type), self.expanding)


class DatasetSettings(base.Settings):
    """Where a dataset is, how it is read, what a request that does not say gets, and what functions see it."""

    url: str | None = Field(None, min_length=1, description="Path of a file, or the URL of a database")
    table: str | None = Field(None, description="Table of the database, or of the workbook")
    query: str | None = Field(None, min_length=1, description="SQL, with `:name` for arguments of the request")
    queryfile: str | None = Field(None, min_length=1, description="File with the SQL; wins over `query`")
    queryfunction: Querying | None = Field(None, description="Function of args, key and handler that gives the SQL")
    argstype: dict[str, Annotated[Bound, _TEXT_OR_MAP]] = Field(
        default_factory=dict, description="How each `:name` in the SQL is bound"
    )
    state: str | tuple[str, ...] | None = Field(
        None, description="Keep what `query` gives until this changes: SQL, an expression, or a list of tables"
    )
    engine: str | None = Field(None, description="What the URL is, as the original has it: file, sqlalchemy ...")
    ext: str | None = Field(None, description="Format of the file, where its name does not say: csv, json, parquet ...")
    sheet_name: str | int | None = Field(None, description="Sheet of a workbook, by name or by number from 0")
    name: str | None = Field(None, description="Named range of a workbook")
    range: str | None = Field(None, description="Cells of a workbook, as A1:D20")
    header: int | None = Field(0, description="Line or row with the names of the columns, from 0; null for none")
    records: str | None = Field(None, description="Key of a JSON object below which the records are")
    links: bool | str | dict[str, Any] | None = Field(None, description="What cells with links give")
    sep: str | None = Field(None, min_length=1, max_length=1, description="What stands between the columns of a CSV")
    encoding: str | None = Field(None, description="Encoding of a CSV: utf-8 unless set")
    na_values: Texts = Field((), description="Texts of a CSV that mean no value, besides the empty one")
    id: Texts = Field((), description="Columns that say which row is meant")
    default: Defaults = Field(default_factory=dict, description="Arguments that a request may override")
    args: Any = Field(None, description="Positional arguments of `function`; `=data`, `=handler` are variables")
    kwargs: dict[str, Any] = Field(default_factory=dict, description="Keyword arguments of `function`")
    function: Transforming | None = Field(None, description="Function of data and handler that makes the table")
    prepare: Preparing | None = Field(None, description="Function of args, key and handler, before anything is read")
    modify: Modifying | None = Field(None, description="Function of data, key and handler that changes the answer")
    columns: dict[str, Annotated[ColumnSettings, _TEXT_OR_MAP]] = Field(
        default_factory=dict, description="Columns to make at first use"
    )
    strict: bool = Field(False, description="Refuse arguments that name no column")
    timeout: float = Field(30, gt=0, description="Seconds after which a query is cancelled")
    journal: bool | str = Field(False, description="Keep what was changed, for `flask undo`; in a file of this name")

    _folder: Path = PrivateAttr()

    @model_validator(mode="before")
    @classmethod
    def _without_what_pandas_knows(cls, value: Any, info: ValidationInfo) -> Any:
        """A gramex.yaml may have options of pandas and SQLAlchemy that change no row here."""
        if not isinstance(value, Mapping) or not context(info).gramex:
            return value
        return {key: item for key, item in value.items() if key not in _HARMLESS}

    @field_validator("url", "table", "query", "queryfile", "ext", "sheet_name", "name", "range", "encoding")
    @classmethod
    def _placeholders_are_names(cls, text: Any) -> Any:
        if isinstance(text, str):
            placeholders.names(text)
        return text

    @field_validator("state", mode="before")
    @classmethod
    def _state_of_tables(cls, state: Any) -> Any:
        return tuple(state) if isinstance(state, list) else state

    @field_validator("state")
    @classmethod
    def _state_compiles(cls, state: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        if isinstance(state, str) and not opening.is_sql(state):
            QueryFunction(function=state)
        return state

    @model_validator(mode="after")
    def _has_a_place(self, info: ValidationInfo) -> Self:
        self._folder = context(info).folder
        if self.url is not None or self.engine == opening.OF_FUNCTION:
            self.place().check(self._static_sql())
        elif not self._may_have_no_url():
            raise ValueError("url: is required: the path of a file, or the URL of a database")
        return self

    @model_validator(mode="after")
    def _is_made_of_something(self) -> Self:
        if self.engine == opening.OF_FUNCTION and (self.function is None or self.function.is_of_data):
            raise ValueError("engine: a dataframe needs a `function` that is called without data, as module.make()")
        return self

    def _may_have_no_url(self) -> bool:
        return False

    def _static_sql(self) -> str | None:
        """The SQL, where no request and no function has a part in it. Raises ValueError if its file is not there."""
        text = self.query
        if self.queryfunction is not None or placeholders.names(self.queryfile or ""):
            return None
        if self.queryfile is not None:
            try:
                text = (self._folder / self.queryfile).read_text(encoding="utf-8")
            except OSError as error:
                raise ValueError(f"queryfile: {self.queryfile}: {error.strerror}") from None
        return text if text and not placeholders.names(text) else None

    @property
    def folder(self) -> Path:
        """The site's folder, in which relative paths start."""
        return self._folder

    @property
    def has_sql(self) -> bool:
        """Whether SQL says what the rows are."""
        return any((self.query, self.queryfile, self.queryfunction))

    @property
    def is_plain(self) -> bool:
        """Whether the rows are those of the file or table, and not what SQL or a function makes of them."""
        return not self.has_sql and self.function is None

    def place(self) -> "opening.Place":
        """Where the dataset is, and how it is read, with its placeholders."""
        own: dict[str, Any] = {
            "format": self.ext,
            "sheet": self.sheet_name,
            "name": self.name,
            "range": self.range,
            "links": self.links,
            "sep": self.sep,
            "encoding": self.encoding,
            "na_values": self.na_values or None,
            "records": self.records,
        }
        given = {key: value for key, value in own.items() if value is not None}
        if self.header != 0:
            given["header"] = self.header
        return opening.Place(self.url or "", self.table, self._folder, self.engine, given, self.has_sql)


class Settings(DatasetSettings):
    """The settings of a mount: of its only dataset, or of several, each a key of its own with a `url`.

    Beside several datasets stand only what they share: `default`, `modify`, `formats`.
    """

    others: ClassVar[str] = "datasets"

    datasets: dict[str, DatasetSettings] = Field(default_factory=dict, description="Several datasets by their names")
    formats: Formats = Field(default_factory=dict, description="Formats of the mount's own")

    @model_validator(mode="before")
    @classmethod
    def _datasets_apart(cls, value: Any, info: ValidationInfo) -> Any:
        """Gather what is a mapping and no setting, where there is no `url`; the original drops what is no dataset."""
        if not isinstance(value, Mapping) or "url" in value:
            return value
        others = {key: item for key, item in value.items() if _may_be_dataset(key, item, cls.__pydantic_fields__)}
        named = {key: item for key, item in others.items() if isinstance(item, Mapping)}
        if not named:
            return value
        dropped = others if context(info).gramex else named
        named = {key: item for key, item in named.items() if "url" in item or dropped is named}
        rest = {key: item for key, item in value.items() if key not in dropped}
        return {**rest, "datasets": {**named, **value.get("datasets", {})}}

    @model_validator(mode="after")
    def _shares_little(self, info: ValidationInfo) -> Self:
        misplaced = sorted(self.model_fields_set & _OF_ONE)
        if self.datasets and misplaced and not context(info).gramex:
            raise ValueError(f"{misplaced[0]}: belongs to one of the datasets: {', '.join(self.datasets)}")
        return self

    def _may_have_no_url(self) -> bool:
        return bool(self.datasets)


def _may_be_dataset(key: str, item: Any, fields: Mapping[str, Any]) -> bool:
    """Whether a key is no setting, or the name of a dataset that is called as one, as `table: {url: ...}`."""
    return key not in fields or key not in _OF_ALL and isinstance(item, Mapping) and "url" in item


_OF_ALL = {"default", "modify", "formats", "datasets"}
_OF_ONE = set(DatasetSettings.__pydantic_fields__) - _OF_ALL
"""What cannot be shared by several datasets."""
