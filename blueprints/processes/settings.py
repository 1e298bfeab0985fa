"""The settings of a mount that runs a command."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema, field_validator, model_validator

from app import settings as base

from . import arguments

PIPE: Literal["pipe"] = "pipe"

Sinks = tuple[Literal["pipe"] | base.SitePath, ...]

_SINK = {"anyOf": [{"type": "string"}, {"const": False}]}
_OUTPUT = WithJsonSchema({"anyOf": [*_SINK["anyOf"], {"type": "array", "items": _SINK}]})
_ARGS = WithJsonSchema(
    {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": ["string", "number"]}, "minItems": 1}]}
)


def _sinks(value: object) -> tuple[object, ...]:
    """`pipe`, `false`, a file name, or a list of these; null is `pipe`, and `false` in a list adds nothing."""
    items = value if isinstance(value, list | tuple) else [PIPE if value is None else value]
    for item in items:
        if item is not False and not (isinstance(item, str) and item):
            raise ValueError("should be `pipe`, `false`, a file name, or a list of these")
    return tuple(dict.fromkeys(item for item in items if item not in (False, "false")))


def _text(value: object) -> str:
    """A word as YAML has it: a number may stand without quotes. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"should be texts: put quotes around {str(value).lower()}")
    if "\0" in str(value):
        raise ValueError("should not contain a null character")
    return str(value)


def _args(value: object) -> object:
    if isinstance(value, str) and value.strip():
        return value
    if not isinstance(value, list | tuple) or not value:
        raise ValueError("should be a list of a program and its arguments, or text with `shell: true`")
    return tuple(map(_text, value))


def _env(value: object) -> object:
    if not isinstance(value, Mapping):
        raise ValueError("should be a mapping of names to values")
    return {str(name): None if item in (None, False) else _text(item) for name, item in value.items()}


Output = Annotated[Sinks, BeforeValidator(_sinks), _OUTPUT]


class Input(base.Settings):
    """A fixed input: text, or a file."""

    text: str | None = Field(None, description="This text")
    file: base.SitePath | None = Field(None, description="This file's content")

    @model_validator(mode="after")
    def _one_of_two(self) -> "Input":
        if (self.text is None) == (self.file is None):
            raise ValueError("needs `text:` or `file:`, one of them")
        return self


class Settings(base.Settings):
    """The settings of a mount that runs a command."""

    shell: bool = Field(False, description="Give `args`, one text, to /bin/sh")
    cwd: base.SitePath | None = Field(None, description="Folder to run in; the site's folder unless set")
    env: Annotated[dict[str, str | None], BeforeValidator(_env)] = Field(
        default_factory=dict, description="Environment variables to add; false removes one"
    )
    placeholders: bool | None = Field(
        None, validate_default=True, description="Fill `{name}` in args; true, but false in a gramex.yaml"
    )
    options: bool = Field(False, description="Let placeholders' values begin with `-`")
    args: Annotated[str | tuple[str, ...], BeforeValidator(_args), _ARGS] = Field(
        description="The program and its arguments; with `shell: true` one text"
    )
    stdin: Literal[False, "body"] | Input = Field(
        False, description="What the command reads: nothing, the request's `body`, `{text: …}` or `{file: …}`"
    )
    stdout: Output = Field((PIPE,), description="`pipe` to the client, `false` for nowhere, a file name, or a list")
    stderr: Output = Field((PIPE,), description="As `stdout`")
    buffer: int | Literal["line"] = Field(0, description="Bytes to gather before sending, or `line` for whole lines")
    timeout: float = Field(3600, ge=0, description="Seconds that the command may take; 0 for no limit")
    max_output: int = Field(0, ge=0, description="Bytes that the command may print; 0 for no limit")
    concurrency: int = Field(16, ge=0, description="Commands of this mount at once, of all workers; 0 for no limit")

    @field_validator("cwd")
    @classmethod
    def _is_a_folder(cls, cwd: Path | None) -> Path | None:
        if cwd is not None and not cwd.is_dir():
            raise ValueError(f"there is no folder {cwd}")
        return cwd

    @field_validator("placeholders")
    @classmethod
    def _are_not_the_originals(cls, placeholders: bool | None, info: ValidationInfo) -> bool:
        return not base.context(info).gramex if placeholders is None else placeholders

    @field_validator("args")
    @classmethod
    def _can_run(cls, args: str | tuple[str, ...], info: ValidationInfo) -> str | tuple[str, ...]:
        if info.data.get("shell"):
            return _for_shell(args, bool(info.data.get("placeholders")))
        if isinstance(args, str):
            if len(args.split()) > 1:
                raise ValueError(f"should be a list, as {args.split()}, or the text needs `shell: true`")
            args = (args.strip(),)
        if info.data.get("placeholders"):
            arguments.check(args)
        _check_program(args[0], info.data.get("env") or {}, info.data.get("cwd") or base.context(info).folder)
        return args

    @field_validator("stdin", mode="before")
    @classmethod
    def _is_no_bare_text(cls, stdin: Any) -> Any:
        if stdin in (None, "false"):
            return False
        if not isinstance(stdin, Mapping | Input) and stdin is not False and stdin != "body":
            raise ValueError("should be false, body, {text: …} or {file: …}")
        return stdin

    @field_validator("buffer", mode="before")
    @classmethod
    def _is_a_size(cls, buffer: Any) -> Any:
        if buffer != "line" and (isinstance(buffer, bool) or not isinstance(buffer, int) or buffer < 0):
            raise ValueError("should be a number of bytes, or `line`")
        return buffer


def _for_shell(args: str | Sequence[str], placeholders: bool) -> str:
    """The text for the shell. A placeholder in it would let clients write commands."""
    if not isinstance(args, str):
        raise ValueError("with `shell: true` should be one text")
    if placeholders and arguments.has_placeholder(args):
        raise ValueError(
            "has a placeholder, which a shell would take for commands: use a list without `shell: true`; "
            "where the braces are the shell's, write {{name}}, or set `placeholders: false`"
        )
    return args


def _check_program(program: str, env: Mapping[str, str | None], cwd: Path) -> None:
    """Raise ValueError if there is no such program: on PATH, or from the command's folder where it has a slash."""
    if "/" in program:
        if not os.access(cwd / program, os.X_OK) or (cwd / program).is_dir():
            raise ValueError(f"there is no program {cwd / program}, or it may not be executed")
        return
    path = env.get("PATH", os.environ.get("PATH", os.defpath))
    if shutil.which(program, path=path or os.defpath) is None:
        raise ValueError(f"there is no program {program!r} on PATH ({path})")
