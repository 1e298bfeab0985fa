"""The design's rules that a reader could break without noticing (docs are rules too: a setting nobody documents)."""

import ast
import re
from importlib import import_module, metadata
from pathlib import Path

import pytest

from blueprints import FEATURES

REPO = Path(__file__).parent.parent
MODULES = sorted(path for folder in ("app", "blueprints") for path in (REPO / folder).rglob("*.py"))
PIP_ITSELF = {"pip", "setuptools", "wheel"}


def in_folder(folder):
    return [path for path in MODULES if path.is_relative_to(REPO / folder)]


def shown(path):
    return path.relative_to(REPO).as_posix()


def imports(path):
    """The dotted names that a module imports anywhere, functions included: `from a import b` gives `a.b`."""
    package = path.relative_to(REPO).parent.parts
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = [*above, *filter(None, [node.module])]
            yield from (".".join([*base, alias.name]) for alias in node.names)


def feature_of(path):
    """`files` for blueprints/files/listing.py as for blueprints/files.py."""
    return path.relative_to(REPO / "blueprints").parts[0].removesuffix(".py")


def is_work(path):
    """Is it a module of a feature's folder that does the work, and not what speaks HTTP, as the feature itself does?"""
    of_folder = path.parent != REPO / "blueprints" and path.name not in ("__init__.py", "views.py", "settings.py")
    return of_folder and shown(path).removesuffix(".py").replace("/", ".") not in FEATURES.values()


def imports_any(path, package):
    """Does the module import this package, something in it, or one whose name begins alike, as flask_sock?"""
    return any(name.startswith(package) for name in imports(path))


def test_the_core_imports_no_feature():
    assert [shown(path) for path in in_folder("app") if imports_any(path, "blueprints")] == []


def test_a_feature_imports_no_other_feature():
    for path in in_folder("blueprints"):
        own = f"blueprints.{feature_of(path)}"
        features = {".".join(name.split(".")[:2]) for name in imports(path) if name.startswith("blueprints")}
        assert features <= {own}, shown(path)


def test_the_work_of_a_feature_knows_no_flask():
    work = [path for path in in_folder("blueprints") if is_work(path)]
    assert [shown(path) for path in work if imports_any(path, "flask")] == []


def test_every_module_says_what_it_is():
    assert [shown(path) for path in MODULES if not ast.get_docstring(ast.parse(path.read_bytes()))] == []


def test_no_module_is_longer_than_450_lines():
    assert [shown(path) for path in MODULES if len(path.read_bytes().splitlines()) > 450] == []


@pytest.mark.parametrize("handler", FEATURES)
def test_every_feature_has_a_docs_page(handler):
    assert re.search(rf"\b{handler}\b", page(handler))


@pytest.mark.parametrize("handler", FEATURES)
def test_every_setting_is_documented(handler):
    fields = import_module(module_name(handler)).Settings.model_fields
    names = [field.alias or name for name, field in fields.items()]
    assert [name for name in names if not is_documented(name, page(handler))] == []


def module_name(handler):
    return f"blueprints.{FEATURES[handler].removeprefix('blueprints.')}"


def page(handler):
    return (REPO / "docs" / f"{module_name(handler).split('.')[1]}.md").read_text()


def is_documented(setting, text):
    """Is it in the text as code, `setting`, or as a key of YAML?"""
    return re.search(rf"`{re.escape(setting)}\b|^\s*{re.escape(setting)}:", text, re.MULTILINE)


def test_the_lock_has_the_exact_version_of_every_installed_package():
    installed = {normal(package.name): package.version for package in metadata.distributions()}
    wanted = {name: version for name, version in installed.items() if name not in {"skerry", *PIP_ITSELF}}
    assert wanted.items() <= locked().items()


def test_the_lock_names_only_versions():
    lines = (REPO / "requirements.lock").read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"#.*|[\w.-]+==[\w.+!-]+", line)] == []


def locked():
    lines = (REPO / "requirements.lock").read_text().splitlines()
    pins = (line.split("==") for line in lines if not line.startswith("#"))
    return {normal(name): version for name, version in pins}


def normal(name):
    """A package's name as pip compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
