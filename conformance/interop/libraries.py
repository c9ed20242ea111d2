"""The client libraries: what each offers, and the reason for everything that it doesn't.

What is written here decides which scenarios are collected for whom; `docs/interoperability.md` shows it to users.
"""

from __future__ import annotations

import base64
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PEERS = Path(__file__).parent / "peers"
# Where cargo puts the example `scenario_peer` of the crate countersign-client.
RUST_PEER = PEERS.parent.parent.parent / "target" / "debug" / "examples" / "scenario_peer"

# Kinds of doors, as `Server.url` names them.
TRANSPORTS = {
    "ws": "WebSocket",
    "wss": "WebSocket over TLS",
    "tcpip": "RawSocket on TCP",
    "tcpips": "RawSocket over TLS",
    "unix": "RawSocket on a Unix socket",
}
SERIALIZERS = {"json": "JSON", "msgpack": "MessagePack", "cbor": "CBOR", "ubjson": "UBJSON"}

# What a scenario may need of the library under test.
FEATURES = {
    "auth.anonymous": "log in without a name",
    "auth.ticket": "log in with a ticket: a password or a one-time password",
    "auth.totp": "answer a second challenge with a code of the second factor",
    "auth.wampcra": "log in by WAMP-CRA",
    "auth.scram": "log in by SCRAM as Crossbar and autobahn-python speak it",
    "auth.wamp-scram": "log in by SCRAM as the specification has it",
    "auth.cryptosign": "log in by Cryptosign",
    "auth.tls": "log in by a TLS client certificate",
    "auth.cookie": "log in by a cookie: send `Cookie` and `Origin` when it opens a WebSocket",
    "abort.uri": "be told the URI of the reason when a login is refused",
    "call.results": "take a result of several values, or of none, or with names",
    "call.error_uri": "be told the URI of a call's error, and its named values",
    "call.timeout": "call with a timeout",
    "call.progress": "take progressive results",
    "call.parts": "call in several parts (progressive call invocations)",
    "cancel": "cancel a call",
    "cancel.skip": "cancel a call with the mode `skip`",
    "cancel.kill": "cancel a call with the mode `kill`",
    "cancel.killnowait": "cancel a call with the mode `killnowait`",
    "callee.results": "answer with several values, or with names",
    "callee.error": "answer with an error of one's own URI and values",
    "callee.progress": "answer progressively",
    "callee.progress_wanted": "be told whether progressive results are wanted",
    "callee.interrupt": "be interrupted",
    "callee.parts": "take a call in several parts",
    "callee.details": "be told who calls and which procedure",
    "call.key": "say what a call is about (`rkey`)",
    "register.options": "register with a pattern or a policy",
    "register.node": "say on which node a procedure or a subscription is (`nkey`)",
    "register.unregister_pattern": "take back a wildcard registration",
    "register.forced": "take a procedure from another session",
    "register.revoked": "be told that a registration was revoked",
    "request.error_uri": "be told the URI of the error of a registration",
    "subscribe.match": "subscribe to a pattern",
    "subscribe.unsubscribe": "end a subscription",
    "subscribe.unsubscribe_pattern": "end the subscription to a pattern",
    "subscribe.open_pattern": "use a pattern that ends with a dot",
    "subscribe.retained": "ask for the retained event",
    "subscribe.revoked": "go on when a subscription was revoked",
    "publish.unacknowledged": "publish without an acknowledgement",
    "publish.to_itself": "publish with `exclude_me = false`",
    "publish.lists": "choose the receivers of an event",
    "publish.empty_lists": "name nobody as receiver of an event",
    "publish.retain": "have an event retained",
    "publish.key": "say what an event is about (`rkey`)",
    "publish.error": "be told the error of a publication",
    "publish.reserved": "publish under `wamp.`, to be refused",
    "event.details": "be told topic and publisher of an event",
    "event.publication": "be told the publication of an event",
    "end.noticed": "notice that the router ended the session",
    "end.reason": "be told why the router ended the session",
    "receive.mebibyte": "take a message of more than 1 MiB",
    "goodbye": "wait for the answer to GOODBYE",
}


