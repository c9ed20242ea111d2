"""autobahn-python (asyncio): logins, one-time passwords, and the ends of sessions.

The other `test_autobahn_*.py` go on, over every transport and serializer that autobahn-python offers. What it can't
do itself is an expectation with a name. Not run at all, for the reason given: batched JSON (it separates
messages by 0x18 instead of 0x1E), UBJSON (it writes BJData, another format), CANCEL with `skip` or `kill` (its API
names no mode).
"""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from urllib.parse import urlsplit

import pytest
from autobahn.asyncio.component import Component

import countersign_server
from autobahn_peers import (
    BASE,
    GOODBYE_AND_OUT,
    KINDS,
    NOT_AUTHORIZED,
    PERMISSION_DENIED,
    REALM,
    SERIALIZERS,
    WHOAMI,
    Bus,
    Peer,
    kinds,
    listen,
    publish,
    refused,
    scenario,
    serializers,
)
from conftest import JSMITH, KRISTEN, WORKER, ZOE, User, with_users


@kinds
@serializers
@scenario
async def test_a_ticket_opens_a_session(bus, kind, serializer):
    details = (await bus.join(KRISTEN, kind, serializer)).session_details
    assert (details.realm, details.authid, details.authrole) == (REALM, "kristen98", "frontend")
    assert (details.authmethod, details.serializer) == ("ticket", serializer)
    assert 1 <= details.session <= 2**53


@pytest.mark.parametrize("kind", ["ws", "wss"])
@pytest.mark.parametrize(
    "serializer, agreed",
    [(None, "cbor.batched"), ("cbor.batched", "cbor.batched"), ("msgpack.batched", "msgpack.batched")],
    ids=["its-own-choice", "cbor", "msgpack"],
)
@scenario
async def test_batches_are_agreed_on_where_they_are_offered_first(bus, kind, serializer, agreed):
    peer = bus.admitted(await bus.open(Peer(KRISTEN, REALM, None), kind, serializer))
    assert peer._transport.websocket_protocol_in_use == f"wamp.2.{agreed}"
    # Answered in one batch or in several.
    calls = [peer.call(WHOAMI) for _ in range(100)]
    assert await asyncio.gather(*calls) == [{"authid": KRISTEN.login, "role": KRISTEN.role}] * 100
    inbox, other = await listen(peer, bus.uri("topic")), await bus.join(WORKER)
    for number in range(100):
        other.publish(bus.uri("topic"), number)
    assert [(await inbox.next()).args for _ in range(100)] == [(number,) for number in range(100)]


@kinds
@serializers
@pytest.mark.parametrize("login", ["kristen98", "nobody"], ids=["wrong-ticket", "unknown-user"])
@scenario
async def test_a_refused_login_is_aborted_with_reason_and_message(bus, kind, serializer, login):
    peer = await bus.connect(User(login, "frontend", "wrong"), kind, serializer)
    details = await peer.end()
    assert (details.reason, details.message) == (PERMISSION_DENIED, "Permission Denied")
    assert not peer.joined.done()


@scenario
async def test_an_unknown_realm_is_aborted(bus):
    details = await (await bus.connect(KRISTEN, realm="elsewhere")).end()
    assert details.reason == "wamp.error.no_such_realm"


@scenario
async def test_a_method_that_is_not_offered_is_aborted(bus):
    details = await (await bus.connect(KRISTEN, methods=["wampcra"])).end()
    assert details.reason == "wamp.error.no_matching_auth_method"


@kinds
@pytest.mark.parametrize("methods", [None, ["anonymous"]], ids=["silent", "named"])
@scenario
async def test_a_session_without_a_login_is_public(bus, kind, methods):
    peer = await bus.join(None, kind, methods=methods)
    assert (peer.session_details.authrole, peer.session_details.authmethod) == ("public", "anonymous")
    assert (await refused(peer.call(WHOAMI))).error == NOT_AUTHORIZED
    inbox = await listen(peer, f"{BASE}.public")
    await publish(await bus.join(None, kind), f"{BASE}.public", 1)
    assert (await inbox.next()).args == (1,)


@pytest.mark.parametrize(
    "methods, reason",
    [(None, "wamp.error.authentication_required"), (["anonymous"], "wamp.error.no_matching_auth_method")],
    ids=["silent", "named"],
)
def test_a_session_without_a_login_is_refused_by_default(tmp_path_factory, methods, reason):
    @scenario
    async def refuses(bus):
        assert (await (await bus.connect(None, methods=methods)).end()).reason == reason

    with countersign_server.running(tmp_path_factory.mktemp("s"), None) as server:
        refuses(Bus(server))


@kinds
@serializers
@scenario
async def test_goodbye_is_answered_and_the_session_is_gone(bus, kind, serializer):
    callee, caller = await bus.join(WORKER, kind, serializer), await bus.join(ZOE, kind, serializer)
    procedure = bus.uri("gone")
    await callee.register(lambda: 1, procedure)
    assert await caller.call(procedure) == 1
    callee.leave("wamp.close.logout", "so long")
    assert (await callee.end()).reason == GOODBYE_AND_OUT
    assert (await refused(caller.call(procedure))).error == "wamp.error.no_such_procedure"


