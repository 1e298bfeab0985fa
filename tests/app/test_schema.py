"""Mistakes of a site: YAML in, lines out."""

import pytest

from app import config, expressions, schema
from app.mistakes import ConfigError
from app.origin import layers
from app.site import Running
from blueprints import FEATURES

HANDLERS = ", ".join(FEATURES)


@pytest.fixture
def check(write_site, forget_modules, monkeypatch):
    """`check(yaml, files={}, name="skerry.yaml", environ={})` -> the site, checked."""

    def check(yaml, files=None, name="skerry.yaml", environ=None):
        file = write_site(yaml, files, name)
        monkeypatch.chdir(file.parent)  # messages show paths as seen from the working folder
        expressions.add_folder(file.parent)
        return schema.build(config.read(file, environ or {}, layers(file)), FEATURES)

    return check


def entry(keys):
    return f"url: {{a: {{pattern: /a, {keys}}}}}"


def function(text):
    return entry(f"handler: Function, kwargs: {{function: {text}}}")


def setting(keys):
    return function(f"str, {keys}")


def marked(yaml):
    """The line and column of the mark that stands before a mistake."""
    before = yaml[: yaml.index("»")].split("\n")
    return f"{len(before)}:{len(before[-1]) + 1}"


def lines(site):
    return [str(mistake) for mistake in site.mistakes]