@dataclass(frozen=True)
class Missing:
    """Why a library doesn't offer something; `over`: only with these transports or serializers."""

    reason: str
    over: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Change:
    """What a library makes of values, and the reason."""

    values: Any
    reason: str


@dataclass(frozen=True)
class Library:
    """A client library and its peer."""

    name: str
    package: str
    command: tuple
    # Serializers that it offers over each transport.
    offers: dict[str, tuple[str, ...]]
    # What the other end hears of an exception, "out of paper", that is no error of WAMP's.
    thrown: tuple[str, list]
    # Why it lacks a transport, a serializer, a feature. Under `TRANSPORT/SERIALIZER`: why not this one over that.
    missing: dict[str, Missing]
    # What becomes of values that it doesn't carry as they are, under `SERIALIZER in|out KIND`; the kinds are in
    # `interop/scenarios/values.py`.
    changes: dict[str, Change] = field(default_factory=dict)

    def combinations(self) -> list[tuple[str, str]]:
        return [(transport, serializer) for transport, offered in self.offers.items() for serializer in offered]

    def lacks(self, needs: tuple[str, ...], transport: str, serializer: str) -> Missing | None:
        """The first of `needs` that is missing over this transport and serializer, if any is."""
        for need in needs:
            missing = self.missing.get(need)
            if missing and (missing.over is None or not {transport, serializer}.isdisjoint(missing.over)):
                return missing
        return None


def _node(program: str) -> tuple:
    return ("node", "--no-deprecation", PEERS / program)


def _python(program: str) -> tuple:
    return (sys.executable, PEERS / program)


# What becomes of a value that a library refuses to send.
NOT_SENT = "not sent"
# How the text looks that stands for bytes in JSON.
_BYTES_AS_TEXT = ["\0" + base64.b64encode(value).decode("ascii") for value in (b"", b"\x00\xff", bytes(range(256)))]
_NO_CONVENTION = "its JSON doesn't know the specification's convention for bytes"
_DOUBLES = "JavaScript's numbers are exact up to 2^53"
_ROUNDED = {
    "big integers": [2**53, -(2**53), 9223372036854776000, -9223372036854776000],
    "the biggest integers": [9223372036854776000, 18446744073709552000],
}


def _rounds(serializer: str) -> dict[str, Change]:
    return {f"{serializer} in {kind}": Change(values, _DOUBLES) for kind, values in _ROUNDED.items()}


def _no_big_integers(serializer: str) -> dict[str, Change]:
    reason = "it can't write JavaScript's `BigInt`"
    return {f"{serializer} out {kind}": Change(NOT_SENT, reason) for kind in _ROUNDED}


_JSON_IN_JAVASCRIPT = {
    **_rounds("json"),
    **_no_big_integers("json"),
    "json in bytes": Change(_BYTES_AS_TEXT, _NO_CONVENTION),
    "json out bytes": Change(
        [{"type": "Buffer", "data": list(value)} for value in (b"", b"\x00\xff", bytes(range(256)))], _NO_CONVENTION
    ),
}

_THREE = ("json", "msgpack", "cbor")
_NO_UBJSON = Missing("it has no such serializer")
_NO_TLS = Missing("a certificate is shown over TLS alone", over=("ws", "tcpip", "unix"))
_NO_COOKIE = Missing("cookies are for WebSocket alone", over=("tcpip", "tcpips", "unix"))

AUTOBAHN_PYTHON = Library(
    "autobahn-python",
    "autobahn",
    _python("autobahn_peer.py"),
    offers={transport: _THREE for transport in TRANSPORTS},
    thrown=("wamp.error.runtime_error", ["out of paper"]),
    missing={
        "ubjson": Missing("it writes BJData under this name, which is another format"),
        "auth.wamp-scram": Missing("its authenticator speaks the dialect `scram` alone"),
        "auth.tls": _NO_TLS,
        "auth.cookie": _NO_COOKIE,
        "call.key": Missing("its `CallOptions` takes no option that it doesn't know"),
        "register.node": Missing("its `RegisterOptions` and `SubscribeOptions` take no option that they don't know"),
        "publish.key": Missing("its `PublishOptions` takes no option that it doesn't know"),
        "cancel.skip": Missing("its `cancel()` names no mode"),
        "cancel.kill": Missing("its `cancel()` names no mode"),
        "cancel.killnowait": Missing("its `cancel()` names no mode"),
        "call.parts": Missing("its `call()` has one part"),
        "callee.parts": Missing("it announces no progressive call invocations"),
        "register.revoked": Missing("it forgets the registration without telling its user"),
        "subscribe.revoked": Missing("it announces this, and breaks off when it happens"),
    },
)

