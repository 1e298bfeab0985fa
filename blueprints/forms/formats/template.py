"""A template of the site's own, which sees the rows as a DataFrame."""

import mimetypes
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from app import templating
from app.settings import SitePath
from app.tables.files.frames import to_frame
from blueprints.forms.formats.format import Context, Data, Format, is_single
from blueprints.forms.formats.options import Options, there

_TEXT = "text/html"


class Template(Options):
    """A template, with `data`, `meta`, `handler`, and the options that are not of this model (gramex.md §11)."""

    model_config = ConfigDict(extra="allow")
    needs, extra = {"pandas": "pandas"}, "frames"

    format: Literal["template"] = Field("template", description="A template of the site's own")
    template: Annotated[SitePath, AfterValidator(there)] = Field(description="Path of the template")
    autoescape: bool = Field(True, description="Write <, > and & of values as text")

    def written(self) -> Format:
        """See Options."""
        content_type = mimetypes.guess_type(self.template.name)[0] or _TEXT
        charset = ";charset=UTF-8" if content_type.startswith("text/") else ""
        return Format(content_type + charset, self.template.suffix.removeprefix("."), partial(_write, self))


def _write(options: Template, datasets: Sequence[Data], context: Context) -> Iterator[bytes]:
    """Of several datasets `data` and `meta` are dicts by their names."""
    frames: dict[str, Any] = {data.name: to_frame(data.columns, data.batches) for data in datasets}
    metas = {data.name: data.meta for data in datasets}
    variables = {
        **(options.model_extra or {}),
        "data": frames[datasets[0].name] if is_single(datasets) else frames,
        "meta": metas[datasets[0].name] if is_single(datasets) else metas,
        "handler": context.handler,
    }
    text = templating.render(options.template, variables, tornado=context.gramex, autoescape=options.autoescape)
    return iter([text.encode()])