MISTAKES = [
    ("»urll: {}", "urll: there is no such section, did you mean 'url'?"),
    ("»imports: x", "imports: there is no such section, did you mean 'import'?"),
    ("version: »2", "version: there is only version 1.0"),
    ("url: »[a]", "url: should be a mapping of names to mounts"),
    ("app: {»titel: x}", "app.titel: unknown key, did you mean 'title'?"),
    ("app: {settings: {»debgu: true}}", "app.settings.debgu: unknown key, did you mean 'debug'?"),
    ("app: »5", "app: should be a mapping of keys to values, not 5"),
    ("app: {title: »2024}", "app.title: should be text in quotes, not 2024"),
    ("app: {listen: {port: »80a}}", "app.listen.port: should be a whole number, not '80a'"),
    ("app: {listen: {port: »80.5}}", "app.listen.port: should be a whole number, not 80.5"),
    ("app: {listen: {port: »true}}", "app.listen.port: should be a number, not true"),
    ("app: {listen: {port: »70000}}", "app.listen.port: should be less than or equal to 65535, not 70000"),
    ("app: {watch: »maybe}", "app.watch: should be true or false, not 'maybe'"),
    ("app: {listen: {ssl_options: »{certfile: a}}}", "app.listen.ssl_options.keyfile: is required: Private key, PEM"),
    ("log: {format: »cvs}", "log.format: should be 'json' or 'csv', not 'cvs', did you mean 'csv'?"),
    ("mime: {.x: »[1]}", "mime..x: should be text, not [1]"),
    ("cache: {a: {»sise: 1}}", "cache.a.sise: unknown key, did you mean 'size'?"),
    ("handlers: »[a]", "handlers: should be a mapping of handlers to their settings"),
    ("handlers: {»Fil: {}}", "handlers.Fil: there is no such handler, did you mean 'File'?"),
    ("handlers: {File: {»indx: 1}}", "handlers.File.indx: unknown key, did you mean 'index'?"),
    ("handlers: {»no_module.Own: {}}", "handlers.no_module.Own: there is no such handler"),
    ("handlers: {BaseHandler: »1}", "handlers.BaseHandler: should be a mapping of settings to values"),
    ("url: {a: »text}", "url.a: should be a mapping with `pattern:` and `handler:`"),
    ("url: {a: »{handler: File}}", "url.a: `pattern:` is required: which URLs the mount answers"),
    ("url: {a: »{pattern: /a}}", f"url.a: `handler:` is required, one of {HANDLERS}"),
    (entry("handler: »Functoin"), "url.a.handler: there is no handler 'Functoin', did you mean 'Function'?"),
    (entry("service: »Form"), f"url.a.service: there is no handler 'Form': there are {HANDLERS}"),
    (
        entry("service: »PPTXHandler"),
        f"url.a.service: PPTXHandler is not in this version of Skerry: there are {HANDLERS}",
    ),
    (
        entry("handler: »no_module.Own"),
        "url.a.handler: there is no module 'no_module': a site's own modules lie beside its YAML",
    ),
    (
        "url: {a: {pattern: »[/a], handler: Function, kwargs: {function: str}}}",
        "url.a.pattern: should be text that begins with a slash, not ['/a']",
    ),
    (
        "url: {a: {pattern: »'/(', handler: Function, kwargs: {function: str}}}",
        "url.a.pattern: '/(' is not a regular expression: missing ), unterminated subpattern at position 1",
    ),
    (entry("handler: Function, kwargs: »[a]"), "url.a.kwargs: should be a mapping of settings to values"),
    (entry("handler: File, »prioriti: 1"), "url.a.prioriti: unknown key, did you mean 'priority'?"),
    (entry("handler: File, priority: »true"), "url.a.priority: should be a number, not true"),
    (entry("handler: File, cache: »{store: x}"), "url.a.cache: there is no store 'x': there are memory, disk"),
    (entry("handler: File, cache: {»sore: x}"), "url.a.cache.sore: unknown key, did you mean 'store'?"),
    (
        entry("handler: File, kwargs: {path: ., index: »maybe}"),
        "url.a.kwargs.index: should be true or false, not 'maybe'",
    ),
    (setting("»tabel: x"), "url.a.kwargs.tabel: unknown key"),
    (setting("»method: GET"), "url.a.kwargs.method: unknown key, did you mean 'methods'?"),
    (setting("methods: »GTE"), "url.a.kwargs.methods: GTE is not a method, did you mean 'GET'?"),
    (setting("args: »=handlr"), "url.a.kwargs.args: '=handlr' names no variable here, did you mean 'handler'?"),
    (setting("kwargs: »{a: =b}"), "url.a.kwargs.kwargs: '=b' names no variable here: there are handler"),
    (setting("cors: {»orgins: x}"), "url.a.kwargs.cors.orgins: unknown key, did you mean 'origins'?"),
    (setting("error: {»abc: {}}"), "url.a.kwargs.error.abc: should be a whole number, not 'abc'"),
    (
        function("»'str('"),
        "url.a.kwargs.function: 'str(' is not a Python expression: '(' was never closed at column 4",
    ),
    (function("»5"), "url.a.kwargs.function: should be text in quotes, not 5"),
    (
        function("»nomod.run"),
        "url.a.kwargs.function: there is no module 'nomod': a site's own modules lie beside its YAML",
    ),
    (
        function("»bad.run"),
        "url.a.kwargs.function: module 'bad' cannot be imported: ZeroDivisionError: division by zero (bad.py:2)",
    ),
    (
        "url:\n  a: {}\n  »a: {}",
        "url.a: duplicate key, first given at line 2; remove one of them (the first is used)",
    ),
]


@pytest.mark.parametrize(("yaml", "message"), MISTAKES, ids=[message.split(":")[0] for _, message in MISTAKES])
def test_a_mistake_is_told_with_its_place_and_the_fix(check, yaml, message):
    site = check(yaml.replace("»", ""), {"bad.py": "x = 0\n1 / x\n"})
    assert f"skerry.yaml:{marked(yaml)}: {message}" in lines(site)


@pytest.mark.parametrize(
    "yaml",
    [
        "app: {listen: {port: '80'}}",
        "app: {watch: no}",
        "url: {a: {pattern: /a, service: gramex.handlers.FunctionHandler, kwargs: {function: str}}}",
        setting("auth: false, ratelimit: false, xsrf_cookies: false, set_xsrf: false"),
        setting("methods: 'get, post', cors: false, log: false, args: []"),
    ],
)
def test_what_is_meant_is_taken(check, yaml):
    assert lines(check(yaml)) == []


