import pytest


@pytest.mark.parametrize(
    ("imports", "expression", "value"),
    [
        ("from gramex.config import variables", "variables['TOP']", "here"),
        ("from gramex.config import variables", "variables.DEEP.a", 1),
        ("import gramex", "gramex.config.variables.TOP", "here"),
        ("import gramex.config", "gramex.config.slug.filename('A b/ç.csv')", "a-b-c.csv"),
        ("from gramex.config import slug", "slug.module('A b-c')", "a_b_c"),
        ("from gramex.config import merge", "merge({'a': {'b': 1}}, {'a': {'b': 2, 'c': 3}})", {"a": {"b": 2, "c": 3}}),
        ("from gramex.config import merge", "merge({'a': {'b': 1}}, {'a': {'b': 2}}, 'underwrite')", {"a": {"b": 1}}),
        ("from gramex.config import objectpath", "objectpath({'a': [{'b': 5}]}, 'a.0.b')", 5),
        ("from gramex.config import objectpath", "objectpath({'a': 1}, 'a.b', 'none')", "none"),
        ("from gramex.config import str_utf8", "str_utf8(b'x') + str_utf8(1)", "x1"),
        ("from gramex.config import used_kwargs", "used_kwargs(lambda a: a, {'a': 1, 'b': 2})", [{"a": 1}, {"b": 2}]),
        ("from gramex.config import app_log", "app_log.info('x')", None),
        (
            "import json, datetime\nfrom gramex.config import CustomJSONEncoder as E",
            "json.dumps({'d': datetime.date(2024, 1, 2)}, cls=E)",
            '{"d": "2024-01-02"}',
        ),
        (
            "import json\nfrom gramex.config import CustomJSONDecoder as D",
            'json.loads(\'{"d": "2024-01-02T03:04:05Z", "e": "2024"}\', cls=D)',
            {"d": "2024-01-02T03:04:05+00:00", "e": "2024"},
        ),
        ("from gramex.http import OK, BAD_REQUEST", "[OK, BAD_REQUEST]", [200, 400]),
        ("from gramex.services import info\nfrom gramex import service", "service is info", True),
        ("from gramex.transforms import condition", "condition(False, 1, '2 > 1', 2, 3)", 2),
        ("import gramex", "gramex.conf.url.f.handler", "FunctionHandler"),
        ("import gramex", "gramex.appconfig['url']['f']['pattern']", "/f"),
    ],
)
def test_names_that_old_modules_import(run, imports, expression, value):
    code = f"{imports}\ndef run(handler):\n    return {expression}\n"
    answer = run(code, variables="{TOP: here, DEEP: {a: 1}}")
    assert (answer.text if isinstance(value, str) else answer.json if answer.data else None) == value


def test_variables_are_there_while_the_module_is_imported(run):
    code = "from gramex.config import variables\nTOP = variables['TOP']\ndef run(handler): return TOP\n"
    assert run(code, variables="{TOP: here}").text == "here"


@pytest.mark.parametrize("decorator", ["handler", "add_handler"])
def test_a_typed_function_takes_its_arguments_from_the_request(run, decorator):
    code = f"from gramex.transforms import {decorator}, Header\n@{decorator}\n"
    assert run(code + "def run(x: int, host: Header): return x, host\n", "/f?x=5").json == [5, "localhost"]


@pytest.mark.parametrize(
    ("name", "content", "options", "value"),
    [
        ("a.txt", "ü", "", "ü"),
        ("a.json", '{"a": 1}', "", {"a": 1}),
        ("a.yaml", "a: [1]", "", {"a": [1]}),
        ("a.html", "<b>", "", "<b>"),
        ("a.dat", "[1]", "'json', ", [1]),
        ("a.dat", "abc", "len, ", 5),
        ("a.txt", "abc", "transform=str.upper, ", "ABC"),
    ],
)
def test_files_are_opened_by_kind(run, name, content, options, value):
    code = f"import gramex.cache\ndef run(handler): return gramex.cache.open({name!r}, {options}rel=True)\n"
    code = code.replace("len,", "lambda path: len(path.rpartition('/')[2]),")
    answer = run(code, files={name: content})
    assert (answer.text if isinstance(value, str) else answer.json) == value


def test_a_file_is_read_again_when_it_has_changed(old_site):
    code = "import gramex.cache as c\ndef run(handler):\n    a = c.open('a.json', rel=True)\n"
    code += "    return [a, a is c.open('a.json', rel=True)]\n"
    client = old_site(code, {"a.json": "[1]"})
    assert client.get("/f").json == [[1], True]
    (client.folder / "a.json").write_text("[1, 2]")
    assert client.get("/f").json == [[1, 2], True]


