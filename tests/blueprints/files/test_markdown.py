import pytest

from blueprints.files.markdown import render


@pytest.mark.parametrize(
    "text, html",
    [
        pytest.param("# One *two*", '<h1 id="one-two">One <em>two</em></h1>', id="heading"),
        pytest.param("## a\n## a", '<h2 id="a-1">a</h2>', id="same heading twice"),
        pytest.param("| a |\n|--:|\n| 1 |", '<td align="right">1</td>', id="table"),
        pytest.param("~~gone~~", "<s>gone</s>", id="strikethrough"),
        pytest.param("- [ ] to do", '<li><input type="checkbox" disabled=""> to do</li>', id="task"),
        pytest.param("- [x] done", "checked", id="task done"),
        pytest.param("```python\n1 < 2\n```", '<code class="language-python">1 &lt; 2', id="code"),
        pytest.param("[a](b.md#c)", '<a href="b.md#c">a</a>', id="relative link"),
        pytest.param("<details open><summary>s</summary></details>", "<details", id="harmless HTML"),
    ],
)
def test_markdown_becomes_html(text, html):
    assert html in render(text).html


@pytest.mark.parametrize(
    "text",
    [
        "<script>bad()</script>",
        '<img src=x onerror="bad()">',
        "[a](javascript:bad())",
        '<a href="javascript:bad()">a</a>',
        '<iframe src="//bad"></iframe>',
        '<form action="//bad"><input name="bad"></form>',
        '<p style="background: url(bad)">',
        "<svg><script>bad()</script></svg>",
        "<style>bad {}</style>",
        "# <img src=x onerror=bad()>",
    ],
)
def test_harmful_html_is_taken_out(text):
    html = render(text).html
    assert "bad" not in html.replace("[a](javascript:bad())", "").replace('id="bad', "")


@pytest.mark.parametrize(
    "text, title",
    [
        ("---\ntitle: Front\n---\n# Head", "Front"),
        ("text\n\n# Head `code`", "Head code"),
        ("## Only two", None),
        ("---\n- a list\n---\n# Head", "Head"),
        ("---\nbroken: [\n---\n# Head", "Head"),
        ("---\n---\n# Head", "Head"),
    ],
)
def test_the_title_is_of_the_front_matter_or_the_first_heading(text, title):
    assert render(text).title == title


def test_front_matter_is_not_shown():
    assert render("---\ntitle: Front\n---\ntext").html == "<p>text</p>\n"
