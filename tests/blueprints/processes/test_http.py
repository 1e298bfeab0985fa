"""What a request to a command is answered; the client of these tests needs no server."""

import json
import signal
from pathlib import Path

import pytest


@pytest.fixture
def run(site):
    """`run(args, path="/run", files={}, **settings)` -> the answer of a mount that runs the command."""

    def run(args, path="/run", files=None, pattern="/run", method="GET", **settings):
        request = {key: settings.pop(key) for key in ("headers", "data") if key in settings}
        kwargs = {"args": args, **({"shell": True} if isinstance(args, str) else {}), **settings}
        run.client = site(mount(kwargs, pattern), files)
        return run.client.open(path, method=method, **request)

    return run


def mount(kwargs, pattern="/run", handler="Command"):
    text = json.dumps({"url": {"run": {"pattern": pattern, "handler": handler, "kwargs": kwargs}}})
    return text.replace("$", "$$")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_command_prints_and_the_client_reads(run, method):
    answer = run(["echo", "hello"], method=method)
    assert (answer.status_code, answer.data) == (200, b"hello\n")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_the_originals_names_and_shell_work_unchanged(site):
    client = site(
        mount({"args": "echo a{print} | tr a b", "shell": True}, handler="ProcessHandler"), name="gramex.yaml"
    )
    assert client.get("/run").data == b"b{print}\n"


def test_stdout_and_stderr_come_in_their_order(run):
    assert run("echo 1; echo 2 >&2; echo 3; echo 4 >&2").text == "1\n2\n3\n4\n"


def test_output_that_is_not_utf_8_passes_untouched(run):
    assert run(r"printf '\377\000\200'").data == b"\xff\x00\x80"


def test_another_content_type_is_set_by_headers(site):
    client = site(mount({"args": ["echo", "<p>"], "headers": {"Content-Type": "text/html"}}))
    answer = client.get("/run", headers={"Accept": "text/html"})
    assert (answer.headers["Content-Type"], answer.data) == ("text/html", b"<p>\n")


@pytest.mark.parametrize(
    "path, text",
    [
        ("/run/a%20b?x=c", "a b|c"),
        ("/run/a?x=1&x=2", "a|2"),
        ("/run/a?x=%3Brm%20-rf%20*", "a|;rm -rf *"),
        ("/run/a?x=$(id)", "a|$(id)"),
        ("/run/a?x=", "a|"),
        ("/run/a?x=%C3%A9", "a|é"),
        ("/run/a?x=b&name=other", "a|b"),
    ],
)
def test_placeholders_are_single_arguments(run, path, text):
    assert run(["printf", "%s|%s", "{name}", "{x}"], path, pattern="/run/<name>").text == text


def test_groups_without_a_name_have_numbers(run):
    assert run(["printf", "%s-%s", "{1}", "{0}"], "/run/a/b", pattern="/run/(.)/(.)").text == "b-a"


def test_arguments_of_a_form_fill_placeholders(run):
    assert run(["printf", "%s", "{x}"], method="POST", data={"x": "y"}).text == "y"


@pytest.mark.parametrize(
    "path, says",
    [
        ("/run", "missing argument 'x'"),
        ("/run?y=1", "missing argument 'x'"),
        ("/run?x=-rf", "should not begin with '-'"),
        ("/run?x=a%00b", "null character"),
    ],
)
def test_a_bad_argument_is_400(run, path, says):
    answer = run(["ls", "{x}"], path)
    assert answer.status_code == 400
    assert says in answer.json["detail"]


def test_arguments_that_are_too_long_are_400(run):
    answer = run(["printf", "%s", "{x}"], method="POST", data={"x": "y" * 300_000})
    assert (answer.status_code, "longer than the system takes" in answer.json["detail"]) == (400, True)


def test_a_failure_without_output_is_500_with_the_status(run):
    answer = run("exit 3")
    assert (answer.status_code, answer.headers["X-Exit-Status"]) == (500, "3")
    assert answer.json["status"] == 500


def test_a_failure_after_output_is_200_and_in_the_log(run, capfd):
    answer = run("echo sorry; exit 3")
    assert (answer.status_code, answer.text) == (200, "sorry\n")
    answer.close()
    assert json.loads(capfd.readouterr().out)["error"] == "the command ended with status 3"


def test_a_command_that_prints_nothing_says_its_status(run):
    answer = run(["true"])
    assert (answer.status_code, answer.data, answer.headers["X-Exit-Status"]) == (200, b"", "0")


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGTERM"])
def test_a_command_that_dies_by_a_signal_is_told(run, capfd, name):
    answer = run(f"kill -{name.removeprefix('SIG')} $$")
    assert (answer.status_code, answer.headers["X-Exit-Status"]) == (500, str(128 + signal.Signals[name]))
    assert json.loads(capfd.readouterr().out)["error"] == f"the command was ended by {name}"


def test_a_program_that_has_gone_is_500_and_named_in_the_log(site, caplog):
    client = site(mount({"args": ["./run.sh"]}), {"run.sh": "#!/bin/sh\necho hi\n"})
    assert client.get("/run").status_code == 500  # not executable when the site started
    assert "run.sh" in caplog.text and "may not be executed" in caplog.text


def test_head_runs_nothing(run):
    answer = run("touch ran", method="HEAD")
    assert (answer.status_code, answer.data) == (200, b"")
    assert not (run.client.folder / "ran").exists()


def test_a_browser_gets_a_page_that_has_run_nothing_yet(run):
    answer = run("touch ran", headers={"Accept": "text/html,*/*;q=0.8"})
    assert "/run?_format=terminal" in answer.text
    assert not (run.client.folder / "ran").exists()


