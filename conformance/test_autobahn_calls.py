"""autobahn-python: values, errors, progress and the early ends of calls."""

from __future__ import annotations

import asyncio

import pytest
from autobahn.exception import PayloadExceededError
from autobahn.wamp.exception import ApplicationError, SerializationError
from autobahn.wamp.types import CallOptions, CallResult, PublishOptions, RegisterOptions

from autobahn_peers import (
    BASE,
    NOT_AUTHORIZED,
    SERIALIZERS,
    VALUES,
    WHOAMI,
    heard,
    kinds,
    listen,
    publish,
    refused,
    scenario,
    serializers,
)
from conftest import KRISTEN, WORKER, ZOE


@kinds
@pytest.mark.parametrize("callee_serializer", SERIALIZERS)
@serializers
@scenario
async def test_a_call_carries_values_both_ways_between_any_serializers(bus, kind, serializer, callee_serializer):
    callee, caller = await bus.join(WORKER, kind, callee_serializer), await bus.join(ZOE, kind, serializer)
    taken = []

    def echo(*args, **kwargs):
        taken.append((args, kwargs))
        return CallResult(*args, **kwargs)

    registration = await callee.register(echo, bus.uri("echo"))
    answer = await caller.call(bus.uri("echo"), *VALUES, named=VALUES, other=b"\x01")
    assert taken == [(tuple(VALUES), {"named": VALUES, "other": b"\x01"})]
    assert (list(answer.results), answer.kwresults) == (VALUES, {"named": VALUES, "other": b"\x01"})
    assert [type(value) for value in answer.results] == [type(value) for value in VALUES]
    await registration.unregister()
    assert (await refused(caller.call(bus.uri("echo")))).error == "wamp.error.no_such_procedure"


@pytest.mark.parametrize(
    "result, answer",
    [(None, None), (7, 7), ([1, 2], [1, 2]), (CallResult(), None), (CallResult(7), 7)],
    ids=["none", "one", "a-list", "empty", "wrapped"],
)
@scenario
async def test_a_result_of_at_most_one_value_is_that_value(bus, result, answer):
    callee, caller = await bus.join(WORKER), await bus.join(ZOE)
    await callee.register(lambda: result, bus.uri("result"))
    assert await caller.call(bus.uri("result")) == answer


@pytest.mark.parametrize("callee_serializer", SERIALIZERS)
@pytest.mark.parametrize("serializer", ["json", "cbor"])
@scenario
async def test_an_integer_beyond_64_bits_is_itself_between_equals_and_text_otherwise(
    bus, serializer, callee_serializer
):
    callee, caller = await bus.join(WORKER, "ws", callee_serializer), await bus.join(ZOE, "ws", serializer)
    await callee.register(lambda *args: repr(args), bus.uri("repr"))
    values = (2**64, -(2**63) - 1, 10**40)
    seen = values if serializer == callee_serializer else tuple(map(str, values))
    assert await caller.call(bus.uri("repr"), *values) == repr(seen)


@kinds
@serializers
@scenario
async def test_a_mebibyte_comes_back_unharmed(bus, kind, serializer):
    callee, caller = await bus.join(WORKER, kind, serializer), await bus.join(ZOE, kind, serializer)
    await callee.register(lambda value: value, bus.uri("echo"))
    blob = bytes(range(256)) * 4096
    assert await caller.call(bus.uri("echo"), blob) == blob


@pytest.mark.parametrize("kind", ["tcpip", "unix"])
@serializers
@scenario
async def test_a_peer_is_not_sent_more_than_it_takes(bus, kind, serializer):
    small = await bus.join(ZOE, kind, serializer, receive_bytes_max=4096)
    callee = await bus.join(WORKER, kind, serializer)
    await callee.register(lambda size: b"x" * size, bus.uri("sized"))
    inbox = await listen(small, bus.uri("topic"))
    with pytest.raises(PayloadExceededError):
        await small.call(bus.uri("sized"), 4096)
    assert await small.call(bus.uri("sized"), 1024) == b"x" * 1024
    for size in (4096, 1024):
        await publish(callee, bus.uri("topic"), b"x" * size)
    assert await heard(small, inbox) == [(b"x" * 1024,)]


