"""Files that are made of others on the way out: transforms, templates, Markdown, Sass, TypeScript."""

import os

import pytest


@pytest.fixture
def serve_files(site):
    def serve_files(kwargs, files, **options):
        yaml = f'url: {{files: {{pattern: "/(.*)", handler: FileHandler, kwargs: {{path: pages, {kwargs}}}}}}}'
        return site(yaml, {f"pages/{name}": text for name, text in files.items()}, **options)

    return serve_files


@pytest.mark.parametrize(
    "transform, body",
    [
        ("{function: content.upper()}", b"A,B\n"),
        ("{function: content.upper(), encoding: utf-8}", b"A,B\n"),
        ("{function: type(content).__name__}", b"bytes"),
        ("{function: type(content).__name__, encoding: latin-1}", b"str"),
        ("{function: str.replace, encoding: utf-8, args: [=content, a, x]}", b"x,b\n"),
        ("{function: '[handler.file.name, handler.path.name, handler.root.name]'}", b"a.csva.csvpages"),
        ("{function: '(n for n in [1, 2])'}", b"12"),
    ],
)
def test_content_goes_through_a_function(serve_files, transform, body):
    client = serve_files(f"transform: {{'*.csv, *.tsv': {transform}}}", {"a.csv": "a,b\n", "b.txt": "b"})
    assert client.get("/a.csv").data == body
    assert client.get("/b.txt").data == b"b"


def test_only_the_first_transform_counts(serve_files):
    transforms = "{'a.*': {function: str(1)}, '*': {function: str(2)}}"
    client = serve_files(f"transform: {transforms}", {"a.txt": "", "b.txt": ""})
    assert (client.get("/a.txt").data, client.get("/b.txt").data) == (b"1", b"2")


def test_a_transform_has_headers_and_so_has_its_function(serve_files):
    function = "function: 'handler.set_header(\"X-B\", 2)', headers: {X-A: 1, Content-Type: text/x-a}"
    answer = serve_files(f"transform: {{'*': {{{function}}}}}", {"a.txt": ""}).get("/a.txt")
    assert (answer.headers["X-A"], answer.headers["X-B"], answer.content_type) == ("1", "2", "text/x-a")


def test_a_status_that_the_function_sets_is_sent(serve_files):
    function = "'[handler.set_status(202), \"later\"][1]'"
    answer = serve_files(f"transform: {{'*': {{function: {function}}}}}", {"a.txt": ""}).get("/a.txt")
    assert (answer.status_code, answer.data) == (202, b"later")


@pytest.mark.parametrize("function", ["1/0", "open('/missing')", "open('/')", "object()", "{}"])
def test_a_function_that_fails_is_500(serve_files, function):
    client = serve_files(f"index: true, transform: {{'*': {{function: \"{function}\"}}}}", {"a.txt": ""})
    assert client.get("/a.txt").status_code == 500


@pytest.mark.parametrize("name, kind", [("a.md", "text/html"), ("a", "text/html"), ("a.csv", "text/csv")])
def test_what_a_function_makes_of_an_unknown_type_is_html(serve_files, name, kind):
    assert serve_files("transform: {'*': {function: str(1)}}", {name: ""}).get(f"/{name}").mimetype == kind


