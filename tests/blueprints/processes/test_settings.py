import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings import Context
from blueprints.processes import Settings


@pytest.fixture
def settings(tmp_path):
    """`settings(**kwargs)` in a folder that has run.sh, which may be executed, and no.sh, which may not."""
    (tmp_path / "run.sh").touch(0o755)
    (tmp_path / "no.sh").touch(0o644)

    def settings(gramex=False, **kwargs):
        return Settings.model_validate({"args": ["ls"], **kwargs}, context=Context(tmp_path, gramex))

    return settings


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"args": ["no-such-program"]}, "there is no program 'no-such-program' on PATH"),
        ({"args": ["ls"], "env": {"PATH": "/nowhere"}}, "on PATH (/nowhere)"),
        ({"args": ["./no.sh"]}, "it may not be executed"),
        ({"args": []}, "should be a list of a program and its arguments"),
        ({"args": 3}, "should be a list of a program and its arguments"),
        ({"args": ["ls", None]}, "should be texts"),
        ({"args": ["ls", True]}, "should be texts: put quotes around true"),
        ({"args": ["ls", "a\0b"]}, "null character"),
        ({"args": "ls -l"}, "should be a list, as ['ls', '-l'], or the text needs `shell: true`"),
        ({"args": ["ls", "-l"], "shell": True}, "with `shell: true` should be one text"),
        ({"args": "grep {word} log", "shell": True}, "a shell would take for commands"),
        ({"args": ["{word}"]}, "a client must not choose it"),
        ({"cwd": "nowhere"}, "there is no folder"),
        ({"stdin": "some text"}, "should be false, body, {text: …} or {file: …}"),
        ({"stdin": {"text": "a", "file": "b"}}, "needs `text:` or `file:`, one of them"),
        ({"stdout": [3]}, "should be `pipe`, `false`, a file name, or a list of these"),
        ({"buffer": "lines"}, "should be a number of bytes, or `line`"),
        ({"buffer": -1}, "should be a number of bytes, or `line`"),
        ({"timeout": -1}, "greater than or equal to 0"),
        ({"env": {"A": ["b"]}}, "should be texts"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_a_mistake_is_told(settings, kwargs, message):
    with pytest.raises(ValidationError) as error:
        settings(**kwargs)
    assert message in str(error.value)


@pytest.mark.parametrize("args", ["ls", ["ls"], ["./run.sh"], ["ls", 3, 1.5]], ids=str)
def test_commands_that_can_run(settings, args):
    assert all(isinstance(item, str) for item in settings(args=args).args)


@pytest.mark.parametrize("text", ["echo ${HOME}", "awk '{print $1}'", "awk '{{print}}'", "f() { ls; }"])
def test_braces_of_the_shell_are_no_placeholders(settings, text):
    assert settings(args=text, shell=True).args == text


def test_a_gramex_yaml_has_no_placeholders_unless_it_asks_for_them(settings):
    assert settings(gramex=True, args=["awk", "{print}"]).placeholders is False
    assert settings(gramex=True, placeholders=True).placeholders is True
    assert settings().placeholders is True


@pytest.mark.parametrize(
    "written, sinks",
    [
        (None, ("pipe",)),
        ("pipe", ("pipe",)),
        (False, ()),
        ("false", ()),
        (["pipe", "pipe", False], ("pipe",)),
        (["pipe", "a.txt"], ("pipe", "a.txt")),
    ],
    ids=str,
)
def test_outputs_are_written_in_several_ways(settings, tmp_path, written, sinks):
    found = settings(stdout=written).stdout
    assert [str(sink.relative_to(tmp_path)) if isinstance(sink, Path) else sink for sink in found] == list(sinks)


def test_check_names_the_line_of_a_missing_program(site):
    client = site("""
        url:
          run:
            pattern: /run
            handler: ProcessHandler
            kwargs:
              args: [no-such-program, -l]
    """)
    (mistake,) = client.app.extensions["skerry"].application.mistakes
    assert str(mistake.place).endswith(
        ":7:13"
    ) and "url.run.kwargs.args: there is no program 'no-such-program' on PATH" in str(mistake)
    assert client.get("/run").status_code == 500
