"""From the start of the process to the first 200: the demo site, and a site of 500 mounts."""

import re
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import packages_distributions
from pathlib import Path
from statistics import median

from bench.measure import Effort, Figure, Target, at_most, compare
from bench.server import REPO, Server
from bench.sites import paths, write

_IMPORT = re.compile(r"import time: +(\d+) \| +(\d+) \| +(.*)")
SHOWN = 15
"""Of the modules that take longest to import."""


def figures(effort: Effort) -> Iterator[Figure]:
    """Start-up times, and whether a request finds its mount among 500 as fast as among 5."""
    yield _start("demo site without extras, first 200", "/", _without_extras(), 1.0, effort)
    with tempfile.TemporaryDirectory() as few, tempfile.TemporaryDirectory() as many:
        few_env, many_env = write(Path(few), 5), write(Path(many), 500)
        yield _start("500 mounts, first 200", paths()[0], many_env, 1.5, effort)
        with Server(paths()[0], env=few_env) as floor, Server(paths()[0], env=many_env) as ours:
            found = compare(Target(floor, paths()), Target(ours, paths()), effort)
    yield at_most("500 mounts, CPU of a request, of that among 5", found.cpu, 1.1, found.note)


def _start(name: str, path: str, env: Mapping[str, str], bound: float, effort: Effort) -> Figure:
    _startup(path, env)  # compiles the modules to .pyc
    times = [_startup(path, env) for _ in range(effort.starts)]
    note = f"{len(times)} starts, {min(times):.2f} to {max(times):.2f} s"
    return at_most(name, median(times), bound, note, " s", lambda: _imports(path, env))


def _startup(path: str, env: Mapping[str, str]) -> float:
    with Server(path, env=env) as server:
        return server.startup


def _without_extras() -> dict[str, str]:
    """The environment of a server that finds no package of an extra."""
    return {"PYTHONPATH": str(Path(__file__).with_name("without_extras")), "HIDDEN_MODULES": ",".join(_extras())}


def _extras() -> list[str]:
    """The modules of all packages that pyproject.toml lists as optional."""
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    wanted = {_canonical(need) for extra in project["optional-dependencies"].values() for need in extra}
    return sorted(
        module
        for module, packages in packages_distributions().items()
        if module.isidentifier() and wanted.intersection(map(_canonical, packages)) - {project["name"]}
    )


def _canonical(requirement: str) -> str:
    """The package's name as PyPI compares names."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement, maxsplit=1)[0]).lower()


def _imports(path: str, env: Mapping[str, str]) -> Sequence[str]:
    """What the imports of the master and its worker cost in this start, the longest first."""
    with Server(path, env={**env, "PYTHONPROFILEIMPORTTIME": "1"}) as server:
        found = _IMPORT.findall(server.said())
    longest = sorted(found, key=lambda line: -int(line[1]))[:SHOWN]
    return ["import     alone  with what it imports", *(_line(*line) for line in longest)]


def _line(alone: str, together: str, module: str) -> str:
    return f"  {int(alone) / 1000:8.1f} ms  {int(together) / 1000:8.1f} ms  {module.strip()}"
