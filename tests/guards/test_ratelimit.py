import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest

from app import json_schema
from app.state import counters
from blueprints import FEATURES

REPO = Path(__file__).parents[2]
FOREVER = "3155760000"
MOUNT = """
    url:
      it:
        pattern: /it
        handler: Function
        kwargs:
          function: {function}
          ratelimit: {limits}
"""
START = datetime(2026, 11, 21, 15, 30, tzinfo=UTC).timestamp()


@pytest.fixture
def clock(monkeypatch):
    """The time of all limits: `clock.now` may be set."""

    class Clock:
        now = START

    monkeypatch.setattr(counters, "now", lambda: Clock.now)
    return Clock


@pytest.fixture
def limited(site):
    """`limited(limits, function)` -> the client of a site with one limited mount, /it."""

    def limited(limits, function="str(1)", files=None):
        return site(MOUNT.format(limits=limits, function=function), files)

    return limited


def statuses(client, times, path="/it", **options):
    return [client.get(path, **options).status_code for _ in range(times)]


def told(answer):
    return [answer.headers.get(f"X-Ratelimit-{name}") for name in ("Limit", "Remaining", "Reset")]


def test_so_many_requests_pass_and_the_next_is_429(limited, clock):
    client = limited("{keys: daily, limit: 3}")
    answers = [client.get("/it") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [told(answer) for answer in answers] == [["3", left, "30600"] for left in ("2", "1", "0", "0")]


def test_a_refusal_says_when_to_try_again(limited, clock):
    client = limited("{keys: hourly, limit: 0}")
    answer = client.get("/it")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1800")
    assert answer.content_type == "application/problem+json"
    assert answer.json["detail"] == "the limit of 0 requests is reached"


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_errors_do_not_count_and_say_nothing_of_the_limit(limited, status):
    client = limited("{keys: daily, limit: 1}", f"flask.abort({status}) if handler.args else str(1)")
    failed = [client.get("/it?fail=1") for _ in range(3)]
    assert [(answer.status_code, told(answer)) for answer in failed] == [(status, [None] * 3)] * 3
    assert statuses(client, 2) == [200, 429]


def test_a_method_that_is_not_answered_does_not_count(site):
    client = site("""
        url:
          it:
            pattern: /it
            handler: Function
            kwargs: {function: str(1), methods: GET, ratelimit: {keys: daily, limit: 1}}
    """)
    assert client.post("/it").status_code == 405
    assert statuses(client, 2) == [200, 429]


def test_what_the_client_has_already_counts(site):
    client = site(
        "url: {it: {pattern: /it, handler: FileHandler, kwargs: {path: a.txt, ratelimit: {keys: ip, limit: 2}}}}",
        {"a.txt": "a"},
    )
    tag = client.get("/it").headers["ETag"]
    answer = client.get("/it", headers={"If-None-Match": tag})
    assert (answer.status_code, told(answer)[:2]) == (304, ["2", "0"])
    assert statuses(client, 1) == [429]


def test_an_answer_from_the_cache_counts(site):
    client = site("""
        url:
          it:
            pattern: /it
            handler: Function
            cache: true
            kwargs: {function: str(1), ratelimit: {keys: daily, limit: 2}}
    """)
    assert statuses(client, 3) == [200, 200, 429]


def test_a_stream_that_is_not_read_to_its_end_counts(limited):
    client = limited("{keys: daily, limit: 1}", "(str(n) for n in range(1000))")
    client.get("/it", buffered=False).close()
    assert statuses(client, 1) == [429]


@pytest.mark.parametrize(
    ("period", "begins", "seconds"),
    [
        ("hourly", datetime(2026, 11, 21, 16, tzinfo=UTC), 3600),
        ("daily", datetime(2026, 11, 22, tzinfo=UTC), 86400),
        ("weekly", datetime(2026, 11, 23, tzinfo=UTC), 7 * 86400),
        ("monthly", datetime(2026, 12, 1, tzinfo=UTC), 31 * 86400),
        ("yearly", datetime(2027, 1, 1, tzinfo=UTC), 365 * 86400),
    ],
)
def test_a_period_begins_anew_with_the_calendar(limited, clock, period, begins, seconds):
    client = limited(f"{{keys: {period}, limit: 1}}")
    assert statuses(client, 1) == [200]
    clock.now = begins.timestamp() - 1
    assert client.get("/it").headers["Retry-After"] == "1"
    clock.now = begins.timestamp()
    assert told(client.get("/it")) == ["1", "0", str(seconds)]


@pytest.mark.parametrize("month", range(1, 13))
def test_every_month_ends_with_its_last_day(limited, clock, month):
    client = limited("{keys: monthly, limit: 9}")
    clock.now = datetime(2028, month, 28, 12, tzinfo=UTC).timestamp()
    end = datetime(2028 + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    assert told(client.get("/it"))[2] == str(int(end.timestamp() - clock.now))


USERS = """
    url:
      login: {pattern: /login, handler: Function, kwargs: {function: own.login}}
      it: {pattern: /it, handler: Function, kwargs: {function: str(1), ratelimit: {keys: KEYS, limit: 1}}}
"""
LOGIN = """
from app.session import sign_in

def login(handler):
    name = handler.get_arg("name")
    sign_in({"id": name, "team": {"name": name[0]}})
    return name
"""


@pytest.mark.parametrize(
    ("keys", "names", "status"),
    [
        ("user", ("ann", "bob"), 200),
        ("user", ("ann", "ann"), 429),
        ("user.team.name", ("ann", "alf"), 429),
        ("session", ("ann", "ann"), 200),
    ],
)
def test_people_are_counted_apart(site, keys, names, status):
    client = site(USERS.replace("KEYS", keys), {"own.py": LOGIN})
    found = []
    for name in names:
        client.get(f"/login?name={name}")
        found += statuses(client, 1)
    assert found == [200, status]


def test_people_who_are_not_signed_in_are_counted_together(site):
    client = site(USERS.replace("KEYS", "user"), {"own.py": LOGIN})
    assert statuses(client, 1) + statuses(client.app.test_client(), 1) == [200, 429]


@pytest.mark.parametrize(("limit", "status"), [(1, 401), (0, 429)])
def test_the_limit_is_asked_before_anyone_has_to_sign_in(limited, limit, status):
    client = limited(f"{{keys: ip, limit: {limit}}}\n          auth: {{login_url: false}}")
    assert statuses(client, 3) == [status] * 3


def test_an_expiry_may_be_an_expression(limited, clock):
    client = limited("{keys: {function: str(1), expiry: int(handler.get_arg('s'))}, limit: 9}")
    assert told(client.get("/it?s=90"))[2] == "90"
    assert told(client.get("/it?s=20"))[1:] == ["7", "90"]


def test_a_count_whose_end_has_gone_by_lasts_a_second(limited, clock):
    client = limited("{keys: {function: str(1), expiry: -5 + 0}, limit: 1}")
    assert statuses(client, 2) == [200, 429]
    clock.now += 1
    assert statuses(client, 1) == [200]


def test_the_smallest_expiry_counts(limited, clock):
    client = limited("{keys: [yearly, {function: 'str(1)', expiry: 60}, daily], limit: 1}")
    assert told(client.get("/it"))[2] == "60"
    clock.now += 20
    assert client.get("/it").headers["Retry-After"] == "40"
    clock.now += 40
    assert statuses(client, 1) == [200]


def test_without_a_period_a_count_lasts_a_hundred_years(limited, clock):
    assert told(limited("{keys: ip, limit: 1}").get("/it"))[2] == FOREVER


@pytest.mark.parametrize(
    ("keys", "one", "other"),
    [
        ("args.city", {"query_string": "city=Pune"}, {"query_string": "city=Oslo"}),
        ("headers.X-App", {"headers": {"X-App": "a"}}, {"headers": {"X-App": "b"}}),
        ("[args.a, args.b]", {"query_string": "a=xy&b=z"}, {"query_string": "a=x&b=yz"}),
        ("[args.a, args.b]", {"query_string": 'a=x","&b=y'}, {"query_string": 'a=x&b=","y'}),
        ("request.method", {"method": "GET"}, {"method": "POST"}),
        ("ip", {"environ_base": {"REMOTE_ADDR": "10.0.0.1"}}, {"environ_base": {"REMOTE_ADDR": "10.0.0.2"}}),
        ("{function: handler.get_arg('city')}", {"query_string": "city=Pune"}, {"query_string": "city=Oslo"}),
        ("args.a", {"query_string": "a=" + "x" * 60_000}, {"query_string": "a=" + "x" * 60_000 + "y"}),
        ("args.a", {"query_string": "a=%00%01"}, {"query_string": "a=%00%02"}),
    ],
    ids=["argument", "header", "joined", "quoted", "method", "ip", "function", "huge", "binary"],
)
def test_what_the_keys_tell_apart_is_counted_apart(limited, keys, one, other):
    client = limited(f"{{keys: {keys}, limit: 1}}")
    found = [client.open("/it", **request).status_code for request in (one, one, other)]
    assert found == [200, 429, 200]


@pytest.mark.parametrize(
    "value", ["\udcff", 2**70, ["a", {"b": 1}], None], ids=["no Unicode", "long", "nested", "None"]
)
def test_a_key_may_have_any_value(limited, value):
    code = f"def value(): return {value!r}"
    client = limited("{keys: {function: own.value()}, limit: 1}", files={"own.py": code})
    assert statuses(client, 2) == [200, 429]


def test_a_function_may_name_the_period(limited, clock):
    client = limited("{keys: {key: handler.get_arg('p')}, limit: 5}")
    assert [told(client.get(f"/it?p={period}"))[2] for period in ("hourly", "daily")] == ["1800", "30600"]
    assert client.get("/it?p=minutely").status_code == 500


def test_several_limits_all_have_to_allow(limited, clock):
    client = limited("[{keys: hourly, limit: 2}, {keys: daily, limit: 3}]")
    assert [told(client.get("/it"))[:2] for _ in range(3)] == [["2", "1"], ["2", "0"], ["2", "0"]]
    clock.now += 3600
    assert [told(client.get("/it"))[:2] for _ in range(2)] == [["3", "0"], ["3", "0"]]


def test_a_request_that_one_limit_refuses_counts_for_none(limited):
    client = limited("[{keys: daily, limit: 5}, {pool: p, keys: args.x, limit: 1}]")
    assert statuses(client, 4, "/it?x=1") == [200, 429, 429, 429]
    assert told(client.get("/it?x=2"))[:2] == ["1", "0"]
    assert statuses(client, 4, "/it?x=3") == [200, 429, 429, 429]


def test_two_limits_of_the_same_pool_and_keys_count_once(limited):
    client = limited("[{keys: daily, limit: 3}, {keys: daily, limit: 2}]")
    assert statuses(client, 3) == [200, 200, 429]


POOLS = """
    url:
      a: {pattern: /a, handler: Function, kwargs: {function: str(1), ratelimit: {pool: p, keys: ip, limit: 2}}}
      b: {pattern: /b, handler: Function, kwargs: {function: str(1), ratelimit: {pool: p, keys: ip, limit: 2}}}
      c: {pattern: /c, handler: Function, kwargs: {function: str(1), ratelimit: {keys: ip, limit: 2}}}
"""


def test_mounts_of_a_pool_share_its_counts(site):
    client = site(POOLS)
    assert [client.get(path).status_code for path in ("/a", "/b", "/a", "/b", "/c", "/c", "/c")] == [
        *[200, 200, 429, 429],
        *[200, 200, 429],
    ]


def test_the_limit_may_be_a_function(limited):
    client = limited("{keys: args.plan, limit: {function: plans.limit(handler)}}", files={"plans.py": PLANS})
    assert [told(client.get(f"/it?plan={plan}"))[:2] for plan in ("free", "paid")] == [["1", "0"], ["100", "99"]]


PLANS = "def limit(handler): return {'free': 1, 'paid': 100}[handler.get_arg('plan')]"


CODE = """
def usage(handler):
    return handler.get_ratelimit()

def reset(handler):
    value = int(handler.get_arg("value", 0))
    return str(handler.reset_ratelimit("p", [handler.request.remote_ip], value))
"""
RESET = """
    url:
      it: {pattern: /it, handler: Function, kwargs: {function: own.usage, ratelimit: {pool: p, keys: ip, limit: 5}}}
      reset: {pattern: /reset, handler: Function, kwargs: {function: own.reset}}
      own: {pattern: /own, handler: Function, kwargs: {function: own.reset, ratelimit: {pool: p, keys: ip, limit: 5}}}
      unlimited: {pattern: /unlimited, handler: Function, kwargs: {function: own.usage}}
"""


def test_functions_can_ask_for_the_usage(site):
    client = site(RESET, {"own.py": CODE})
    client.get("/it")
    assert client.get("/it").json == {"limit": 5, "usage": 1, "remaining": 3, "expiry": int(FOREVER)}
    assert client.get("/unlimited").text == ""


def test_the_page_of_a_refusal_can_ask_for_the_usage(limited, clock):
    error = "\n          error: {429: {function: str(handler.get_ratelimit().expiry)}}"
    client = limited("{keys: daily, limit: 0}" + error)
    assert client.get("/it").text == client.get("/it").headers["X-Ratelimit-Reset"] == "30600"


def test_functions_of_other_mounts_can_set_the_count(site):
    client = site(RESET, {"own.py": CODE})
    assert client.get("/reset").text == "False"
    statuses(client, 5)
    assert client.get("/reset?value=4").text == "True"
    assert statuses(client, 2) == [200, 429]


def test_a_request_that_sets_its_own_count_counts_from_there(site):
    client = site(RESET, {"own.py": CODE})
    statuses(client, 4)
    assert told(client.get("/own"))[:2] == ["5", "4"]
    assert client.get("/it").json["usage"] == 1


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ("{keys: dayly, limit: 1}", "keys: there is no key 'dayly', did you mean 'daily'?"),
        ("{keys: 'daily, status', limit: 1}", "keys: 'status' is not known before the request is answered"),
        ("{keys: [daily, args], limit: 1}", "keys.1: there is no key 'args'"),
        ("{limit: 1}", "keys: is required"),
        ("{keys: [], limit: 1}", "keys: should name at least one key"),
        ("{keys: daily}", "limit: is required"),
        ("[]", "ratelimit: should have a limit"),
        ("{keys: daily, limit: -1}", "limit: should be greater than or equal to 0"),
        ("{keys: {function: str(1), expiry: 0}, limit: 1}", "expiry: should be greater than or equal to 1"),
        ("{keys: daily, limit: many}", "limit: should be a whole number"),
        ("{keys: daily, limit: true}", "limit: should be a number, not true"),
        ("{keys: daily, limit: {function: '1 +'}}", "limit.function: '1 +' is not a Python expression"),
        ("{keys: {function: '1 +'}, limit: 1}", "function: '1 +' is not a Python expression"),
        ("{keys: {function: '1', expiry: '2 +'}, limit: 1}", "expiry: '2 +' is not a Python expression"),
        ("{keys: {key: '3 +'}, limit: 1}", "key: '3 +' is not a Python expression"),
        ("{keys: daily, limit: 1, pol: x}", "pol: unknown key"),
    ],
    ids=lambda value: value if "{" in value else "",
)
def test_what_is_wrong_in_the_yaml_is_named_with_its_place(limited, limits, message):
    client = limited(limits)
    (mistake,) = client.app.extensions["skerry"].application.mistakes
    assert message in str(mistake).replace("ratelimit.0.", "ratelimit.")
    assert mistake.place.line >= 8
    assert client.get("/it").status_code == 500


