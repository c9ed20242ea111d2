"""Calls and their answers, progressive ones among them."""

from __future__ import annotations

from conftest import KRISTEN, WORKER, ZOE
from interop.bus import Bus, refused
from interop.peer import Invocation, Result
from interop.scenarios import scenario


def echo(invocation: Invocation) -> Result:
    return Result(invocation.args, invocation.kwargs)


@scenario()
def a_call_carries_arguments_and_gives_the_result(bus: Bus) -> None:
    taken = []

    def add(invocation: Invocation) -> int:
        taken.append((invocation.args, invocation.kwargs))
        return sum(invocation.args)

    bus.other(WORKER).register(bus.uri("add"), add)
    assert bus.join(ZOE).ask_for(bus.uri("add"), 2, 3, unit="m") == 5
    assert taken == [([2, 3], {"unit": "m"})]


@scenario("call.results")
def a_result_may_have_several_values_and_names(bus: Bus) -> None:
    bus.other(WORKER).register(bus.uri("echo"), echo)
    session = bus.join(ZOE)
    assert session.call(bus.uri("echo")) == Result([], {})
    assert session.call(bus.uri("echo"), 1, "two") == Result([1, "two"], {})
    assert session.call(bus.uri("echo"), three=[3]) == Result([], {"three": [3]})
    assert session.call(bus.uri("echo"), 1, "two", three=[3]) == Result([1, "two"], {"three": [3]})


@scenario()
def a_procedure_is_called_and_taken_back(bus: Bus) -> None:
    session, other = bus.join(WORKER), bus.other(ZOE)
    registration = session.register(bus.uri("add"), lambda invocation: sum(invocation.args))
    assert other.ask_for(bus.uri("add"), 2, 3) == 5
    registration.unregister()
    assert refused(lambda: other.call(bus.uri("add"))).uri == "wamp.error.no_such_procedure"


@scenario()
def a_procedure_takes_arguments_and_names(bus: Bus) -> None:
    session, other = bus.join(WORKER), bus.other(ZOE)
    session.register(bus.uri("given"), lambda invocation: [invocation.args, invocation.kwargs])
    for args, kwargs in [([], {}), ([1, "two"], {}), ([], {"three": [3]}), ([None], {"four": None})]:
        assert other.ask_for(bus.uri("given"), *args, **kwargs) == [args, kwargs]


@scenario("callee.results")
def a_procedure_answers_with_several_values_and_names(bus: Bus) -> None:
    session, other = bus.join(WORKER), bus.other(ZOE)
    session.register(bus.uri("echo"), echo)
    for args, kwargs in [([], {}), ([1, "two"], {}), ([], {"three": [3]}), ([1], {"three": [3]})]:
        assert other.call(bus.uri("echo"), *args, **kwargs) == Result(args, kwargs)


@scenario()
def a_library_calls_itself(bus: Bus) -> None:
    callee, caller = bus.join(WORKER), bus.join(ZOE)
    callee.register(bus.uri("add"), lambda invocation: sum(invocation.args))
    assert caller.ask_for(bus.uri("add"), 2, 3) == 5


@scenario()
def calls_are_answered_whatever_their_order(bus: Bus) -> None:
    session = bus.join(ZOE)
    procedure = bus.other(WORKER).register(bus.uri("later"))
    calls = [session.start(bus.uri("later"), number) for number in range(10)]
    invocations = [procedure.next() for _ in calls]
    for invocation in reversed(invocations):
        invocation.give(invocation.args[0] * 2)
    assert [call.result().args for call in calls] == [[number * 2] for number in range(10)]


@scenario("call.error_uri")
def an_error_reaches_the_caller_with_its_uri_and_values(bus: Bus) -> None:
    procedure = bus.other(WORKER).register(bus.uri("fails"))
    call = bus.join(ZOE).start(bus.uri("fails"))
    procedure.next().fail("com.example.error.paper", "out of paper", 3, tray={"number": 2})
    error = refused(call.result)
    assert (error.uri, error.arguments) == ("com.example.error.paper", ["out of paper", 3])
    assert error.named == {"tray": {"number": 2}}


@scenario("callee.error")
def an_error_reaches_the_other_end_with_its_uri_and_values(bus: Bus) -> None:
    procedure = bus.join(WORKER).register(bus.uri("fails"))
    call = bus.other(ZOE).start(bus.uri("fails"))
    procedure.next().fail("com.example.error.paper", "out of paper", 3, tray={"number": 2})
    error = refused(call.result)
    assert (error.uri, error.arguments) == ("com.example.error.paper", ["out of paper", 3])
    assert error.named == {"tray": {"number": 2}}


