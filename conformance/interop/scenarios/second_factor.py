"""Logins in two steps, and by what a login in two steps has left."""

from __future__ import annotations

import itertools
import json
import urllib.request

from conftest import KRISTEN, User
from countersign_server import Server
from interop.bus import WHOAMI, Bus, refused
from interop.scenarios import scenario
from interop.scenarios.sessions import PERMISSION_DENIED, is_aborted
from totp_codes import Codes

PASSWORD = "a long pass phrase"

_numbers = itertools.count(1)


def somebody(server: Server) -> tuple[User, Codes]:
    """A user whose second factor is on."""
    user = User(f"two-steps{next(_numbers)}", "frontend", PASSWORD)
    server.add_user(user.login, user.role, user.password)
    reset = json.loads(server.cli("user", "totp", "reset", user.login, "--json"))
    server.cli("user", "totp", "enable", user.login)
    return user, Codes(reset["totp_key"])


def session_token(server: Server, user: User) -> str:
    fields = {"username": user.login, "password": user.password, "current_app": "CRM"}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(server.urls["http"] + "/sso/user/login", json.dumps(fields).encode()) as answer:
        return json.load(answer)["ust"]


@scenario("auth.totp")
def a_code_answers_the_second_challenge_once(bus: Bus) -> None:
    user, codes = somebody(bus.peers.server)
    auth = {"method": "ticket", "authid": user.login, "secret": user.password}
    right = {**auth, "code": codes.next()}
    session = bus.connect(right)
    assert session.welcome["authmethod"] == "ticket"
    assert session.ask_for(WHOAMI) == {"authid": user.login, "role": user.role}
    for wrong in [right, {**auth, "code": "000000"}, {**auth, "secret": "wrong", "code": codes.next()}]:
        is_aborted(bus, refused(lambda: bus.connect(wrong)), PERMISSION_DENIED, "Permission Denied")


@scenario("auth.ticket")
def a_session_token_of_the_sign_on_api_is_a_ticket(bus: Bus) -> None:
    token = session_token(bus.peers.server, KRISTEN)
    session = bus.connect({"method": "ticket", "authid": KRISTEN.login, "secret": token})
    assert session.ask_for(WHOAMI) == {"authid": KRISTEN.login, "role": KRISTEN.role}
