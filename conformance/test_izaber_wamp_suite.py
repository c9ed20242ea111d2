"""What izaber_wamp's own tests show, with the real library: `suites/izaber_wamp.py` holds the scenarios."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Iterator

import pytest

import countersign_server
from conftest import CONFORMANCE, PROGRAM_SECONDS_MAX
from countersign_server import Server
from suites import izaber_wamp

PASSWORDS = {f"backend-{number}": f"the pass phrase of backend-{number}" for number in (1, 2, 3)}


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def suite_server(request, tmp_path_factory) -> Iterator[Server]:
    with countersign_server.on_database(request.param, tmp_path_factory.mktemp("s")) as server:
        for login, password in PASSWORDS.items():
            server.add_user(login, "backend", password)
        yield server


@pytest.mark.parametrize("name", izaber_wamp.SCENARIOS)
def test_of_the_suite(suite_server, tmp_path, name):
    settings = json.dumps({"url": suite_server.url("ws"), "passwords": PASSWORDS})
    done = subprocess.run(
        [sys.executable, "-m", "suites.izaber_wamp", name],
        cwd=tmp_path,
        env={**os.environ, izaber_wamp.SETTINGS_VARIABLE: settings, "PYTHONPATH": str(CONFORMANCE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PROGRAM_SECONDS_MAX,
    )
    assert done.returncode == 0, done.stdout
