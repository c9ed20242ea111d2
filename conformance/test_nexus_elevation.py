"""Elevation after a credential as Nexus' own tests 20 and 40 have it."""

from __future__ import annotations

import pytest
import swampyer

from conftest import User
from nexus import BASE, denies, hello

REQUIRED = f"{BASE}.reauth.required"
SECONDS = 120
FORCE = {"force_reregister": True}


def auth(client, name: str, *arguments):
    return client.call(f"{BASE}.auth.{name}", *arguments)


def test_40_a_fresh_session_is_elevated(nexus, clients):
    client = clients.connect(nexus.user())
    assert 0 < auth(client, "is_reauthenticated") <= SECONDS
    assert client.register(REQUIRED, hello, details=FORCE) == swampyer.WAMP_REGISTERED
    assert client.call(REQUIRED, "potato") == "Hello potato!"


def test_20_elevation_expires_and_comes_back_with_the_password(nexus, clients):
    user = nexus.user()
    client, backend = clients.connect(user), clients.connect(nexus.user("backend"))
    assert auth(client, "reauthenticate_expire") is None
    assert auth(client, "is_reauthenticated") is False
    assert auth(client, "extend_reauthenticate") is False
    backend.register(REQUIRED, hello, details=FORCE)
    denies(client.register, REQUIRED, hello, details=FORCE)
    denies(client.call, REQUIRED, "potato")
    assert auth(client, "reauthenticate", "wrong") is False
    denies(client.call, REQUIRED, "potato")

    assert auth(client, "reauthenticate", user.password) == SECONDS
    assert 0 < auth(client, "is_reauthenticated") <= SECONDS
    assert auth(client, "extend_reauthenticate") == SECONDS
    assert auth(client, "refresh_authorizer") is None
    assert client.register(REQUIRED, hello, details=FORCE) == swampyer.WAMP_REGISTERED
    assert client.call(REQUIRED, "potato") == "Hello potato!"


def test_20_the_names_of_before_say_the_same(nexus, clients):
    client = clients.connect(nexus.user("trust"))
    assert 0 < client.call(f"{BASE}.system.is_reauthenticated") <= SECONDS
    assert client.call(f"{BASE}.system.extend_reauthenticate") == SECONDS


def test_20_a_one_time_password_elevates_no_session(nexus, clients):
    user = nexus.user()
    client = clients.connect(user)
    auth(client, "reauthenticate_expire")
    otp = client.call(f"{BASE}.my.otp.create")
    assert auth(client, "reauthenticate", otp["plaintext_key"]) is False
    denies(client.register, REQUIRED, hello, details=FORCE)


@pytest.mark.parametrize("secret", ["password", "otp"])
def test_20_a_session_of_a_one_time_password_is_not_elevated(nexus, clients, secret):
    user = nexus.user()
    client = clients.connect(user)
    make = f"{BASE}.my.otp.create"
    delegate = clients.connect(User(user.login, user.role, client.call(make)["plaintext_key"]))
    denies(delegate.register, REQUIRED, hello, details=FORCE)
    given = user.password if secret == "password" else client.call(make)["plaintext_key"]
    try:
        assert delegate.call(f"{BASE}.auth.reauthenticate", given) is False
    except swampyer.ExInvocationError as refusal:
        assert "is not authorized" in str(refusal)
    denies(delegate.register, REQUIRED, hello, details=FORCE)
