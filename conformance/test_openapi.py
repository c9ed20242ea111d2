"""Requests that Schemathesis makes of the OpenAPI document: no fault of the server, and nothing that the document doesn't say."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from countersign_server import running

PASSWORD = "es3r6oqgh4w7mpiv"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# For each operation. The full run: see README.md.
EXAMPLES_MAX = int(os.environ.get("COUNTERSIGN_OPENAPI_EXAMPLES", "30"))
SECONDS_MAX = 10 * EXAMPLES_MAX


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    settings = "[apps]\nall = ['CRM']\nsignup_allowed = ['CRM']\n"
    with running(tmp_path_factory.mktemp("openapi"), None, settings) as server:
        yield server


def signed_in(server, login: str, role: str) -> dict:
    server.add_user(login, role, PASSWORD)
    connection = http.client.HTTPConnection(urlsplit(server.urls["http"]).netloc, timeout=30)
    connection.request("POST", "/sso/user/login", json.dumps({"username": login, "password": PASSWORD, "current_app": "CRM"}))
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def test_no_made_up_request_gets_what_the_document_does_not_say(server, tmp_path):
    people = [signed_in(server, *who) for who in (("zoe", "trust"), ("ann", "trust"), ("kim", "frontend"))]
    here = Path(__file__).parent
    environment = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "openapi_hooks",
        "PYTHONPATH": str(here),
        "COUNTERSIGN_USTS": ",".join(person["ust"] for person in people),
        "COUNTERSIGN_USER_IDS": ",".join(person["user_id"] for person in people),
    }
    command = [
        Path(sys.executable).with_name("schemathesis"), "run", server.urls["http"] + "/openapi.json",
        "--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES_MAX),
        "--seed", "1", "--suppress-health-check", "all", "--warnings", "off", "--no-color",
    ]  # fmt: skip
    run = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS_MAX)
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2_000:]