@scenario
async def test_the_client_itself_refuses_integers_beyond_64_bits_over_msgpack(bus):
    caller = await bus.join(ZOE, serializer="msgpack")
    with pytest.raises(SerializationError, match="Integer value out of range"):
        caller.call(WHOAMI, 2**64)


@pytest.mark.parametrize("callee_serializer", SERIALIZERS)
@serializers
@scenario
async def test_an_error_carries_its_uri_and_values(bus, serializer, callee_serializer):
    callee, caller = await bus.join(WORKER, "tcpip", callee_serializer), await bus.join(ZOE, "ws", serializer)

    def fails(*args, **kwargs):
        raise ApplicationError("com.example.error.paper", *args, **kwargs)

    await callee.register(fails, bus.uri("fails"))
    error = await refused(caller.call(bus.uri("fails"), *VALUES, named=VALUES))
    assert error.error == "com.example.error.paper"
    assert (list(error.args), error.kwargs) == (VALUES, {"named": VALUES})


@scenario
async def test_any_other_exception_is_a_runtime_error(bus):
    def fails():
        raise ValueError("out of paper", 3)

    callee, caller = await bus.join(WORKER), await bus.join(ZOE)
    await callee.register(fails, bus.uri("fails"))
    error = await refused(caller.call(bus.uri("fails")))
    assert (error.error, error.args) == ("wamp.error.runtime_error", ("out of paper", 3))


@scenario
async def test_a_permission_that_is_missing_is_named(bus):
    peer = await bus.join(KRISTEN)
    secret = f"{BASE}.secret"
    for request, action in [
        (lambda: peer.call(secret), "c (call)"),
        (lambda: peer.register(lambda: 1, secret), "r (register)"),
        (lambda: listen(peer, secret), "s (subscribe)"),
        (lambda: publish(peer, secret), "p (publish)"),
    ]:
        error = await refused(request())
        assert error.error == NOT_AUTHORIZED
        assert secret in error.args[0]
        assert f'role "frontend" lacks the permission {action}' in error.args[0]


@kinds
@serializers
@scenario
async def test_progressive_results_come_in_order_before_the_result(bus, kind, serializer):
    def count(number, details):
        for value in range(number):
            details.progress(value, named=value)
        return number

    callee, caller = await bus.join(WORKER, kind, serializer), await bus.join(ZOE, kind, serializer)
    await callee.register(count, bus.uri("count"), options=RegisterOptions(details=True))
    seen = []
    options = CallOptions(on_progress=lambda value, named: seen.append((value, named)))
    assert await caller.call(bus.uri("count"), 20, options=options) == 20
    assert seen == [(value, value) for value in range(20)]


@scenario
async def test_a_callee_is_told_that_no_progress_is_wanted(bus):
    callee, caller = await bus.join(WORKER), await bus.join(ZOE)
    options = RegisterOptions(details=True)
    await callee.register(lambda details: details.progress is not None, bus.uri("asked"), options=options)
    assert await caller.call(bus.uri("asked")) is False
    assert await caller.call(bus.uri("asked"), options=CallOptions(on_progress=print)) is True


class Slow:
    """A procedure that ends only by being interrupted."""

    def __init__(self) -> None:
        self.started, self.interrupted = asyncio.Event(), asyncio.Event()

    async def __call__(self) -> None:
        self.started.set()
        try:
            await asyncio.Future()
        except asyncio.CancelledError:
            self.interrupted.set()
            raise


