"""Logins and sessions as Nexus' own tests 20, 22, 24 and 28 have them."""

from __future__ import annotations

import queue

import pytest
import swampyer
from swampyer.messages import AUTHENTICATE

from conftest import WAIT_SECONDS_MAX, User
from nexus import BASE, REFUSED, denies, hello

WHOAMI = f"{BASE}.auth.whoami"


def who(user: User) -> dict[str, str]:
    return {"authid": user.login, "role": user.role}


@pytest.mark.parametrize("kind", ["ws", "tcpip", "unix"])
def test_20_a_login_without_a_name_is_refused_as_any_other(nexus, clients, kind):
    with pytest.raises(swampyer.ExAbort, match=REFUSED):
        clients.connect(User(None, "frontend", "anything"), kind)


@pytest.mark.parametrize("kind", ["ws", "tcpip", "unix"])
def test_20_whatever_is_wrong_is_refused_and_no_internal_error(nexus, clients, kind):
    user = nexus.user()
    for wrong in (
        User(user.login, user.role, "not the pass phrase"),
        User(user.login, user.role, ""),
        User(user.login, user.role, user.password + " "),
        User("nobody-of-this-name", user.role, user.password),
        User("..", user.role, user.password),
    ):
        # These words and no others.
        with pytest.raises(swampyer.ExAbort, match=REFUSED):
            clients.connect(wrong, kind)
    assert clients.connect(user, kind).call(WHOAMI) == who(user)


@pytest.mark.parametrize("kind", ["ws", "tcpip", "unix"])
def test_20_what_the_role_grants_is_registered_and_nothing_else(nexus, clients, kind):
    client, caller = clients.connect(nexus.user(), kind), clients.connect(nexus.user("backend"))
    granted = f"{BASE}.frontend.{kind}"
    assert client.register(granted, hello) == swampyer.WAMP_REGISTERED
    assert caller.call(granted, "bananas") == "Hello bananas!"
    for denied in (f"{BASE}.backend.{kind}", f"{BASE}.frontend", f"{BASE}.auth.whoami", "anything.else"):
        denies(client.register, denied, hello)


@pytest.mark.parametrize("kind", ["ws", "tcpip", "unix"])
def test_20_a_login_in_capitals_works_at_every_door(nexus, clients, kind):
    user = nexus.user()
    client = clients.connect(User(user.login.upper(), user.role, user.password), kind)
    assert client.call(WHOAMI) == who(user)
    # These tests' roles grant the short spelling too.
    assert client.call("auth.whoami") == who(user)


def test_20_a_session_without_a_login_registers_what_is_public(nexus, clients):
    client, caller = clients.anonymous(), clients.connect(nexus.user("backend"))
    client.register("public.allowed", hello)
    assert caller.call("public.allowed", "bananas") == "Hello bananas!"
    denies(client.register, "private.denied", hello)
    assert client.call("public.allowed", "bananas") == "Hello bananas!"


def test_22_the_last_of_ten_callees_that_break_off_leaves_the_procedure_free(nexus, clients):
    user, uri = nexus.user(), f"{BASE}.frontend.bananas"
    caller = clients.connect(nexus.user())
    details = {"invoke": "last", "force_reregister": True}
    for number in range(10):
        client = clients.connect(user)
        answer = client.register(uri, lambda invocation, number=number: number, details=details)
        assert answer == swampyer.WAMP_REGISTERED
        assert caller.call(uri) == number
        client.disconnect()
    # Not by force: whoever was there is gone.
    assert clients.connect(user).register(uri, hello) == swampyer.WAMP_REGISTERED
    assert caller.call(uri, "bananas") == "Hello bananas!"


def test_24_logins_work_after_a_subscriber_unsubscribed_and_left(nexus, clients):
    user, topic = nexus.user(), f"{BASE}.frontend.testsub"
    client = clients.connect(user)
    subscription = client.subscribe(topic, lambda event: None)
    assert client.unsubscribe(subscription.subscription_id) == swampyer.WAMP_UNSUBSCRIBED
    client.disconnect()
    assert clients.connect(user).call(WHOAMI) == who(user)


class WelcomedTwice(swampyer.WAMPClientTicket):
    """Keeps what it is told of its session."""

    def __init__(self, *arguments, **options) -> None:
        self.welcomes: queue.Queue = queue.Queue()
        super().__init__(*arguments, **options)

    def handle_welcome(self, welcome) -> None:
        super().handle_welcome(welcome)
        self.welcomes.put(welcome)


@pytest.mark.parametrize("signature", ["right", "wrong"])
@pytest.mark.parametrize("kind", ["ws", "tcpip", "unix"])
def test_28_authenticate_in_a_session_is_answered_by_its_welcome(nexus, clients, kind, signature):
    user = nexus.user("trust")
    client = clients.connect(user, kind, WelcomedTwice)
    first = client.welcomes.get(timeout=WAIT_SECONDS_MAX)
    # Right or wrong: this must tell nobody which.
    client.send_message(AUTHENTICATE(signature=user.password if signature == "right" else "wrong", extra={}))
    second = client.welcomes.get(timeout=WAIT_SECONDS_MAX)
    assert (second.session_id, second.details) == (first.session_id, first.details)
    assert client.call(WHOAMI) == who(user)


def test_30_who_asks_hears_its_name_and_role(nexus, clients):
    for role in ("frontend", "backend", "trust"):
        user = nexus.user(role)
        assert clients.connect(user).call(WHOAMI) == who(user)


def test_10_who_is_locked_authenticates_nowhere(nexus, clients):
    user, trusted = nexus.user(), clients.connect(nexus.user("trust"))
    authenticate = (f"{BASE}.auth.authenticate", user.login, user.password)
    assert trusted.call(*authenticate) is True
    (record,) = trusted.call(f"{BASE}.system.db.query", "users", [["login", "=", user.login]])["records"]
    assert trusted.call(f"{BASE}.system.db.update", [record["uuid"]], {"enabled": False}) is True
    assert trusted.call(*authenticate) is False
    with pytest.raises(swampyer.ExAbort, match=REFUSED):
        clients.connect(user)
    assert trusted.call(f"{BASE}.system.db.update", [record["uuid"]], {"enabled": True}) is True
    assert trusted.call(*authenticate) is True
    assert clients.connect(user).call(WHOAMI) == who(user)


def test_30_a_password_is_right_or_wrong(nexus, clients):
    user, other = nexus.user(), nexus.user()
    client = clients.connect(user)
    for login, password, is_right in [
        (user.login, user.password, True),
        (user.login, user.password + "broken", False),
        (user.login, "", False),
        ("nobody", user.password, False),
        (user.login, other.password, False),
    ]:
        assert client.call(f"{BASE}.auth.authenticate", login, password) is is_right
