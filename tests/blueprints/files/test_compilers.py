import base64
import json
import re

import pytest

from blueprints.files import compilers
from blueprints.files.compilers import CompileError, OptionError, sass, sass_variables, ts, ts_options


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder / next(iter(files))


def source_map(text):
    return json.loads(base64.b64decode(re.search(r"base64,(\S+)", text)[1]))


def test_sass_becomes_css(tmp_path):
    file = write(tmp_path, {"a.scss": "$c: red !default; a { b { color: $c } }"})
    assert "a b {\n  color: red;\n}" in sass(file, {}).text
    assert "color: #00f" in sass(file, {"c": "#00f"}).text


def test_the_indented_syntax_is_read_too(tmp_path):
    assert "a b {" in sass(write(tmp_path, {"a b.sass": "a\n  b\n    c: d\n"}), {}).text


def test_all_that_sass_imports_is_an_input(tmp_path):
    files = {
        "a.scss": '@use "fn"; @import "sub/part", "plain.css"; a { b: fn.$x }',
        "_fn.scss": "$x: 1;",
        "sub/_part.scss": '@use "../index";',
        "index/_index.scss": "x { y: z }",
    }
    inputs = sass(write(tmp_path, files), {}).inputs
    assert {path.removeprefix(f"{tmp_path}/") for path in inputs} == set(files)


def test_the_map_of_sass_names_no_folder_of_the_server(tmp_path):
    mapping = source_map(sass(write(tmp_path, {"a.scss": '@use "b"', "_b.scss": "a {b: c}"}), {"x": "1"}).text)
    assert mapping["sources"] == ["_b.scss"]
    assert str(tmp_path) not in json.dumps(mapping)


@pytest.mark.parametrize(
    "files, message",
    [
        pytest.param({"a.scss": "a {\n  b: $nope;\n}"}, "/a.scss:2:6: Undefined variable.", id="in the file"),
        pytest.param({"a.scss": '@use "b"', "b.scss": "\na {"}, "/b.scss:2:4: expected", id="in an import"),
        pytest.param({"a.scss": '@use "none"'}, "/a.scss:1:1: Can't find stylesheet", id="missing import"),
    ],
)
def test_an_error_of_sass_names_file_and_line(tmp_path, files, message):
    with pytest.raises(CompileError) as failure:
        sass(write(tmp_path, files), {})
    assert str(failure.value).startswith(str(tmp_path)) and message in str(failure.value)


@pytest.mark.parametrize("value", ["red", "#f00", "10px", "50%", "rgb(1, 2, 3)", "-1.5em", "a + b"])
def test_colours_numbers_and_words_are_variables(value):
    assert sass_variables({"x": value}) == {"x": value}


@pytest.mark.parametrize(
    "value", ["", "a;b", "}a{", '"q"', "'q'", "url(//x)", "@import", "$x", "a\nb", "x" * 101, "#{x}"]
)
def test_other_values_do_not_reach_sass(value):
    with pytest.raises(OptionError):
        sass_variables({"x": value})


def test_names_that_are_no_variables_are_left_out():
    assert sass_variables({"a b": "1", "1": "1", "$x": ";", "_": "1"}) == {"_": "1"}


def test_typescript_becomes_javascript(tmp_path):
    file = write(tmp_path, {"a.ts": 'import {b} from "./b"; console.log(b as number)', "b.ts": "export const b = 42"})
    made = ts(file, ts_options({}))
    assert "console.log(42)" in made.text or "42" in made.text
    assert made.inputs == (f"{tmp_path}/a.ts", f"{tmp_path}/b.ts")


@pytest.mark.parametrize(
    "query, text",
    [
        ({"minify": "false"}, "first = 1;"),
        ({"bundle": "false", "minify": "false"}, 'import "./b";'),
        ({"format": "iife"}, "(()=>{"),
        ({"keep_names": ""}, "defineProperty"),
        ({"v": "123", "outfile": "x"}, "console.log("),
    ],
)
def test_a_query_gives_options_of_esbuild(tmp_path, query, text):
    source = 'import "./b"; const first: number = 1; function f() { return first } console.log(f, f)'
    assert text in ts(write(tmp_path, {"a.ts": source, "b.ts": ""}), ts_options(query)).text


@pytest.mark.parametrize(
    "query",
    [
        {"minify": "x"},
        {"target": "es2020 --outfile=x"},
        {"format": "umd"},
        {"charset": "../x"},
        {"target": "/etc/passwd"},
    ],
)
def test_other_options_do_not_reach_esbuild(query):
    with pytest.raises(OptionError):
        ts_options(query)


@pytest.mark.parametrize(
    "name", ["outfile", "outdir", "inject", "define:x", "plugin", "metafile", "banner:js", "loader:.x"]
)
def test_options_that_touch_files_mean_nothing(name):
    assert ts_options({name: "x"}) == ts_options({})


def test_the_map_of_typescript_names_no_folder_of_the_server(tmp_path):
    files = {"sub/a.ts": 'import "../b"', "b.ts": "console.log(1 as number)"}
    mapping = source_map(ts(write(tmp_path, files), ts_options({})).text)
    assert mapping["sources"] == ["../b.ts"]
    assert str(tmp_path) not in json.dumps(mapping)


@pytest.mark.parametrize(
    "files, message",
    [
        pytest.param({"a.ts": "let a\nconst = 3;"}, "/a.ts:2:7: Expected identifier", id="syntax"),
        pytest.param({"a.ts": 'import "./b"', "b.ts": "\nlet 1"}, '/b.ts:2:5: Expected ";"', id="in an import"),
        pytest.param({"a.ts": 'import "./none"'}, "/a.ts:1:8: Could not resolve", id="missing import"),
    ],
)
def test_an_error_of_typescript_names_file_and_line(tmp_path, files, message):
    with pytest.raises(CompileError) as failure:
        ts(write(tmp_path, files), ts_options({}))
    assert message in str(failure.value)


def test_a_compiler_that_does_not_end_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(compilers, "TIMEOUT", 0.2)
    monkeypatch.setattr(compilers, "_dart_sass", lambda: ("sh", "-c", "sleep 30", "sh"))
    with pytest.raises(CompileError, match="did not end within 0.2 s"):
        sass(write(tmp_path, {"a.scss": ""}), {})