def test_a_file_that_cannot_be_used_is_503_on_limited_mounts_only(site, caplog):
    client = site(RESET, {"own.py": CODE, "var/ratelimit.db/not-a-file": ""})
    answer = client.get("/it")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert f"{client.folder}/var/ratelimit.db: unable to open database file" in caplog.text
    assert client.get("/unlimited").status_code == 200


def test_an_error_that_cannot_be_given_back_stays_counted(limited, monkeypatch, caplog):
    client = limited("{keys: ip, limit: 2}", "flask.abort(404) if handler.args else str(1)")
    with monkeypatch.context() as broken:
        broken.setattr("app.state.counters.sqlite._GIVE_BACK", "UPDATE broken")
        assert client.get("/it?fail=1").status_code == 404
    assert "rate limits: " in caplog.text
    assert statuses(client, 2) == [200, 429]


def test_redis_without_its_package_is_a_mistake(site, monkeypatch):
    monkeypatch.setattr("app.extras.find_spec", lambda name: None)
    client = site("app: {ratelimit: {type: redis}}\nurl: {}")
    (mistake,) = client.app.extensions["skerry"].application.mistakes
    assert mistake.message == "counting in Redis needs redis, not installed: pip install 'skerry[redis]'"


@pytest.mark.parametrize("path", ["http://a", "redis://me:secret@a:x/0", "a:b:c"])
def test_what_is_no_address_of_redis_is_a_mistake(site, path):
    client = site(f"app: {{ratelimit: {{type: redis, path: '{path}'}}}}\nurl: {{}}")
    (mistake,) = client.app.extensions["skerry"].application.mistakes
    assert mistake.message == "should be the URL of Redis, as redis://localhost:6379/0"


