"""autobahn-python's sessions (asyncio) as the scenarios use them: joined over any door, left again at the end."""

from __future__ import annotations

import asyncio
import functools
import itertools
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Awaitable, Callable
from urllib.parse import urlsplit

import pytest
from autobahn.asyncio.rawsocket import WampRawSocketClientFactory
from autobahn.asyncio.wamp import ApplicationSession
from autobahn.asyncio.websocket import WampWebSocketClientFactory
from autobahn.wamp.auth import create_authenticator
from autobahn.wamp.cryptosign import CryptosignKey
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.serializer import CBORSerializer, JsonSerializer, MsgPackSerializer
from autobahn.wamp.types import (
    CloseDetails,
    ComponentConfig,
    EventDetails,
    PublishOptions,
    SessionDetails,
    SubscribeOptions,
)

if TYPE_CHECKING:
    from conftest import User
    from countersign_server import Server

REALM = "izaber"
BASE = "com.izaber.wamp"
WHOAMI = f"{BASE}.auth.whoami"
SERIALIZERS = {"json": JsonSerializer, "msgpack": MsgPackSerializer, "cbor": CBORSerializer}
# Several messages in one of WebSocket. Its JSON isn't here: it separates them by 0x18 instead of 0x1E.
BATCHED = {
    "cbor.batched": functools.partial(CBORSerializer, batched=True),
    "msgpack.batched": functools.partial(MsgPackSerializer, batched=True),
}
KINDS = ["ws", "wss", "tcpip", "unix"]
SCENARIO_SECONDS_MAX = 20

GOODBYE_AND_OUT = "wamp.close.goodbye_and_out"
NOT_AUTHORIZED = "wamp.error.not_authorized"
PERMISSION_DENIED = f"{BASE}.error.permissiondenied"

kinds = pytest.mark.parametrize("kind", KINDS)
serializers = pytest.mark.parametrize("serializer", SERIALIZERS)

# What every serializer carries alike, whatever it is at the other end.
VALUES = [
    None, True, False, 0, -1, 127, 128, 2**32, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63),
    1.5, -0.1, 1e300, "", "grüße 🦀", b"", b"\x00\xff", bytes(range(256)),
    [], [1, [2, {"k": [b"v", 2**63]}]], {}, {"a": {"b": [None, {"c": b"\x00"}]}},
]  # fmt: skip


class Peer(ApplicationSession):
    """A session that signs in with a ticket; without a user, with the methods that `methods` names."""

    def __init__(self, user: User | None, realm: str, methods: list[str] | None) -> None:
        super().__init__(ComponentConfig(realm))
        loop = asyncio.get_running_loop()
        self._user = user
        self._methods = ["ticket"] if user and methods is None else methods
        self.joined: asyncio.Future[SessionDetails] = loop.create_future()
        self.left: asyncio.Future[CloseDetails] = loop.create_future()
        self.disconnected: asyncio.Future[None] = loop.create_future()
        self._connection = None
        self._end_was_asked_for = False

    def onOpen(self, transport) -> None:
        self._connection = transport
        super().onOpen(transport)

    def onConnect(self) -> None:
        self.join(self.config.realm, authmethods=self._methods, authid=self._user and self._user.login)

    def onChallenge(self, challenge) -> str:
        assert challenge.method == "ticket"
        return self._user.password

    def onJoin(self, details: SessionDetails) -> None:
        self.joined.set_result(details)

    def onLeave(self, details: CloseDetails):
        self.left.set_result(details)
        return super().onLeave(details)

    def onDisconnect(self) -> None:
        super().onDisconnect()
        self.disconnected.set_result(None)

    async def end(self) -> CloseDetails:
        """Why the session ended. Without this, a session that ended before its scenario is a failure."""
        self._end_was_asked_for = True
        details = await self.left
        await self.disconnected
        # After the closing handshake of WebSocket it is the server that ends the connection.
        assert not getattr(self._connection, "wasServerConnectionDropTimeout", False)
        return details

    async def say_goodbye(self) -> None:
        """Leaves, if it is still there; the server has to answer."""
        if self._end_was_asked_for:
            return
        assert not self.left.done(), f"the session ended by itself: {self.left.result()}"
        self.leave()
        assert (await self.end()).reason == GOODBYE_AND_OUT


class Twice(Peer):
    """Answers the first challenge with the password and the second with a code."""

    def __init__(self, user: User, code: str, realm: str = REALM) -> None:
        super().__init__(user, realm, None)
        self._code = code

    def onChallenge(self, challenge) -> str:
        return self._code if challenge.method == "totp" else super().onChallenge(challenge)


class Prover(Peer):
    """A session that signs in with one of autobahn-python's authenticators."""

    def __init__(self, user: User, authenticator, realm: str = REALM) -> None:
        super().__init__(user, realm, [authenticator.name])
        self._authenticator = authenticator

    def onConnect(self) -> None:
        authextra = self._authenticator.authextra
        self.join(self.config.realm, authmethods=self._methods, authid=self._user.login, authextra=authextra)

    def onChallenge(self, challenge) -> str:
        return self._authenticator.on_challenge(self, challenge)

    def onWelcome(self, welcome):
        # With SCRAM the server has to prove itself here; what is returned ends the session.
        return self._authenticator.on_welcome(self, welcome.authextra)


def authenticator(method: str, login: str, secret: str, **authextra):
    """What a user of autobahn-python configures. `secret`: a password, or a private key in hexadecimal digits."""
    if method == "wampcra":
        return create_authenticator(method, authid=login, secret=secret)
    if method == "scram":
        return create_authenticator(method, authid=login, password=secret)
    return create_authenticator(method, authid=login, privkey=secret, authextra=authextra)


