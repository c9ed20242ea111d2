"""swampyer's own test suite, whole, as its source distribution brings it: each of its tests is one of ours."""

from __future__ import annotations

import re

import pytest

from conftest import CONFORMANCE
from suites import source, swampyer


@pytest.mark.parametrize("library, name", swampyer.TESTS)
def test_of_the_suite(swampyer_suite, library, name):
    outcome = swampyer_suite.outcome(library, name)
    # Nothing is skipped there so far; if something ever is, it needs a reason here.
    assert outcome.kind == "passed", outcome.text


def test_no_test_of_the_suite_is_left_out():
    there = source.unpacked(swampyer.REQUIREMENT) / "tests"
    found = [
        f"{path.name}::{name}"
        for path in there.glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert sorted(name for library, name in swampyer.TESTS if library == "websockets") == sorted(found)


def test_the_suite_is_of_the_version_that_is_installed():
    name, version = source.pinned(swampyer.REQUIREMENT)
    assert f"{name}=={version}" in (CONFORMANCE / "requirements.txt").read_text(encoding="utf-8").splitlines()
