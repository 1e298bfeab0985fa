import pytest

from app.guards.headers import Settings


def test_headers_are_set_on_every_answer(site):
    client = site("""
        url:
          ok: {pattern: /ok, handler: Function, kwargs: {function: str(1), headers: {X-Number: 5, X-Text: a b}}}
    """)
    headers = client.get("/ok").headers
    assert (headers["X-Number"], headers["X-Text"]) == ("5", "a b")


@pytest.mark.parametrize("function", ["1 / 0", "flask.abort(404)"])
def test_headers_are_set_on_failures_too(site, function):
    client = site(f"""
        url:
          bad: {{pattern: /bad, handler: Function, kwargs: {{function: {function}, headers: {{X-Here: 'yes'}}}}}}
    """)
    assert client.get("/bad").headers["X-Here"] == "yes"


def test_false_removes_a_header(site):
    client = site("""
        url:
          page:
            pattern: /page
            handler: Function
            kwargs: {function: "handler.set_header('X-Powered-By', 'us')", headers: {x-powered-by: false}}
    """)
    assert "X-Powered-By" not in client.get("/page").headers


def test_a_header_of_the_function_is_replaced(site):
    client = site("""
        url:
          page:
            pattern: /page
            handler: Function
            kwargs:
              function: handler.set_header('Cache-Control', 'no-store')
              headers: {cache-control: max-age=60, X-Zero: 0}
    """)
    headers = client.get("/page").headers
    assert headers.getlist("Cache-Control") == ["max-age=60"]
    assert headers["X-Zero"] == "0"


@pytest.mark.parametrize(
    "headers",
    [{"X-A": "a\r\nSet-Cookie: b"}, {"X-A\n": "a"}, {"X A": "a"}, {"": "a"}, {"X-A:": "a"}, {"X-A": "€"}],
    ids=["value", "name", "space", "empty", "colon", "not-latin-1"],
)
def test_headers_that_cannot_be_sent_are_mistakes(headers):
    with pytest.raises(ValueError, match="header|value"):
        Settings.model_validate(headers)
