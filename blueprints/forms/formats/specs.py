"""Specs of Vega and Vega-Lite, with the rows in them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import orjson

from blueprints.forms.formats import automatic, theme
from blueprints.forms.formats.format import Context, Data
from blueprints.forms.formats.records import as_records
from blueprints.forms.formats.texts import bounded, filled, picked

if TYPE_CHECKING:
    from blueprints.forms.formats.pictures import Charted


def language(spec: Mapping[str, Any]) -> Literal["vega", "vegalite"]:
    """Which of the two a spec is in: as its `$schema` says, else Vega-Lite."""
    return "vega" if "/vega/" in str(spec.get("$schema", "")) or isinstance(spec.get("marks"), list) else "vegalite"


def address(value: Any, path: str = "spec") -> str:
    """The path of the first `url` in a spec, or nothing."""
    if isinstance(value, Mapping):
        if isinstance(value.get("url"), str):
            return f"{path}.url"
        return next(filter(None, (address(item, f"{path}.{name}") for name, item in value.items())), "")
    if isinstance(value, list):
        return next(filter(None, (address(item, f"{path}.{at}") for at, item in enumerate(value))), "")
    return ""


def with_data(options: "Charted", datasets: Sequence[Data], context: Context) -> str:
    """The spec of the options, or that which the request asks for, as JSON with the rows in it. Raises ValueError."""
    if options.spec is not None:
        return in_spec(filled(options.spec, context), options, datasets, context)
    data = bounded(picked(datasets, options.data))
    spec = automatic.spec(data, next(data.batches), options.wish(context))
    return orjson.dumps(spec).decode()


def in_spec(spec: dict[str, Any], options: "Charted", datasets: Sequence[Data], context: Context) -> str:
    """The spec with the datasets under their names; without data of its own it shows the first, or that of `data`."""
    records = {data.name: orjson.Fragment(b"".join(as_records(bounded(data)))) for data in datasets}
    look = theme.config(options.wish(context).theme)
    spec = {**spec, "config": {**look, **spec.get("config", {})}}
    if language(spec) == "vega":
        spec["data"] = _vega_data(spec.get("data", []), records)
    else:
        first = picked(datasets, options.data).name
        spec = {"data": {"name": first}, **spec, "datasets": {**spec.get("datasets", {}), **records}}
    return orjson.dumps(spec).decode()


def _vega_data(listed: Sequence[Mapping[str, Any]], records: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The data of a Vega spec: what it says of a dataset, as how it is transformed, is kept."""
    own = {str(one.get("name")) for one in listed}
    given = [{"name": name, "values": values} for name, values in records.items() if name not in own]
    kept = [{**one, "values": records[one["name"]]} if one.get("name") in records else dict(one) for one in listed]
    return [*given, *kept]
