"""What the scenarios share: a running server per database, its users, and programs run against it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Iterator

import pytest
import swampyer

# Their assertions shall show both sides, as those of the tests do. Before they are imported.
pytest.register_assert_rewrite("interop")

import countersign_server
import suites.swampyer
from autobahn_peers import Bus, public_key
from countersign_server import Server

if TYPE_CHECKING:
    from nexus import Clients, Nexus

CONFORMANCE = Path(__file__).parent
PROGRAM_SECONDS_MAX = 60
WAIT_SECONDS_MAX = 20
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class User:
    """Somebody who may log in."""

    login: str
    role: str
    password: str


KRISTEN = User("kristen98", "frontend", "kristen's long pass phrase")
JSMITH = User("jsmith1234", "frontend", "jsmith's long pass phrase")
ZOE = User("zoe", "trust", "zoe's long pass phrase")
WORKER = User("worker", "backend", "worker's long pass phrase")
USERS = [KRISTEN, JSMITH, ZOE, WORKER]
# Ed25519, in hexadecimal digits: the first is KRISTEN's where users have keys, the other one nobody's.
PRIVATE_KEY = "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510"
OTHER_PRIVATE_KEY = "d511fe78e23934b3dadb52fcd022974b80bd92bccc7c5cf404e46cc0a8a2f5cd"


@dataclass(frozen=True)
class Door:
    """A way to the server, as swampyer takes it, with one of its two WebSocket libraries."""

    name: str
    kind: str
    websocket_client: bool = False

    @property
    def environment(self) -> dict[str, str]:
        return {"SWAMPYER_DISABLE_ALT_WEBSOCKETS_LIBRARY": "1"} if self.websocket_client else {}


DOORS = [
    Door("ws", "ws"),
    Door("ws-websocket_client", "ws", websocket_client=True),
    Door("wss", "wss"),
    Door("wss-websocket_client", "wss", websocket_client=True),
    Door("rawsocket", "tcpip"),
    Door("unix", "unix"),
]
WS, UNIX = DOORS[0], DOORS[-1]


@dataclass(frozen=True)
class Run:
    """What a program left behind."""

    code: int
    output: str
    otp: dict | None
    printed: str
    error: str | None
    second_login: str | None


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def server(request, tmp_path_factory) -> Iterator[Server]:
    """A server with the users of `USERS`, once on each database."""
    # Not below pytest's own directories: a Unix socket's path is short.
    home = tmp_path_factory.mktemp("s")
    with countersign_server.on_database(request.param, home) as server:
        yield with_users(server)


@pytest.fixture(scope="session")
def admitting_server(tmp_path_factory) -> Iterator[Server]:
    """A server with the users of `USERS`, for sessions without a login too. For what no database takes part in."""
    settings = "[auth]\nanonymous = true\n"
    with countersign_server.running(tmp_path_factory.mktemp("s"), None, settings) as server:
        yield with_users(server)


@pytest.fixture(scope="session")
def proving_server(tmp_path_factory) -> Iterator[Server]:
    """A server with the users of `USERS`, and KRISTEN's key, that takes every method of challenge and response."""
    settings = "[auth]\nwampcra = true\n"
    with countersign_server.running(tmp_path_factory.mktemp("s"), None, settings) as server:
        yield with_key(with_users(server))


@pytest.fixture(scope="session", autouse=True)
def suites_under_way(request, tmp_path_factory) -> Iterator[suites.swampyer.Run | None]:
    """Starts swampyer's own suite with the first test of all, if it is to be run: it sleeps while others work."""
    if not any("swampyer_suite" in item.fixturenames for item in request.session.items):
        yield None
        return
    run = suites.swampyer.Run(lambda: tmp_path_factory.mktemp("s"))
    try:
        run.start()
        yield run
    finally:
        run.stop()