def test_a_template_is_opened_as_tornados(run):
    code = "import gramex.cache\ndef run(handler):\n    t = gramex.cache.open('a.html', 'template', rel=True)\n"
    assert run(code + "    return t.generate(x='<')\n", files={"a.html": "{{ x }}"}).text == "&lt;"


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("import gramex.data\ngramex.data.insert", "gramex.data.insert is not in this version of Skerry: there is"),
        ("from gramex.cache import store", "gramex.cache.store is not in this version of Skerry: there are"),
        ("from gramex.config import init", "gramex.config.init is not in this version"),
        (
            "from gramex.transforms import sass",
            "gramex.transforms.sass is not in this version of Skerry: compile files",
        ),
        ("from gramex.services import scheduler", "gramex.services.scheduler is not in this version"),
        ("from gramex.services.emailer import SMTPStub", "gramex.services.emailer.SMTPStub is not in this version"),
        ("import gramex\ngramex.init", "gramex.init is not in this version of Skerry"),
        ("import gramex\ngramex.conf", "gramex.conf is there during a request only"),
        ("from gramex.http import NOPE", "there is no status 'NOPE'|cannot import name 'NOPE'"),
        ("import gramex\ngramex.shutdown()", "a site cannot stop Skerry"),
        ("import gramex.ml", "needs 'gramex.ml', which is not installed"),
    ],
)
def test_a_name_that_is_not_there_is_told_when_the_site_is_read(old_site, statement, message):
    client = old_site(f"{statement}\ndef run(handler): pass\n")
    (mistake,) = client.app.extensions["skerry"].application.mistakes
    assert any(part in str(mistake) for part in message.split("|"))


def test_a_package_of_the_sites_own_comes_first(run):
    assert run("import gramex\ndef run(handler): return gramex.X\n", files={"gramex.py": "X = 'own'"}).text == "own"


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        ("HTTPError(404, reason='No Sensor')", 404, "No Sensor"),
        ("HTTPError(400, 'bad %s', 'year')", 400, "bad year"),
        ("HTTPError(400, '5% off')", 400, "5% off"),
        ("HTTPError(400, '%s of %s', 'one')", 400, "%s of %s"),
        ("MissingArgumentError('year')", 400, "Missing argument year"),
    ],
)
def test_errors_of_tornado_are_answers(run, error, status, detail):
    code = f"from tornado.web import HTTPError, MissingArgumentError\ndef run(handler): raise {error}\n"
    answer = run(code)
    assert (answer.status_code, answer.json["detail"]) == (status, detail)


# Names in expressions


@pytest.mark.parametrize(
    ("function", "value"),
    [
        ("AttrDict(a=1).a", 1),
        ("condition(handler.get_arg('x') == '1', 'one', 'other')", "one"),
        (
            "flattener({'id': 'id', 'name': 'user.name', 'no': 'x.y'}, 0)({'id': 1, 'user': {'name': 'A'}})",
            {"id": 1, "name": "A", "no": 0},
        ),
        ("len(time_key('%Y'))", 4),
        ("[once('a'), once('a')]", [True, False]),
        ("handler_expr('args.x')(handler)", "1"),
        ("template('{{ x }}', handler, x='<')", "&lt;"),
    ],
)
def test_names_in_scope_without_import(site, function, value):
    client = site(f'url: {{f: {{pattern: /f, handler: Function, kwargs: {{function: "{function}"}}}}}}')
    answer = client.get("/f?x=1")
    assert (answer.text if isinstance(value, str) else answer.json) == value


def test_a_variable_may_have_a_condition(run):
    variables = "{OS: posix, KIND: {function: \"condition('$OS' == 'nt', 'w', 'u')\"}}"
    code = "from gramex.config import variables\ndef run(handler): return variables.KIND\n"
    assert run(code, variables=variables).text == "u"


@pytest.mark.parametrize("template", ["", "template: '*.txt', "])
def test_a_transform_may_name_template_as_its_function(site, template):
    kwargs = f"path: ., {template}transform: {{'*.html': {{function: template, headers: {{X-A: b}}}}}}"
    files = {"a.html": "{{ 1 + 1 }}", "a.txt": "{{ 2 }}"}
    client = site(f"url: {{f: {{pattern: /(.*), handler: FileHandler, kwargs: {{{kwargs}}}}}}}", files)
    answer = client.get("/a.html")
    assert (answer.text, answer.headers["X-A"]) == ("2", "b")
    assert client.get("/a.txt").text == ("2" if template else "{{ 2 }}")
