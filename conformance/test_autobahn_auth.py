"""autobahn-python's own authenticators: WAMP-CRA, SCRAM and Cryptosign, unchanged.

Not run, for the reason given: SCRAM with PBKDF2 (its authenticator hands the salt to its PBKDF2 as text, which that
refuses), the channel binding `tls-exporter` (it knows `tls-unique` alone).
"""

from __future__ import annotations

import pytest

from autobahn_peers import PERMISSION_DENIED, Bus, Prover, authenticator, kinds, scenario, serializers
from conftest import KRISTEN, OTHER_PRIVATE_KEY, PRIVATE_KEY, User

METHODS = ["wampcra", "scram", "cryptosign"]


def proving(method: str, user: User, private_key: str = PRIVATE_KEY, **authextra: str) -> Prover:
    secret = private_key if method == "cryptosign" else user.password
    return Prover(user, authenticator(method, user.login, secret, **authextra))


@pytest.fixture
def bus(proving_server) -> Bus:
    return Bus(proving_server)


@kinds
@serializers
@pytest.mark.parametrize("method", METHODS)
@scenario
async def test_an_authenticator_opens_a_session(bus, kind, serializer, method):
    peer = bus.admitted(await bus.open(proving(method, KRISTEN), kind, serializer))
    details = peer.session_details
    assert (details.authid, details.authrole, details.authmethod) == (KRISTEN.login, KRISTEN.role, method)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("login", [KRISTEN.login, "nobody"], ids=["wrong-secret", "unknown-user"])
@scenario
async def test_a_wrong_proof_is_aborted_like_a_wrong_ticket(bus, method, login):
    stranger = User(login, "frontend", "guess")
    peer = await bus.open(proving(method, stranger, OTHER_PRIVATE_KEY))
    details = await peer.end()
    assert (details.reason, details.message) == (PERMISSION_DENIED, "Permission Denied")
    assert not peer.joined.done()


@scenario
async def test_a_client_that_wants_to_be_bound_by_tls_unique_is_told_that_it_is_not(bus):
    bound = proving("cryptosign", KRISTEN, channel_binding="tls-unique")
    details = await (await bus.open(bound, "wss")).end()
    assert details.reason == "wamp.error.feature_not_supported"
    assert "tls-exporter" in details.message