@pytest.fixture(scope="session")
def swampyer_suite(suites_under_way) -> suites.swampyer.Run:
    """swampyer's own suite, under way."""
    return suites_under_way


@pytest.fixture
def bus(admitting_server) -> Bus:
    """The sessions of one scenario of autobahn-python."""
    return Bus(admitting_server)


def with_users(server: Server) -> Server:
    for user in USERS:
        server.add_user(user.login, user.role, user.password)
    return server


def with_key(server: Server) -> Server:
    server.cli("user", "pubkey", "add", KRISTEN.login, public_key(PRIVATE_KEY), "--label", "laptop")
    return server


@pytest.fixture
def run_program(server, tmp_path) -> Callable[..., Run]:
    """Runs a program in a process and a directory of its own, with an `izaber.yaml` that signs `user` in."""

    def run(
        program: str, user: User, door: Door, serializer: str | None = None, *, again: bool = False, cbor2: bool = True
    ) -> Run:
        connection = {"url": server.url(door.kind), "username": user.login, "password": user.password}
        if serializer:
            connection["serializer"] = serializer
        # JSON is YAML too.
        settings = {"default": {"wamp": {"connection": connection}}}
        (tmp_path / "izaber.yaml").write_text(json.dumps(settings), encoding="utf-8")
        path, report_path = tmp_path / "program.py", tmp_path / "report.json"
        path.write_text(program, encoding="utf-8")

        command = [sys.executable, Path(__file__).parent / "run_program.py", path, report_path]
        command += ["--serializer", serializer] if serializer else []
        command += ["--second-login", server.url(door.kind)] if again else []
        command += [] if cbor2 else ["--without-cbor2"]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={**os.environ, **client_environment(server), **door.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PROGRAM_SECONDS_MAX,
        )
        assert report_path.exists(), f"the program ended with {done.returncode}\n{done.stdout}"
        return Run(done.returncode, done.stdout, **json.loads(report_path.read_text(encoding="utf-8")))

    return run


def client_environment(server: Server) -> dict[str, str]:
    """What a user sets who trusts the server's own certificate and reaches it without a proxy."""
    return {"SSL_CERT_FILE": str(server.certificate), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


@pytest.fixture
def connect(server, monkeypatch) -> Iterator[Callable[..., swampyer.WAMPClientTicket]]:
    """Signs a user in with swampyer; every client is closed with the test."""
    for name, value in client_environment(server).items():
        monkeypatch.setenv(name, value)
    clients = []

    def connect(
        user: User, kind: str = "ws", client_class=swampyer.WAMPClientTicket, **options
    ) -> swampyer.WAMPClientTicket:
        options = {"username": user.login, "password": user.password, "auto_reconnect": False, **options}
        client = client_class(url=server.url(kind), realm="izaber", **options)
        clients.append(client)
        client.start()
        return client

    yield connect
    for client in clients:
        # Its thread ends when the connection does.
        client._request_shutdown = True
        client.disconnect()


@pytest.fixture(scope="session")
def nexus(tmp_path_factory) -> Iterator[Nexus]:
    """A server with the roles of Nexus' own tests. Rules, not storage, are what those are about: on one database."""
    from nexus import Nexus

    settings = "[auth]\nanonymous = true\n"
    with countersign_server.running(tmp_path_factory.mktemp("s"), None, settings) as server:
        yield Nexus(server)


@pytest.fixture
def clients(nexus) -> Iterator[Clients]:
    """swampyer's clients of one test of those."""
    from nexus import Clients

    clients = Clients(nexus.server)
    yield clients
    clients.close()


def eventually(what: str, probe: Callable[[], object], seconds_max: float = WAIT_SECONDS_MAX) -> object:
    """The first true answer of `probe`."""
    deadline = time.monotonic() + seconds_max
    while not (answer := probe()):
        assert time.monotonic() < deadline, f"waited {seconds_max} s for {what}"
        time.sleep(POLL_SECONDS)
    return answer
