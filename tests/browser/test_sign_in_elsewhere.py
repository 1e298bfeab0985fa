"""Sign-in at an OpenID provider, as people see it."""

import pytest

from tests.blueprints.login.oauth.conftest import real_provider  # noqa: F401  # a fixture

SITE = """
    url:
      login:
        pattern: /login/
        handler: OAuth2
        kwargs: {{issuer: "{url}", client_id: any, client_secret: x}}
      who: {{pattern: /who, handler: Function, kwargs: {{function: handler.current_user.name, auth: true}}}}
"""


@pytest.fixture
def url(serve, real_provider):  # noqa: F811  # the fixture
    return serve(SITE.format(url=real_provider)).url


@pytest.fixture
def visitor(page):
    """A page, whose problems are those of the site: the provider's own page asks another machine for its style."""
    yield page()
    page.problems[:] = [problem for problem in page.problems if "pico.min.css" not in problem]


def test_a_visitor_signs_in_at_a_provider_and_comes_back(url, visitor):
    visitor.goto(f"{url}/who")
    visitor.get_by_role("button", name="ana").click()
    visitor.wait_for_url(f"{url}/who")
    assert visitor.inner_text("body") == "Ana"


def test_a_visitor_who_does_not_agree_may_try_again(url, visitor, page, accessible):
    visitor.goto(f"{url}/login/?error=access_denied&state=x")
    accessible(visitor)
    page.problems.clear()  # the browser notes the 401
    visitor.get_by_role("link", name="Try again").click()
    visitor.get_by_role("button", name="ana").wait_for()
