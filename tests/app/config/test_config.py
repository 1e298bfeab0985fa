import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from app import config
from app.mistakes import ConfigError, Place


@pytest.fixture
def read(write_site):
    """`read(yaml, files={}, environ={}, layers=[])` -> the Config of a site."""

    def read(yaml, files=None, environ=None, layers=(), name="skerry.yaml"):
        return config.read(write_site(yaml, files, name), environ or {}, layers)

    return read


# Layers


def test_a_site_wins_over_its_defaults_key_by_key(read):
    low, high = {"app": {"listen": {"port": 1, "address": "a"}, "title": "low"}}, {"app": {"title": "high"}}
    site = read("app: {listen: {port: 2}}", layers=[low, high])
    assert site.tree == {"app": {"listen": {"port": 2, "address": "a"}, "title": "high"}}


def test_null_removes_a_key_of_a_lower_layer_and_of_an_import(read):
    site = read(
        """
        url: {home: null, kept: 1, import: more.yaml}
        """,
        files={"more.yaml": "home: imported"},
        layers=[{"url": {"home": "default", "other": None}}],
    )
    assert site.tree == {"url": {"kept": 1}}


def test_layers_are_left_as_they_were(read):
    layer = {"url": {"home": {"pattern": "/"}, "gone": None}}
    read("app: {}", environ={"SKERRY_SET": "url.home.pattern=/start"}, layers=[layer])
    assert layer == {"url": {"home": {"pattern": "/"}, "gone": None}}


@pytest.mark.parametrize(
    ("setting", "tree"),
    [
        ("listen.port=9090", {"app": {"listen": {"port": 9090}, "title": "Site"}}),
        ("app.title=New; settings.debug=true", {"app": {"title": "New", "settings": {"debug": True}}}),
        ("url.home.methods=[GET, POST]", {"app": {"title": "Site"}, "url": {"home": {"methods": ["GET", "POST"]}}}),
        ("x=1\nx=2\n\nx=three", {"app": {"title": "Site", "x": [1, 2, "three"]}}),
        ("title.deep=1", {"app": {"title": {"deep": 1}}}),
        ("title=", {"app": {}}),
        (" ; ;\n", {"app": {"title": "Site"}}),
    ],
)
def test_settings_of_the_environment_win(read, setting, tree):
    assert read("app: {title: Site}", environ={"SKERRY_SET": setting}).tree == tree


@pytest.mark.parametrize("setting", ["port", "=1", "a..b=1", "a=[", "a=!x 1"])
def test_a_bad_setting_of_the_environment_is_a_mistake_and_the_others_count(read, setting):
    site = read("{}", environ={"SKERRY_SET": f"good=1; {setting}"})
    assert [str(mistake.place) for mistake in site.mistakes][0].startswith("SKERRY_SET:1:")
    assert site.tree["app"]["good"] == 1


# Places


def test_the_place_of_a_value_and_of_its_key(read):
    site = read("url:\n  home:\n    pattern: /\n    methods: [GET, POST]\n")
    assert site.place(("url", "home", "pattern")) == Place(site.file, 3, 14)
    assert site.key_place(("url", "home", "pattern")) == Place(site.file, 3, 5)
    assert site.place(("url", "home", "methods", 1)) == Place(site.file, 4, 20)


def test_the_place_of_what_is_not_there_is_that_of_its_deepest_ancestor(read):
    site = read("url:\n  home: {pattern: /}\n")
    assert site.place(("url", "home", "nope", "deeper")) == Place(site.file, 2, 9)
    assert site.key_place(("nope",)) == Place(site.file)


def test_places_survive_substitution_conditions_and_imports(read):
    yaml = "variables: {A: x}\nurl:\n  home if A == 'x': $A\n  import: more.yaml\n"
    site = read(yaml, files={"more.yaml": "\nother:\n  key: $A\n"})
    assert site.place(("url", "home")) == Place(site.file, 3, 21)
    assert site.place(("url", "other", "key")) == Place(site.folder / "more.yaml", 3, 8)


# Imports