SWAMPYER = Library(
    "swampyer",
    "swampyer",
    _python("swampyer_peer.py"),
    offers={transport: _THREE for transport in TRANSPORTS if transport != "tcpips"},
    thrown=("error.invoke.failure", ["Call failed: out of paper", "out of paper"]),
    missing={
        "tcpips": Missing("it reads and writes one TLS connection from two threads at once, and loses messages"),
        "ubjson": _NO_UBJSON,
        "auth.totp": Missing("it answers one challenge; a code goes behind the password"),
        "auth.wampcra": Missing("it brings nothing to log in with but a ticket and a certificate"),
        "auth.scram": Missing("it brings nothing to log in with but a ticket and a certificate"),
        "auth.wamp-scram": Missing("it brings nothing to log in with but a ticket and a certificate"),
        "auth.cryptosign": Missing("it brings nothing to log in with but a ticket and a certificate"),
        "auth.tls": _NO_TLS,
        "auth.cookie": Missing("its user can't add headers to the opening of a WebSocket"),
        "abort.uri": Missing("its exception holds the message alone"),
        "call.results": Missing("its `call()` gives the first value and fails if there is none"),
        "call.error_uri": Missing("its exception holds the values, and the URI only if there are none"),
        "call.timeout": Missing("its `call()` takes no options"),
        "call.progress": Missing("its `call()` takes no options"),
        "call.key": Missing("its `call()` takes no options"),
        "call.parts": Missing("its `call()` has one part"),
        "cancel": Missing("it has no way to send CANCEL"),
        "cancel.skip": Missing("it has no way to send CANCEL"),
        "cancel.kill": Missing("it has no way to send CANCEL"),
        "cancel.killnowait": Missing("it has no way to send CANCEL"),
        "callee.results": Missing("what a handler returns is the one value of the result"),
        "callee.error": Missing("whatever a handler raises is the error `error.invoke.failure`"),
        "callee.progress": Missing("what a handler returns is the whole result"),
        "callee.interrupt": Missing("it announces no call canceling"),
        "callee.parts": Missing("it announces no progressive call invocations"),
        "register.revoked": Missing("it announces no revocation"),
        "request.error_uri": Missing("its exception holds the values, and the URI only if there are none"),
        "subscribe.retained": Missing("it drops an event that comes right behind the answer to its SUBSCRIBE"),
        "end.noticed": Missing(
            "it reads on from a closed connection and never says so", over=("tcpip", "unix")
        ),
        "end.reason": Missing("it passes over GOODBYE"),
        "goodbye": Missing("it closes the connection behind its GOODBYE"),
    },
    changes={
        "json in bytes": Change(_BYTES_AS_TEXT, _NO_CONVENTION),
        "json out bytes": Change(NOT_SENT, "it writes bytes as the text that they encode, if they do"),
    },
)

AUTOBAHN_JS = Library(
    "autobahn-js",
    "autobahn",
    _node("autobahn_js_peer.mjs"),
    offers={"ws": _THREE, "wss": _THREE, "tcpip": ("json",), "unix": ("json",)},
    thrown=("wamp.error.runtime_error", ["out of paper"]),
    missing={
        "tcpips": Missing("its RawSocket has no TLS"),
        "ubjson": _NO_UBJSON,
        "tcpip/msgpack": Missing("its RawSocket speaks JSON alone"),
        "tcpip/cbor": Missing("its RawSocket speaks JSON alone"),
        "unix/msgpack": Missing("its RawSocket speaks JSON alone"),
        "unix/cbor": Missing("its RawSocket speaks JSON alone"),
        "auth.tls": _NO_TLS,
        "auth.cookie": _NO_COOKIE,
        "auth.scram": Missing("it brings nothing for SCRAM"),
        "auth.wamp-scram": Missing("it brings nothing for SCRAM"),
        "call.parts": Missing("its `call()` has one part"),
        "cancel": Missing("it takes the ERROR that answers its CANCEL for a protocol violation, and breaks off"),
        "cancel.skip": Missing("it takes the ERROR that answers its CANCEL for a protocol violation, and breaks off"),
        "cancel.killnowait": Missing(
            "it takes the ERROR that answers its CANCEL for a protocol violation, and breaks off"
        ),
        "callee.interrupt": Missing("it announces no call canceling"),
        "callee.parts": Missing("it announces no progressive call invocations"),
    },
    changes={**_JSON_IN_JAVASCRIPT, **_rounds("msgpack"), **_no_big_integers("msgpack")},
)

