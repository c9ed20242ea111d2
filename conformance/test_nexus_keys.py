"""API keys and one-time passwords as Nexus' own tests 20, 20-apikey-limits and 20-otp-limits have them."""

from __future__ import annotations

import datetime

import pytest
import swampyer

from conftest import User, eventually
from nexus import BASE, REFUSED, denies, hello

WHOAMI, HELLO = f"{BASE}.auth.whoami", f"{BASE}.frontend.what"
AUTHENTICATE = f"{BASE}.auth.authenticate"
CREATE_KEY, CREATE_OTP, UPDATE = f"{BASE}.my.apikeys.create", f"{BASE}.my.otp.create", f"{BASE}.system.db.update"
CREATES = {"key": CREATE_KEY, "otp": CREATE_OTP}
ONLY_WHOAMI = [{"uri": WHOAMI, "perms": "c"}]

roles = pytest.mark.parametrize("role", ["frontend", "trust"])


def with_key(user: User, made: dict) -> User:
    """The user who logs in with what was made."""
    return User(user.login, user.role, made["plaintext_key"])


def test_20_ten_one_time_passwords_authenticate_once_each(nexus, clients):
    user = nexus.user()
    client = clients.connect(user)
    otps = [client.call(CREATE_OTP) for _ in range(10)]
    assert [client.call(AUTHENTICATE, user.login, otp["plaintext_key"]) for otp in otps] == [True] * 10
    assert [client.call(AUTHENTICATE, user.login, otp["plaintext_key"]) for otp in otps] == [False] * 10


def test_20_ten_keys_authenticate_again_and_again(nexus, clients):
    user = nexus.user()
    client = clients.connect(user)
    keys = [client.call(CREATE_KEY, {"description": f"number {number}"}) for number in range(10)]
    for _ in range(2):
        assert [client.call(AUTHENTICATE, user.login, key["plaintext_key"]) for key in keys] == [True] * 10
    assert {row["description"] for row in client.call(f"{BASE}.my.apikeys.list")} == {key["description"] for key in keys}
    # The digest is no password.
    assert client.call(AUTHENTICATE, user.login, keys[0]["key"]) is False
    with pytest.raises(swampyer.ExAbort, match=REFUSED):
        clients.connect(User(user.login, user.role, keys[0]["key"]))


def in_a_while(**ahead: float) -> str:
    """A time as those tests write it, with an offset of its own."""
    zone = datetime.timezone(datetime.timedelta(hours=-7))
    return (datetime.datetime.now(zone) + datetime.timedelta(**ahead)).isoformat()


@roles
def test_20_a_one_time_password_narrows_its_session(nexus, clients, role):
    user, trusted = nexus.user(role), clients.connect(nexus.user("trust"))
    clients.connect(user).register(HELLO, hello, details={"force_reregister": True})
    made = trusted.call(f"{BASE}.system.otp.create", user.login, {"permissions": ONLY_WHOAMI})
    assert (made["permissions"], made["login"]) == (ONLY_WHOAMI, user.login)
    narrow = clients.connect(with_key(user, made))
    assert narrow.call(WHOAMI) == {"authid": user.login, "role": role}
    denies(narrow.call, HELLO, "bananas")
    denies(narrow.call, "auth.whoami")


def test_10_a_one_time_password_is_good_until_its_time_which_is_echoed(nexus, clients):
    user, trusted = nexus.user(), clients.connect(nexus.user("trust"))
    make = (f"{BASE}.system.otp.create", user.login)
    later, soon = in_a_while(hours=1), in_a_while(seconds=2)
    good, short = (trusted.call(*make, {"expires": expires}) for expires in (later, soon))
    assert [made["expires"] for made in (good, short)] == [later, soon]
    eventually("the end of its time", lambda: in_a_while() > soon)
    assert trusted.call(AUTHENTICATE, user.login, short["plaintext_key"]) is False
    with pytest.raises(swampyer.ExAbort, match=REFUSED):
        clients.connect(with_key(user, short))
    assert clients.connect(with_key(user, good)).call(WHOAMI)["authid"] == user.login
    # What is used or over is not listed any more.
    assert trusted.call(f"{BASE}.system.otp.list", user.login) == []


def test_20_ten_keys_are_found_by_a_query_with_their_times(nexus, clients):
    user, other = nexus.user(), nexus.user()
    client = clients.connect(user)
    expires = in_a_while(days=1)
    keys = [client.call(CREATE_KEY, {"description": f"number {number}", "expires": expires}) for number in range(10)]
    clients.connect(other).call(CREATE_KEY)
    answer = client.call(f"{BASE}.system.db.query", "apikeys", [])
    assert answer["hits"] == 10
    assert {record["uuid"] for record in answer["records"]} == {key["uuid"] for key in keys}
    assert {record["expires"] for record in answer["records"]} == {expires}
    # In the clear they are told once.
    assert {record["plaintext_key"] for record in answer["records"]} == {None}