@pytest.mark.parametrize(
    "imported", ["part.yaml", "[part.yaml]", "{any: part.yaml}", "'pa*.yaml'", "{any: {path: [part.yaml]}}"]
)
def test_the_forms_of_an_import(read, imported):
    assert read(f"import: {imported}", files={"part.yaml": "url: {a: 1}"}).tree == {"url": {"a": 1}}


def test_an_import_never_overrides_and_the_first_one_wins(read):
    site = read("import: [a.yaml, b.yaml]\nx: main\n", files={"a.yaml": "{x: a, y: a}", "b.yaml": "{y: b, z: b}"})
    assert site.tree == {"x": "main", "y": "a", "z": "b"}


def test_imports_are_relative_to_the_file_they_stand_in(read):
    files = {"sub/a.yaml": "import: deep/b.yaml", "sub/deep/b.yaml": "path: $YAMLPATH\nurl: $YAMLURL"}
    site = read("import: sub/a.yaml", files=files)
    assert site.tree == {"path": str(site.folder / "sub/deep"), "url": "sub/deep"}


def test_an_import_path_may_use_variables(read):
    site = read("import: $PART.yaml", files={"live.yaml": "a: 1"}, environ={"PART": "live"})
    assert site.tree == {"a": 1}


def test_the_files_to_import_may_come_from_a_function(read):
    site = read("variables: {PARTS: {function: '[\"a.yaml\", 7]'}}\nimport: $PARTS", files={"a.yaml": "a: 1"})
    assert site.tree == {"a": 1}
    assert [(mistake.place.line, mistake.path) for mistake in site.mistakes] == [(2, ("import", 1))]


def test_variables_of_an_import_are_for_its_file_alone(read):
    site = read("import: {a: {path: a.yaml, NAME: given}}\nmain: <$NAME>", files={"a.yaml": "inner: <$NAME>"})
    assert site.tree == {"main": "<>", "inner": "<given>"}


def test_variables_that_an_imported_file_sets_are_seen_by_the_files_after_it(read):
    site = read("import: [a.yaml, b.yaml]\nx: $NAME", files={"a.yaml": "variables: {NAME: a}", "b.yaml": "y: $NAME"})
    assert site.tree == {"x": "a", "y": "a"}


def test_a_glob_does_not_import_the_file_it_stands_in(read):
    site = read("import: '*.yaml'\na: 1", files={"other.yaml": "b: 2"})
    assert site.tree == {"a": 1, "b": 2}
    assert not site.mistakes


@pytest.mark.parametrize(
    ("namespace", "tree"),
    [
        ("'*'", {"n:p.yaml:a": {"b": {"c": 1}}}),
        ("true", {"n:p.yaml:a": {"b": {"c": 1}}}),
        ("a.b", {"a": {"b": {"n:p.yaml:c": 1}}}),
        ("[a, a.b, a.none, none]", {"a": {"n:p.yaml:b": {"n:p.yaml:c": 1}}}),
    ],
)
def test_namespaces_prefix_the_keys_below_them(read, namespace, tree):
    files = {"p.yaml": "a: {b: {c: 1}}"}
    assert read(f"import: {{n: {{path: p.yaml, namespace: {namespace}}}}}", files).tree == tree


def test_a_chain_of_imports_that_is_too_long_is_a_mistake(read):
    files = {f"{number}.yaml": f"import: {number + 1}.yaml" for number in range(50)}
    (mistake,) = read("import: 0.yaml", files=files).mistakes
    assert mistake.message.startswith("imports nest more than 20 files deep: import ")


def test_a_file_imported_twice_shows_its_mistakes_once(read):
    site = read("import: {a: {path: p.yaml, namespace: x}, b: p.yaml}", files={"p.yaml": "x: {y: 1, y: 2}"})
    assert len(site.mistakes) == 1


# Files to watch


def test_files_to_watch_are_those_that_were_read_or_missed_and_the_folders_of_globs(read):
    files = {".secrets.yaml": "SECRETS_IMPORT: more.yaml", "more.yaml": "A: 1", "apps/x/skerry.yaml": "a: 1"}
    site = read("import: ['apps/*/skerry.yaml', gone.yaml]", files=files)
    names = {file.relative_to(site.folder).as_posix() for file in site.files}
    assert names == {"skerry.yaml", *files, "apps", "apps/x", "gone.yaml"}


