"""autobahn-python's own authenticators: WAMP-CRA, SCRAM and Cryptosign, unchanged.

Not run, for the reason given: SCRAM with PBKDF2 (its authenticator hands the salt to its PBKDF2 as text, which that
refuses), the channel binding `tls-exporter` (it knows `tls-unique` alone).
"""

from __future__ import annotations

import pytest
from autobahn.wamp.auth import create_authenticator
from autobahn.wamp.cryptosign import CryptosignKey

from autobahn_peers import PERMISSION_DENIED, REALM, Bus, Peer, kinds, scenario, serializers
from conftest import KRISTEN, User

METHODS = ["wampcra", "scram", "cryptosign"]
PRIVATE_KEY = "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510"
OTHER_PRIVATE_KEY = "d511fe78e23934b3dadb52fcd022974b80bd92bccc7c5cf404e46cc0a8a2f5cd"


class Prover(Peer):
    """A session that signs in with one of autobahn-python's authenticators."""

    def __init__(self, user: User, authenticator) -> None:
        super().__init__(user, REALM, [authenticator.name])
        self._authenticator = authenticator

    def onConnect(self) -> None:
        authextra = self._authenticator.authextra
        self.join(self.config.realm, authmethods=self._methods, authid=self._user.login, authextra=authextra)

    def onChallenge(self, challenge) -> str:
        return self._authenticator.on_challenge(self, challenge)

    def onWelcome(self, welcome):
        # With SCRAM the server has to prove itself here; what is returned ends the session.
        return self._authenticator.on_welcome(self, welcome.authextra)


def authenticator(method: str, user: User, private_key: str = PRIVATE_KEY, **authextra):
    """What a user of autobahn-python configures."""
    if method == "wampcra":
        return create_authenticator(method, authid=user.login, secret=user.password)
    if method == "scram":
        return create_authenticator(method, authid=user.login, password=user.password)
    return create_authenticator(method, authid=user.login, privkey=private_key, authextra=authextra)


@pytest.fixture(scope="session")
def bus_of_keys(proving_server):
    """A server where kristen98 has a public key too."""
    public_key = CryptosignKey.from_bytes(bytes.fromhex(PRIVATE_KEY)).public_key()
    proving_server.cli("user", "pubkey", "add", KRISTEN.login, public_key, "--label", "autobahn")
    return proving_server


@pytest.fixture
def bus(bus_of_keys) -> Bus:
    return Bus(bus_of_keys)


@kinds
@serializers
@pytest.mark.parametrize("method", METHODS)
@scenario
async def test_an_authenticator_opens_a_session(bus, kind, serializer, method):
    peer = bus.admitted(await bus.open(Prover(KRISTEN, authenticator(method, KRISTEN)), kind, serializer))
    details = peer.session_details
    assert (details.authid, details.authrole, details.authmethod) == (KRISTEN.login, KRISTEN.role, method)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("login", [KRISTEN.login, "nobody"], ids=["wrong-secret", "unknown-user"])
@scenario
async def test_a_wrong_proof_is_aborted_like_a_wrong_ticket(bus, method, login):
    stranger = User(login, "frontend", "guess")
    peer = await bus.open(Prover(stranger, authenticator(method, stranger, OTHER_PRIVATE_KEY)))
    details = await peer.end()
    assert (details.reason, details.message) == (PERMISSION_DENIED, "Permission Denied")
    assert not peer.joined.done()


@scenario
async def test_a_client_that_wants_to_be_bound_by_tls_unique_is_told_that_it_is_not(bus):
    bound = authenticator("cryptosign", KRISTEN, channel_binding="tls-unique")
    details = await (await bus.open(Prover(KRISTEN, bound), "wss")).end()
    assert details.reason == "wamp.error.feature_not_supported"
    assert "tls-exporter" in details.message
