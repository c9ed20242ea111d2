"""Logins by challenge and response, by a certificate, and by a cookie."""

from __future__ import annotations

from autobahn_peers import public_key
from conftest import KRISTEN, OTHER_PRIVATE_KEY, PRIVATE_KEY, ZOE
from interop.bus import WHOAMI, Bus, cookie, origin, refused
from interop.scenarios import scenario
from interop.scenarios.sessions import PERMISSION_DENIED, is_aborted


def proof(method: str, login: str, secret: str) -> dict:
    """What a session signs in with. `secret`: a password, or for Cryptosign a private key."""
    auth = {"method": method, "authid": login, "secret": secret}
    return {**auth, "public_key": public_key(secret)} if method == "cryptosign" else auth


def certificate(bus: Bus, login: str, name: str) -> dict:
    """The same with the certificate of `name`."""
    return {"method": "tls", "authid": login, **bus.peers.authority.client(name)}


def opens(bus: Bus, method: str, secret: str = KRISTEN.password) -> None:
    is_kristens(bus, proof(method, KRISTEN.login, secret))


def is_kristens(bus: Bus, auth: dict) -> None:
    session = bus.connect(auth)
    welcome = {"authid": KRISTEN.login, "authrole": KRISTEN.role, "authmethod": auth["method"], "session": session.id}
    assert session.welcome == welcome
    assert session.ask_for(WHOAMI) == {"authid": KRISTEN.login, "role": KRISTEN.role}


def is_refused(bus: Bus, method: str, right: str, wrong: str) -> None:
    """The same answer, whatever is wrong; `right`: what opens a session of KRISTEN's."""
    sides = [(KRISTEN.login, wrong), ("nobody", wrong), ("nobody", right)]
    are_refused_alike(bus, [proof(method, login, secret) for login, secret in sides])


def are_refused_alike(bus: Bus, auths: list[dict]) -> None:
    for auth in auths:
        error = refused(lambda: bus.connect(auth))
        is_aborted(bus, error, PERMISSION_DENIED, "Permission Denied")


@scenario("auth.wampcra")
def wampcra_opens_a_session(bus: Bus) -> None:
    opens(bus, "wampcra")


@scenario("auth.wampcra")
def wampcra_refuses_a_wrong_secret_and_an_unknown_user_alike(bus: Bus) -> None:
    is_refused(bus, "wampcra", KRISTEN.password, "wrong")


@scenario("auth.scram")
def scram_opens_a_session(bus: Bus) -> None:
    opens(bus, "scram")


@scenario("auth.scram")
def scram_refuses_a_wrong_password_and_an_unknown_user_alike(bus: Bus) -> None:
    is_refused(bus, "scram", KRISTEN.password, "wrong")


@scenario("auth.wamp-scram")
def the_scram_of_the_specification_opens_a_session(bus: Bus) -> None:
    opens(bus, "wamp-scram")


@scenario("auth.wamp-scram")
def the_scram_of_the_specification_refuses_a_wrong_password_and_an_unknown_user_alike(bus: Bus) -> None:
    is_refused(bus, "wamp-scram", KRISTEN.password, "wrong")


@scenario("auth.cryptosign")
def cryptosign_opens_a_session(bus: Bus) -> None:
    opens(bus, "cryptosign", PRIVATE_KEY)


@scenario("auth.cryptosign")
def cryptosign_refuses_a_foreign_key_and_an_unknown_user_alike(bus: Bus) -> None:
    is_refused(bus, "cryptosign", PRIVATE_KEY, OTHER_PRIVATE_KEY)


@scenario("auth.tls")
def a_certificate_opens_a_session(bus: Bus) -> None:
    is_kristens(bus, certificate(bus, KRISTEN.login, KRISTEN.login))


@scenario("auth.tls")
def a_certificate_of_another_user_and_one_of_nobody_are_refused_alike(bus: Bus) -> None:
    are_refused_alike(bus, [certificate(bus, ZOE.login, KRISTEN.login), certificate(bus, "nobody", "nobody")])


def by_cookie(bus: Bus, value: str, page: str | None = None) -> dict:
    """The same with a cookie. `page`: the origin of the page that sends it, if it is not the server's own."""
    headers = {"Cookie": value, "Origin": page or origin(bus.peers.server.url(bus.transport))}
    return {"method": "cookie", "authid": KRISTEN.login, "headers": headers}


@scenario("auth.cookie")
def a_cookie_opens_a_session_without_a_challenge(bus: Bus) -> None:
    is_kristens(bus, by_cookie(bus, cookie(bus.peers.server, KRISTEN)))


@scenario("auth.cookie")
def a_wrong_cookie_and_one_that_a_page_of_another_site_sends_are_refused_alike(bus: Bus) -> None:
    value = cookie(bus.peers.server, KRISTEN)
    name = value.split("=")[0]
    unknown = by_cookie(bus, f"{name}={'A' * 32}")
    are_refused_alike(bus, [unknown, by_cookie(bus, value, "https://elsewhere.example"), by_cookie(bus, "other=1")])
    is_kristens(bus, by_cookie(bus, value))
