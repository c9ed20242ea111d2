"""One-time passwords of the bus: made with a sign-on session, and used to log in."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Optional, Sequence

from .sso import SSO
from .sso.caller import text_of

#: The realm of a server that was not configured otherwise.
REALM = "izaber"


@dataclass
class OneTimePassword:
    """A one-time password at the moment of its making; ``plaintext_key`` is not shown again."""

    login: str
    plaintext_key: str = field(repr=False)
    uuid: str = ""
    expires: str = ""


def mint(
    sso: SSO, ust: Any, current_app: str, user_id: Optional[str] = None, expires: Optional[str] = None,
    permissions: Sequence[Any] = (), cid: Optional[str] = None,
) -> OneTimePassword:  # fmt: skip
    """Makes a one-time password for the caller, or as a super-user for ``user_id``.

    :param expires: ISO 8601 with an offset; without it the server's default
    :param permissions: what narrows it, each ``{"uri": ..., "perms": ...}``
    :raises ValidationError: the server refused
    """
    given = {"ust": text_of(ust), "user_id": user_id, "expires": expires, "permissions": list(permissions) or None}
    answer = sso.caller.call("POST", "/user/otp", cid, current_app, None, **given)
    return OneTimePassword(answer["login"], answer["plaintext_key"], answer.get("uuid", ""), answer.get("expires", ""))


def live(
    sso: SSO, ust: Any, current_app: str, user_id: Optional[str] = None, cid: Optional[str] = None
) -> list[dict[str, Any]]:
    """The one-time passwords that the caller can still use, or as a super-user those of ``user_id``; without their keys.

    :raises ValidationError: the server refused
    """
    given = {"ust": text_of(ust), "user_id": user_id}
    return list(sso.caller.call("GET", "/user/otp", cid, current_app, None, **given)["result"])


def delete(sso: SSO, ust: Any, current_app: str, uuid: str, cid: Optional[str] = None) -> None:
    """Withdraws a one-time password of the caller, or as a super-user anybody's. One that isn't there is as good as withdrawn.

    :raises ValidationError: the server refused
    """
    sso.caller.call("DELETE", "/user/otp", cid, current_app, None, ust=text_of(ust), uuid=uuid)


def login(url: str, login: str, ticket: str, realm: str = REALM, library: Optional[str] = None) -> Any:
    """Logs in on the bus, as with a one-time password: ``login(url, otp.login, otp.plaintext_key)``.

    :param url: the bus, as ``ws://127.0.0.1:8282/ws``
    :param library: ``swampyer`` or ``autobahn``; without it the first of them that is installed
    :returns: with swampyer its client, with autobahn a coroutine that gives its session
    :raises ImportError: neither is installed
    """
    if library in (None, "swampyer"):
        try:
            return _by_swampyer(url, login, ticket, realm)
        except ModuleNotFoundError as missing:
            if library is not None or missing.name != "swampyer":
                raise
    if library in (None, "autobahn"):
        return _by_autobahn(url, login, ticket, realm)
    raise ValueError("the library is swampyer or autobahn")


def _by_swampyer(url: str, login: str, ticket: str, realm: str) -> Any:
    import swampyer  # type: ignore[import-untyped, import-not-found, unused-ignore]

    # A one-time password doesn't open a second session, so a lost one stays lost.
    client = swampyer.WAMPClientTicket(url=url, realm=realm, username=login, password=ticket, auto_reconnect=False)
    return client.start()


def _by_autobahn(url: str, login: str, ticket: str, realm: str) -> Any:
    import importlib

    # By name: the library has no types for what is used here.
    Component: Any = importlib.import_module("autobahn.asyncio.component").Component
    authentication = {"ticket": {"authid": login, "ticket": ticket}}
    transport = {"type": "websocket", "url": url, "max_retries": 0}
    component = Component(transports=[transport], realm=realm, authentication=authentication)

    async def joined() -> Any:
        session: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        async def on_join(one: Any, _details: Any) -> None:
            if not session.done():
                session.set_result(one)

        component.on_join(on_join)
        running = asyncio.ensure_future(component.start())
        await asyncio.wait({session, running}, return_when=asyncio.FIRST_COMPLETED)
        if not session.done():
            # What ended it; a component that ends without an error has been told to.
            running.result()
            raise ConnectionError("the login was not answered")
        return session.result()

    return joined()
