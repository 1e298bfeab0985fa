"""What the options of all formats have in common."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from app import extras, settings
from app.settings import Header, Headers
from blueprints.forms.formats import texts
from blueprints.forms.formats.format import ARGUMENTS, Format


class Options(settings.Settings):
    """An entry of `formats:`, or the options that a format has without one."""

    needs: ClassVar[Mapping[str, str]] = {}
    """Modules that the format is written with, and their packages."""
    extra: ClassVar[str] = ""
    """Which optional dependencies of Skerry they are."""

    format: str = Field("json", description="What the answer is written as: json, csv, xlsx, svg ...")
    headers: Headers = Field(default_factory=dict, description="Headers of the answer; they win over the mount's")

    @classmethod
    def ours(cls, value: Mapping[str, Any]) -> Mapping[str, Any]:
        """The options in the terms of the model, where the original has others."""
        return value

    def made(self) -> Format:
        """The format with these options. Raises ValueError for one whose package is not installed."""
        extras.need(self.needs, self.extra, f"the format {self.format}")
        arguments = ARGUMENTS | texts.placeholders(self.model_dump(exclude={"headers"}))
        made = self.written()
        return made._replace(headers={**made.headers, **sent(self.headers)}, arguments=arguments)

    @abstractmethod
    def written(self) -> Format:
        """The format, without its headers."""


LIFELESS = {"Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"}
"""Headers of an SVG: seen by itself it is a page of this site, in which nothing of the data may run."""


def sent(headers: Mapping[str, Header]) -> dict[str, str]:
    """Headers as they are sent; those switched off are left out."""
    return {name: str(value) for name, value in headers.items() if value not in (None, False)}


def there(path: Path) -> Path:
    """The path of a file. Raises ValueError if there is none."""
    if not path.is_file():
        raise ValueError(f"there is no file {path.name}: write its path from the site's folder")
    return path