@scenario()
def an_exception_reaches_the_other_end_as_the_library_names_it(bus: Bus) -> None:
    procedure = bus.join(WORKER).register(bus.uri("fails"))
    call = bus.other(ZOE).start(bus.uri("fails"))
    procedure.next().throw("out of paper")
    error = refused(call.result)
    assert (error.uri, error.arguments) == bus.library.thrown


@scenario()
def a_call_of_nothing_is_refused(bus: Bus) -> None:
    error = refused(lambda: bus.join(ZOE).call(bus.uri("nothing")))
    assert error.uri == ("wamp.error.no_such_procedure" if bus.has("call.error_uri") else None)
    assert "no callee registered" in error.arguments[0]


@scenario("request.error_uri")
def a_procedure_has_one_callee(bus: Bus) -> None:
    bus.other(WORKER).register(bus.uri("once"), lambda invocation: "first")
    session = bus.join(ZOE)
    error = refused(lambda: session.register(bus.uri("once"), lambda invocation: "second"))
    assert error.uri == "wamp.error.procedure_already_exists"
    assert session.ask_for(bus.uri("once")) == "first"


@scenario("call.progress")
def progressive_results_come_in_order_before_the_result(bus: Bus) -> None:
    procedure = bus.other(WORKER).register(bus.uri("count"))
    call = bus.join(ZOE).start(bus.uri("count"), options={"progress": True})
    invocation = procedure.next()
    assert invocation.details["progress"] is True
    for number in range(20):
        invocation.progress(number)
    invocation.give("end")
    assert call.result().args == ["end"]
    assert [call.progress().args for _ in range(20)] == [[number] for number in range(20)]


@scenario("callee.progress")
def a_procedure_answers_progressively(bus: Bus) -> None:
    procedure = bus.join(WORKER).register(bus.uri("count"))
    call = bus.other(ZOE).start(bus.uri("count"), options={"progress": True})
    invocation = procedure.next()
    for number in range(20):
        invocation.progress(number)
    assert [call.progress().args for _ in range(20)] == [[number] for number in range(20)]
    invocation.give("end")
    assert call.result().args == ["end"]


@scenario("callee.progress", "callee.progress_wanted")
def a_procedure_is_told_whether_progress_is_wanted(bus: Bus) -> None:
    bus.join(WORKER).register(bus.uri("asked"), lambda invocation: invocation.details["progress"])
    assert bus.other(ZOE).ask_for(bus.uri("asked")) is False
    assert bus.other(ZOE).ask_for(bus.uri("asked"), options={"progress": True}) is True


@scenario("call.parts", "callee.parts")
def a_call_in_parts_is_one_invocation(bus: Bus) -> None:
    procedure = bus.join(WORKER).register(bus.uri("sum"))
    call = bus.join(ZOE).start(bus.uri("sum"), 1, options={"parts": True})
    invocation = procedure.next()
    assert invocation.args == [1]
    call.more(2)
    assert invocation.more().args == [2]
    call.more(3, last=True)
    assert invocation.more().args == [3]
    invocation.give(6)
    assert call.result().args == [6]


@scenario("call.parts")
def a_call_in_parts_to_a_callee_without_them_is_refused(bus: Bus) -> None:
    bus.other(WORKER).register(bus.uri("sum"), lambda invocation: sum(invocation.args))
    call = bus.join(ZOE).start(bus.uri("sum"), 1, options={"parts": True})
    assert refused(call.result).uri == "wamp.error.feature_not_supported"


@scenario("callee.details")
def a_callee_is_told_who_calls(bus: Bus) -> None:
    procedure = bus.join(WORKER).register(bus.uri("who"))
    other = bus.other(ZOE)
    call = other.start(bus.uri("who"))
    details = procedure.next_answered().details
    call.result()
    assert details["caller"] == other.id
    assert (details["caller_authid"], details["caller_authrole"]) == ("zoe", "trust")
    assert details["procedure"] == bus.uri("who")


@scenario()
def the_other_end_is_told_who_calls(bus: Bus) -> None:
    procedure, session = bus.other(WORKER).register(bus.uri("who")), bus.join(KRISTEN)
    call = session.start(bus.uri("who"))
    details = procedure.next_answered().details
    call.result()
    caller = [details["caller"], details["caller_authid"], details["caller_authrole"]]
    assert caller == [session.id, "kristen98", "frontend"]
