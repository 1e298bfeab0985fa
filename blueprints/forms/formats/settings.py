"""Which formats there are, and the settings of those that a site names itself.

::

    formats:
      pretty: {format: json, indent: 2, date_format: iso}
      german: {format: csv, sep: ";", decimal: ",", headers: {Cache-Control: no-store}}
"""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Annotated, Any, get_args

from pydantic import BeforeValidator, GetJsonSchemaHandler, ModelWrapValidatorHandler, ValidationInfo, model_validator
from pydantic_core import CoreSchema, InitErrorDetails, ValidationError

from app import extras
from app.mistakes import did_you_mean
from app.settings import context
from blueprints.forms.formats.columnar import Arrow, Parquet
from blueprints.forms.formats.delimited import Csv, Tsv
from blueprints.forms.formats.format import Format
from blueprints.forms.formats.html_table import Html
from blueprints.forms.formats.options import Options
from blueprints.forms.formats.pictures import Picture
from blueprints.forms.formats.records import Json, Ndjson
from blueprints.forms.formats.scripts import Vega, VegaLite, Vegam
from blueprints.forms.formats.seaborn_charts import Seaborn
from blueprints.forms.formats.slides import Pptx
from blueprints.forms.formats.template import Template
from blueprints.forms.formats.workbook import Xlsx

_DATA = (Json, Ndjson, Csv, Tsv, Html, Xlsx, Arrow, Parquet, Pptx)
_CHARTS = (Picture, VegaLite, Vega, Vegam, Seaborn)
ALL: tuple[type[Options], ...] = (*_DATA, *_CHARTS, Template)


def _names(kind: type[Options]) -> tuple[str, ...]:
    return get_args(kind.model_fields["format"].annotation)


KINDS: Mapping[str, type[Options]] = {name: kind for kind in ALL for name in _names(kind)}
"""The options of each format."""

NAMED_ONLY = frozenset({"vegam", "template"})
"""Formats that do not work without options."""


def is_installed(kind: type[Options]) -> bool:
    """Whether what a format is written with is there."""
    return all(find_spec(module) for module in kind.needs)


def _of_every_mount() -> dict[str, Format]:
    """The formats that a request may name on every mount."""
    names = [name for name, kind in KINDS.items() if name not in NAMED_ONLY and is_installed(kind)]
    return {name: KINDS[name](format=name).made() for name in names}


FORMATS: Mapping[str, Format] = _of_every_mount()
"""The formats of every mount, as far as their packages are installed."""


class FormatSettings(Options):
    """An entry of `formats:`; what is made of it are the options of its format.

    In a gramex.yaml options that only pandas knows change nothing.
    """

    @model_validator(mode="wrap")
    @classmethod
    def _of_its_format(cls, value: Any, handler: ModelWrapValidatorHandler[Any], info: ValidationInfo) -> Any:
        if not isinstance(value, Mapping):
            return handler(value)
        name = value.get("format", "json")
        if not isinstance(name, str) or name not in KINDS:
            wanted = f"should be one of {', '.join(KINDS)}, not {name!r}{did_you_mean(name, KINDS)}"
            raise _mistakes({"format": wanted})
        kind, value = KINDS[name], KINDS[name].ours(value)
        is_open = kind.model_config.get("extra") == "allow"
        unknown = [] if is_open else [key for key in value if key not in kind.model_fields]
        if unknown and not context(info).gramex:
            fields = kind.model_fields
            raise _mistakes({key: f"unknown option of {name}{did_you_mean(key, fields)}" for key in unknown})
        extras.need(kind.needs, kind.extra, f"the format {name}")
        known = {key: item for key, item in value.items() if key not in unknown}
        return kind.model_validate(known, context=info.context)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The options of all formats together, which editors complete; `flask check` knows which is whose."""
        found: dict[str, list[Any]] = {}
        for kind in ALL:
            schema = handler.resolve_ref_schema(handler(kind.__pydantic_core_schema__))
            for name, option in schema["properties"].items():
                found.setdefault(name, []).append(option)
        properties = {name: options[0] if len(options) == 1 else {"anyOf": options} for name, options in found.items()}
        properties["format"] = {"enum": list(KINDS), "default": "json", "description": "What the answer is written as"}
        return {"type": "object", "properties": properties, "description": "A format with options"}


def _mistakes(found: Mapping[Any, str]) -> ValidationError:
    """What is wrong with keys, each error at its key."""
    errors = [
        InitErrorDetails(type="value_error", loc=(key,), input=None, ctx={"error": ValueError(says)})
        for key, says in found.items()
    ]
    return ValidationError.from_exception_data("format", errors)


def _with_names(formats: Any) -> Any:
    """An entry that does not say its format has that of its name, if there is one: `xlsx: {headers: ...}`."""
    if not isinstance(formats, Mapping):
        return formats
    return {
        name: {"format": name, **options} if name in KINDS and isinstance(options, Mapping) else options
        for name, options in formats.items()
    }


Formats = Annotated[dict[str, FormatSettings], BeforeValidator(_with_names)]
"""The setting `formats:`."""
