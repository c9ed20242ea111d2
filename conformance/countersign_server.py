"""The real server as a process: started on free ports, stopped with its test run."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator
from urllib.parse import urlsplit

import pg8000.native

BINARY = Path(os.environ.get("COUNTERSIGN_BIN", Path(__file__).parent.parent / "target" / "debug" / "countersign"))
POSTGRES_VARIABLE = "COUNTERSIGN_TEST_POSTGRES"

START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 30
COMMAND_SECONDS_MAX = 30

LISTENING = "listening on "

# Logins that fail on purpose wait for nothing. At a Unix socket they have no address that could be exempt.
CONFIG = """\
[throttle]
exempt = ["127.0.0.0/8"]
delay_seconds_max = 0
"""


class Server:
    """A running server. Made by `running`."""

    def __init__(self, home: Path, storage_url: str | None, settings: str = "") -> None:
        self.data = home / "data"
        self.log = home / "server.log"
        self.config = home / "countersign.toml"
        storage = f'\n[storage]\nurl = "{storage_url}"\n' if storage_url else ""
        self.config.write_text(CONFIG + settings + storage, encoding="utf-8")
        self._socket = home / "wamp.sock"
        self._listening: queue.Queue[str] = queue.Queue()
        self._process: subprocess.Popen | None = None
        self.urls: dict[str, str] = {}

    def start(self) -> None:
        doors = ["http://127.0.0.1:0", "https://127.0.0.1:0", "tcp://127.0.0.1:0", f"unix:{self._socket}"]
        command = [BINARY, "serve", "--data", self.data, "--config", self.config]
        for door in doors:
            command += ["--listen", door]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        threading.Thread(target=self._follow, daemon=True).start()
        while len(self.urls) < len(doors):
            try:
                url = self._listening.get(timeout=START_SECONDS_MAX)
            except queue.Empty:
                url = ""
            assert url, f"the server didn't open its doors; open: {self.urls}\n{self.log.read_text()}"
            self.urls[url.partition(":")[0]] = url.rstrip("/")

    def _follow(self) -> None:
        with self.log.open("a", encoding="utf-8") as log:
            for line in self._process.stdout:
                log.write(line)
                log.flush()
                if line.startswith(LISTENING):
                    self._listening.put(line.removeprefix(LISTENING).strip())
        self._listening.put("")

    def stop(self) -> None:
        self._process.terminate()
        try:
            code = self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        assert code == 0, f"the server ended with {code}\n{self.log.read_text()}"

    def url(self, kind: str) -> str:
        """Address of a door in the form that swampyer takes: `ws`, `wss`, `tcpip`, `tcpips` or `unix`."""
        if kind == "ws":
            return self.urls["http"].replace("http", "ws", 1) + "/ws"
        if kind == "wss":
            return self.urls["https"].replace("https", "wss", 1) + "/ws"
        if kind == "tcpips":
            # Every listener speaks both.
            return self.urls["https"].replace("https", "tcpips", 1)
        if kind == "tcpip":
            return self.urls["tcp"].replace("tcp", "tcpip", 1)
        return f"unix://{self._socket}"

    @property
    def certificate(self) -> Path:
        """The certificate that the server made for itself."""
        return self.data / "tls-cert.pem"

    def cli(self, *arguments: str, stdin: str = "") -> str:
        """Runs `countersign --data DIR ARGUMENTS`; its standard output."""
        command = [BINARY, "--data", self.data, "--config", self.config, *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=COMMAND_SECONDS_MAX)
        assert done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def add_user(self, login: str, role: str, password: str) -> dict:
        answer = self.cli("user", "add", login, "--role", role, "--password-stdin", "--json", stdin=password + "\n")
        return json.loads(answer)


@contextmanager
def running(home: Path, storage_url: str | None, settings: str = "") -> Iterator[Server]:
    """A server with its data below `home`; without `storage_url` on SQLite. `settings`: more of its configuration."""
    server = Server(home, storage_url, settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def on_database(kind: str, home: Path, settings: str = "") -> Iterator[Server]:
    """A server on `sqlite`, or on a `postgres` database of its own."""
    if kind == "sqlite":
        with running(home, None, settings) as server:
            yield server
    else:
        with postgres_database() as url, running(home, url, settings) as server:
            yield server


@contextmanager
def postgres_database() -> Iterator[str]:
    """An empty database of its own; its URL."""
    url = os.environ.get(POSTGRES_VARIABLE)
    assert url, f"{POSTGRES_VARIABLE} isn't set: run `cargo xtask conformance`, or choose `-k sqlite`"
    parts = urlsplit(url)
    name = f"countersign_conformance_{uuid.uuid4().hex}"

    def execute(statement: str) -> None:
        connection = pg8000.native.Connection(
            user=parts.username or "postgres",
            password=parts.password,
            host=parts.hostname,
            port=parts.port or 5432,
            database=parts.path.lstrip("/") or "postgres",
        )
        connection.run(statement)
        connection.close()

    execute(f"CREATE DATABASE {name}")
    try:
        yield parts._replace(path=f"/{name}").geturl()
    finally:
        execute(f"DROP DATABASE {name} WITH (FORCE)")
