"""One-time passwords from Python: made with a sign-on session, used on the bus."""

import asyncio
import sys

import pytest
import swampyer

from conftest import KRISTEN
from countersign import otp

WHOAMI = "com.izaber.wamp.auth.whoami"


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


def test_a_library_that_is_not_installed_is_said(server, monkeypatch):
    for name in ("swampyer", "autobahn", "autobahn.asyncio.component"):
        monkeypatch.setitem(sys.modules, name, None)
    for library in (None, "swampyer", "autobahn"):
        with pytest.raises(ImportError):
            otp.login(server.url("ws"), "a", "b", library=library)
    with pytest.raises(ValueError, match="swampyer or autobahn"):
        otp.login(server.url("ws"), "a", "b", library="other")
