"""Cookies of logins over WebSocket as Nexus' own test 21 has them."""

from __future__ import annotations

import json
from typing import Iterator

import pytest
from websockets.sync.client import connect as open_web_socket

import countersign_server
from conftest import WORKER, eventually
from countersign_server import Server
from interop.bus import REALM, cookie, origin

ABORT, WELCOME = 3, 2
# Long enough for the logins in between on a busy machine; the scenario waits for its end.
SECONDS = 5


@pytest.fixture(scope="module")
def baking_server(tmp_path_factory) -> Iterator[Server]:
    settings = f"[auth.cookie]\nenabled = true\nmax_age_seconds = {SECONDS}\n"
    with countersign_server.running(tmp_path_factory.mktemp("s"), None, settings) as server:
        server.add_user(WORKER.login, WORKER.role, WORKER.password)
        yield server


def by_cookie(server: Server, value: str) -> list:
    """The answer to a HELLO that has nothing but the cookie."""
    url = server.url("ws")
    details = {"roles": {"caller": {}}, "authid": WORKER.login, "authmethods": ["cookie"]}
    headers = {"Cookie": value}
    with open_web_socket(url, subprotocols=["wamp.2.json"], origin=origin(url), additional_headers=headers) as page:
        page.send(json.dumps([1, REALM, details]))
        return json.loads(page.recv())


def test_21_a_cookie_opens_sessions_until_its_time_is_over(baking_server):
    first = cookie(baking_server, WORKER)
    welcome = by_cookie(baking_server, first)
    assert welcome[0] == WELCOME
    assert (welcome[2]["authid"], welcome[2]["authmethod"]) == (WORKER.login, "cookie")
    refusal = eventually("the cookie's end", lambda: refusal_of(baking_server, first))
    name, _, value = first.partition("=")
    assert refusal_of(baking_server, f"{name}={value[::-1]}") == refusal
    # Each has a time of its own.
    assert by_cookie(baking_server, cookie(baking_server, WORKER))[0] == WELCOME
    assert refusal_of(baking_server, first) == refusal


def refusal_of(server: Server, value: str) -> list | None:
    answer = by_cookie(server, value)
    return answer if answer[0] == ABORT else None
