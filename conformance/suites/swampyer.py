"""swampyer's own suite against our server: where it is, what is in it, and its runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import countersign_server
from countersign_server import Server
from suites import source, swampyer_plugin

REQUIREMENT = Path(__file__).with_name("swampyer.txt")
SUITE_SECONDS_MAX = 300
# Its doors as it writes them, and ours.
DOORS = {"NEXUS_HOST:8282": "http", "NEXUS_HOST:18081": "tcp"}
UNIX_SOCKET = "nexus.socket"
USERS = {"backend-1": "backend", "trust-1": "trust"}

# All of its tests. It sleeps most of its time, so they run side by side; each lane has a server of its own, as the
# tests take the same procedures from each other.
LANES = [
    ["test_08_concurrency_events.py::test_connection"],
    ["test_07_concurrency.py::test_connection"],
    ["test_03_websockets.py::test_connection", "test_05_unix_sockets.py::test_connection"],
    ["test_04_tcp_sockets.py::test_connection", "test_07_packet_oversized.py::test_reconnect"],
    [
        "test_01_imports.py::test_can_import",
        "test_01_messages.py::test_messages",
        "test_02_connect.py::test_connection",
        "test_06_protocols.py::test_connection",
        "test_07_reconnect.py::test_reconnect",
        "test_09_windows_socket_error_10054.py::test_exception",
        "test_10_hide_password_debug.py::test_debug_output",
    ],
]
# Those that open a WebSocket once more, with the library that swampyer takes where `websockets` isn't installed.
AGAIN = [
    [
        "test_08_concurrency_events.py::test_connection",
        "test_06_protocols.py::test_connection",
        "test_07_packet_oversized.py::test_reconnect",
    ],
    [
        "test_07_concurrency.py::test_connection",
        "test_02_connect.py::test_connection",
        "test_03_websockets.py::test_connection",
        "test_07_reconnect.py::test_reconnect",
        "test_09_windows_socket_error_10054.py::test_exception",
    ],
]
LIBRARIES = {
    "websockets": (LANES, {}),
    "websocket_client": (AGAIN, {"SWAMPYER_DISABLE_ALT_WEBSOCKETS_LIBRARY": "1"}),
}
TESTS = [(library, name) for library, (lanes, _) in LIBRARIES.items() for lane in lanes for name in lane]


@dataclass(frozen=True)
class Outcome:
    """What came of one of its tests: `passed`, `failed` or `skipped`."""

    kind: str
    text: str


class Run:
    """The suite under way. Started by `start`, and ended by `stop`, whatever happened."""

    def __init__(self, make_directory: Callable[[], Path]) -> None:
        self._make_directory = make_directory
        self._ends = ExitStack()
        self._lanes: dict[tuple[str, str], Lane] = {}

    def start(self) -> None:
        tests = source.unpacked(REQUIREMENT) / "tests"
        for library, (lanes, environment) in LIBRARIES.items():
            for names in lanes:
                home = self._make_directory()
                server = self._ends.enter_context(countersign_server.running(home, None))
                lane = Lane(tests, names, {**environment, **environment_for(server, home)}, home)
                self._ends.callback(lane.stop)
                self._lanes |= {(library, name): lane for name in names}

    def stop(self) -> None:
        self._ends.close()

    def outcome(self, library: str, name: str) -> Outcome:
        lane = self._lanes[library, name]
        outcomes = lane.outcomes()
        assert name in outcomes, f"{name} was not run\n{lane.output()}"
        return outcomes[name]


class Lane:
    """Some of its files, one after the other, in a process of their own."""

    def __init__(self, tests: Path, names: list[str], environment: dict[str, str], home: Path) -> None:
        self._report, self._log = home / "report.xml", home / "suite.log"
        files = list(dict.fromkeys(name.partition("::")[0] for name in names))
        command = [sys.executable, "-m", "pytest", "-p", "suites.swampyer_plugin", "-p", "no:cacheprovider"]
        # Not our settings, and nothing written beside its files.
        command += ["-c", os.devnull, "--rootdir", tests, "--junit-xml", self._report, *files]
        environment = {**os.environ, **environment, "PYTHONDONTWRITEBYTECODE": "1"}
        with self._log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                command, cwd=tests, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    def outcomes(self) -> dict[str, Outcome]:
        self._process.wait(SUITE_SECONDS_MAX)
        assert self._report.exists(), self.output()
        cases = ElementTree.parse(self._report).iter("testcase")
        return {f"{case.get('classname')}.py::{case.get('name')}": read(case) for case in cases}

    def output(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def read(case: ElementTree.Element) -> Outcome:
    for kind, tags in {"failed": ("failure", "error"), "skipped": ("skipped",)}.items():
        for tag in tags:
            if (found := case.find(tag)) is not None:
                return Outcome(kind, f"{found.get('message')}\n{found.text}")
    return Outcome("passed", "")


def environment_for(server: Server, home: Path) -> dict[str, str]:
    """Makes the users and the files that the suite looks for; the variables that lead it there."""
    data = home / "suite"
    data.mkdir()
    passwords = {login: f"the pass phrase of {login}" for login in USERS}
    for login, role in USERS.items():
        server.add_user(login, role, passwords[login])
    users = {login: {"plaintext_password": password} for login, password in passwords.items()}
    (data / "snapshot.json").write_text(json.dumps({"users": users}), encoding="utf-8")
    (data / UNIX_SOCKET).symlink_to(server.url("unix").removeprefix("unix://"))
    doors = {theirs: server.urls[ours].partition("://")[2] for theirs, ours in DOORS.items()}
    conformance = str(Path(__file__).parent.parent)
    return {
        swampyer_plugin.DOORS_VARIABLE: json.dumps(doors),
        swampyer_plugin.DATA_VARIABLE: str(data),
        "PYTHONPATH": os.pathsep.join(filter(None, [conformance, os.environ.get("PYTHONPATH")])),
    }
