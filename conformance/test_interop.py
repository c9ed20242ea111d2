"""The one list of scenarios, run by every library over every transport and serializer that it offers."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest

import countersign_server
from certificates import Authority
from conftest import WORKER, ZOE, with_key, with_users
from interop import limits, page
from interop.bus import HISTORY, Bus, Peers, refused
from interop.libraries import FEATURES, LIBRARIES, SERIALIZERS, TRANSPORTS, Library
from interop.peer import Result
from interop.scenarios import LIST, values

SETTINGS = f"""\
[auth]
anonymous = true
wampcra = true
# A challenge says it, so it costs time alone: in JavaScript alone, a second and more for each login.
wampcra_iterations = 1000

[auth.cookie]
enabled = true

[[realm.history]]
topic = "{HISTORY}"
"""

MATRIX = [
    pytest.param(library, transport, serializer, scenario, id=f"{library.name}-{transport}-{serializer}-{scenario.name}")
    for library in LIBRARIES
    for transport, serializer in library.combinations()
    for scenario in LIST
    if library.lacks(scenario.needs, transport, serializer) is None
]


def end_of(library: Library, turn: int) -> tuple[str, str]:
    """A connection of the library, another one at each turn."""
    combinations = library.combinations()
    return combinations[turn * 2 % len(combinations)]


PAIRS = [
    pytest.param(
        (caller, *end_of(caller, turn)),
        (callee, *end_of(callee, turn + 1)),
        id="-".join((caller.name, *end_of(caller, turn), "and", callee.name, *end_of(callee, turn + 1))),
    )
    for turn, (caller, callee) in enumerate(
        (caller, callee) for caller in LIBRARIES for callee in LIBRARIES if caller is not callee
    )
]


@pytest.fixture(scope="module")
def peers(tmp_path_factory) -> Iterator[Peers]:
    authority = Authority(tmp_path_factory.mktemp("certificates"))
    settings = f'{SETTINGS}\n[tls]\nclient_ca = "{authority.path}"\n'
    with countersign_server.running(tmp_path_factory.mktemp("s"), None, settings) as server:
        peers = Peers(with_key(with_users(server)), authority, tmp_path_factory.mktemp("peers"))
        yield peers
        peers.stop()


@pytest.mark.parametrize("library, transport, serializer, scenario", MATRIX)
def test_the_list(peers, library, transport, serializer, scenario):
    bus = Bus(peers, library, transport, serializer)
    try:
        scenario.run(bus)
    finally:
        bus.leave()


@pytest.mark.parametrize("caller, callee", PAIRS)
def test_any_two_libraries_understand_each_other(peers, caller, callee):
    bus = Bus(peers, *caller)
    try:
        here, there = bus.connect_as(*caller, ZOE), bus.connect_as(*callee, WORKER)
        there.register(bus.uri("given"), lambda invocation: Result([[invocation.args, invocation.kwargs]]))
        failing = there.register(bus.uri("fails"))
        inbox = there.subscribe(bus.uri("topic"))
        for kind in values.ALIKE:
            sent = values.KINDS[kind]
            assert here.ask_for(bus.uri("given"), *sent, named=sent) == [sent, {"named": sent}]
            here.publish(bus.uri("topic"), *sent, named=sent)
            event = inbox.next()
            assert (event.args, event.kwargs) == (sent, {"named": sent})
        call = here.start(bus.uri("fails"))
        failing.next().throw("out of paper")
        error = refused(call.result)
        thrown = callee[0].thrown
        assert error.uri == (None if "call.error_uri" in caller[0].missing else thrown[0])
        # Without values, swampyer gives the URI in their place.
        assert error.arguments == (thrown[1] or ([] if error.uri else [thrown[0]]))
    finally:
        bus.leave()


@pytest.mark.parametrize("limit", limits.LIST, ids=lambda limit: limit.run.__name__)
def test_a_reason_is_true(peers, limit):
    assert not [each for each in limit.features if each not in limit.library.missing]
    bus = Bus(peers, limit.library, limit.transport, limit.serializer)
    try:
        limit.run(bus)
    finally:
        bus.leave()


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)
def test_a_library_has_everything_or_a_reason(library):
    for transport in TRANSPORTS:
        assert (transport in library.offers) != (transport in library.missing)
        for serializer in SERIALIZERS:
            reasons = {serializer, f"{transport}/{serializer}"} & set(library.missing)
            offered = serializer in library.offers.get(transport, ())
            assert offered != bool(reasons) or transport not in library.offers
    over = {f"{transport}/{serializer}" for transport in TRANSPORTS for serializer in SERIALIZERS}
    assert set(library.missing) <= {*TRANSPORTS, *SERIALIZERS, *FEATURES, *over}
    assert all(missing.reason for missing in library.missing.values())


def test_every_feature_is_needed_by_a_scenario():
    assert {need for scenario in LIST for need in scenario.needs} | page.NEEDED_TO_TIDY_UP == set(FEATURES)


def test_the_page_shows_what_is_run():
    path = Path(__file__).parent.parent / "docs" / "interoperability.md"
    written = path.read_text(encoding="utf-8")
    assert written == page.text(), "run `../target/conformance-venv/bin/python -m interop.page` in conformance/, and commit what it changed"