WAMPY = Library(
    "wampy.js",
    "wampy",
    _node("wampy_peer.mjs"),
    offers={"ws": _THREE, "wss": _THREE},
    thrown=("wamp.error.invocation_exception", []),
    missing={
        "tcpip": Missing("it speaks WebSocket alone"),
        "tcpips": Missing("it speaks WebSocket alone"),
        "unix": Missing("it speaks WebSocket alone"),
        "ubjson": _NO_UBJSON,
        "auth.tls": Missing("a certificate is shown over TLS alone", over=("ws",)),
        "auth.scram": Missing("it brings nothing for SCRAM"),
        "auth.wamp-scram": Missing("it brings nothing for SCRAM"),
        "call.parts": Missing("it announces no progressive call invocations, so that its session would be aborted"),
        "callee.progress_wanted": Missing("it announces no progressive results as callee, so that it isn't told"),
        "callee.interrupt": Missing("it announces no call canceling as callee"),
        "callee.parts": Missing("it announces no progressive call invocations"),
        "register.unregister_pattern": Missing("its `unregister()` takes a wildcard pattern for a wrong URI"),
        "register.forced": Missing("its `register()` leaves the option out"),
        "call.key": Missing("its `call()` leaves the option out"),
        "register.node": Missing("its `register()` and `subscribe()` leave the option out"),
        "publish.key": Missing("its `publish()` leaves the option out"),
        "register.revoked": Missing("it announces no revocation"),
        "subscribe.unsubscribe_pattern": Missing("it looks for the subscription without its options, and never answers"),
        "subscribe.open_pattern": Missing("it takes such a pattern for a wrong URI"),
        "publish.unacknowledged": Missing("it asks for an acknowledgement always"),
        "publish.to_itself": Missing("its `publish()` leaves the option out when it is false"),
        "publish.empty_lists": Missing("its `publish()` refuses an empty list"),
        "publish.retain": Missing("its `publish()` leaves the option out"),
        "publish.reserved": Missing("its `publish()` refuses such a URI itself"),
        "event.publication": Missing("its handlers aren't given it"),
        "receive.mebibyte": Missing("the package `websocket` that it is used with takes frames up to 1 MiB"),
        "end.reason": Missing("its `onClose` is told nothing"),
    },
    changes={**_JSON_IN_JAVASCRIPT, **_rounds("cbor")},
)

# This project's own.
RUST = Library(
    "rust-client",
    "countersign-client",
    (os.environ.get("COUNTERSIGN_SCENARIO_PEER", RUST_PEER),),
    offers={transport: tuple(SERIALIZERS) for transport in TRANSPORTS},
    thrown=("wamp.error.runtime_error", ["out of paper"]),
    missing={
        "auth.tls": _NO_TLS,
        "auth.cookie": _NO_COOKIE,
    },
)

LIBRARIES = [SWAMPYER, AUTOBAHN_PYTHON, AUTOBAHN_JS, WAMPY, RUST]
# The other end of every scenario: the library that offers most, over a connection that carries every value.
OTHER, OTHER_TRANSPORT, OTHER_SERIALIZER = AUTOBAHN_PYTHON, "unix", "cbor"


def environment(certificate: Path) -> dict[str, str]:
    """What a user sets who trusts the server's own certificate and reaches it without a proxy."""
    trusted = {"SSL_CERT_FILE": str(certificate), "NODE_EXTRA_CA_CERTS": str(certificate)}
    packages = os.environ.get("COUNTERSIGN_NODE_PACKAGES", "")
    return {**trusted, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "COUNTERSIGN_NODE_PACKAGES": packages}
