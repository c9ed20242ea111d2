"""One-time passwords from Python: made with a sign-on session, used on the bus."""

import asyncio
import sys
from datetime import datetime, timedelta, timezone

import pytest
import swampyer

from conftest import JSMITH, KRISTEN, ZOE
from countersign import otp
from countersign.sso import SSO, status_code
from sdk_scenes import APP, ADDRESS, refused

WHOAMI = "com.izaber.wamp.auth.whoami"


@pytest.fixture
def sso(server):
    with SSO(server.urls["http"]) as sso:
        yield sso


def signed_in(sso, user):
    return sso.user.login("cid", user.login, user.password, APP, ADDRESS)


def by_swampyer(url, login, ticket):
    client = otp.login(url, login, ticket)
    try:
        return client.call(WHOAMI)["authid"]
    finally:
        client._request_shutdown = True
        client.disconnect()


def by_autobahn(url, login, ticket):
    async def asked():
        session = await otp.login(url, login, ticket, library="autobahn")
        try:
            return (await session.call(WHOAMI))["authid"]
        finally:
            session.leave()

    return asyncio.run(asyncio.wait_for(asked(), 30))


@pytest.mark.parametrize("login", [by_swampyer, by_autobahn])
def test_a_ticket_logs_in_with_the_library_that_is_installed(server, login):
    assert login(server.url("ws"), KRISTEN.login, KRISTEN.password) == KRISTEN.login
    with pytest.raises((swampyer.ExAbort, Exception)):
        login(server.url("ws"), KRISTEN.login, "wrong")


@pytest.mark.parametrize("login", [by_swampyer, by_autobahn])
def test_a_one_time_password_is_minted_and_opens_one_session(server, sso, login):
    made = otp.mint(sso, signed_in(sso, KRISTEN).ust, APP)
    assert (made.login, bool(made.uuid)) == (KRISTEN.login, True)
    assert made.plaintext_key not in repr(made)
    assert login(server.url("ws"), made.login, made.plaintext_key) == KRISTEN.login
    with pytest.raises(swampyer.ExAbort):
        by_swampyer(server.url("ws"), made.login, made.plaintext_key)


def test_one_time_passwords_are_listed_and_withdrawn(server, sso):
    current = signed_in(sso, KRISTEN).ust
    made = otp.mint(sso, current, APP)
    listed = otp.live(sso, current, APP)
    assert made.uuid in [row["uuid"] for row in listed] and made.plaintext_key not in str(listed)
    otp.delete(sso, current, APP, made.uuid)
    assert made.uuid not in [row["uuid"] for row in otp.live(sso, current, APP)]
    with pytest.raises(swampyer.ExAbort):
        by_swampyer(server.url("ws"), made.login, made.plaintext_key)


def test_a_one_time_password_for_another_is_for_super_users(server, sso):
    boss, user = signed_in(sso, ZOE), signed_in(sso, JSMITH)
    made = otp.mint(sso, boss.ust, APP, user.user_id)
    assert by_swampyer(server.url("ws"), made.login, made.plaintext_key) == JSMITH.login
    with pytest.raises(Exception):
        otp.mint(sso, user.ust, APP, boss.user_id)
    refused(status_code.session.no_such_session, otp.mint, sso, "csust_1", APP)


def test_a_one_time_password_is_narrowed_and_limited(server, sso):
    until = datetime.now(timezone.utc) + timedelta(minutes=5)
    rules = [{"uri": WHOAMI, "perms": "c"}]
    made = otp.mint(sso, signed_in(sso, KRISTEN).ust, APP, expires=until.isoformat(), permissions=rules)
    client = otp.login(server.url("ws"), made.login, made.plaintext_key)
    try:
        assert client.call(WHOAMI)["authid"] == KRISTEN.login
        with pytest.raises(swampyer.ExInvocationError):
            client.call("com.izaber.wamp.my.otp.list")
    finally:
        client._request_shutdown = True
        client.disconnect()


def test_a_library_that_is_not_installed_is_said(server, monkeypatch):
    for name in ("swampyer", "autobahn", "autobahn.asyncio.component"):
        monkeypatch.setitem(sys.modules, name, None)
    for library in (None, "swampyer", "autobahn"):
        with pytest.raises(ImportError):
            otp.login(server.url("ws"), "a", "b", library=library)
    with pytest.raises(ValueError, match="swampyer or autobahn"):
        otp.login(server.url("ws"), "a", "b", library="other")
