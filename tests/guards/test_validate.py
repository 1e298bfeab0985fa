import logging

import pytest

MOUNT = """
    url:
      it: {{pattern: /it, handler: Function, kwargs: {{function: str('ok'), validate: {rule}}}}}
"""


@pytest.mark.parametrize(
    ("rule", "query", "status"),
    [
        ('\'handler.get_arg("n", "").isdigit()\'', "?n=5", 200),
        ('\'handler.get_arg("n", "").isdigit()\'', "?n=x", 400),
        ("{function: handler.args, code: 404}", "?n=5", 200),
        ("{function: handler.args, code: 404}", "", 404),
        ("['True', {function: 'False', code: 403}]", "", 403),
        ("[{function: 'False', code: 403}, {function: 1 / 0, code: 500}]", "", 403),
        ("{function: 'False', code: 402}", "", 402),
        ("{function: 'False', code: 499}", "", 499),
        ("{function: handler.get_arg('n'), code: 422}", "", 422),
        ("{function: 'flask.abort(404)', code: 418}", "", 418),
    ],
)
def test_a_request_passes_if_every_rule_is_true(site, rule, query, status):
    assert site(MOUNT.format(rule=rule)).get(f"/it{query}").status_code == status


def test_the_reason_is_said(site):
    client = site(MOUNT.format(rule="{function: 'False', code: 404, reason: no such sensor}"))
    assert client.get("/it").json["detail"] == "no such sensor"


def test_a_rule_that_raises_refuses_and_is_logged(site, caplog):
    client = site(MOUNT.format(rule="{function: 1 / 0, code: 403}"))
    with caplog.at_level(logging.ERROR):
        answer = client.get("/it")
    assert answer.status_code == 403
    assert "ZeroDivisionError" in caplog.text
    assert f"{client.folder / 'skerry.yaml'}:3:3: url.it" in caplog.text
    assert answer.headers["X-Request-ID"] in caplog.text


def test_a_rule_may_use_the_site_s_modules(site):
    client = site(MOUNT.format(rule="rules.known"), {"rules.py": "def known(handler): return 'k' in handler.args"})
    assert [client.get(path).status_code for path in ("/it?k=1", "/it")] == [200, 400]


def test_a_refusal_of_any_code_can_have_its_own_page(site):
    yaml = "{function: 'False', code: 499}, error: {499: {path: no.txt}}"
    assert site(MOUNT.format(rule=yaml), {"no.txt": "code {{ status_code }}"}).get("/it").text == "code 499"


def test_an_answer_from_the_cache_passes_validate_too(site):
    client = site("""
        url:
          it:
            pattern: /it
            handler: Function
            cache: {key: [request.path]}
            kwargs: {function: str('ok'), validate: "'k' in handler.args"}
    """)
    assert [client.get(path).status_code for path in ("/it?k", "/it")] == [200, 400]
