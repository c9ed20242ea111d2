"""Cookies of logins over WebSocket as Nexus' own tests 21 and 25 have them."""

from __future__ import annotations

import json
from typing import Iterator

import pytest
import swampyer
from websockets.sync.client import connect as open_web_socket

import countersign_server
from conftest import WAIT_SECONDS_MAX, WORKER, ZOE, eventually
from countersign_server import Server
from interop.bus import REALM, cookie, origin
from nexus import BASE, Clients

ABORT, GOODBYE, WELCOME = 3, 6, 2
# Long enough for the logins in between on a busy machine; the scenario waits for its end.
SECONDS = 5


@pytest.fixture(scope="module")
def baking_server(tmp_path_factory) -> Iterator[Server]:
    # What is over is removed by the next vacuum.
    settings = f"[auth.cookie]\nenabled = true\nmax_age_seconds = {SECONDS}\n[otp]\nspent_kept_seconds = 0\n"
    with countersign_server.running(tmp_path_factory.mktemp("s"), None, settings) as server:
        for user in (WORKER, ZOE):
            server.add_user(user.login, user.role, user.password)
        yield server


@pytest.fixture
def trusted(baking_server) -> Iterator[swampyer.WAMPClientTicket]:
    clients = Clients(baking_server)
    yield clients.connect(ZOE)
    clients.close()


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


def kept(trusted) -> list[str]:
    """The ids of the cookies that there are, the oldest first."""
    answer = trusted.call(f"{BASE}.system.db.query", "cookies", [], sort=[["created", "asc"]])
    return [record["uuid"] for record in answer["records"]]


def test_21_a_vacuum_removes_dead_cookies_and_leaves_the_live_ones(baking_server, trusted):
    dead = cookie(baking_server, WORKER)
    uuid = kept(trusted)[-1]
    eventually("the cookie's end", lambda: refusal_of(baking_server, dead))
    live = cookie(baking_server, WORKER)
    live_uuid = kept(trusted)[-1]
    assert live_uuid != uuid

    def is_removed() -> bool:
        assert trusted.call(f"{BASE}.system.vacuum") is True
        return uuid not in kept(trusted)

    eventually("the dead cookie's removal", is_removed)
    # Unless its own time is over by now.
    if by_cookie(baking_server, live)[0] == WELCOME:
        assert live_uuid in kept(trusted)


def test_25_a_cookie_that_is_deleted_under_a_live_session_ends_it_without_a_fault(baking_server, trusted):
    url, given = baking_server.url("ws"), cookie(baking_server, WORKER)
    logged = len(baking_server.log.read_text(encoding="utf-8"))
    details = {"roles": {"caller": {}}, "authid": WORKER.login, "authmethods": ["cookie"]}
    headers = {"Cookie": given}
    with open_web_socket(url, subprotocols=["wamp.2.json"], origin=origin(url), additional_headers=headers) as page:
        page.send(json.dumps([1, REALM, details]))
        assert json.loads(page.recv())[0] == WELCOME
        assert trusted.call(f"{BASE}.system.db.delete", [kept(trusted)[-1]]) is True
        assert json.loads(page.recv(timeout=WAIT_SECONDS_MAX))[0] == GOODBYE
    assert refusal_of(baking_server, given)
    assert trusted.call(f"{BASE}.auth.whoami") == {"authid": ZOE.login, "role": ZOE.role}
    log = baking_server.log.read_text(encoding="utf-8")[logged:]
    assert not any(word in log for word in ("ERROR", "WARN", "panicked")), log