def test_all_mistakes_of_all_files_are_told_at_once_from_top_to_bottom(check):
    yaml = """
        import: more.yaml
        url:
          b: {pattern: /b, handler: Fil}
          a: {pattern: '/[', handler: Function, kwargs: {functoin: str}}
        app: {titel: x, title: [1]}
        """
    files = {
        "more.yaml": "url:\n  c: &c {pattern: /c, handler: Function, kwargs: {functon: x}}\n  d: {<<: *c, pattern: /d}"
    }
    places = [str(mistake).split(": ")[0:2] for mistake in check(yaml, files).mistakes]
    assert [f"{place} {path}" for place, path in places] == [
        "skerry.yaml:4:29 url.b.handler",
        "skerry.yaml:5:16 url.a.pattern",
        "skerry.yaml:5:49 url.a.kwargs.function",
        "skerry.yaml:5:50 url.a.kwargs.functoin",
        "skerry.yaml:6:7 app.titel",
        "skerry.yaml:6:24 app.title",
        "more.yaml:2:50 url.c.kwargs.function",
        "more.yaml:2:51 url.c.kwargs.functon",
    ]


def test_a_wrong_default_is_told_once_where_it_stands_and_breaks_every_mount_that_takes_it(check):
    yaml = """
        handlers:
          File: {index: maybe}
        url:
          a: {pattern: /a, handler: FileHandler, kwargs: {path: .}}
          b: {pattern: /b, handler: DirectoryHandler, kwargs: {path: .}}
          c: {pattern: /c, handler: File, kwargs: {path: ., index: true}}
        """
    site = check(yaml)
    assert lines(site) == ["skerry.yaml:3:17: handlers.File.index: should be true or false, not 'maybe'"]
    assert [mount.name for mount in site.mounts if mount.mistakes] == ["a", "b"]


def test_defaults_of_a_handler_and_of_all_handlers_add_to_a_mounts_own(check):
    yaml = """
        handlers:
          BaseHandler: {headers: {A: base, B: base, C: base}, methods: GET}
          Function: {headers: {A: function, B: function}}
        url:
          a: {pattern: /a, handler: FunctionHandler, kwargs: {function: str, headers: {A: own}}}
          b: {pattern: /b, handler: Function, kwargs: {function: str}}
        """
    first, second = check(yaml).mounts
    assert first.guards["headers"].root == {"A": "own", "B": "function", "C": "base"}
    assert second.guards["headers"].root == {"A": "function", "B": "function", "C": "base"}


def test_two_mounts_on_one_pattern_are_a_mistake_and_the_first_answers(check):
    yaml = """
        url:
          a: {pattern: /./x.y, handler: Function, kwargs: {function: str}}
          b: {pattern: '/x\\.y$', handler: Function, kwargs: {function: str}}
          c: {pattern: /x.y, priority: 1, handler: Function, kwargs: {function: str}}
        """
    site = check(yaml)
    assert lines(site) == [
        "skerry.yaml:4:16: url.b.pattern: url.a has the pattern '/x.y' already (skerry.yaml:3:3): change one of them"
    ]
    assert [mount.name for mount in site.mounts] == ["a", "c"]


@pytest.mark.parametrize(
    "yaml", ["app: {strict: true, titel: x}", "app: {strict: true, listen: {ssl_options: {certfile: a}}}"]
)
def test_what_is_right_in_a_section_counts_beside_what_is_wrong(check, yaml):
    assert check(yaml).app.strict


def test_strict_stops_the_start_with_all_mistakes(write_site):
    with pytest.raises(ConfigError) as error:
        Running(write_site("app: {strict: true, titel: x}\nurl: {a: {}}"), FEATURES)
    assert [mistake.path for mistake in error.value.mistakes] == [("app", "titel"), ("url", "a"), ("url", "a")]


def test_a_missing_package_of_a_feature_breaks_its_mounts(write_site):
    file = write_site("url: {a: {pattern: /a, handler: Heavy}}")
    site = schema.build(config.read(file, {}), {"Heavy": "not_installed"})
    assert site.mounts[0].mistakes == ("handler: Heavy needs the package 'not_installed', which is not installed",)