def test_a_transformed_file_has_an_entity_tag(serve_files):
    client = serve_files("transform: {'*': {function: str(1)}}", {"a.txt": ""})
    tag = client.get("/a.txt").headers["ETag"]
    assert client.get("/a.txt", headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize("template", ["true", "'*.html'", "['*.txt', '*.html']"])
def test_a_template_is_rendered(serve_files, template):
    files = {"a.html": "{{ handler.get_arg('x') }} {{ request.path }} {{ handler.file.name }}"}
    answer = serve_files(f"template: {template}", files).get("/a.html?x=<b>")
    assert (answer.text, answer.mimetype) == ("&lt;b&gt; /a.html a.html", "text/html")


def test_a_template_includes_others_and_follows_their_changes(serve_files):
    client = serve_files("template: true", {"a.html": "{% include 'b.html' %}", "b.html": "old"})
    assert client.get("/a.html").text == "old"
    (client.folder / "pages/b.html").write_text("newer")
    assert client.get("/a.html").text == "newer"


def test_template_true_leaves_pictures_alone(serve_files):
    png = b"\x89PNG {{ 1/0 }}"
    assert serve_files("template: true", {"a.png": png}).get("/a.png").data == png


def test_a_template_sees_the_sites_variables(site):
    yaml = """
        variables: {TEAM: research}
        url: {files: {pattern: /, handler: FileHandler, kwargs: {path: a.html, template: true}}}
    """
    assert site(yaml, {"a.html": "{{ variables.TEAM }}"}).get("/").text == "research"


@pytest.mark.parametrize("name", ["skerry.yaml", "gramex.yaml"])
@pytest.mark.parametrize("text", ["a\n\n{{ 1/0 }}", "a\n\n{% include 'broken.html' %}"], ids=["page", "include"])
def test_an_error_in_a_template_is_logged_with_its_line(serve_files, caplog, name, text):
    client = serve_files("template: '*.html'", {"a.html": text, "broken.html": "\n\n{{ 1/0 }}"}, name=name)
    assert client.get("/a.html").status_code == 500
    file = "broken.html" if "include" in text else "a.html"
    assert f"{file}:3" in caplog.text or f'{file}", line 3' in caplog.text


def test_templates_of_a_gramex_site_are_tornados(serve_files):
    files = {"a.html": "{% set x = 1 %}{{ escape('<') }}{% if x %}{{ handler.get_arg('q') }}{% end %}"}
    assert serve_files("template: '*.html'", files, name="gramex.yaml").get("/a.html?q=<").text == "&amp;lt;&lt;"


def test_markdown_is_a_page(serve_files):
    answer = serve_files("markdown: true", {"a.md": "---\ntitle: My title\n---\n## Head\n<script>bad()</script>"}).get(
        "/a.md"
    )
    assert answer.mimetype == "text/html" and "Accept" in answer.headers["Vary"]
    assert "<title>My title" in answer.text and '<h2 id="head">Head</h2>' in answer.text and "bad()" not in answer.text


@pytest.mark.parametrize(
    "accept, kind",
    [
        ("*/*", "text/html"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("text/markdown", "text/markdown"),
        ("text/plain", "text/markdown"),
        ("text/markdown, text/html;q=0.5", "text/markdown"),
        ("image/png", "text/html"),
    ],
)
def test_markdown_is_given_as_it_is_to_who_asks(serve_files, accept, kind):
    client = serve_files("markdown: true", {"a.md": "# Head"})
    answer = client.get("/a.md", headers={"Accept": accept})
    assert answer.mimetype == kind
    assert (answer.data == b"# Head") == (kind == "text/markdown")


def test_markdown_may_stand_for_its_folder(serve_files):
    client = serve_files("markdown: true, default_filename: README.md", {"sub/README.md": "# Head"})
    assert "<h1" in client.get("/sub/").text


def test_sass_is_compiled_with_the_querys_variables(serve_files):
    client = serve_files("sass: true", {"a.scss": "$c: red !default; a { b: $c }"})
    os.utime(client.folder / "pages/a.scss", (1, 1))
    answer = client.get("/a.scss?c=blue")
    assert "b: blue" in answer.text and answer.mimetype == "text/css"
    assert "sourceMappingURL" in answer.text and len(list((client.folder / "var/compiled").iterdir())) == 1


def test_a_query_that_is_no_value_is_400(serve_files):
    client = serve_files("sass: true", {"a.scss": "a { b: c }"})
    assert client.get("/a.scss?c=};@import 'x").status_code == 400


def test_typescript_is_compiled(serve_files):
    answer = serve_files("ts: true", {"a.ts": "export const a: number = 1"}).get("/a.ts?minify=false")
    assert "var a = 1" in answer.text and answer.mimetype == "text/javascript"


@pytest.mark.parametrize("name, text", [("a.scss", "a {\n b: $no }"), ("a.ts", "let a\nconst = 1")])
def test_a_compilers_error_is_logged_with_its_line(serve_files, caplog, name, text):
    answer = serve_files("sass: true, ts: true", {name: text}).get(f"/{name}")
    assert answer.status_code == 500 and f"{name}:2:" not in answer.text
    assert f"{name}:2:" in caplog.text


def test_a_compilers_error_is_shown_while_debugging(site):
    yaml = """
        app: {settings: {debug: true}}
        url: {files: {pattern: /, handler: FileHandler, kwargs: {path: a.scss, sass: true}}}
    """
    assert "a.scss:2:5" in site(yaml, {"a.scss": "a {\n b: $no }"}).get("/").text
