"""The pytest plugin, by test suites of its own."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from clients import GREETING

TESTS = Path(__file__).parent


@pytest.fixture(autouse=True)
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A suite whose fixtures are the greeting, unless it says otherwise."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]))
    pytester.makefile(".json", prompts=json.dumps(GREETING))
    pytester.makeini("[pytest]\nhelicone_fixtures = prompts.json\naddopts = --strict-markers")
    return pytester


def run(suite: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return suite.runpytest_subprocess("-p", "no:cacheprovider", *arguments)


def test_each_test_has_a_world_of_its_own(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import os
        import pytest
        from clients import production

        @pytest.mark.parametrize("turn", range(3))
        def test_greeting(helicone, turn):
            assert helicone.calls() == []
            assert production(helicone)[0] == 200
            helicone.load({"prompts": []})
            helicone.fault("fail", status=500, error="never", times=None)
            assert os.environ["HELICONE_BASE_URL"] == helicone.url
            assert os.environ["HELICONE_API_KEY"] == helicone.key

        def test_without(monkeypatch):
            assert "HELICONE_API_KEY" not in os.environ
        """
    )
    run(suite).assert_outcomes(passed=4)


def test_marks_prepare_the_world(suite: pytest.Pytester) -> None:
    folder = suite.mkdir("bodies")
    (folder / "farewell.json").write_text('{"messages": []}')
    suite.makepyfile(
        """
        import pytest
        from clients import chat, production

        pytestmark = pytest.mark.helicone_fault("fail", status=500, error="first")
        names = lambda world: [prompt["name"] for prompt in world.fixtures()["prompts"]]

        @pytest.mark.helicone_fault("fail", status=501, error="second")
        @pytest.mark.helicone_fault("fail", status=502, error="third")
        def test_faults(helicone):
            assert [production(helicone)[0] for _ in range(4)] == [500, 501, 502, 200]

        @pytest.mark.helicone_fixtures("bodies")
        def test_folder(helicone):
            assert names(helicone) == ["farewell"]

        @pytest.mark.helicone_fixtures("prompts.json")
        def test_file(helicone):
            assert names(helicone) == ["greeting"]

        @pytest.mark.helicone_fixtures({"prompts": []})
        def test_value(helicone):
            assert names(helicone) == []

        @pytest.mark.helicone_completion("Hello")
        @pytest.mark.helicone_completion("Goodbye")
        def test_completions(helicone):
            production(helicone)
            helicone.request("DELETE", "faults")
            assert [chat(helicone, "Ada"), chat(helicone, "Ada")] == ["Hello", "Goodbye"]
        """
    )
    run(suite).assert_outcomes(passed=5)


def test_a_mark_implies_the_fixture(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import os
        import pytest

        @pytest.mark.helicone_completion("Hello")
        def test_marked():
            assert os.environ["HELICONE_BASE_URL"].startswith("http://127.0.0.1:")

        def test_unmarked():
            assert "HELICONE_BASE_URL" not in os.environ
        """
    )
    run(suite).assert_outcomes(passed=2)


def test_wrong_marks_are_errors_with_the_fakes_reason(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest

        @pytest.mark.helicone_fixtures("nothing.json")
        def test_file(helicone): pass

        @pytest.mark.helicone_fixtures({"prompts": [{"nam": "greeting"}]})
        def test_value(helicone): pass

        @pytest.mark.helicone_fault("explode")
        def test_fault(helicone): pass
        """
    )
    result = run(suite)
    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines(["*nothing.json*", "*unknown field `nam`*", "*explode*"])


@pytest.mark.parametrize("workers", ["0", "2"])
def test_the_calls_are_printed_if_a_test_fails(suite: pytest.Pytester, workers: str) -> None:
    suite.makepyfile(
        """
        import pytest
        from clients import chat, production

        def test_fails(helicone):
            production(helicone, "nobody")
            chat(helicone, "Ada")
            assert False

        def test_passes(helicone):
            production(helicone)

        @pytest.fixture
        def late(helicone):
            chat(helicone, "Ada")
            raise ValueError("late")

        def test_errs(late): pass
        """
    )
    result = run(suite, "-n", workers)
    result.assert_outcomes(passed=1, failed=1, errors=1)
    text = result.stdout.str()
    assert text.count("Calls of the fake Helicone") == 2
    result.stdout.fnmatch_lines_random(
        [
            "1. POST /v1/prompt-2025/query/production-version: *",
            '   sent {"promptId": "nobody"}',
            '   merged (prompt_id greet1, number 1.0, environment production) *"Greet Ada."*',
        ]
    )


def test_a_failed_assertion_shows_the_line_of_the_test(suite: pytest.Pytester) -> None:
    suite.makepyfile('def test_calls(helicone): helicone.assert_called("POST /v1/responses")')
    result = run(suite)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["test_*.py:1: AssertionError"])


def test_a_fake_that_cannot_start_fails_each_test_with_its_reason(suite: pytest.Pytester) -> None:
    suite.makefile(".json", prompts='{"prompts": [{"nam": "greeting"}]}')
    suite.makepyfile("def test_one(helicone): pass\ndef test_two(helicone): pass")
    result = run(suite)
    result.assert_outcomes(errors=2)
    assert result.stdout.str().count("promptbook fake cannot start: ") >= 2
    assert "Traceback" not in result.stdout.str()


def test_a_fake_that_ends_is_reported(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        def test_kills(helicone, helicone_fake):
            helicone_fake._process._child.kill()
            helicone_fake._process._child.wait()

        def test_next(helicone): pass
        """
    )
    result = run(suite)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*promptbook fake ended with status -9*"])


def test_options_are_in_the_configuration_file(suite: pytest.Pytester) -> None:
    suite.makeini("[pytest]\nhelicone_arguments = --status plain --clock 2030-01-01")
    suite.makepyfile(
        """
        from clients import production

        def test_options(helicone):
            assert helicone.now().year == 2029 or helicone.now().year == 2030
            assert production(helicone)[0] == 404
        """
    )
    run(suite).assert_outcomes(passed=1)


def test_200_tests_on_4_workers_see_only_their_own_state(suite: pytest.Pytester) -> None:
    suite.makepyfile(test_suite=(TESTS / "suite_of_200.py").read_text())
    run(suite, "-n", "4").assert_outcomes(passed=200)
