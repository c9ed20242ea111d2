"""autobahn-python: patterns, and procedures that several sessions share."""

from __future__ import annotations

import pytest
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import RegisterOptions

from autobahn_peers import Bus, heard, listen, publish, refused, scenario, serializers
from conftest import KRISTEN, WORKER, ZOE


@pytest.mark.parametrize(
    "match, pattern, matching, other",
    [
        ("prefix", "tree.bran", ["tree.bran", "tree.branch", "tree.branch.leaf"], "tree.bra"),
        ("prefix", "tree.", ["tree.a", "tree.a.b"], "treetop"),
        ("wildcard", "a..c", ["a.b.c", "a.x.c"], "a.b.d"),
        ("wildcard", "a.b.", ["a.b.c", "a.b.x"], "a.b.c.d"),
    ],
    ids=["prefix", "prefix-dot", "wildcard", "wildcard-end"],
)
@serializers
@scenario
async def test_a_pattern_takes_what_it_matches_and_names_it(bus, serializer, match, pattern, matching, other):
    peer, sender = await bus.join(KRISTEN, "ws", serializer), await bus.join(ZOE, "unix", serializer)
    options = RegisterOptions(match=match, details=True)
    await peer.register(lambda details: details.procedure, bus.uri(pattern), options=options)
    inbox = await listen(peer, bus.uri(pattern), match=match)
    for name in map(bus.uri, matching):
        assert await sender.call(name) == name
        await publish(sender, name)
        assert (await inbox.next()).details.topic == name
    assert (await refused(sender.call(bus.uri(other)))).error == "wamp.error.no_such_procedure"
    await publish(sender, bus.uri(other))
    assert await heard(peer, inbox) == []


@scenario
async def test_an_exact_registration_wins_over_a_longer_prefix_over_a_shorter_over_a_wildcard(bus):
    callee, caller = await bus.join(WORKER), await bus.join(ZOE)
    for match, pattern in [("wildcard", "a..c"), ("prefix", "a"), ("prefix", "a.b"), ("exact", "a.b.c")]:
        await callee.register(lambda found=pattern: found, bus.uri(pattern), options=RegisterOptions(match=match))
    for name, found in [("a.b.c", "a.b.c"), ("a.b.d", "a.b"), ("a.x.c", "a"), ("a.x.d", "a")]:
        assert await caller.call(bus.uri(name)) == found


@scenario
async def test_overlapping_subscriptions_each_get_the_same_publication(bus):
    subscriber, publisher = await bus.join(WORKER), await bus.join(ZOE)
    patterns = [("a.b.c", "exact"), ("a.", "prefix"), ("a..c", "wildcard")]
    inboxes = [await listen(subscriber, bus.uri(topic), match=match) for topic, match in patterns]
    publication = await publish(publisher, bus.uri("a.b.c"))
    events = [await inbox.next() for inbox in inboxes]
    assert {event.details.publication for event in events} == {publication}
    assert len({event.details.subscription.id for event in events}) == 3


async def shared(bus: Bus, invoke: str) -> tuple:
    """Two callees of one procedure, and a caller."""
    first, second = await bus.join(WORKER, "ws", "cbor"), await bus.join(WORKER, "unix", "msgpack")
    for name, callee in (("first", first), ("second", second)):
        await callee.register(lambda name=name: name, bus.uri("shared"), options=RegisterOptions(invoke=invoke))
    return first, second, await bus.join(ZOE)


@pytest.mark.parametrize(
    "invoke, answers",
    [("roundrobin", ["first", "second"] * 3), ("first", ["first"] * 6), ("last", ["second"] * 6)],
)
@scenario
async def test_a_shared_procedure_goes_to_its_callees_as_they_asked(bus, invoke, answers):
    _, _, caller = await shared(bus, invoke)
    assert [await caller.call(bus.uri("shared")) for _ in answers] == answers


@scenario
async def test_a_procedure_shared_at_random_reaches_every_callee(bus):
    _, _, caller = await shared(bus, "random")
    # Both are missed once in 10^18 runs.
    assert {await caller.call(bus.uri("shared")) for _ in range(60)} == {"first", "second"}


@pytest.mark.parametrize("invoke, left", [("first", "first"), ("last", "second"), ("roundrobin", "first")])
@scenario
async def test_a_shared_procedure_goes_on_without_a_callee_that_left(bus, invoke, left):
    first, second, caller = await shared(bus, invoke)
    await {"first": first, "second": second}[left].say_goodbye()
    assert {await caller.call(bus.uri("shared")) for _ in range(4)} == {"first", "second"} - {left}


@pytest.mark.parametrize(
    "invoke, other", [("single", "single"), (None, None), ("single", "last"), ("roundrobin", "first"), ("first", None)]
)
@scenario
async def test_a_procedure_has_one_callee_unless_both_share_it_alike(bus, invoke, other):
    first, second = await bus.join(WORKER), await bus.join(ZOE)
    await first.register(lambda: "first", bus.uri("once"), options=RegisterOptions(invoke=invoke))
    error = await refused(second.register(lambda: "second", bus.uri("once"), options=RegisterOptions(invoke=other)))
    assert error.error == "wamp.error.procedure_already_exists"
    assert await second.call(bus.uri("once")) == "first"


@pytest.mark.parametrize("invoke", ["first", "last", "roundrobin", "random"])
@scenario
async def test_a_callee_that_is_unavailable_is_passed_over(bus, invoke):
    callees = [await bus.join(WORKER), await bus.join(WORKER), await bus.join(WORKER)]

    def unavailable():
        raise ApplicationError("wamp.error.unavailable")

    for callee, endpoint in zip(callees, [unavailable, lambda: "here", unavailable]):
        await callee.register(endpoint, bus.uri("shared"), options=RegisterOptions(invoke=invoke))
    caller = await bus.join(ZOE)
    assert [await caller.call(bus.uri("shared")) for _ in range(6)] == ["here"] * 6
    await callees[1].say_goodbye()
    assert (await refused(caller.call(bus.uri("shared")))).error == "wamp.error.no_available_callee"


@scenario
async def test_a_forced_registration_takes_the_procedure_and_leaves_the_session(bus):
    first, second = await bus.join(WORKER), await bus.join(ZOE)
    await first.register(lambda: "first", bus.uri("forced"))
    await second.register(lambda: "second", bus.uri("forced"), options=RegisterOptions(force_reregister=True))
    assert await first.call(bus.uri("forced")) == "second"
