import random
import re

import pytest
from werkzeug.exceptions import BadRequest, MethodNotAllowed, NotFound

from app.patterns import MountRule, PatternError, Router, normalise, parse


@pytest.mark.parametrize(
    ("pattern", "path", "groups"),
    [
        ("/about", "/about", {}),
        ("/chart.svg", "/chart.svg", {}),
        (r"/chart\.svg", "/chart.svg", {}),
        ("/data/(.*)", "/data/a/b", {"_0": "a/b"}),
        ("/data/(.*)", "/data/", {"_0": ""}),
        (r"/(\d+)-(\d+)", "/1-22", {"_0": "1", "_1": "22"}),
        (r"/(?P<year>\d{4})/sales", "/2024/sales", {"year": "2024"}),
        ("/a(/(.*))?", "/a", {"_0": None, "_1": None}),
        ("/(?P<a>x)?(?P<b>y)?", "/y", {"a": None, "b": "y"}),
        ("/x/?(.*)", "/xy", {"_0": "y"}),
        ("/x/*", "/x", {}),
        ("/ab{0,1}", "/a", {}),
        ("/ab?c", "/ac", {}),
        ("/a|/b", "/b", {}),
        ("/(?:a|b)/c", "/b/c", {}),
        ("/(?!admin)(.*)", "/public", {"_0": "public"}),
        (r"/x(?=/y)/(\w)", "/x/y", {"_0": "y"}),
        ("/[^/]+/x", "/a/x", {}),
        ("/[(/](a)", "/(a", {"_0": "a"}),
        (r"/\(x\)", "/(x)", {}),
        (r"\/a\/(b)", "/a/b", {"_0": "b"}),
        ("(?i)/Data/(x)", "/dAtA/X", {"_0": "X"}),
        ("(?x)/ a # | (", "/a", {}),
        ("/a(?#b(c)|/d", "/d", {}),
        ("(.*)", "/anything", {"_0": "/anything"}),
        ("/(a(b(c)?)?)*", "/ababc", {"_0": "abc", "_1": "bc", "_2": "c"}),
        ("/größe/(ü+)", "/größe/üü", {"_0": "üü"}),
        ("/[[a]b", "/[b", {}),
        ("^/a$", "/a", {}),
        ("/item/<int:id>", "/item/007", {"id": 7}),
        ("/item/<id>", "/item/x", {"id": "x"}),
        ("/at/<float:x>.<any(svg, 'a b'):kind>", "/at/1.5.svg", {"x": 1.5, "kind": "svg"}),
        ("/deep/<path:rest>", "/deep/a/b", {"rest": "a/b"}),
        ("/t/<int(signed=True):t>", "/t/-3", {"t": -3}),
    ],
)
def test_a_pattern_matches_the_whole_path(pattern, path, groups):
    assert parse(pattern).match(path) == groups


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/about", "/about/"),
        ("/about/", "/about"),
        ("/about", "/about/x"),
        ("/chart.svg", "/chartxsvg"),
        ("/data/(.*)", "/data"),
        ("/(?!admin)(.*)", "/admin"),
        ("/item/<int:id>", "/item/x"),
        ("/item/<int(max=9):id>", "/item/10"),
        ("/item/<id>", "/item/a/b"),
        pytest.param("/item/<int:id>", "/item/" + "1" * 5000, id="a number too long for Python"),
    ],
)
def test_a_pattern_does_not_match_other_paths(pattern, path):
    assert parse(pattern).match(path) is None


@pytest.mark.parametrize(
    ("pattern", "normal"),
    [
        ("/./x", "/x"),
        ("/a/../x", "/x"),
        ("/../x", "/x"),
        ("/a/b/..", "/a/"),
        ("/..", "/"),
        ("//a///b//", "/a/b/"),
        ("/a/./", "/a/"),
        ("/[^/]+/../x", "/x"),
        ("/(a/../b)/[/./]", "/(a/../b)/[/./]"),
        (r"/a\$", r"/a\$"),
    ],
)
def test_segments_are_normalised_outside_of_groups(pattern, normal):
    assert normalise(pattern) == normal


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("", "should begin with a slash"),
        ("about", "'about' should begin with a slash: '/about'"),
        ("data/(.*)", "should begin with a slash"),
        ("data/<int:id>", "should begin with a slash"),
        ("/(", "is not a regular expression: missing )"),
        ("/a{99999999999}b", "is not a regular expression"),
        ("/(?P<a>x)/(y)", "name all of them or none"),
        ("/<int:a>/(.*)", "mixes <placeholders> with a regular expression"),
        ("/<int:a>/<int:a>", "names <a> twice"),
        ("/<itn:a>", "no placeholder <itn:...>, did you mean 'int'?"),
        ("/<int(size=1):a>", "does not have such options"),
        ("/<a²>", "is not a regular expression"),
    ],
)
def test_a_pattern_that_cannot_be_used_says_why(pattern, message):
    with pytest.raises(PatternError, match=re.escape(message)):
        parse(pattern)


# Which pattern answers


def router(*patterns):
    made = Router()
    for pattern, options in (pattern if isinstance(pattern, tuple) else (pattern, {}) for pattern in patterns):
        made.add(MountRule(pattern, **{"endpoint": pattern, "methods": ["GET"], **options}))
    return made