@kinds
@serializers
@scenario
async def test_a_canceled_call_interrupts_its_callee(bus, kind, serializer):
    callee, caller = await bus.join(WORKER, kind, serializer), await bus.join(ZOE, kind, serializer)
    slow = Slow()
    await callee.register(slow.__call__, bus.uri("slow"))
    await callee.register(lambda: "quick", bus.uri("quick"))
    call = caller.call(bus.uri("slow"))
    await slow.started.wait()
    call.cancel()
    await slow.interrupted.wait()
    # Both can go on: the one had its answer to CANCEL, the other one's late error was taken.
    assert await caller.call(bus.uri("quick")) == "quick"
    assert not caller._call_reqs and not callee._invocations


@scenario
async def test_a_call_can_be_canceled_between_its_progressive_results(bus):
    callee, caller = await bus.join(WORKER), await bus.join(ZOE)
    interrupted, seen = asyncio.Event(), asyncio.Queue()

    async def endless(details):
        details.progress(1)
        try:
            await asyncio.Future()
        finally:
            # Too late: the caller was answered already.
            details.progress(2)
            interrupted.set()

    await callee.register(endless, bus.uri("endless"), options=RegisterOptions(details=True))
    call = caller.call(bus.uri("endless"), options=CallOptions(on_progress=seen.put_nowait))
    assert await seen.get() == 1
    call.cancel()
    await interrupted.wait()
    await callee.call(WHOAMI)
    await caller.call(WHOAMI)
    assert seen.empty()


@kinds
@scenario
async def test_a_call_is_answered_when_its_callee_breaks_off(bus, kind):
    callee, caller = await bus.join(WORKER, kind), await bus.join(ZOE, kind)
    slow = Slow()
    await callee.register(slow.__call__, bus.uri("slow"))
    call = caller.call(bus.uri("slow"))
    await slow.started.wait()
    callee._transport.abort()
    assert (await refused(call)).error == "wamp.error.canceled"
    await callee.end()


@scenario
async def test_a_call_that_takes_too_long_is_answered_and_interrupted(bus):
    callee, caller = await bus.join(WORKER), await bus.join(ZOE)
    slow = Slow()
    await callee.register(slow.__call__, bus.uri("slow"))
    # It calls this seconds, and sends it as it is: milliseconds.
    error = await refused(caller.call(bus.uri("slow"), options=CallOptions(timeout=50)))
    assert error.error == "wamp.error.timeout"
    await slow.interrupted.wait()
    assert await caller.call(WHOAMI) == {"authid": "zoe", "role": "trust"}


@scenario
async def test_the_client_itself_refuses_a_timeout_with_a_fraction(bus):
    caller = await bus.join(ZOE)
    with pytest.raises(AssertionError):
        caller.call(WHOAMI, options=CallOptions(timeout=0.5))


def call_details(details) -> list:
    return [details.caller, details.caller_authid, details.caller_authrole]


@kinds
@serializers
@scenario
async def test_caller_callee_and_publisher_are_disclosed_unasked(bus, kind, serializer):
    callee, caller = await bus.join(WORKER, kind, serializer), await bus.join(ZOE, kind, serializer)
    await callee.register(call_details, bus.uri("who"), options=RegisterOptions(details=True))
    result = await caller.call(bus.uri("who"), options=CallOptions(details=True))
    zoe = [caller.session_id, "zoe", "trust"]
    assert result.results[0] == zoe
    assert [result.callee, result.callee_authid, result.callee_authrole] == [callee.session_id, "worker", "backend"]
    inbox = await listen(callee, bus.uri("topic"))
    await publish(caller, bus.uri("topic"))
    details = (await inbox.next()).details
    assert [details.publisher, details.publisher_authid, details.publisher_authrole] == zoe


@pytest.mark.parametrize("options", [CallOptions, PublishOptions])
def test_the_client_itself_does_not_ask_for_disclosure(options):
    with pytest.raises(TypeError, match="unexpected keyword argument 'disclose_me'"):
        options(disclose_me=True)
