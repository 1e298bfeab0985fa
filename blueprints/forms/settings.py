"""The settings of a table."""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema, field_validator, model_validator

from app import settings as base
from app.settings import Texts, as_list, context
from app.tables import sources
from app.tables.source import Source


def _as_texts(value: Any) -> Any:
    return [str(item) if isinstance(item, int | float) else item for item in as_list(value)]  # type: ignore[attr-defined]  # as_list gives a list


_Argument = Annotated[
    tuple[str, ...],
    BeforeValidator(_as_texts),
    WithJsonSchema({"anyOf": [{"type": ["string", "number", "boolean"]}, {"type": "array"}]}),
]


class Settings(base.Settings):
    """Where the table is, how it is read, and what a request that does not say gets."""

    url: str = Field(min_length=1, description="Path of a file, or the URL of a database")
    table: str | None = Field(None, description="Table of the database, or of the workbook")
    sheet_name: str | int | None = Field(None, description="Sheet of a workbook, by name or by number from 0")
    ext: str | None = Field(None, description="Format of the file, where its name does not say: csv, json, parquet ...")
    sep: str | None = Field(None, min_length=1, max_length=1, description="What stands between the columns of a CSV")
    encoding: str = Field("utf-8", description="Encoding of a CSV")
    na_values: Texts = Field((), description="Texts of a CSV that mean no value, besides the empty one")
    default: dict[str, _Argument] = Field(default_factory=dict, description="Arguments that a request may override")
    timeout: float = Field(30, gt=0, description="Seconds after which a query is cancelled")

    @field_validator("url")
    @classmethod
    def _from_site(cls, url: str, info: ValidationInfo) -> str:
        folder = context(info).folder
        if url.startswith("sqlite:///"):
            return f"sqlite:///{folder / url.removeprefix('sqlite:///')}"
        return url if "://" in url else str(folder / url)

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        self.opened()
        return self

    def opened(self) -> Source:
        """The table; nothing is read yet."""
        if "://" in self.url:
            return sources.opened(self.url, self.table)
        options = {"format": self.ext, "sep": self.sep, "encoding": self.encoding, "na_values": self.na_values}
        return sources.opened(self.url, self.table, sheet=self.sheet_name or 0, **options)