def public_key(private_key: str) -> str:
    """Both in hexadecimal digits."""
    return CryptosignKey.from_bytes(bytes.fromhex(private_key)).public_key()


@dataclass(frozen=True)
class Event:
    """What a subscriber was given."""

    args: tuple
    kwargs: dict
    details: EventDetails


class Inbox:
    """A handler that keeps its events."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[Event] = asyncio.Queue()

    def __call__(self, *args: Any, details: EventDetails, **kwargs: Any) -> None:
        self._events.put_nowait(Event(args, kwargs, details))

    async def next(self) -> Event:
        return await self._events.get()

    def all(self) -> list[tuple]:
        """The arguments of all events that are there and were not asked for yet."""
        return [self._events.get_nowait().args for _ in range(self._events.qsize())]


async def listen(peer: Peer, topic: str, **options: Any) -> Inbox:
    """Subscribes a new inbox."""
    inbox = Inbox()
    await peer.subscribe(inbox, topic, options=SubscribeOptions(details=True, **options))
    return inbox


async def publish(peer: Peer, topic: str, *args: Any, **options: Any) -> int:
    """Publishes with an acknowledgement; the publication's id."""
    return (await peer.publish(topic, *args, options=PublishOptions(acknowledge=True, **options))).id


async def heard(peer: Peer, inbox: Inbox) -> list[tuple]:
    """What `inbox` of `peer` got of all that was acknowledged to its publishers: an answer comes behind it."""
    await peer.call(WHOAMI)
    return inbox.all()


async def refused(awaitable: Awaitable) -> ApplicationError:
    """The error that the router answers."""
    with pytest.raises(ApplicationError) as caught:
        await awaitable
    return caught.value


class Bus:
    """A server, and the sessions that one scenario opens on it."""

    _numbers = itertools.count(1)

    def __init__(
        self, server: Server, client_certificate: tuple[str, str] | None = None, headers: dict | None = None
    ) -> None:
        """`client_certificate`: the file with the certificate to show, over TLS, and that with its key.

        `headers`: of the opening of a WebSocket.
        """
        self._headers = headers
        self.server = server
        self._client_certificate = client_certificate
        self._root = f"{BASE}.frontend.s{next(self._numbers)}"
        self._peers: list[Peer] = []

    def uri(self, name: str) -> str:
        """A name that no other scenario uses and every role may."""
        return f"{self._root}.{name}"

    async def connect(
        self,
        user: User | None,
        kind: str = "ws",
        serializer: str = "json",
        *,
        realm: str = REALM,
        methods: list[str] | None = None,
        receive_bytes_max: int | None = None,
    ) -> Peer:
        """Connects and says HELLO; the session has joined then, or it was refused.

        `receive_bytes_max`: longest message that it takes, over RawSocket.
        """
        return await self.open(Peer(user, realm, methods), kind, serializer, receive_bytes_max)

    async def open(
        self, peer: Peer, kind: str = "ws", serializer: str | None = "json", receive_bytes_max: int | None = None
    ) -> Peer:
        """Connects a session that was made already; it has joined then, or it was refused.

        `serializer`: None for all that the library offers by itself, over WebSocket.
        """
        offered = {**SERIALIZERS, **BATCHED}[serializer]() if serializer else None
        await self._open(kind, peer, offered, receive_bytes_max)
        await asyncio.wait([peer.joined, peer.left], return_when=asyncio.FIRST_COMPLETED)
        return peer

    async def join(self, user: User | None, kind: str = "ws", serializer: str = "json", **options: Any) -> Peer:
        """A session that has to be welcomed; it is left with the scenario."""
        return self.admitted(await self.connect(user, kind, serializer, **options))

    def admitted(self, peer: Peer) -> Peer:
        """A session that has to be welcomed; it is left with the scenario."""
        assert peer.joined.done(), f"refused: {peer.left.result()}"
        self._peers.append(peer)
        return peer

    async def _open(self, kind: str, peer: Peer, serializer, receive_bytes_max: int | None) -> None:
        loop = asyncio.get_running_loop()
        url = self.server.url(kind)
        address = urlsplit(url)
        context = ssl.create_default_context(cafile=self.server.certificate) if kind in ("wss", "tcpips") else None
        if context and self._client_certificate:
            context.load_cert_chain(*self._client_certificate)
        if kind in ("tcpip", "tcpips", "unix"):
            factory = WampRawSocketClientFactory(lambda: peer, serializer)
            factory.setProtocolOptions(maxMessagePayloadSize=receive_bytes_max)
            if kind == "unix":
                await loop.create_unix_connection(factory, address.path)
            else:
                await loop.create_connection(factory, address.hostname, address.port, ssl=context)
        else:
            serializers = [serializer] if serializer else None
            factory = WampWebSocketClientFactory(
                lambda: peer, url=url, serializers=serializers, loop=loop, headers=self._headers
            )
            await loop.create_connection(factory, address.hostname, address.port, ssl=context)

    async def leave(self) -> None:
        """Every session says goodbye."""
        for peer in self._peers:
            await peer.say_goodbye()


def scenario(body: Callable) -> Callable:
    """A test that is a coroutine: run with a deadline, its sessions left behind it."""

    async def whole(bus: Bus, arguments: dict) -> None:
        try:
            async with asyncio.timeout(SCENARIO_SECONDS_MAX):
                await body(bus, **arguments)
        finally:
            async with asyncio.timeout(SCENARIO_SECONDS_MAX):
                await bus.leave()

    @functools.wraps(body)
    def run(bus: Bus, **arguments: Any) -> None:
        asyncio.run(whole(bus, arguments))

    return run
