"""Patterns of procedures, and procedures that several sessions share."""

from __future__ import annotations

from conftest import WORKER, ZOE
from interop.bus import Bus, refused
from interop.peer import Failure
from interop.scenarios import scenario


def named(name: str):
    return lambda invocation: name


@scenario("register.options")
def a_prefix_takes_what_begins_with_it(bus: Bus) -> None:
    session, other = bus.join(WORKER), bus.other(ZOE)
    session.register(bus.uri("tree.bran"), lambda invocation: invocation.details["procedure"], match="prefix")
    for name in map(bus.uri, ("tree.bran", "tree.branch", "tree.branch.leaf")):
        assert other.ask_for(name) == name
    assert refused(lambda: other.call(bus.uri("tree.bra"))).uri == "wamp.error.no_such_procedure"


@scenario("register.options")
def a_wildcard_takes_one_component(bus: Bus) -> None:
    session, other = bus.join(WORKER), bus.other(ZOE)
    session.register(bus.uri("a..c"), lambda invocation: invocation.details["procedure"], match="wildcard")
    for name in map(bus.uri, ("a.b.c", "a.x.c")):
        assert other.ask_for(name) == name
    for name in ("a.c", "a.b.d", "a.b.c.d"):
        assert refused(lambda: other.call(bus.uri(name))).uri == "wamp.error.no_such_procedure"


@scenario("register.options", "register.unregister_pattern")
def a_wildcard_is_taken_back(bus: Bus) -> None:
    session, other = bus.join(WORKER), bus.other(ZOE)
    registration = session.register(bus.uri("a..c"), named("it"), match="wildcard")
    assert other.ask_for(bus.uri("a.b.c")) == "it"
    registration.unregister()
    assert refused(lambda: other.call(bus.uri("a.b.c"))).uri == "wamp.error.no_such_procedure"


@scenario("register.options")
def an_exact_procedure_wins_over_a_longer_prefix_over_a_shorter_over_a_wildcard(bus: Bus) -> None:
    session, other = bus.join(WORKER), bus.other(ZOE)
    for match, pattern in [("wildcard", "a..c"), ("prefix", "a"), ("prefix", "a.b"), ("exact", "a.b.c")]:
        session.register(bus.uri(pattern), named(pattern), match=match)
    for name, found in [("a.b.c", "a.b.c"), ("a.b.d", "a.b"), ("a.x.c", "a"), ("a.x.d", "a")]:
        assert other.ask_for(bus.uri(name)) == found


def shared(bus: Bus, invoke: str):
    """The library and the other end share a procedure; the caller is a second session of the library."""
    session, other = bus.fresh(WORKER), bus.other(WORKER)
    session.register(bus.uri("shared"), named("it"), invoke=invoke)
    registration = other.register(bus.uri("shared"), named("other"), invoke=invoke)
    return session, registration, bus.join(ZOE)


@scenario("register.options")
def a_shared_procedure_goes_round(bus: Bus) -> None:
    _, _, caller = shared(bus, "roundrobin")
    assert [caller.ask_for(bus.uri("shared")) for _ in range(4)] == ["it", "other"] * 2


@scenario("register.options")
def a_shared_procedure_goes_to_the_first(bus: Bus) -> None:
    session, _, caller = shared(bus, "first")
    assert [caller.ask_for(bus.uri("shared")) for _ in range(3)] == ["it"] * 3
    session.leave()
    leaves = bus.other(ZOE)
    # A library that doesn't wait for the answer to GOODBYE may still be leaving.
    while session.id in leaves.ask_for("wamp.session.list"):
        pass
    assert caller.ask_for(bus.uri("shared")) == "other"


@scenario("register.options")
def a_shared_procedure_goes_to_the_last(bus: Bus) -> None:
    _, registration, caller = shared(bus, "last")
    assert [caller.ask_for(bus.uri("shared")) for _ in range(3)] == ["other"] * 3
    registration.unregister()
    assert caller.ask_for(bus.uri("shared")) == "it"


@scenario("register.options")
def a_procedure_shared_at_random_reaches_every_callee(bus: Bus) -> None:
    _, _, caller = shared(bus, "random")
    # Both are missed once in 10^9 runs.
    assert {caller.ask_for(bus.uri("shared")) for _ in range(31)} == {"it", "other"}


@scenario("register.options", "request.error_uri")
def a_procedure_is_shared_only_alike(bus: Bus) -> None:
    bus.other(WORKER).register(bus.uri("shared"), named("other"), invoke="roundrobin")
    session = bus.join(WORKER)
    for invoke in ("first", "single"):
        error = refused(lambda: session.register(bus.uri("shared"), named("it"), invoke=invoke))
        assert error.uri == "wamp.error.procedure_already_exists"


@scenario("register.options", "callee.error")
def a_callee_that_is_unavailable_is_passed_over(bus: Bus) -> None:
    session, other = bus.join(WORKER), bus.other(WORKER)
    unavailable = Failure("wamp.error.unavailable")
    session.register(bus.uri("shared"), lambda invocation: unavailable, invoke="roundrobin")
    registration = other.register(bus.uri("shared"), named("other"), invoke="roundrobin")
    caller = bus.other(ZOE)
    assert [caller.ask_for(bus.uri("shared")) for _ in range(4)] == ["other"] * 4
    registration.unregister()
    assert refused(lambda: caller.call(bus.uri("shared"))).uri == "wamp.error.no_available_callee"


@scenario("register.forced")
def a_procedure_is_taken_by_force(bus: Bus) -> None:
    session, other = bus.join(WORKER), bus.other(ZOE)
    session.register(bus.uri("forced"), named("first"))
    taker = bus.join(ZOE)
    taker.register(bus.uri("forced"), named("second"), force_reregister=True)
    assert other.ask_for(bus.uri("forced")) == "second"


KEYS = [f"sn{number}" for number in range(8)]


@scenario("register.options", "register.node", "call.key")
def a_key_finds_the_same_callee_again(bus: Bus) -> None:
    for node in ("a", "b"):
        bus.fresh(WORKER).register(bus.uri("sharded"), named(node), invoke="roundrobin", nkey=node)
    caller = bus.join(ZOE)

    def homes() -> list[str]:
        return [caller.ask_for(bus.uri("sharded"), options={"rkey": key}) for key in KEYS]

    first = homes()
    assert set(first) == {"a", "b"}
    assert homes() == first


@scenario("register.node", "publish.key")
def of_subscribers_that_named_a_node_one_gets_the_events_of_a_key(bus: Bus) -> None:
    shards = [bus.fresh(WORKER).subscribe(bus.uri("topic"), nkey=node) for node in ("a", "b")]
    inbox = bus.other(WORKER).subscribe(bus.uri("topic"))
    publisher = bus.join(ZOE)
    for key in KEYS * 2:
        publisher.publish(bus.uri("topic"), key, options={"rkey": key})
    got = [[event.args[0] for event in bus.heard(shard, bus.other(ZOE))] for shard in shards]
    assert all(got) and sorted(got[0] + got[1]) == sorted(KEYS * 2)
    assert not set(got[0]) & set(got[1])
    assert [event.args[0] for event in bus.heard(inbox, bus.other(ZOE))] == KEYS * 2
