"""A gramex.yaml of an existing site is read as it is."""

import pytest

from app import config, schema
from app.origin import layers
from blueprints import FEATURES


@pytest.fixture
def gramex(site):
    """`gramex(yaml, files={})` -> a client for a site whose file is a gramex.yaml."""
    return lambda yaml, files=None: site(yaml, files, name="gramex.yaml")


@pytest.fixture
def warnings(write_site):
    def warnings(yaml):
        file = write_site(yaml, name="gramex.yaml")
        site = schema.build(config.read(file, {}, layers(file)), FEATURES)
        assert site.mistakes == ()
        return [(".".join(map(str, warning.path)), warning.message) for warning in site.warnings]

    return warnings


def test_its_folder_is_served_without_a_word_in_the_yaml(gramex):
    client = gramex("", {"index.html": "<p>home", "assets/a.css": "b {}", "sub/x.txt": "text"})
    assert client.get("/").text == "<p>home"
    assert client.get("/sub/x.txt").headers["Cache-Control"] == "max-age=60"
    assert client.get("/assets/a.css").headers["Cache-Control"] == "public, max-age=86400"
    assert "x.txt" in client.get("/sub/", headers={"Accept": "text/html"}).text


def test_a_skerry_yaml_has_no_such_defaults(site):
    assert site("app: {}", {"index.html": "<p>home"}).get("/index.html").status_code == 404


@pytest.mark.parametrize("path", ["/gramex.yaml", "/gramex.prod.yaml", "/.secrets.yaml", "/.git/config", "/code.py"])
def test_files_of_the_site_itself_are_kept_back(gramex, path):
    files = dict.fromkeys(["gramex.prod.yaml", ".secrets.yaml", ".git/config", "code.py"], "")
    assert gramex("", files).get(path).status_code == 403


def test_what_may_be_seen_may_be_said(gramex):
    files = {"code.py": "x = 1"}
    yaml = "handlers: {FileHandler: {ignore: [.*]}}"
    assert gramex(yaml, files).get("/code.py").text == "x = 1"


def test_it_has_an_icon_which_a_file_of_the_sites_own_pattern_replaces(gramex):
    assert gramex("").get("/favicon.ico").mimetype.startswith("image/")
    client = gramex("url: {icon: {pattern: /favicon.ico, handler: Function, kwargs: {function: str('mine')}}}")
    assert client.get("/favicon.ico").text == "mine"


def test_a_mount_of_the_site_comes_before_the_default_ones(gramex):
    client = gramex("url: {a: {pattern: '/(.*)', handler: Function, kwargs: {function: str('mine')}}}")
    assert client.get("/x").text == "mine"


def test_a_default_mount_can_be_removed(gramex):
    assert gramex("url: {default: null}", {"index.html": ""}).get("/").status_code == 404


def test_services_that_skerry_does_not_have_are_named_once(warnings):
    assert warnings("version: 1.0\nschedule: {a: {}}\nalert: {b: {}}") == [
        ("", "services of the original that Skerry does not have: schedule, alert")
    ]


def test_settings_that_skerry_does_not_have_are_named_and_break_nothing(warnings):
    yaml = "app: {browser: true, session: {flush: 5}, listen: {port: 9988, max_buffer_size: 1}, settings: {gzip: yes}}"
    assert warnings(yaml) == [
        ("app", "not used by Skerry: browser"),
        ("app.session", "not used by Skerry: flush"),
        ("app.listen", "not used by Skerry: max_buffer_size"),
        ("app.settings", "not used by Skerry: gzip"),
    ]


def test_defaults_for_handlers_that_skerry_has_not_yet_are_no_mistake(warnings):
    assert warnings("handlers: {MLHandler: {default: {_limit: 10}}, JSONHandler: {}}") == []


@pytest.mark.parametrize("handler", ["UploadHandler", "gramex.handlers.JSONHandler", "Storage", "Proxy"])
def test_a_handler_that_skerry_has_not_yet_is_a_broken_mount_and_says_so(gramex, handler):
    client = gramex(f"url: {{a: {{pattern: /a, handler: {handler}}}}}")
    (mistake,) = client.app.extensions["skerry"].application.mistakes
    assert mistake.message.startswith(f"{handler.rpartition('.')[2]} is not in this version of Skerry")
    assert client.get("/a").status_code == 500


def test_handlers_may_be_named_with_the_originals_package(gramex):
    client = gramex("url: {a: {pattern: /a, handler: gramex.handlers.FunctionHandler, kwargs: {function: str(5)}}}")
    assert client.get("/a").text == "5"


def test_patterns_with_yamlurl_are_those_of_the_sites_root(gramex):
    client = gramex("url: {a: {pattern: /$YAMLURL/a, handler: Function, kwargs: {function: str('here')}}}")
    assert client.get("/a").text == "here"


def test_the_default_url_compiles_sass_and_typescript(site):
    client = site("", files={"a.scss": "a { b { c: d } }", "a.ts": "const x: number = 1; alert(x)"}, name="gramex.yaml")
    assert "a b" in client.get("/a.scss").text
    assert ": number" not in client.get("/a.ts").text
