import pytest

MOUNT = """
    url:
      it: {{pattern: /it, handler: Function, kwargs: {{function: handler.request.method, methods: {methods}}}}}
"""


@pytest.mark.parametrize("methods", ["[GET, POST]", "'get, post'", "Get POST", "[get, Post]"])
def test_methods_may_be_a_list_or_text_in_any_case(site, methods):
    client = site(MOUNT.format(methods=methods))
    assert [client.open("/it", method=method).status_code for method in ("GET", "POST", "PUT")] == [200, 200, 405]


def test_a_refused_method_is_told_which_are_allowed(site):
    answer = site(MOUNT.format(methods="[GET, POST]")).delete("/it")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST", "OPTIONS"}


def test_head_comes_with_get(site):
    client = site(MOUNT.format(methods="GET"))
    answer = client.head("/it")
    assert (answer.status_code, answer.data) == (200, b"")
    assert site(MOUNT.format(methods="POST")).head("/it").status_code == 405


def test_the_refusal_has_the_page_and_the_headers_of_the_mount(site):
    client = site(
        """
        url:
          it:
            pattern: /it/(.*)
            handler: Function
            kwargs: {function: str(1), methods: GET, headers: {X-Mine: 'yes'}, error: {405: {path: sorry.txt}}}
        """,
        {"sorry.txt": "only GET for {{ handler.path_args[0] }}"},
    )
    answer = client.post("/it/5")
    assert (answer.status_code, answer.text, answer.headers["X-Mine"]) == (405, "only GET for 5", "yes")
    assert "GET" in answer.headers["Allow"]


def test_an_unknown_method_is_refused(site):
    assert site(MOUNT.format(methods="GET")).open("/it", method="BREW").status_code == 405