def test_secrets_are_watched_before_they_are_there(read):
    site = read("a: 1")
    assert site.folder / ".secrets.yaml" in site.files


# Variables


def test_the_uses_of_a_variable_do_not_share_its_value(read):
    site = read("variables: {L: {a: 1}}\nx: $L\ny: $L\nimport: more.yaml", files={"more.yaml": "x: {b: 2}"})
    assert site.tree == {"x": {"a": 1, "b": 2}, "y": {"a": 1}}


@pytest.mark.parametrize(
    ("name", "value"), [("YAMLURL", "."), ("YAMLPATH", "{}"), ("YAMLFILE", "{}/skerry.yaml"), ("GRAMEXDATA", "{}/var")]
)
def test_predefined_variables_of_the_site(read, name, value):
    site = read(f"x: ${name}")
    assert site.tree["x"] == value.format(site.folder)


def test_the_environment_can_move_the_data_folder(read):
    assert read("x: $GRAMEXDATA", environ={"GRAMEXDATA": "/data"}).tree == {"x": "/data"}


def test_dollars_that_name_nothing_stay(read):
    assert read("x: '^/a$|$1 ${a.b} $$x'").tree == {"x": "^/a$|$1 ${a.b} $x"}


def test_the_variables_of_the_site_are_kept(read):
    site = read("variables: {A: 1}\nimport: b.yaml", files={"b.yaml": "variables: {A: 2, B: 3}"})
    assert (site.variables["A"], site.variables["B"]) == (1, 3)


@pytest.mark.parametrize("section", ["", "[A, B]", "text"])
def test_variables_that_are_no_mapping_are_a_mistake(read, section):
    site = read(f"variables: {section}\nx: 1")
    assert (site.tree, len(site.mistakes)) == ({"x": 1}, 1 if section else 0)


def test_a_module_of_a_function_that_cannot_be_imported_is_a_mistake(read, monkeypatch, forget_modules, tmp_path):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_module.py").write_text("import no_such_module")
    (mistake,) = read("variables: {A: {function: broken_module.run}}").mistakes
    assert "module 'broken_module' needs 'no_such_module', which is not installed" in mistake.message
    assert "broken_module.py:1" in mistake.message


# Keys


def test_stars_in_keys_make_them_unique_and_the_same_in_each_reading(read):
    yaml = "url: {home-$*: 1, import: [a.yaml, a.yaml]}"
    first, second = (read(yaml, files={"a.yaml": "home-$*: 2"}).tree["url"] for _ in range(2))
    assert sorted(first.values()) == [1, 2, 2]
    assert all(re.fullmatch(r"home-[a-z0-9]{5}", key) for key in first)
    assert list(first) == list(second)


def test_the_variables_section_can_be_conditional(read):
    site = read("variables if 1 < 2: {A: yes}\nvariables if 1 > 2: {A: no}\nx: $A")
    assert site.tree == {"x": "yes"}


# What cannot be read


@pytest.mark.parametrize(
    ("content", "place", "message"),
    [
        (b"a: 1\nb: [1, 2\n", "2:4", "this '[' is not closed where expected: add ',' or ']' at line 3"),
        (b"a: 1\n\tb: 2\n", "2:1", "a tab cannot indent YAML: use spaces"),
        (b"a: 'x\n", "1:4", "this quote is never closed"),
        (b"a: 1\nb: \xff\n", "2:4", "not UTF-8: save the file as UTF-8"),
        (b"- a\n- b\n", "1:1", "must be a mapping of keys to values, as 'url:'"),
    ],
    ids=["bracket", "tab", "quote", "encoding", "list"],
)
def test_a_site_file_that_cannot_be_used_says_where_and_why(tmp_path, monkeypatch, content, place, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "skerry.yaml").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        config.read(tmp_path / "skerry.yaml", {})
    assert str(caught.value) == f"skerry.yaml:{place}: {message}"