@roles
def test_20_a_key_narrows_its_session(nexus, clients, role):
    user = nexus.user(role)
    client = clients.connect(user)
    client.register(HELLO, hello, details={"force_reregister": True})
    made = client.call(CREATE_KEY, {"permissions": ONLY_WHOAMI})
    assert made["permissions"] == ONLY_WHOAMI
    narrow = clients.connect(with_key(user, made))
    assert narrow.call(WHOAMI) == {"authid": user.login, "role": role}
    denies(narrow.call, HELLO, "bananas")
    assert client.call(HELLO, "bananas") == "Hello bananas!"


def test_20_a_key_s_session_ends_with_the_key(nexus, clients):
    user = nexus.user()
    zone = datetime.timezone(datetime.timedelta(hours=-7))
    expires = datetime.datetime.now(zone) + datetime.timedelta(seconds=2)
    made = clients.connect(user).call(CREATE_KEY, {"description": "for a moment", "expires": str(expires)})
    assert made["description"] == "for a moment"
    assert datetime.datetime.fromisoformat(made["expires"]) == expires
    session = clients.connect(with_key(user, made))
    assert session.call(WHOAMI)["authid"] == user.login
    eventually("the key's end", lambda: is_over(session))
    assert datetime.datetime.now(zone) >= expires
    with pytest.raises(swampyer.ExAbort, match=REFUSED):
        clients.connect(with_key(user, made))


def test_20_a_key_s_session_ends_when_the_key_is_deleted(nexus, clients):
    user = nexus.user()
    client = clients.connect(user)
    made, kept = client.call(CREATE_KEY), client.call(CREATE_KEY)
    session, other = clients.connect(with_key(user, made)), clients.connect(with_key(user, kept))
    assert client.call(f"{BASE}.my.apikeys.delete", made["uuid"]) is True
    eventually("the key's end", lambda: is_over(session))
    assert other.call(WHOAMI) == client.call(WHOAMI)


def is_over(session: swampyer.WAMPClientTicket) -> bool:
    try:
        session.call(WHOAMI)
    except (swampyer.ExWAMPConnectionError, swampyer.ExInvocationError):
        return True
    return False


@roles
def test_20_a_plain_key_makes_no_keys_and_changes_no_records(nexus, clients, role):
    user = nexus.user(role)
    session = clients.connect(with_key(user, clients.connect(user).call(CREATE_KEY)))
    denies_all(session)


@roles
def test_20_a_key_that_says_so_makes_keys_which_do_not(nexus, clients, role):
    user = nexus.user(role)
    permissions = [{"uri": uri, "perms": "c"} for uri in CREATES.values()]
    session = clients.connect(with_key(user, clients.connect(user).call(CREATE_KEY, {"permissions": permissions})))
    assert session.call(CREATE_OTP)["login"] == user.login
    denies(session.call, UPDATE, "", "")
    denies_all(clients.connect(with_key(user, session.call(CREATE_KEY))))


def test_20_a_rule_for_many_uris_lets_a_key_make_none(nexus, clients):
    user = nexus.user()
    permissions = [{"uri": "*", "perms": "crspoq"}, {"uri": f"{BASE}.my.apikeys.*", "perms": "c"}]
    session = clients.connect(with_key(user, clients.connect(user).call(CREATE_KEY, {"permissions": permissions})))
    assert session.call(WHOAMI)["authid"] == user.login
    denies_all(session)


@roles
def test_20_a_one_time_password_makes_no_keys_and_changes_no_records(nexus, clients, role):
    user = nexus.user(role)
    denies_all(clients.connect(with_key(user, clients.connect(user).call(CREATE_OTP))))


def test_20_what_another_makes_for_a_user_is_the_user_s(nexus, clients):
    user, zoe = nexus.user(), nexus.user("trust")
    client, trusted = clients.connect(user), clients.connect(zoe)
    denies(client.call, f"{BASE}.system.otp.create", zoe.login)
    made = trusted.call(f"{BASE}.system.otp.create", user.login)
    assert clients.connect(with_key(user, made)).call(WHOAMI) == {"authid": user.login, "role": "frontend"}


def denies_all(session: swampyer.WAMPClientTicket) -> None:
    for spelling in (f"{BASE}.", ""):
        for name in ("my.apikeys.create", "my.otp.create", "my.otps.create"):
            denies(session.call, spelling + name)
        denies(session.call, f"{spelling}system.db.update", "", "")
