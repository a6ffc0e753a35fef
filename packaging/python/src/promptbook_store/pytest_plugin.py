"""A pytest plugin: the fixture `helicone`, a world of a fake Helicone for each test.

Each worker of pytest-xdist starts a fake of its own, when its first test asks for it.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable, Generator, Iterator, TypeVar

import pytest

from ._world import Fixtures, FixturesOrPath
from .testing import Fake, FakeError, World, format_calls

T = TypeVar("T")

FIXTURES = "helicone_fixtures"
ARGUMENTS = "helicone_arguments"
SECTION = "Calls of the fake Helicone"
MARKS = [
    "helicone_fixtures(fixtures): prompts of the test: the path of a JSON file or of a folder of bodies, beside the "
    "test's file, or the fixtures themselves",
    "helicone_fault(kind, **members): a fault that the test begins with, as World.fault takes it",
    "helicone_completion(text, **members): an answer of a model that the test begins with, as World.complete takes it",
]
_world: "pytest.StashKey[World]" = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the settings of the configuration file."""
    parser.addini(FIXTURES, "prompts of the fixture helicone: a JSON file or a folder of bodies", default="")
    parser.addini(ARGUMENTS, "options of `promptbook fake`, such as --status plain", type="args", default=[])


def pytest_configure(config: pytest.Config) -> None:
    """Registers the marks."""
    for mark in MARKS:
        config.addinivalue_line("markers", mark)


@pytest.fixture(scope="session")
def helicone_fake(pytestconfig: pytest.Config) -> Iterator[Fake]:
    """The fake of this process, in whose worlds the tests run."""
    named = pytestconfig.getini(FIXTURES)
    place = pytestconfig.inipath.parent if pytestconfig.inipath else pytestconfig.rootpath
    fixtures = place / named if named else None
    with _reported(lambda: Fake(fixtures, arguments=pytestconfig.getini(ARGUMENTS))) as fake:
        yield fake


@pytest.fixture
def helicone(
    request: pytest.FixtureRequest, helicone_fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """A fake Helicone of the test's own, without calls, as its fixtures and marks describe it.

    While the test runs, `HELICONE_BASE_URL` and `HELICONE_API_KEY` are its URL and key.
    """
    world = _reported(helicone_fake.world)
    try:
        _reported(lambda: _prepare(world, request))
        monkeypatch.setenv("HELICONE_BASE_URL", world.url)
        monkeypatch.setenv("HELICONE_API_KEY", world.key)
        request.node.stash[_world] = world
        yield world
    finally:
        try:
            world.end()
        except FakeError:
            # The test ended the world itself, or the fake has ended, which the next test reports.
            pass


@pytest.fixture(autouse=True)
def _helicone_of_marks(request: pytest.FixtureRequest) -> None:
    """Gives a test that has one of the marks the fixture, even if it does not name it."""
    if any(request.node.get_closest_marker(mark.split("(")[0]) for mark in MARKS):
        request.getfixturevalue("helicone")


def _prepare(world: World, request: pytest.FixtureRequest) -> None:
    """Does what the marks of a test say."""
    node: pytest.Item = request.node
    fixtures = node.get_closest_marker("helicone_fixtures")
    if fixtures is not None:
        world.load(_fixtures(fixtures, request.path, tuple(request.config.getini(ARGUMENTS))))
    # The marks of a module come before those of its tests, and the upper ones of a test before the lower.
    for mark in reversed(list(node.iter_markers("helicone_fault"))):
        world.fault(*mark.args, **mark.kwargs)
    for mark in reversed(list(node.iter_markers("helicone_completion"))):
        world.complete(*mark.args, **mark.kwargs)


def _fixtures(mark: pytest.Mark, test_file: Path, arguments: "tuple[str, ...]") -> Fixtures:
    """Returns the fixtures that a mark names or contains."""
    given: FixturesOrPath = mark.args[0]
    if not isinstance(given, (str, os.PathLike)):
        return given
    return _read(test_file.parent / given, arguments)


@lru_cache(maxsize=None)
def _read(path: Path, arguments: "tuple[str, ...]") -> Fixtures:
    """Returns the fixtures in a file or a folder, as a fake with these options reads them."""
    with Fake(path, arguments=arguments) as fake:
        return fake.fixtures()


def _reported(action: Callable[[], T]) -> T:
    """Returns what an action returns, or fails the test with the fake's reason alone."""
    try:
        return action()
    except FakeError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> "Generator[None, Any, None]":
    """Adds the calls of the fake to the report of a test that failed."""
    outcome = yield
    report: pytest.TestReport = outcome.get_result()
    world = item.stash.get(_world, None)
    if world is None or not report.failed or report.when == "teardown":
        return
    try:
        text = format_calls(world.calls())
    except FakeError as error:
        text = str(error)
    report.sections.append((SECTION, text))