def test_a_browser_gets_plain_output_where_it_asks_for_it(run):
    assert run(["echo", "hi"], "/run?_format=text", headers={"Accept": "text/html"}).data == b"hi\n"


def test_the_page_keeps_the_arguments_of_its_url(run):
    answer = run(["echo", "{x}"], "/run?x=%22%3E%3Cb&_format=html", headers={"Accept": "text/html"})
    assert 'data-command="/run?x=%22%3E%3Cb&amp;_format=terminal"' in answer.text


def test_a_terminal_is_told_the_status_at_the_end(run):
    assert run("echo hi; exit 2", "/run?_format=terminal").data == b"hi\n\x1b]133;D;2\x07"


def test_it_runs_in_the_sites_folder_or_in_cwd(run):
    assert run(["pwd"]).text == f"{run.client.folder}\n"
    assert run(["pwd"], files={"data/a": ""}, cwd="data").text == f"{run.client.folder}/data\n"


def test_env_adds_and_removes_variables(run, monkeypatch):
    monkeypatch.setenv("GONE", "here")
    assert run('echo "$A ${GONE-none} ${PATH:+path}"', env={"A": 1, "GONE": False}).text == "1 none path\n"


@pytest.mark.parametrize(
    "stdin, text",
    [
        (False, ""),
        ("body", "the body"),
        ({"text": "some text"}, "some text"),
        ({"text": "x" * 200_000}, "x" * 200_000),
        ({"file": "in.txt"}, "a file"),
    ],
    ids=["nothing", "body", "text", "long text", "file"],
)
def test_stdin(run, stdin, text):
    answer = run(["cat"], files={"in.txt": "a file"}, method="POST", stdin=stdin, data="the body")
    assert answer.text == text


def test_a_command_need_not_read_the_body(run):
    answer = run(["head", "-c", "3"], method="POST", stdin="body", data=b"x" * 3_000_000)
    assert (answer.status_code, answer.data) == (200, b"xxx")


@pytest.mark.parametrize(
    "stdout, stderr, body, files",
    [
        ("pipe", "pipe", "out\nerr\n", {}),
        (False, "pipe", "err\n", {}),
        (False, False, "", {}),
        ("a", "pipe", "err\n", {"a": "out\n"}),
        ("a", "b", "", {"a": "out\n", "b": "err\n"}),
        ("a", "a", "", {"a": "out\nerr\n"}),
        (["pipe", "a"], ["pipe", "a"], "out\nerr\n", {"a": "out\nerr\n"}),
        (["pipe", "a", "b"], False, "out\n", {"a": "out\n", "b": "out\n"}),
        (["a", "b"], "pipe", "err\n", {"a": "out\n", "b": "out\n"}),
    ],
    ids=str,
)
def test_outputs_go_to_the_client_to_files_or_nowhere(run, stdout, stderr, body, files):
    before = {name: "what was there before is overwritten" for name in files}
    answer = run("echo out; echo err >&2", files=before, stdout=stdout, stderr=stderr)
    assert answer.text == body
    assert {name: (run.client.folder / name).read_text() for name in files} == files


def test_a_file_that_cannot_be_written_is_500_and_named_in_the_log(run, caplog):
    assert run(["echo"], stdout="no/such/folder/out.txt").status_code == 500
    assert "no/such/folder/out.txt" in caplog.text


@pytest.mark.parametrize(
    "buffer, pieces",
    [
        (0, ["ab", "c\nd", "e\n"]),
        ("line", ["abc\n", "de\n"]),
        (4, ["abc\nd", "e\n"]),
    ],
    ids=str,
)
def test_buffer_gathers_what_is_sent_at_once(run, buffer, pieces):
    answer = run(r"printf ab; sleep .2; printf 'c\nd'; sleep .2; printf 'e\n'", buffer=buffer)
    assert [piece.decode() for piece in answer.iter_encoded()] in (pieces, merged(pieces))


def merged(pieces):
    """On a busy machine two pieces may come as one."""
    return ["".join(pieces)]


def test_a_command_that_takes_too_long_is_504(run):
    answer = run(["sleep", "1000"], timeout=0.2)
    assert (answer.status_code, answer.json["detail"]) == (504, "the command took longer than 0.2 s")


@pytest.mark.parametrize(
    "script, settings, says",
    [
        ("echo a; sleep 1000", {"timeout": 0.5}, "longer than 0.5 s"),
        (
            "echo a; sleep .2; head -c 1000 /dev/zero; sleep 1000",
            {"max_output": 100},
            "more than max_output: 100 bytes",
        ),
    ],
    ids=["timeout", "max_output"],
)
def test_an_output_that_is_cut_fails_visibly(run, script, settings, says):
    answer = run(script, **settings)
    with pytest.raises(ConnectionResetError, match=says):
        list(answer.iter_encoded())


def test_what_is_left_in_the_background_ends_with_the_command(run):
    answer = run("sleep 1000 & echo $!")
    pid = int(answer.text)
    answer.close()
    assert ended(pid)


def test_what_is_left_in_the_background_does_not_print_for_ever(run):
    assert run("while :; do echo x; done & sleep .1").text.startswith("x\nx\n")


def test_a_full_disk_fails_visibly(run, capfd):
    answer = run("echo a; sleep .3; echo b", stdout=["pipe", "/dev/full"])
    assert answer.status_code == 500
    assert "No space left" in json.loads(capfd.readouterr().out)["error"]


def ended(pid):
    """Whether the process is gone, or only waits for somebody to ask how it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_redirect_waits_for_the_end(run):
    answer = run("sleep .1; echo done > ran", redirect="/next")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/next")
    assert (run.client.folder / "ran").read_text() == "done\n"


def test_a_failure_is_not_redirected(run):
    assert run("exit 1", redirect="/next").status_code == 500
