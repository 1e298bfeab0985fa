import pytest

from app import userstore

SITE = """
app: {auth: {login_url: /in}}
url:
  home: {pattern: /, handler: Function, kwargs: {function: str(1)}}
  open: {pattern: /open, handler: Function, kwargs: {function: str(1), auth: false, methods: GET}}
  sales:
    pattern: /sales/(.*)
    handler: Function
    kwargs:
      function: str(1)
      validate: handler.args
      auth:
        membership:
          - {role: analyst, team: sales}
          - role: [admin]
  rule:
    pattern: /rule
    handler: Function
    kwargs: {function: str(1), auth: {methods: POST, condition: handler.current_user.level > 3}}
  broken: {pattern: /broken, handler: Function}
"""


@pytest.fixture
def why(site, monkeypatch):
    """`why("ana", "/sales", ...)` -> the exit code of `flask why`, and the lines that it prints."""

    def why(*arguments, yaml=SITE, prepare=None):
        client = site(yaml)
        monkeypatch.chdir(client.folder)
        if prepare:
            prepare(client.app.extensions["skerry"].application)
        result = client.app.test_cli_runner().invoke(args=["why", *arguments])
        return result.exit_code, result.output.splitlines()

    return why


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (["ana", "/"], "skerry.yaml:2:7: auth: is signed in"),
        (["-", "/open"], "skerry.yaml:5:3: no `auth:` is asked for: open to everyone"),
        (["ana", "/sales/x", "--set", "role=admin"], "skerry.yaml:15:13: auth: has role: admin"),
        (
            ["ana", "/sales/x?y=1", "--set", "role=[clerk, analyst]", "--set", "team=sales"],
            "skerry.yaml:14:13: auth: has role: analyst and team: sales",
        ),
        (["-", "/rule"], "skerry.yaml:19:39: auth: GET needs no sign-in"),
        (
            ["ana", "/rule", "--method", "post", "--set", "level=4"],
            "skerry.yaml:19:54: auth: condition 'handler.current_user.level > 3' is true",
        ),
        (["ana", "http://site.example/"], "skerry.yaml:2:7: auth: is signed in"),
    ],
)
def test_who_may_pass_is_told_the_rule_that_lets_them(why, arguments, rule):
    code, lines = why(*arguments)
    assert lines[1:3] == [rule, "passes"]
    assert code == 0


@pytest.mark.parametrize(
    ("arguments", "rule", "status"),
    [
        (["-", "/"], "skerry.yaml:2:7: auth: needs someone who is signed in", 401),
        (
            ["ana", "/sales/x", "--set", "role=analyst"],
            "skerry.yaml:13:9: auth: needs role: analyst and team: sales, or role: admin",
            403,
        ),
        (
            ["ana", "/rule", "--method", "POST", "--set", "level=2"],
            "skerry.yaml:19:54: auth: condition 'handler.current_user.level > 3' is not true",
            403,
        ),
        (["ana", "/open", "--method", "POST"], "skerry.yaml:5:3: POST is not answered here", 405),
        (["ana", "/broken"], "skerry.yaml:20:3: broken: kwargs.function: is required", 500),
    ],
)
def test_who_may_not_is_told_the_rule_that_refuses_them(why, arguments, rule, status):
    code, lines = why(*arguments)
    assert lines[1].startswith(rule)
    assert (lines[2], code) == (f"refused, {status}", 1)


def test_the_mount_that_answers_is_named(why):
    assert why("-", "/open")[1][0] == "url.open (skerry.yaml:5:3) answers"


def test_an_address_that_nothing_answers(why):
    assert why("-", "/none") == (1, ["no mount answers /none", "refused, 404"])


def test_guards_that_look_at_more_are_named(why):
    assert why("ana", "/sales/x", "--set", "role=admin")[1][-1] == "not looked at: validate"


def test_a_condition_that_fails_is_told(why):
    code, lines = why("ana", "/rule", "--method", "POST")
    assert lines[1].startswith("skerry.yaml:19:54: auth: the condition raised AttributeError: ")
    assert (lines[2], code) == ("refused, 500", 1)


def test_what_the_last_sign_in_left_is_known(why):
    def prepare(application):
        with application.app_context():
            userstore.save("ana", {"role": "admin"})

    assert why("ana", "/sales/x", prepare=prepare)[0] == 0


def test_who_is_disabled_passes_nowhere(why):
    def prepare(application):
        with application.app_context():
            userstore.save("ana", {"disabled": True})

    assert why("ana", "/", prepare=prepare) == (1, ["ana is disabled and cannot sign in", "refused, 403"])


def test_attributes_in_credentials_are_known(why):
    login = "  login: {pattern: /in, handler: SimpleAuth, kwargs: {credentials: {ana: {password: x, role: admin}}}}\n"
    assert why("ana", "/sales/x", yaml=SITE + login)[0] == 0


def test_the_page_to_sign_in_is_open_whatever_the_site_asks_for(why):
    login = "  login: {pattern: /in, handler: SimpleAuth, kwargs: {credentials: {ana: x}}}\n"
    assert why("-", "/in", yaml=SITE + login)[0] == 0


def test_an_attribute_needs_a_value(why):
    code, lines = why("ana", "/", "--set", "role")
    assert code == 2
    assert "'role' should be NAME=VALUE" in lines[-1]
