"""The pages of sign-in, as people use them."""

import re

import pytest

SITE = """
    app: {{title: Harbour Office, url: "{url}"}}
    email: {{office: {{type: smtp, host: 127.0.0.1, port: {port}, email: office@site.example}}}}
    url:
      login:
        pattern: /login/
        handler: DBAuth
        kwargs:
          url: people.csv
          delay: 0
          forgot: {{email_column: email}}
          signup: {{columns: {{full_name: full_name}}}}
          session_expiry: {{default: 1, key: remember, values: {{week: 7}}}}
          providers: {{Sign in by e-mail: /code}}
      code: {{pattern: /code, handler: EmailAuth, kwargs: {{delay: 0}}}}
      home:
        pattern: /home
        handler: Function
        kwargs: {{auth: true, function: "'hello ' + handler.current_user.id"}}
"""
PEOPLE = "user,password,email,full_name\nana,secret,ana@post.example,Ana\n"
PAGES = ("/login/", "/login/?forgot", "/login/?signup", "/login/?forgot=x", "/code")


@pytest.fixture
def url(serve, mailbox):
    return serve(SITE.format(port=mailbox.port, url="https://site.example"), {"people.csv": PEOPLE}).url


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1280, True)], ids=["phone, light", "desk, dark"])
def test_the_pages_are_accessible_and_fit(url, page, accessible, width, dark):
    shown = page(width=width, dark=dark)
    for path in PAGES:
        shown.goto(url + path)
        accessible(shown)
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
    page.problems.clear()  # the browser notes the 401


@pytest.mark.parametrize("width", [390, 1280], ids=["phone", "desk"])
def test_an_error_is_shown_beside_its_field_and_is_accessible(url, page, accessible, width):
    shown = page(width=width)
    shown.goto(url + "/login/")
    sign_in(shown, "guess")
    accessible(shown)
    field = shown.get_by_label("Password")
    assert field.get_attribute("aria-invalid") == "true"
    assert shown.locator(f"#{field.get_attribute('aria-describedby')}").inner_text().startswith("This name")
    assert (shown.get_by_label("Name").input_value(), field.input_value()) == ("ana", "")
    page.problems.clear()  # the browser notes the 401


def sign_in(shown, password):
    shown.get_by_label("Name").fill("ana")
    shown.get_by_label("Password").fill(password)
    with shown.expect_navigation():
        shown.keyboard.press("Enter")


def test_without_javascript_people_sign_in_and_come_back_to_where_they_were(url, page):
    shown = page(java_script_enabled=False)
    shown.goto(url + "/home")
    sign_in(shown, "secret")
    assert shown.url == url + "/home"
    assert shown.locator("body").inner_text() == "hello ana"


def test_a_forgotten_password_is_set_by_the_link_in_the_mail(url, page, mailbox):
    shown = page()
    shown.goto(url + "/login/")
    shown.get_by_role("link", name="Forgot your password?").click()
    shown.get_by_label("E-mail address").fill("ana@post.example")
    shown.get_by_role("button").click()
    assert "on its way" in shown.get_by_role("status").inner_text()
    path = re.search(r"https://site\.example(\S+)", mailbox.wait().get_content())[1]
    shown.goto(url + path)
    shown.get_by_label("New password").fill("correct horse")
    shown.get_by_role("button").click()
    shown.get_by_role("link", name="Back to sign in").click()
    sign_in(shown, "correct horse")
    assert shown.url == url + "/"
    page.problems.clear()  # there is no front page


def test_a_code_by_mail_signs_in(url, page, mailbox):
    shown = page()
    shown.goto(url + "/login/?next=/home")
    shown.get_by_role("link", name="Sign in by e-mail").click()
    shown.get_by_label("E-mail address").fill("ana@post.example")
    shown.get_by_role("button").click()
    shown.get_by_label("Code").fill(re.search(r"\d{6}", mailbox.wait().get_content())[0])
    shown.get_by_role("button", name="Sign in").click()
    shown.get_by_text("hello ana@post.example").wait_for()