def test_redis_may_be_named_as_in_the_original(site, redis):
    host = redis.removeprefix("redis://").replace("/", ":")
    client = site(f"app: {{ratelimit: {{type: redis, path: '{host}'}}}}\n" + POOLS.replace("\n    ", "\n"))
    assert statuses(client, 3, "/a") == [200, 200, 429]


def test_the_original_s_stores_are_taken_for_ours(site):
    yaml = "app: {ratelimit: {type: json, path: var/limits.json, flush: 30, purge: 60}}\n" + POOLS.replace(
        "\n    ", "\n"
    )
    client = site(yaml, {"var/limits.json": "{}"}, name="gramex.yaml")
    assert statuses(client, 3, "/a") == [200, 200, 429]
    assert (client.folder / "var/ratelimit.db").exists()
    assert (client.folder / "var/limits.json").read_text() == "{}"


@pytest.mark.parametrize(("limits", "imported"), [("false", "False"), ("{keys: ip, limit: 1}", "True")])
def test_only_a_site_with_limits_imports_limits(write_site, limits, imported):
    config = write_site(MOUNT.format(function="str(1)", limits=limits))
    env = {**os.environ, "SKERRY_CONFIG": str(config)}
    command = [sys.executable, "-c", "import sys, wsgi; print('limits' in sys.modules)"]
    assert subprocess.run(command, cwd=REPO, env=env, capture_output=True, text=True).stdout == f"{imported}\n"


@pytest.mark.parametrize(
    ("limits", "valid"),
    [
        ({"keys": "hourly ip", "limit": 1}, True),
        ([{"keys": ["daily", {"function": "a.b", "expiry": 5}], "limit": {"function": "a.c"}}], True),
        ({"keys": {"key": "a.b"}, "limit": 1}, True),
        ({"keys": "daily"}, False),
        ({"keys": [{"fun": "a.b"}], "limit": 1}, False),
        ("daily", False),
    ],
    ids=["text", "list", "one mapping", "no limit", "unknown key", "no mapping"],
)
def test_editors_know_what_a_limit_is(limits, valid):
    schema = json_schema.build(FEATURES)["$defs"]["guard.ratelimit"]
    assert jsonschema.Draft202012Validator(schema).is_valid(limits) == valid
