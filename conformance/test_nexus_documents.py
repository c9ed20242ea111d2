"""Registrations that need a documentation as Nexus' own test 23 has them."""

from __future__ import annotations

import pytest
import swampyer

from nexus import BASE, denies, hello

SET = "system.document.set"
NEEDED = f"{BASE}.error.requiredocumentation"
DATA = {"description": "says hello", "contact": "test user"}
PREFIX = {"match": "prefix"}


def test_23_a_documented_uri_can_be_registered(nexus, clients):
    client, uri = clients.connect(nexus.user()), f"{BASE}.docsrequired.test"
    denies(client.register, uri, hello, details=PREFIX, what=NEEDED)
    # A documentation is for one way to match.
    assert client.call(SET, "register", uri, data={"match": "exact", **DATA}) is True
    denies(client.register, uri, hello, details=PREFIX, what=NEEDED)
    assert client.call(SET, "register", uri, data={**PREFIX, **DATA}) is True
    assert client.register(uri, hello, details=PREFIX) == swampyer.WAMP_REGISTERED
    assert client.call(f"{uri}.deeper", "bananas") == "Hello bananas!"


@pytest.mark.parametrize(
    "action, uri, data",
    [
        ("call", f"{BASE}.docsrequired.call", DATA),
        ("register", f"{BASE}.private.denied", DATA),
        ("register", f"{BASE}.docsrequired.unknown", {**DATA, "unknown": 1}),
    ],
    ids=["not-of-a-registration", "not-the-caller-s", "unknown-field"],
)
def test_23_what_can_not_be_documented_is_answered_by_false(nexus, clients, action, uri, data):
    client = clients.connect(nexus.user())
    assert client.call(SET, action, uri, data=data) is False


@pytest.mark.parametrize("missing", ["description", "contact"])
def test_23_half_a_documentation_is_none(nexus, clients, missing):
    client, uri = clients.connect(nexus.user()), f"{BASE}.docsrequired.half_{missing}"
    client.call(SET, "register", uri, data={name: text for name, text in DATA.items() if name != missing})
    denies(client.register, uri, hello, what=NEEDED)
