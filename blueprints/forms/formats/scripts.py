"""JavaScript that draws a chart where it stands in a page: `<script src="/sales?_format=chart"></script>`.

The page loads Vega's own scripts before it, from where its author keeps them.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import Field

from blueprints.forms.formats import specs
from blueprints.forms.formats.drawing import drawn
from blueprints.forms.formats.format import Context, Data, Format
from blueprints.forms.formats.pictures import Charted
from blueprints.forms.formats.records import as_records
from blueprints.forms.formats.texts import bounded, filled, picked

_SCRIPT = Path(__file__).with_name("chart.js")


class VegaLite(Charted):
    """A chart in Vega-Lite."""

    format: Literal["vega-lite"] = Field("vega-lite", description="JavaScript that draws a spec of Vega-Lite")
    script: bool = Field(True, description="JavaScript that draws; false gives the spec with its data as JSON")

    def written(self) -> Format:
        """See Options."""
        if self.script:
            return Format("application/javascript;charset=UTF-8", "js", partial(_write, self))
        return Format("application/json", "json", partial(_write, self))

    def text(self, datasets: Sequence[Data], context: Context) -> str:
        """The spec as JSON."""
        return specs.with_data(self, datasets, context)


class Vega(VegaLite):
    """A chart in Vega."""

    format: Literal["vega"] = Field("vega", description="JavaScript that draws a spec of Vega")  # type: ignore[assignment]  # another literal

    def text(self, datasets: Sequence[Data], context: Context) -> str:
        """The spec as JSON; without one of its own, that of Vega-Lite is compiled."""
        text = super().text(datasets, context)
        return drawn("compiled", spec=text).decode() if self.spec is None else text


class Vegam(VegaLite):
    """A chart in Vegam, whose spec is a list of steps."""

    format: Literal["vegam"] = Field("vegam", description="JavaScript that draws a spec of Vegam")  # type: ignore[assignment]  # another literal
    spec: list[dict[str, Any]] = Field(description="The steps; those that read the data come by themselves")  # type: ignore[assignment]  # another form

    def text(self, datasets: Sequence[Data], context: Context) -> str:
        """The steps as JSON, after one that reads the rows."""
        data = picked(datasets, self.data)
        rows = orjson.Fragment(b"".join(as_records(bounded(data))))
        return orjson.dumps([{"fromjson": [{"data": rows}]}, *filled(self.spec, context)]).decode()


def _write(options: VegaLite, datasets: Sequence[Data], context: Context) -> Iterator[bytes]:
    text = options.text(datasets, context)
    if not options.script:
        return iter([text.encode()])
    return iter([_SCRIPT.read_text().replace('"SPEC"', text).replace("LANGUAGE", options.format).encode()])