@pytest.mark.parametrize("name", ["PASSWORD", "API_TOKEN", "PLAIN"])
def test_secrets_are_not_shown(check, name):
    environ = {} if name == "PLAIN" else {name: "hunter22"}
    yaml = f"app: {{watch: ${name}, listen: {{password: 5}}}}\nlog: {{keys: '${name}'}}"
    site = check(yaml, {".secrets.yaml": "PLAIN: hunter22"}, environ=environ)
    assert len(site.mistakes) == 3
    assert "hunter22" not in "\n".join(lines(site))


# Who may use a mount


@pytest.mark.parametrize(
    ("auth", "message"),
    [
        ("auth: »[]", "auth: should be a mapping of keys to values, not []"),
        ("auth: »0", "auth: should be a mapping of keys to values, not 0"),
        ("auth: »members", "auth: should be a mapping of keys to values, not 'members'"),
        ("auth: {»membershp: {}}", "auth.membershp: unknown key, did you mean 'membership'?"),
        ("auth: {login_url: »5}", "auth.login_url: should be text in quotes, or False, not 5"),
        ("auth: {methods: »PSOT}", "auth.methods: PSOT is not a method, did you mean 'POST'?"),
        ("auth: {membership: »[]}", "auth.membership: is an empty list, which nobody matches: leave it out"),
        ("auth: {membership: {role: »[]}}", "auth.membership.role: is an empty list, which nobody matches"),
        ("auth: {membership: »editor}", "auth.membership: should be a mapping of keys to values, not 'editor'"),
        ("auth: {condition: {function: »'x('}}", "auth.condition.function: 'x(' is not a Python expression"),
        ("auth: {template: »none.html}", "auth.template: there is no file"),
        ("xsrf_cookies: »maybe", "xsrf_cookies: should be true or false, not 'maybe'"),
        ("set_xsrf: »{}", "set_xsrf: should be true or false, not {}"),
    ],
)
def test_a_guard_that_is_not_understood_closes_the_mount(check, auth, message):
    yaml = setting(auth)
    site = check(yaml.replace("»", ""))
    (line,) = lines(site)
    assert line.startswith(f"skerry.yaml:{marked(yaml)}: url.a.kwargs.{message}")
    assert site.mounts[0].mistakes


def test_a_mistake_in_the_auth_of_the_site_is_told_once_and_closes_its_mounts(check):
    yaml = """
        app: {auth: {»membershp: {}}}
        url:
          a: {pattern: /a, handler: Function, kwargs: {function: str}}
          b: {pattern: /b, handler: Function, kwargs: {function: str}}
        """
    site = check(yaml.replace("»", ""))
    assert [line.partition(" ")[2] for line in lines(site)] == [
        "app.auth.membershp: unknown key, did you mean 'membership'?"
    ]
    assert all(mount.mistakes for mount in site.mounts)


@pytest.mark.parametrize(
    "default",
    [
        "handlers: {BaseHandler: {auth: true}}",
        "handlers: {Function: {auth: true}}",
        "handlers: {FunctionHandler: {auth: {membership: {role: x}}}}",
        "handlers: {gramex.handlers.FunctionHandler: {auth: true}}",
        "app: {auth: true}",
        "app: {auth: {membership: {}}, titel: a mistake}",
    ],
)
@pytest.mark.parametrize("name", ["skerry.yaml", "gramex.yaml"])
def test_a_default_that_asks_for_sign_in_is_for_all_but_those_that_refuse_it(check, default, name):
    yaml = f"""
        {default}
        url:
          a: {{pattern: /a, handler: Function, kwargs: {{function: str}}}}
          b: {{pattern: /b, service: gramex.handlers.FunctionHandler, kwargs: {{function: str, auth: null}}}}
          c: {{pattern: /c, handler: Function, kwargs: {{function: str, auth: false}}}}
        """
    mounts = {mount.name: mount for mount in check(yaml, name=name).mounts}
    assert ["auth" in mounts[key].guards for key in "abc"] == [True, True, False]


@pytest.mark.parametrize("auth", ["false", "null", "{}"])
def test_a_site_that_asks_for_no_sign_in_is_open(check, auth):
    assert lines(check(f"app: {{auth: {auth}}}\n" + setting("args: []"))) == []
