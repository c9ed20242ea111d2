"""What one scenario is given: sessions of the library under test, sessions at the other end, and names of its own."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any, Callable

from websockets.sync.client import connect as open_web_socket

from certificates import Authority
from conftest import User
from countersign_server import Server
from interop.libraries import OTHER, OTHER_SERIALIZER, OTHER_TRANSPORT, Library, environment
from interop.peer import Event, Peer, Refused, Session, Subscription

REALM = "izaber"
BASE = "com.izaber.wamp"
WHOAMI = f"{BASE}.auth.whoami"
PATTERNS = ("subscription prefix", "subscription wildcard")
# The topic whose events the server keeps.
HISTORY = f"{BASE}.frontend.history"


class Peers:
    """The running peers of a server, one process for each library, and sessions that several scenarios use."""

    def __init__(self, server: Server, authority: Authority, logs: Path) -> None:
        """`authority`: whose certificates the server believes."""
        self.server, self.authority = server, authority
        self._logs = logs
        self._running: dict[str, Peer] = {}
        self._kept: dict[tuple, Session] = {}
        self._others: dict[str, Session] = {}

    def connect(self, library: Library, transport: str, serializer: str, auth: dict, realm: str = REALM) -> Session:
        return self._of(library).connect(
            transport=transport, url=self.server.url(transport), serializer=serializer, realm=realm, auth=auth
        )

    def kept(self, library: Library, transport: str, serializer: str, user: User) -> Session:
        """The session that stays open for the next scenario: a login costs more than most of them."""
        combination = (library.name, transport, serializer)
        for key in [key for key in self._kept if key[:3] != combination]:
            session = self._kept.pop(key)
            if not session.ended and not session.end_was_expected:
                session.leave()
            session.forget()
        return self._usable(self._kept, (*combination, user.login), (library, transport, serializer), user)

    def other(self, user: User) -> Session:
        """The same at the other end, whatever is under test."""
        return self._usable(self._others, user.login, (OTHER, OTHER_TRANSPORT, OTHER_SERIALIZER), user)

    def _usable(self, kept: dict, key: Any, where: tuple, user: User) -> Session:
        session = kept.get(key)
        if session is None or session.ended or session.end_was_expected:
            session = kept[key] = self.connect(*where, ticket(user))
        return session

    def stop(self) -> None:
        for session in [*self._kept.values(), *self._others.values()]:
            if not session.ended and not session.end_was_expected:
                session.leave()
        for peer in self._running.values():
            peer.stop()

    def _of(self, library: Library) -> Peer:
        if library.name not in self._running:
            log = self._logs / f"{library.name}.log"
            self._running[library.name] = Peer(
                library.name, library.command, environment(self.server.certificate), log
            )
        return self._running[library.name]


def ticket(user: User) -> dict:
    return {"method": "ticket", "authid": user.login, "secret": user.password}


def cookie(server: Server, user: User) -> str:
    """What a page's login by password leaves in its browser, here with the client `websockets`."""
    url = server.url("ws")
    details = {"roles": {"caller": {}}, "authid": user.login, "authmethods": ["cookie", "ticket"]}
    with open_web_socket(url, subprotocols=["wamp.2.json"], origin=origin(url)) as page:
        given = page.response.headers["Set-Cookie"].split(";")[0]
        for message, answer in [([1, REALM, details], 4), ([5, user.password, {}], 2), ([6, {}, "wamp.close.close_realm"], 6)]:
            page.send(json.dumps(message))
            assert json.loads(page.recv())[0] == answer
    return given


def origin(url: str) -> str:
    """Of the server's own pages."""
    scheme, rest = url.split("://")
    return f"{scheme.replace('ws', 'http')}://{rest.split('/')[0]}"


class Bus:
    """The sessions of one scenario."""

    _numbers = itertools.count(1)

    def __init__(self, peers: Peers, library: Library, transport: str, serializer: str) -> None:
        self.library, self.transport, self.serializer = library, transport, serializer
        self.peers = peers
        self._root = f"{BASE}.frontend.i{next(self._numbers)}"
        self._kept: dict[int, Session] = {}
        self._fresh: list[Session] = []

    def uri(self, name: str) -> str:
        """A name that no other scenario uses and every role may."""
        return f"{self._root}.{name}"

    def has(self, *features: str) -> bool:
        """Whether the library has all of these here. For an expectation that depends on it, never to skip one."""
        return self.library.lacks(features, self.transport, self.serializer) is None

    def join(self, user: User) -> Session:
        """The user's session of the library under test."""
        return self._keep(self.peers.kept(self.library, self.transport, self.serializer, user))

    def other(self, user: User) -> Session:
        """The user's session at the other end."""
        return self._keep(self.peers.other(user))

    def fresh(self, user: User) -> Session:
        """A session of the library under test for this scenario alone."""
        return self.connect(ticket(user))

    def connect(self, auth: dict, realm: str = REALM) -> Session:
        session = self.peers.connect(self.library, self.transport, self.serializer, auth, realm)
        self._fresh.append(session)
        return session

    def connect_as(self, library: Library, transport: str, serializer: str, user: User) -> Session:
        """A session of any library for this scenario alone."""
        session = self.peers.connect(library, transport, serializer, ticket(user))
        self._fresh.append(session)
        return session

    def heard(self, subscription: Subscription, sender: Session) -> list[Event]:
        """What came of all that was acknowledged: a later event comes behind it."""
        topic = self.uri(f"marker{subscription.number}")
        marker = subscription.session.subscribe(topic)
        sender.publish(topic)
        marker.next()
        return subscription.all()

    def leave(self) -> None:
        """Nothing stays behind. A session that ended by itself is a failure."""
        sessions = [*self._kept.values(), *self._fresh]
        ended = [each.end() for each in sessions if each.ended and not each.end_was_expected]
        for session in self._kept.values():
            if not session.ended and not session.end_was_expected and not session.clear(self._keeps(session)):
                session.leave()
        for session in self._fresh:
            if not session.ended and not session.end_was_expected:
                session.leave()
            session.forget()
        assert not ended, f"a session ended by itself: {ended}"

    def _keeps(self, session: Session) -> tuple[str, ...]:
        """What the session's library can't take back."""
        keeps = ()
        if session.peer.name == self.library.name:
            keeps += () if self.has("register.unregister_pattern") else ("registration wildcard",)
            keeps += () if self.has("subscribe.unsubscribe_pattern") else PATTERNS
        return keeps

    def _keep(self, session: Session) -> Session:
        self._kept[session.number] = session
        return session


def refused(action: Callable[[], Any]) -> Refused:
    """The error that the router or the other end answers."""
    try:
        answer = action()
    except Refused as error:
        return error
    raise AssertionError(f"not refused, but answered with {answer!r}")