@scenario
async def test_an_ending_session_answers_what_it_still_waits_for(bus):
    callee, caller = await bus.join(WORKER), await bus.join(ZOE)
    started = asyncio.Event()

    async def never():
        started.set()
        await asyncio.Future()

    await callee.register(never, bus.uri("never"))
    call = caller.call(bus.uri("never"))
    await started.wait()
    callee.leave()
    assert (await refused(call)).error == "wamp.error.canceled"
    await callee.end()


def test_a_stopping_server_says_goodbye_to_every_session(tmp_path_factory):
    @scenario
    async def stops(bus):
        peers = [await bus.join(KRISTEN, kind, serializer) for kind in KINDS for serializer in SERIALIZERS]
        stopped = asyncio.create_task(asyncio.to_thread(bus.server.stop))
        for peer in peers:
            assert (await peer.end()).reason == "wamp.close.system_shutdown"
        await stopped

    with countersign_server.running(tmp_path_factory.mktemp("s"), None) as server:
        stops(Bus(with_users(server)))


@pytest.mark.parametrize("kind", ["ws", "tcpip", "unix"])
@scenario
async def test_a_component_signs_in_works_and_stops(bus, kind):
    url = bus.server.url(kind)
    transport = {"type": "websocket", "url": url, "serializers": ["cbor", "msgpack", "json"]}
    if kind != "ws":
        address = urlsplit(url)
        endpoint = {"type": "unix", "path": address.path}
        if kind == "tcpip":
            endpoint = {"type": "tcp", "host": address.hostname, "port": address.port}
        transport = {"type": "rawsocket", "url": "rs://localhost", "endpoint": endpoint, "serializer": "cbor"}
    component = Component(
        transports=[{**transport, "max_retries": 0}],
        realm=REALM,
        authentication={"ticket": {"authid": KRISTEN.login, "ticket": KRISTEN.password}},
    )
    answers, reasons, chosen = [], [], []
    component.on_leave(lambda _, details: reasons.append(details.reason))

    @component.on_join
    async def joined(session, details):
        # Of several that are offered, the first one counts.
        chosen.append(details.serializer)
        answers.append(await session.call(WHOAMI))
        session.leave()

    # Over RawSocket, a component takes its own end of the connection after GOODBYE for a failure to connect.
    ended = pytest.raises(RuntimeError, match="Exhausted all transport") if kind != "ws" else nullcontext()
    with ended:
        await component.start(asyncio.get_running_loop())
    assert chosen == ["cbor"]
    assert (answers, reasons) == ([{"authid": "kristen98", "role": "frontend"}], [GOODBYE_AND_OUT])


@scenario
async def test_a_component_hears_why_it_is_refused(bus):
    component = Component(
        transports=[{"url": bus.server.url("ws"), "max_retries": 0}],
        realm=REALM,
        authentication={"ticket": {"authid": KRISTEN.login, "ticket": "wrong"}},
    )
    failures = []
    component.on_connectfailure(lambda _, failure: failures.append(failure))
    with pytest.raises(RuntimeError, match="Exhausted all transport connect attempts"):
        await component.start(asyncio.get_running_loop())
    assert [(failure.error, failure.args) for failure in failures] == [(PERMISSION_DENIED, ("Permission Denied",))]


@kinds
@serializers
@scenario
async def test_a_one_time_password_opens_one_session(bus, kind, serializer):
    otp = await (await bus.join(KRISTEN, kind, serializer)).call(f"{BASE}.my.otp.create")
    delegate = User(otp["login"], KRISTEN.role, otp["plaintext_key"])
    peer = await bus.join(delegate, kind, serializer)
    assert await peer.call(WHOAMI) == {"authid": "kristen98", "role": "frontend"}
    assert (await refused(peer.call(f"{BASE}.my.otp.create"))).error == NOT_AUTHORIZED
    again = await (await bus.connect(delegate, kind, serializer)).end()
    assert (again.reason, again.message) == (PERMISSION_DENIED, "Permission Denied")


@scenario
async def test_a_one_time_password_for_another_is_restricted_by_its_maker(bus):
    permissions = [{"uri": bus.uri("ping"), "perms": "c"}]
    zoe = await bus.join(ZOE)
    otp = await zoe.call(f"{BASE}.system.otp.create", JSMITH.login, {"permissions": permissions})
    await zoe.register(lambda: "pong", bus.uri("ping"))
    delegate = await bus.join(User(JSMITH.login, JSMITH.role, otp["plaintext_key"]))
    assert await delegate.call(bus.uri("ping")) == "pong"
    assert (await refused(delegate.call(WHOAMI))).error == NOT_AUTHORIZED