@pytest.mark.parametrize(
    ("patterns", "path", "winner"),
    [
        (["/(.*)", "/a"], "/a", "/a"),
        (["/(.*)", "/a/(.*)"], "/a/b", "/a/(.*)"),
        (["/a.*", "/a/?b?"], "/a/", "/a/?b?"),
        (["/(a+b+)", "/(a+b)"], "/ab", "/(a+b)"),
        (["/x/(.)", "/x/(..?)"], "/x/1", "/x/(.)"),
        (["/<name>", "/a"], "/a", "/a"),
        (["/a", ("/(.*)", {"priority": 1})], "/a", "/(.*)"),
        ([("/a", {"priority": -1}), "/(.*)"], "/a", "/(.*)"),
        ([("/a", {"priority": 1.5}), ("/a", {"priority": 2, "endpoint": "better"})], "/a", "better"),
    ],
)
def test_the_order_of_patterns(patterns, path, winner):
    assert router(*patterns).match(path, "GET", False)[0].endpoint == winner


PIECES = [
    "/a",
    "/b",
    "/ab",
    "/a.b",
    r"\.x",
    "/",
    "/?",
    "(.*)",
    r"(\d+)",
    "(?:a|b)",
    "[ab/]",
    "b?",
    "a+",
    "c{0,2}",
    "|/b",
]
TEXTS = ["/a", "/b", "/ab", "/a.b", ".x", "/", "12", "a", "b", "cc", "/1"]


@pytest.mark.parametrize("seed", range(20))
def test_the_index_finds_what_trying_all_patterns_in_order_finds(seed):
    chance = random.Random(seed)
    patterns = [some_pattern(chance) for _ in range(40)]
    rules = {(text, priority): None for text, priority in patterns}
    found = router(*((text, {"priority": priority, "endpoint": f"{text} {priority}"}) for text, priority in rules))
    order = found.order()
    for _ in range(100):
        path = "/" + "".join(chance.choices(TEXTS, k=chance.randint(0, 4))).lstrip("/")
        assert answer(found, path) == tried(sorted(order, key=order.get), path)


def some_pattern(chance):
    while True:
        text = "/" + "".join(chance.choices(PIECES, k=chance.randint(0, 5))).lstrip("/")
        try:
            return parse(text).text, chance.choice([0, 0, 0, 1, -1])
        except PatternError:
            continue


def answer(found, path):
    try:
        return found.match(path, "GET", False)[0].endpoint
    except NotFound:
        return None


def tried(patterns, path):
    return next((f"{text} {rank}" for text, rank in patterns if parse(text).match(path) is not None), None)


def test_a_wrong_method_names_the_right_ones():
    found = router(("/a", {"methods": ["GET"]}), ("/a", {"methods": ["POST"], "endpoint": "post"}), "/(.*)")
    assert found.match("/a", "POST", False)[0].endpoint == "post"
    with pytest.raises(MethodNotAllowed) as refused:
        found.match("/a", "PUT", False)
    assert refused.value.valid_methods == ["GET", "HEAD", "POST"]


def test_one_pattern_may_serve_pages_and_web_sockets():
    found = router("/chat", ("/chat", {"websocket": True, "methods": None, "endpoint": "live"}))
    assert found.match("/chat", "GET", False)[0].endpoint == "/chat"
    assert found.match("/chat", "GET", True)[0].endpoint == "live"


@pytest.mark.parametrize("websocket", [True, False])
def test_an_address_of_the_other_kind_is_a_bad_request(websocket):
    found = router(("/x", {"websocket": not websocket, "methods": ["GET"]}))
    with pytest.raises(BadRequest):
        found.match("/x", "GET", websocket)


# In a site

SITE = """
url:
  page: {pattern: /page, handler: Function, kwargs: {function: handler.request.method, methods: [GET, POST]}}
  item: {pattern: "/item/<int:id>", handler: Function, kwargs: {function: handler.path_kwargs}}
  path: {pattern: "/p/(a)?(.*)", handler: Function, kwargs: {function: handler.path_args}}
"""


@pytest.mark.parametrize(("method", "body"), [("GET", b"GET"), ("HEAD", b""), ("POST", b"POST"), ("OPTIONS", b"")])
def test_methods_of_a_mount(site, method, body):
    answer = site(SITE).open("/page", method=method)
    assert (answer.status_code, answer.data) == (200, body)


@pytest.mark.parametrize(("method", "status"), [("PUT", 405), ("OPTIONS", 200)])
def test_a_method_that_a_mount_has_not_and_options_name_those_it_has(site, method, status):
    answer = site(SITE).open("/page", method=method)
    assert (answer.status_code, sorted(answer.allow)) == (status, ["GET", "HEAD", "OPTIONS", "POST"])


def test_groups_reach_the_function(site):
    client = site(SITE)
    assert client.get("/item/3").json == {"id": 3}
    assert client.get("/p/b%2Fc").json == [None, "b/c"]


def test_url_for_builds_plain_patterns_and_placeholders(site):
    app = site(SITE).app.extensions["skerry"].application
    with app.test_request_context():
        built = [app.url_for("static", filename="a/b.css"), app.url_for("page.view"), app.url_for("item.view", id=3)]
    assert built == ["/-/static/a/b.css", "/page", "/item/3"]