def test_a_site_file_that_is_missing_or_a_folder_cannot_be_read(tmp_path):
    for path in (tmp_path / "gone.yaml", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read"):
            config.read(path, {})


def test_variables_that_nest_without_end_are_refused(read):
    chain = "".join(f"  V{number + 1}: {{x: $V{number}}}\n" for number in range(2000))
    with pytest.raises(ConfigError, match="nest too deeply"):
        read(f"variables:\n{chain}")


SAMPLE = """\
# A site — with every kind of syntax
variables: {Ä: "ü\\n", B: {default: [1, 2]}}
import: {part: part.yaml, merge: {x: {}}}
url: &all
  home if 1 == 1: {pattern: '/it''s', <<: {a: 1}}
  text: |
    line $Ä
  list:
  - !!str 1
  - *none
"""


@pytest.mark.parametrize("name", config.NAMES)
def test_each_truncation_of_a_file_is_read_or_refused_with_its_place(write_site, name):
    content = SAMPLE.replace("*none", "&none x").encode()
    file = write_site("", files={"part.yaml": "y: 1"}, name=name)
    for length in range(len(content) + 1):
        file.write_bytes(content[:length])
        try:
            assert config.read(file, {}).file == file
        except ConfigError as error:
            assert [mistake.place.file for mistake in error.mistakes] == [file]


@pytest.mark.parametrize("name", config.NAMES)
def test_each_truncation_of_an_imported_file_leaves_the_site_readable(write_site, name):
    content = SAMPLE.encode()
    file = write_site("import: other.yaml\nkept: 1", name=name)
    for length in range(len(content) + 1):
        (file.parent / "other.yaml").write_bytes(content[:length])
        assert config.read(file, {}).tree["kept"] == 1


def test_sites_can_be_read_in_threads(write_site):
    files = [write_site(f"variables: {{N: {number}}}\nurl: {{a-$*: $N}}") for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        sites = list(pool.map(lambda file: config.read(file, {}), files))
    assert [list(site.tree["url"].values()) for site in sites] == [[number] for number in range(20)]


# Which file


@pytest.mark.parametrize("name", config.NAMES)
def test_a_folder_means_the_site_file_in_it(write_site, name):
    file = write_site("{}", name=name)
    assert config.find(str(file.parent), file) == config.find(None, file.parent) == config.find("", file) == file
    assert config.read(file, {}).gramex == (name == "gramex.yaml")


def test_skerry_yaml_wins_over_gramex_yaml(write_site):
    file = write_site("{}", files={"gramex.yaml": "{}"})
    assert config.find(str(file.parent), file) == file


def test_a_setting_that_names_no_site_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="this folder has no skerry.yaml or gramex.yaml"):
        config.find(str(tmp_path), tmp_path)
    with pytest.raises(ConfigError, match="no such file"):
        config.find(str(tmp_path / "gone.yaml"), tmp_path)


# Secrets


def test_no_message_and_no_repr_shows_a_secret(read):
    files = {".secrets.yaml": "PASSWORD: correct horse\nNESTED: {LIST: [battery staple]}"}
    site = read("variables: {A: {function: int(PASSWORD)}}\nimport: $PASSWORD.yaml\nx if NESTED['LIST'][0].x: 1", files)
    shown = repr(site) + str(site.mistakes) + str(site.warnings)
    assert len(site.mistakes) == 2
    assert "horse" not in shown and "staple" not in shown


def test_secrets_win_over_the_environment(read):
    assert read("x: $A", {".secrets.yaml": "A: secret"}, {"A": "environment"}).tree == {"x": "secret"}


def test_secrets_that_cannot_be_read_are_a_mistake_and_the_site_is_read(read):
    site = read("x: 1", {".secrets.yaml": "PASSWORD: 'correct horse"})
    assert site.tree == {"x": 1}
    assert [mistake.message for mistake in site.mistakes] == ["this quote is never closed"]


def test_files_of_secrets_may_import_each_other(read):
    files = {".secrets.yaml": "{A: 1, SECRETS_IMPORT: b.yaml}", "b.yaml": "{B: 2, SECRETS_IMPORT: .secrets.yaml}"}
    site = read("x: [$A, $B]", files)
    assert (site.tree, site.mistakes) == ({"x": [1, 2]}, ())
