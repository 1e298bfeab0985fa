import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from app import json_schema
from app.config.yaml_source import Report, parse
from blueprints import FEATURES

SITE = Path(__file__).parents[2] / "instance" / "skerry.yaml"


@pytest.fixture(scope="module")
def schema():
    return json_schema.build(FEATURES)


@pytest.fixture(scope="module")
def wrong(schema):
    """`wrong(yaml)` -> what the schema finds wrong with a site's text, before its variables are put in."""
    validator = Draft202012Validator(schema)

    def wrong(text):
        tree = parse(text, Path("site.yaml"), Report())
        return [error.message for error in validator.iter_errors(json.loads(json.dumps(tree)))]

    return wrong


def mount(keys):
    return f"url: {{a: {{pattern: /a, {keys}}}}}"


def function(keys):
    return mount(f"handler: Function, kwargs: {{function: str, {keys}}}")


def test_it_is_a_json_schema(schema):
    Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema)) == schema


def test_it_takes_the_demo_site(wrong):
    assert wrong(SITE.read_text()) == []


@pytest.mark.parametrize("page", sorted(Path(SITE.parents[1], "docs").glob("*.md")), ids=lambda page: page.stem)
def test_it_takes_the_sites_in_the_docs(wrong, page):
    blocks = page.read_text().split("```yaml\n")[1:]
    for block in (block.split("```")[0] for block in blocks):
        if block.lstrip().startswith(("url:", "app:", "handlers:")):
            assert wrong(block) == []


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "version: 1.0",
        "import: [a.yaml]\nvariables: {A: 1}",
        "app: {listen: {port: $PORT, ssl_options: $TLS}, title: null}",
        "url: {a if DEBUG: {pattern: /a, handler if X: File, handler: Function, kwargs: {function: str}}}",
        "url: {a: {import: a.yaml, pattern: /a}}",
        "handlers: {BaseHandler: {headers: {A: b}}, File: {index: true}, FunctionHandler: {headers: {A: 1}}}",
        mount("service: File, kwargs: {path: [a, b], index: $INDEX, template: true}, cache: true, priority: -1"),
        mount("handler: File, kwargs: $KWARGS"),
        mount("handler: mine.Own, kwargs: {anything: 1, headers: {A: b}}"),
        mount("service: package.mine.Own"),
        "handlers: {mine.Own: {anything: 1}}",
        mount("handler: File, kwargs: {import: a.yaml}"),
        function("auth: false, methods: 'GET, POST', cors: true, log: false, redirect: /x, validate: [a]"),
        "app: {auth: true}",
        "app: {auth: {membership: [{role: [a, b]}, {level: 3}], login_url: false}}",
        function("auth: {membership: {role: a}, condition: a, methods: POST}, xsrf_cookies: false, set_xsrf: true"),
        function("validate: {function: a, code: 404}, error: {404: {path: a}}, cors: {origins: [a]}"),
    ],
)  # fmt: skip
def test_it_takes_what_the_checker_takes(wrong, text):
    assert wrong(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "urll: {}",
        "app: {titel: x}",
        "app: {listen: {prt: 1}}",
        "app: {listen: {port: many}}",
        "app: {settings: {debug: maybe}}",
        "log: {format: xml}",
        "cache: {a: {type: memry}}",
        "handlers: {Fil: {}}",
        "handlers: {File: {indx: true}}",
        "url: {a: text}",
        "url: {a: {handler: Function, kwargs: {function: str}}}",
        mount("handler: Functoin"),
        mount("service: Fil"),
        mount("handler: mine.Own, prioriti: 1"),
        mount("handler: 'mine Own'"),
        mount("handler: Function, kwargs: {functon: str}"),
        mount("service: File, kwargs: {function: str}"),
        mount("handler: File, kwargs: {index: true}"),
        mount("handler: File, prioriti: 1, kwargs: {path: .}"),
        mount("handler: File, priority: high, kwargs: {path: .}"),
        mount("handler: File, cache: {store: 5}, kwargs: {path: .}"),
        "app: {auth: {membershp: {}}}",
        function("auth: {membershp: {}}"),
        function("auth: {membership: {role: {}}}"),
        function("xsrf_cookies: maybe"),
        function("headers: text"),
        function("cors: {orgins: a}"),
        function("error: {404: {pth: a}}"),
    ],
)
def test_it_refuses_what_the_checker_refuses(wrong, text):
    assert wrong(text)


def test_an_editor_can_show_what_each_setting_means(schema):
    silent = list(undescribed(schema, "site"))
    assert silent == []


def undescribed(part, path):
    """The paths of all settings without a description."""
    if isinstance(part, list):
        for number, item in enumerate(part):
            yield from undescribed(item, f"{path}.{number}")
    if isinstance(part, dict):
        for key, setting in part.get("properties", {}).items() if part.get("additionalProperties") is False else ():
            if "description" not in setting and "$ref" not in str(setting):
                yield f"{path}.{key}"
        for key, item in part.items():
            yield from undescribed(item, f"{path}.{key}")
