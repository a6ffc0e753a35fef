"""The fake as a value: its start, its routes, and its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from clients import GREETING, PRODUCTION, chat, production

import promptbook_store
from promptbook_store.testing import Fake, FakeError


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_fake_has_an_address_and_ends_with_its_context() -> None:
    with Fake(GREETING) as fake:
        assert fake.control == f"{fake.url}/__promptbook"
        status, answer = production(fake)
        assert (status, answer["data"]["environments"]) == (200, ["production"])
        process = fake._process._child
    assert process.returncode == 0
    fake.stop()
    with pytest.raises(FakeError, match="ended with status 0"):
        fake.reset()


def test_fixtures_are_a_file_a_folder_or_a_value(tmp_path: Path) -> None:
    file = tmp_path / "prompts.json"
    file.write_text(json.dumps(GREETING))
    folder = tmp_path / "prompts"
    folder.mkdir()
    (folder / "greeting.json").write_text('{"messages": []}')
    for fixtures in (GREETING, file, str(file), folder):
        with Fake(fixtures) as fake:
            assert [prompt["name"] for prompt in fake.fixtures()["prompts"]] == ["greeting"]


def test_a_fake_that_cannot_start_says_why(tmp_path: Path) -> None:
    file = tmp_path / "prompts.json"
    file.write_text('{"prompts": [{"nam": "greeting"}]}')
    with pytest.raises(FakeError, match=r"cannot start: .*prompts.json.*unknown field `nam`"):
        Fake(file)
    with pytest.raises(FakeError, match="unknown field `nam`"):
        Fake({"prompts": [{"nam": "greeting"}]})
    with pytest.raises(FakeError, match="unexpected argument '--nonsense'"):
        Fake(arguments=["--nonsense"])


def test_a_program_that_is_no_fake_is_reported(tmp_path: Path) -> None:
    def program(text: str) -> str:
        path = tmp_path / "program"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return str(path)

    with pytest.raises(FakeError, match="ended with status 3 before it started:\nno such thing"):
        Fake(command=program("echo no such thing >&2; exit 3"))
    with pytest.raises(FakeError, match="did not start within 0.2 s"):
        Fake(command=program("exec sleep 100"), timeout=0.2)
    with pytest.raises(FakeError, match="cannot be run"):
        Fake(command=str(tmp_path / "nothing"))


def test_a_missing_command_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMPTBOOK_COMMAND", "/nowhere/promptbook")
    with pytest.raises(FakeError, match="PROMPTBOOK_COMMAND is /nowhere/promptbook, which is not a program"):
        Fake()


def test_a_fake_that_was_killed_is_reported_at_once() -> None:
    with Fake() as fake:
        fake._process._child.kill()
        fake._process._child.wait()
        with pytest.raises(FakeError, match="promptbook fake ended with status -9"):
            fake.calls()


def test_faults_and_answers_are_scripted() -> None:
    with Fake(GREETING) as fake:
        fake.fault("fail", status=503, error="Try again", route=PRODUCTION)
        assert production(fake) == (503, {"data": None, "error": "Try again"})
        assert production(fake)[0] == 200
        fake.complete("Hello Ada", prompt="greet1")
        fake.complete(refusal="No", content="nothing like it")
        assert chat(fake, "Ada") == "Hello Ada"
        assert chat(fake, "Ada") == "An answer of gpt-4o to prompt greet1, version 1.0 (production)."
        with pytest.raises(FakeError, match="colour"):
            fake.fault("fail", colour="red")


def test_calls_are_listed_and_asserted() -> None:
    with Fake(GREETING) as fake:
        production(fake)
        chat(fake, "Ada")
        assert [call["status"] for call in fake.calls()] == [200, 200]
        (call,) = fake.calls("POST /v1/chat/completions")
        assert call["gateway"]["request"]["messages"] == [{"role": "user", "content": "Greet Ada."}]
        assert fake.assert_called(PRODUCTION) == 1
        fake.assert_called(PRODUCTION, times={"at_most": 2}, json={"promptId": "greet1"})
        fake.assert_called("POST /v1/chat/completions", gateway={"number": "1.0"})
        fake.assert_order({"route": PRODUCTION}, {"route": "POST /v1/chat/completions"}, only=True)
        with pytest.raises(AssertionError, match="was called 1 time, expected 2 times"):
            fake.assert_called(PRODUCTION, 2)
        with pytest.raises(AssertionError):
            fake.assert_order({"route": "POST /v1/chat/completions"}, {"route": PRODUCTION})
        fake.reset()
        assert fake.calls() == []


def test_the_clock_is_the_tests() -> None:
    with Fake() as fake:
        start = fake.now()
        assert start == datetime(2025, 1, 1, tzinfo=timezone.utc)
        assert fake.advance(90) == start + timedelta(seconds=90)
        assert fake.advance(timedelta(hours=1)) == start + timedelta(seconds=3690)
        assert fake.set_time(datetime(2030, 1, 1, tzinfo=timezone.utc)).year == 2030
        with pytest.raises(ValueError, match="no time zone"):
            fake.set_time(datetime(2030, 1, 1))


def test_worlds_do_not_see_each_other() -> None:
    with Fake(GREETING) as fake:
        one, two = fake.world(), fake.world("sk-two")
        assert two.key == "sk-two"
        one.load({"prompts": []})
        assert production(two)[0] == 200
        assert (one.calls(), len(two.calls()), fake.calls()) == ([], 1, [])
        two.end()
        with pytest.raises(FakeError, match="."):
            two.reset()


def test_a_fake_ends_with_a_process_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import time; from promptbook_store.testing import Fake; fake = Fake()\n"
        "print(fake._process._child.pid, flush=True); time.sleep(1000)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    fake = int(parent.stdout.readline())
    assert is_running(fake)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    for _ in range(1000):
        if not is_running(fake):
            return
        time.sleep(0.01)
    os.kill(fake, signal.SIGKILL)
    pytest.fail("the fake outlived the process that started it")


def test_a_fake_ends_even_if_a_forked_process_has_its_input() -> None:
    fake = Fake()
    child = os.fork()
    if child == 0:
        time.sleep(1000)
        os._exit(0)
    try:
        fake.stop()
        assert fake._process._child.returncode == 0
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_the_command_is_the_packages_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMPTBOOK_COMMAND", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    assert Path(promptbook_store.command()).name == "promptbook"
    version = [sys.executable, "-m", "promptbook_store", "--version"]
    assert subprocess.check_output(version, text=True).startswith("promptbook ")
