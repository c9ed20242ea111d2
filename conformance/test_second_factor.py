"""Codes of the second factor: with clients that are asked twice, and with those that send the password alone; session
tokens as tickets."""

from __future__ import annotations

import itertools
import json
import urllib.request

import pytest
import swampyer

from autobahn_peers import PERMISSION_DENIED, REALM, WHOAMI, Bus, Peer, Prover, Twice, authenticator, kinds, scenario, serializers
from conftest import User
from totp_codes import Codes

PASSWORD = "a long pass phrase"
REFUSED = "^Received abort when trying to connect: Permission Denied$"

_numbers = itertools.count(1)


@pytest.fixture
def somebody(proving_server) -> tuple[User, Codes]:
    """A user whose second factor is on."""
    user = User(f"twice{next(_numbers)}", "frontend", PASSWORD)
    proving_server.add_user(user.login, user.role, user.password)
    reset = json.loads(proving_server.cli("user", "totp", "reset", user.login, "--json"))
    proving_server.cli("user", "totp", "enable", user.login)
    return user, Codes(reset["totp_key"])


@pytest.fixture
def bus(proving_server) -> Bus:
    return Bus(proving_server)


class Known(Peer):
    """Knows the code beforehand."""

    def __init__(self, user: User, code: str) -> None:
        super().__init__(user, REALM, None)
        self._code = code

    def onConnect(self) -> None:
        extra = {"totp_code": self._code}
        self.join(REALM, authmethods=["ticket"], authid=self._user.login, authextra=extra)


class Proving(Prover):
    """The same with a proof in the place of the password."""

    def __init__(self, user: User, method: str, code: str) -> None:
        super().__init__(user, authenticator(method, user.login, user.password))
        self._code = code

    def onChallenge(self, challenge) -> str:
        return self._code if challenge.method == "totp" else super().onChallenge(challenge)


@kinds
@scenario
async def test_autobahn_answers_a_second_challenge_with_the_code(bus, somebody, kind):
    user, codes = somebody
    peer = bus.admitted(await bus.open(Twice(user, codes.next()), kind))
    assert await peer.call(WHOAMI) == {"authid": user.login, "role": user.role}
    assert peer.session_details.authmethod == "ticket"


@pytest.mark.parametrize("method", ["wampcra", "scram"])
@scenario
async def test_an_authenticator_of_autobahn_is_followed_by_the_code(bus, somebody, method):
    user, codes = somebody
    peer = bus.admitted(await bus.open(Proving(user, method, codes.next())))
    assert peer.session_details.authmethod == method


@scenario
async def test_autobahn_sends_the_code_with_hello(bus, somebody):
    user, codes = somebody
    bus.admitted(await bus.open(Known(user, codes.next())))


@pytest.mark.parametrize("peer_class", [Twice, Known])
@scenario
async def test_a_wrong_code_is_aborted_like_a_wrong_password(bus, somebody, peer_class):
    user, _ = somebody
    details = await (await bus.open(peer_class(user, "000000"))).end()
    assert (details.reason, details.message) == (PERMISSION_DENIED, "Permission Denied")


def session_token(server, user: User, code: str) -> str:
    fields = {"username": user.login, "password": user.password, "totp_code": code, "current_app": "CRM"}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(server.urls["http"] + "/sso/user/login", json.dumps(fields).encode()) as answer:
        return json.load(answer)["ust"]


def swampyer_login(server, user: User, ticket: str) -> swampyer.WAMPClientTicket:
    options = {"username": user.login, "password": ticket, "auto_reconnect": False}
    return swampyer.WAMPClientTicket(url=server.url("tcpip"), realm=REALM, **options)


def test_swampyer_appends_the_code_to_the_password_or_sends_a_token(proving_server, somebody):
    user, codes = somebody
    for ticket in [lambda code: PASSWORD + code, lambda code: session_token(proving_server, user, code)]:
        client = swampyer_login(proving_server, user, ticket(codes.next())).start()
        try:
            assert client.call(WHOAMI) == {"authid": user.login, "role": user.role}
        finally:
            client._request_shutdown = True
            client.disconnect()
    for wrong in ["000000", "x"]:
        with pytest.raises(swampyer.ExAbort, match=REFUSED):
            swampyer_login(proving_server, user, PASSWORD + wrong).start()


@serializers
@scenario
async def test_a_session_token_is_a_ticket(bus, somebody, serializer):
    user, codes = somebody
    token = session_token(bus.server, user, codes.next())
    peer = await bus.join(User(user.login, user.role, token), "ws", serializer)
    assert await peer.call(WHOAMI) == {"authid": user.login, "role": user.role}
