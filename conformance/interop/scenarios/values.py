"""Values between the library's serializer and the other end's."""

from __future__ import annotations

from typing import Any

from conftest import WORKER, ZOE
from interop.bus import Bus
from interop.libraries import NOT_SENT
from interop.peer import LibraryFailed
from interop.scenarios import scenario

# Every serializer carries these; `Library.changes` says for which one a library doesn't.
KINDS: dict[str, list] = {
    "nothing": [None],
    "truth": [True, False],
    "small integers": [0, -1, 127, 128, 2**31, -(2**31) - 1, 2**53 - 1, -(2**53) + 1],
    "big integers": [2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)],
    "the biggest integers": [2**63, 2**64 - 1],
    "fractions": [1.5, -0.1, 1e300],
    "text": ["", "grüße 🦀", 'quotes " and \\', "\u2028"],
    "bytes": [b"", b"\x00\xff", bytes(range(256))],
    "lists": [[], [1, [2, [3]]], [None]],
    "maps": [{}, {"a": {"b": [None, {"c": 1}]}}, {"ключ": "значение"}],
}

# Those that every library carries with every serializer.
ALIKE = ["nothing", "truth", "small integers", "fractions", "text", "lists", "maps"]


def expected(bus: Bus, way: str, kind: str) -> Any:
    """What arrives: the values themselves, unless the library is known to change them over this serializer."""
    change = bus.library.changes.get(f"{bus.serializer} {way} {kind}")
    return change.values if change else KINDS[kind]


@scenario()
def values_reach_the_other_end(bus: Bus) -> None:
    arrived: dict = {}
    taken: list = []
    bus.other(WORKER).register(bus.uri("take"), lambda invocation: taken.append(invocation.args))
    for kind, values in KINDS.items():
        session = bus.join(ZOE)
        try:
            session.call(bus.uri("take"), *values)
            arrived[kind] = taken.pop()
        except LibraryFailed:
            # Some break off instead of saying so.
            session.end_was_expected = True
            arrived[kind] = NOT_SENT
    assert arrived == {kind: expected(bus, "out", kind) for kind in KINDS}


@scenario()
def values_come_from_the_other_end(bus: Bus) -> None:
    session, other = bus.join(WORKER), bus.other(ZOE)
    inbox = session.subscribe(bus.uri("topic"))
    arrived = {}
    for kind, values in KINDS.items():
        other.publish(bus.uri("topic"), *values)
        arrived[kind] = inbox.next().args
    assert arrived == {kind: expected(bus, "in", kind) for kind in KINDS}


def goes_and_comes(bus: Bus, characters: int) -> None:
    bus.other(WORKER).register(bus.uri("echo"), lambda invocation: invocation.args[0])
    text = "0123456789abcdef" * (characters // 16)
    assert bus.join(ZOE).ask_for(bus.uri("echo"), text) == text


@scenario()
def a_long_message_goes_and_comes(bus: Bus) -> None:
    goes_and_comes(bus, 1_000_000)


@scenario("receive.mebibyte")
def a_longer_message_goes_and_comes(bus: Bus) -> None:
    goes_and_comes(bus, 3 << 19)
