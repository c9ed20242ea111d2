"""What the libraries get wrong or can't do, asserted as theirs: when one of these fails, a reason is out of date.

Each is a function of a `Bus` of its library, over one connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

import pytest

from conftest import KRISTEN, WORKER, ZOE
from interop.bus import Bus, refused
from interop.libraries import AUTOBAHN_JS, AUTOBAHN_PYTHON, SWAMPYER, WAMPY, Library
from interop.peer import LibraryFailed, Result


@dataclass(frozen=True)
class Limit:
    library: Library
    transport: str
    serializer: str
    # What is missing for this reason.
    features: tuple[str, ...]
    run: Callable[[Bus], None]


LIST: list[Limit] = []


def limit(library: Library, *features: str, over: tuple[str, str] = ("ws", "json")) -> Callable:
    def put(run: Callable[[Bus], None]) -> Callable[[Bus], None]:
        LIST.append(Limit(library, *over, features, run))
        return run

    return put


def fails(action: Callable[[], Any], text: str) -> None:
    with pytest.raises(LibraryFailed, match=text):
        action()


@limit(SWAMPYER, "call.results")
def swampyer_fails_on_a_result_without_values(bus: Bus) -> None:
    bus.other(WORKER).register(bus.uri("nothing"), lambda invocation: Result())
    fails(lambda: bus.join(ZOE).call(bus.uri("nothing")), "IndexError")


@limit(SWAMPYER, "call.error_uri")
def swampyer_shows_an_error_s_values_and_not_its_uri(bus: Bus) -> None:
    procedure = bus.other(WORKER).register(bus.uri("fails"))
    call = bus.join(ZOE).start(bus.uri("fails"))
    procedure.next().fail("com.example.error.paper", "out of paper")
    assert refused(call.result).arguments == ["out of paper"]
    call = bus.join(ZOE).start(bus.uri("fails"))
    procedure.next().fail("com.example.error.paper")
    assert refused(call.result).arguments == ["com.example.error.paper"]


@limit(AUTOBAHN_PYTHON, "subscribe.revoked")
def autobahn_python_breaks_off_when_a_subscription_is_revoked(bus: Bus) -> None:
    session = bus.fresh(WORKER)
    inbox = session.subscribe(bus.uri("topic"))
    bus.other(ZOE).call("wamp.subscription.remove_subscriber", inbox.id, session.id)
    assert session.end().reason == "wamp.close.transport_lost"


@limit(AUTOBAHN_PYTHON, "register.node", "publish.key")
def autobahn_python_takes_no_option_that_it_does_not_know(bus: Bus) -> None:
    session = bus.join(WORKER)
    fails(lambda: session.register(bus.uri("sharded"), nkey="a"), "TypeError")
    fails(lambda: session.subscribe(bus.uri("topic"), nkey="a"), "TypeError")
    fails(lambda: session.publish(bus.uri("topic"), options={"rkey": "sn1"}), "TypeError")


@limit(AUTOBAHN_JS, "cancel", "cancel.skip", "cancel.killnowait")
def autobahn_js_breaks_off_at_the_answer_to_its_cancel(bus: Bus) -> None:
    for mode in (None, "skip", "killnowait"):
        session, procedure = bus.fresh(ZOE), bus.other(WORKER).register(bus.uri(f"slow{mode}"))
        call = session.start(bus.uri(f"slow{mode}"))
        procedure.next()
        call.cancel(mode)
        session.end()


@limit(WAMPY, "call.parts")
def wampy_has_its_session_aborted_by_a_call_in_parts(bus: Bus) -> None:
    bus.other(WORKER).register(bus.uri("sum"))
    session = bus.fresh(ZOE)
    call = session.start(bus.uri("sum"), 1, options={"parts": True})
    session.end()
    fails(call.result, "Websocket error")


@limit(WAMPY, "callee.progress_wanted")
def wampy_is_not_told_of_wishes_that_it_does_not_announce(bus: Bus) -> None:
    procedure = bus.join(WORKER).register(bus.uri("count"))
    call = bus.other(ZOE).start(bus.uri("count"), options={"progress": True})
    invocation = procedure.next()
    assert invocation.details["progress"] is False
    invocation.give("end")
    assert call.result().args == ["end"]


@limit(WAMPY, "subscribe.unsubscribe_pattern")
def wampy_does_not_find_a_subscription_with_options_again(bus: Bus) -> None:
    inbox = bus.fresh(WORKER).subscribe(bus.uri("a"), match="prefix")
    fails(inbox.unsubscribe, "TypeError")


@limit(WAMPY, "register.unregister_pattern", "subscribe.open_pattern", "publish.empty_lists", "publish.reserved")
def wampy_refuses_some_requests_itself(bus: Bus) -> None:
    session = bus.fresh(ZOE)
    registration = session.register(bus.uri("a..c"), match="wildcard")
    fails(registration.unregister, "UriError")
    fails(lambda: session.subscribe(bus.uri("a."), match="prefix"), "UriError")
    fails(lambda: session.publish(bus.uri("topic"), options={"eligible": []}), "InvalidParamError")
    fails(lambda: session.publish("wamp.session.on_join"), "UriError")


@limit(WAMPY, "publish.to_itself", "publish.retain", "register.forced")
def wampy_leaves_some_options_out(bus: Bus) -> None:
    session = bus.join(ZOE)
    inbox = session.subscribe(bus.uri("topic"))
    session.publish(bus.uri("topic"), "mine", options={"exclude_me": False, "retain": True})
    assert bus.heard(inbox, bus.other(WORKER)) == []
    other = bus.other(KRISTEN)
    assert bus.heard(other.subscribe(bus.uri("topic"), get_retained=True), session) == []
    bus.other(WORKER).register(bus.uri("forced"))
    error = refused(lambda: session.register(bus.uri("forced"), force_reregister=True))
    assert error.uri == "wamp.error.procedure_already_exists"


@limit(WAMPY, "receive.mebibyte")
def wampy_breaks_off_at_a_frame_of_more_than_a_mebibyte(bus: Bus) -> None:
    session = bus.fresh(WORKER)
    session.subscribe(bus.uri("topic"))
    bus.other(ZOE).publish(bus.uri("topic"), "x" * (1 << 20))
    session.end()
