"""What the scenarios of Nexus' own tests share: a server with the roles of those tests, and users that come and go."""

from __future__ import annotations

import itertools
from typing import Callable

import swampyer

from conftest import User
from countersign_server import Server

BASE = "com.izaber.wamp"
REFUSED = "^Received abort when trying to connect: Permission Denied$"
NOT_AUTHORIZED = "is not authorized to"

# Beside what the shipped roles grant. Those tests write each of their rules with the prefix and without.
RULES = {
    "public": {"public.*": "crsp", "roster.*": "oq"},
    "frontend": {"frontend.*": "crsp", "reauth.*": "c+r+", "docsrequired.*": "cr!", "system.document.*": "c"}
    | {f"auth.{name}": "c" for name in ("whoami", "reauthenticate", "is_reauthenticated")}
    | {f"system.roster.{name}": "c" for name in ("register", "unregister", "query")},
    "backend": {"*": "crspoq"},
}


class Nexus:
    """A running server, as those tests have it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._numbers = itertools.count(1)
        for role, rules in RULES.items():
            for uri, letters in rules.items():
                for spelling in (uri, f"{BASE}.{uri}"):
                    server.cli("role", "allow", role, spelling, letters)

    def user(self, role: str = "frontend") -> User:
        """A new one."""
        login = f"{role}-{next(self._numbers)}"
        user = User(login, role, f"the pass phrase of {login}")
        self.server.add_user(login, role, user.password)
        return user


class Clients:
    """swampyer's clients of one test, closed with it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._clients: list[swampyer.WAMPClient] = []

    def connect(self, user: User, kind: str = "ws", client_class=swampyer.WAMPClientTicket, **options):
        return self._start(client_class, kind, {"username": user.login, "password": user.password, **options})

    def anonymous(self, kind: str = "ws", **options) -> swampyer.WAMPClient:
        return self._start(swampyer.WAMPClient, kind, options)

    def _start(self, client_class, kind: str, options: dict):
        options = {"auto_reconnect": False, **options}
        client = client_class(url=self._server.url(kind), realm="izaber", **options)
        self._clients.append(client)
        client.start()
        return client

    def close(self) -> None:
        for client in self._clients:
            # Its thread ends when the connection does.
            client._request_shutdown = True
            client.disconnect()


def hello(invocation, name: str) -> str:
    return f"Hello {name}!"


def denies(call: Callable, *arguments, what: str = NOT_AUTHORIZED, **options) -> None:
    """The call is refused for want of a permission."""
    try:
        result = call(*arguments, **options)
    except swampyer.ExInvocationError as refusal:
        assert what in str(refusal), str(refusal)
    else:
        raise AssertionError(f"it was not refused: {result}")
