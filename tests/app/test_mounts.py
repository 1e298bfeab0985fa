import pytest

FUNCTION = "handler: Function, kwargs: {function: handler.name}"


def test_a_broken_mount_answers_500_to_everything_and_the_rest_serves(site):
    client = site(f"url:\n  a: {{pattern: '/a/(.*)', handler: Form}}\n  b: {{pattern: /b, {FUNCTION}}}")
    assert {client.open("/a/x", method=method).status_code for method in ("GET", "POST", "DELETE", "OPTIONS")} == {500}
    assert client.get("/b").text == "b"


@pytest.mark.parametrize(("debug", "shown"), [("false", False), ("true", True)])
def test_the_reason_is_in_the_log_and_only_when_debugging_in_the_answer(site, caplog, debug, shown):
    client = site(f"app: {{settings: {{debug: {debug}}}}}\nurl: {{a: {{pattern: /a, handler: Form}}}}")
    reason = "handler: there is no handler 'Form'"
    assert (reason in client.get("/a").text) is shown
    assert f"skerry.yaml:2:7: url.a is broken: {reason}" in caplog.text


@pytest.mark.parametrize("debug", ["yes", "on", "true"])
def test_a_gramex_yaml_reads_switches_as_the_original_does(site, debug):
    client = site(f"app: {{settings: {{debug: {debug}}}}}", name="gramex.yaml")
    assert client.app.extensions["skerry"].application.debug


@pytest.mark.parametrize(
    "keys",
    ["auth: yes please", "auth: {membership: []}", "xsrf_cookies: 5", "auht: true"],
)
@pytest.mark.parametrize("path", ["/a", "/a/"])
def test_a_mount_whose_guard_is_not_understood_is_closed(site, keys, path):
    client = site(f"url: {{a: {{pattern: '/a/?', handler: Function, kwargs: {{function: str(1), {keys}}}}}}}")
    assert client.get(path).status_code == 500


@pytest.mark.parametrize("name", ["a.b", "a b", "a:b/c", "'404'", "404", "größe", "'...'", "static", "''"])
def test_a_mount_may_have_any_name(site, name):
    client = site(f"url: {{{name}: {{pattern: /a, {FUNCTION}}}}}")
    assert client.get("/a").text == name.strip("'")


def test_names_that_look_alike_are_different_mounts(site):
    client = site(f"url:\n  a.b: {{pattern: /1, {FUNCTION}}}\n  a-b: {{pattern: /2, {FUNCTION}}}")
    assert [client.get(path).text for path in ("/1", "/2")] == ["a.b", "a-b"]


def test_the_first_of_two_mounts_on_one_pattern_answers(site):
    client = site(f"url:\n  a: {{pattern: /x, {FUNCTION}}}\n  b: {{pattern: /./x, {FUNCTION}}}")
    assert client.get("/x").text == "a"


@pytest.mark.parametrize(("methods", "allowed"), [("GET", True), ("[post, put]", False), ("'get,post'", True)])
def test_methods_of_the_yaml_go_to_the_router(site, methods, allowed):
    client = site(f"url: {{a: {{pattern: /a, handler: Function, kwargs: {{function: str(1), methods: {methods}}}}}}}")
    assert (client.get("/a").status_code == 200) is allowed


def test_readiness_counts_broken_mounts(site):
    client = site(f"url:\n  a: {{pattern: /a, handler: Form}}\n  b: {{pattern: /b, {FUNCTION}}}")
    assert client.get("/-/ready").json == {"status": "ready", "mounts": 2, "broken": 1}
