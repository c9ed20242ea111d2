"""Calls that end early: by their caller, by their time, by the end of a session."""

from __future__ import annotations

from conftest import WORKER, ZOE
from interop.bus import WHOAMI, Bus, refused
from interop.scenarios import scenario

CANCELED = "wamp.error.canceled"


@scenario("cancel")
def a_canceled_call_ends_and_its_callee_is_interrupted(bus: Bus) -> None:
    procedure, session = bus.other(WORKER).register(bus.uri("slow")), bus.join(ZOE)
    call = session.start(bus.uri("slow"))
    invocation = procedure.next()
    call.cancel()
    assert refused(call.result).uri == CANCELED
    invocation.interrupted()
    assert session.ask_for(WHOAMI)["authid"] == "zoe"


@scenario("cancel.skip")
def skip_ends_the_call_and_leaves_its_callee_alone(bus: Bus) -> None:
    procedure, session = bus.other(WORKER).register(bus.uri("slow")), bus.join(ZOE)
    call = session.start(bus.uri("slow"))
    invocation = procedure.next()
    call.cancel("skip")
    assert refused(call.result).uri == CANCELED
    assert not invocation.interruption.done()
    # Too late, and no harm.
    invocation.give("late")
    assert session.ask_for(WHOAMI)["authid"] == "zoe"


@scenario("cancel.killnowait")
def killnowait_ends_the_call_and_interrupts_its_callee(bus: Bus) -> None:
    procedure, session = bus.other(WORKER).register(bus.uri("slow")), bus.join(ZOE)
    call = session.start(bus.uri("slow"))
    invocation = procedure.next()
    call.cancel("killnowait")
    assert refused(call.result).uri == CANCELED
    invocation.interrupted()
    assert session.ask_for(WHOAMI)["authid"] == "zoe"


@scenario("cancel.kill")
def kill_ends_the_call_with_the_answer_of_its_callee(bus: Bus) -> None:
    procedure, session = bus.other(WORKER).register(bus.uri("slow")), bus.join(ZOE)
    call = session.start(bus.uri("slow"))
    invocation = procedure.next()
    call.cancel("kill")
    invocation.interrupted()
    assert refused(call.result).uri == CANCELED
    assert session.ask_for(WHOAMI)["authid"] == "zoe"


@scenario("callee.interrupt")
def a_callee_is_interrupted(bus: Bus) -> None:
    session, other = bus.join(WORKER), bus.other(ZOE)
    procedure = session.register(bus.uri("slow"))
    call = other.start(bus.uri("slow"))
    invocation = procedure.next()
    call.cancel()
    assert refused(call.result).uri == CANCELED
    invocation.interrupted()
    assert session.ask_for(WHOAMI)["authid"] == "worker"


@scenario()
def a_canceled_call_of_a_callee_that_can_not_be_interrupted_ends(bus: Bus) -> None:
    session, other = bus.join(WORKER), bus.other(ZOE)
    procedure = session.register(bus.uri("slow"))
    call = other.start(bus.uri("slow"))
    invocation = procedure.next()
    call.cancel()
    assert refused(call.result).uri == CANCELED
    if not bus.has("callee.interrupt"):
        # Nothing came that it wouldn't understand, and its late answer does no harm.
        invocation.give("late")
    assert session.ask_for(WHOAMI)["authid"] == "worker"


@scenario("call.timeout")
def a_call_ends_at_its_timeout(bus: Bus) -> None:
    procedure, session = bus.other(WORKER).register(bus.uri("slow")), bus.join(ZOE)
    call = session.start(bus.uri("slow"), options={"timeout": 50})
    invocation = procedure.next()
    assert refused(call.result).uri == "wamp.error.timeout"
    invocation.interrupted()
    assert session.ask_for(WHOAMI)["authid"] == "zoe"


@scenario("call.timeout")
def a_call_that_is_answered_in_time_has_its_result(bus: Bus) -> None:
    bus.other(WORKER).register(bus.uri("quick"), lambda invocation: "quick")
    assert bus.join(ZOE).ask_for(bus.uri("quick"), options={"timeout": 20000}) == "quick"


@scenario()
def a_call_is_answered_when_its_callee_breaks_off(bus: Bus) -> None:
    session, other = bus.fresh(WORKER), bus.other(ZOE)
    procedure = session.register(bus.uri("slow"))
    call = other.start(bus.uri("slow"))
    procedure.next()
    session.abort()
    assert refused(call.result).uri == CANCELED


@scenario()
def a_callee_is_interrupted_when_its_caller_breaks_off(bus: Bus) -> None:
    procedure, session = bus.other(WORKER).register(bus.uri("slow")), bus.fresh(ZOE)
    session.start(bus.uri("slow"))
    invocation = procedure.next()
    session.abort()
    invocation.interrupted()
