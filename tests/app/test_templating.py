import traceback

import pytest

from app.templating import render


@pytest.fixture
def template(tmp_path):
    """Write files, and return the path of the first."""

    def write(**files):
        for name, text in files.items():
            (tmp_path / f"{name}.html").write_text(text)
        return tmp_path / f"{next(iter(files))}.html"

    return write


@pytest.mark.parametrize("tornado", [False, True], ids=["jinja", "tornado"])
@pytest.mark.parametrize(("autoescape", "text"), [(True, "&lt;b&gt;"), (False, "<b>")])
def test_values_are_escaped_unless_switched_off(template, tornado, autoescape, text):
    assert render(template(a="{{ x }}"), {"x": "<b>"}, tornado=tornado, autoescape=autoescape) == text


@pytest.mark.parametrize("tornado", [False, True], ids=["jinja", "tornado"])
def test_a_template_includes_others_of_its_folder(template, tornado):
    assert render(template(a="1{% include 'b.html' %}3", b="2"), {}, tornado=tornado) == "123"


@pytest.mark.parametrize("tornado", [False, True], ids=["jinja", "tornado"])
@pytest.mark.parametrize("changed", ["a", "b"], ids=["itself", "included"])
def test_a_template_that_changed_is_compiled_anew(template, tmp_path, tornado, changed):
    path = template(a="1{% include 'b.html' %}", b="2")
    render(path, {}, tornado=tornado)
    file = tmp_path / f"{changed}.html"
    before = file.stat().st_mtime_ns
    file.write_text("new")
    while file.stat().st_mtime_ns == before:  # the file system's clock ticks every few milliseconds
        file.write_text("new")
    assert "new" in render(path, {}, tornado=tornado)


def test_tornado_s_whitespace(template):
    path = template(a="a\n\n   b")
    assert [render(path, {}, tornado=True, whitespace=mode) for mode in ("all", "single", "oneline")] == [
        "a\n\n   b",
        "a\nb",
        "a b",
    ]


def test_a_tornado_template_that_fails_names_its_line(template):
    path = template(a="one\n{% include 'b.html' %}", b="two\n\n{{ 1 / 0 }}")
    with pytest.raises(ZeroDivisionError) as caught:
        render(path, {}, tornado=True)
    assert f"in the template {path.parent / 'b.html:3'}" in caught.value.__notes__


def test_a_jinja_template_that_fails_names_its_line(template):
    path = template(a="one\n{% include 'b.html' %}", b="two\n\n{{ 1 / 0 }}")
    with pytest.raises(ZeroDivisionError) as caught:
        render(path, {})
    lines = "".join(traceback.format_exception(caught.value))
    assert 'b.html", line 3' in lines and 'a.html", line 2' in lines


@pytest.mark.parametrize("tornado", [False, True], ids=["jinja", "tornado"])
def test_a_template_that_does_not_parse_says_where(template, tornado):
    with pytest.raises(Exception, match=r"a\.html|expected|unclosed|Missing") as caught:
        render(template(a="\n\n{% if x %}"), {}, tornado=tornado)
    error = caught.value
    assert getattr(error, "lineno", 0) == 3


@pytest.mark.parametrize("tornado", [False, True], ids=["jinja", "tornado"])
def test_templates_of_one_name_in_two_folders_do_not_mix(tmp_path, tornado):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.html").write_text(folder)
    assert [render(tmp_path / folder / "a.html", {}, tornado=tornado) for folder in ("x", "y", "x")] == ["x", "y", "x"]


def test_a_sites_template_may_extend_our_frame(site):
    page = '{% extends "base.html" %}{% block main %}<h1>{{ handler.name }}</h1>{% endblock %}'
    client = site(
        """
        app: {title: Sensors}
        url: {home: {pattern: /, handler: File, kwargs: {path: home.html, template: true}}}
        """,
        files={"home.html": page},
    )
    answer = client.get("/").text
    assert "<h1>home</h1>" in answer
    assert "Sensors" in answer and "/-/static/skerry.css" in answer


@pytest.mark.parametrize("name", ["skerry.yaml", "gramex.yaml"])
@pytest.mark.parametrize(("text", "varies"), [("{{ 1 }}", False), ("{{ current_user is None }}", True)])
def test_only_a_template_that_uses_the_user_is_one_visitors(site, name, text, varies):
    text = text.replace("is None", "is none") if name == "skerry.yaml" else text
    yaml = "url: {page: {pattern: /page, handler: File, kwargs: {path: page.html, template: true}}}"
    answer = site(yaml, {"page.html": text}, name).get("/page")
    assert answer.text == ("True" if varies else "1")
    assert ("Cookie" in answer.headers.get("Vary", "")) is varies
