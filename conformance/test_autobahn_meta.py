"""autobahn-python: the meta API, who may use it, and testaments."""

from __future__ import annotations

import functools
from typing import Callable

import pytest
from autobahn.wamp.types import RegisterOptions

from autobahn_peers import NOT_AUTHORIZED, WHOAMI, heard, kinds, listen, publish, refused, scenario, serializers
from conftest import KRISTEN, WORKER, ZOE


@scenario
async def test_sessions_are_counted_listed_and_shown(bus):
    zoe, kristen = await bus.join(ZOE), await bus.join(KRISTEN)
    ids = [zoe.session_id, kristen.session_id]
    assert await zoe.call("wamp.session.count") == 2
    assert sorted(await zoe.call("wamp.session.list")) == sorted(ids)
    assert await zoe.call("wamp.session.count", ["frontend"]) == 1
    assert await zoe.call("wamp.session.list", ["frontend"]) == [kristen.session_id]
    shown = await zoe.call("wamp.session.get", kristen.session_id)
    assert {"session": kristen.session_id, "authid": "kristen98", "authrole": "frontend"}.items() <= shown.items()
    assert (await refused(zoe.call("wamp.session.get", 1))).error == "wamp.error.no_such_session"


@scenario
async def test_joining_and_leaving_sessions_are_reported(bus):
    zoe = await bus.join(ZOE)
    joins, leaves = await listen(zoe, "wamp.session.on_join"), await listen(zoe, "wamp.session.on_leave")
    kristen = await bus.join(KRISTEN)
    session, (details,) = kristen.session_id, (await joins.next()).args
    assert {"session": session, "authid": "kristen98", "authrole": "frontend"}.items() <= details.items()
    await kristen.say_goodbye()
    assert (await leaves.next()).args == (session, "kristen98", "frontend")


@kinds
@serializers
@scenario
async def test_a_killed_session_hears_why(bus, kind, serializer):
    zoe, kristen = await bus.join(ZOE, kind, serializer), await bus.join(KRISTEN, kind, serializer)
    await zoe.call("wamp.session.kill", kristen.session_id, reason="com.example.close.enough", message="that's it")
    details = await kristen.end()
    assert (details.reason, details.message) == ("com.example.close.enough", "that's it")
    assert await zoe.call("wamp.session.count") == 1


@pytest.mark.parametrize(
    "procedure, arguments, answer",
    [
        ("kill_by_authid", ["kristen98"], lambda ids: ids),
        ("kill_by_authrole", ["frontend"], lambda ids: 1),
        ("kill_all", [], lambda ids: 1),
    ],
)
@scenario
async def test_sessions_are_killed_by_what_they_have_in_common(bus, procedure, arguments, answer):
    zoe, kristen = await bus.join(ZOE), await bus.join(KRISTEN)
    session = kristen.session_id
    assert await zoe.call(f"wamp.session.{procedure}", *arguments) == answer([session])
    assert (await kristen.end()).reason == "wamp.close.killed"


def asking(peer, what: str) -> Callable:
    return lambda procedure, *args: peer.call(f"wamp.{what}.{procedure}", *args)


@scenario
async def test_registrations_are_looked_up_and_matched(bus):
    zoe, worker = await bus.join(ZOE), await bus.join(WORKER)
    exact = await worker.register(lambda: 1, bus.uri("a.b"))
    prefix = await worker.register(lambda: 1, bus.uri("a"), options=RegisterOptions(match="prefix", invoke="first"))
    ask = asking(zoe, "registration")
    assert await ask("lookup", bus.uri("a.b")) == exact.id
    assert await ask("lookup", bus.uri("a"), {"match": "prefix"}) == prefix.id
    assert await ask("lookup", bus.uri("a")) is None
    assert await ask("match", bus.uri("a.b")) == exact.id
    assert await ask("match", bus.uri("a.c")) == prefix.id
    assert await ask("match", bus.uri("b")) is None
    listed = await ask("list")
    assert (exact.id in listed["exact"], prefix.id in listed["prefix"]) == (True, True)
    shown = await ask("get", prefix.id)
    assert {"id": prefix.id, "uri": bus.uri("a"), "match": "prefix", "invoke": "first"}.items() <= shown.items()
    assert await ask("list_callees", exact.id) == [worker.session_id]
    assert await ask("count_callees", exact.id) == 1
    assert (await refused(ask("get", 2**53))).error == "wamp.error.no_such_registration"


# The reason has to be a URI: autobahn breaks off at any other text in UNREGISTERED.
@pytest.mark.parametrize("reason", [{}, {"reason": "com.example.moved"}], ids=["unnamed", "named"])
@scenario
async def test_a_revoked_registration_leaves_the_session(bus, reason):
    zoe, worker = await bus.join(ZOE), await bus.join(WORKER)
    registration = await worker.register(lambda: 1, bus.uri("revoked"))
    remove = functools.partial(zoe.call, "wamp.registration.remove_callee", registration.id, worker.session_id)
    assert (await refused(remove(reason="moved elsewhere"))).error == "wamp.error.invalid_uri"
    assert await zoe.call(bus.uri("revoked")) == 1
    await remove(**reason)
    assert (await refused(zoe.call(bus.uri("revoked")))).error == "wamp.error.no_such_procedure"
    assert await worker.call(WHOAMI) == {"authid": "worker", "role": "backend"}


@scenario
async def test_subscriptions_are_looked_up_and_matched(bus):
    zoe, worker = await bus.join(ZOE), await bus.join(WORKER)
    exact = (await worker.subscribe(print, bus.uri("a.b"))).id
    await listen(worker, bus.uri("a"), match="prefix")
    ask = asking(zoe, "subscription")
    assert await ask("lookup", bus.uri("a.b")) == exact
    prefix = await ask("lookup", bus.uri("a"), {"match": "prefix"})
    assert sorted(await ask("match", bus.uri("a.b"))) == sorted([exact, prefix])
    assert await ask("match", bus.uri("a.c")) == [prefix]
    assert await ask("lookup", bus.uri("b")) is None
    assert await ask("match", bus.uri("b")) is None
    listed = await ask("list")
    assert (exact in listed["exact"], prefix in listed["prefix"]) == (True, True)
    assert {"id": prefix, "uri": bus.uri("a"), "match": "prefix"}.items() <= (await ask("get", prefix)).items()
    assert await ask("list_subscribers", exact) == [worker.session_id]
    assert await ask("count_subscribers", exact) == 1
    assert (await refused(ask("get", 2**53))).error == "wamp.error.no_such_subscription"


@scenario
async def test_the_client_itself_breaks_off_when_its_subscription_is_revoked(bus):
    zoe, worker = await bus.join(ZOE), await bus.join(WORKER)
    leaves = await listen(zoe, "wamp.session.on_leave")
    session, subscription = worker.session_id, await worker.subscribe(print, bus.uri("topic"))
    # It announces that it understands this.
    await zoe.call("wamp.subscription.remove_subscriber", subscription.id, session)
    assert (await worker.end()).reason == "wamp.close.transport_lost"
    assert (await leaves.next()).args[0] == session
    assert await zoe.call("wamp.subscription.lookup", bus.uri("topic")) is None


@scenario
async def test_new_and_ended_registrations_and_subscriptions_are_reported(bus):
    zoe, worker = await bus.join(ZOE), await bus.join(WORKER)
    inbox = await listen(zoe, "wamp.", match="prefix")
    registration = await worker.register(lambda: 1, bus.uri("procedure"))
    subscription = await worker.subscribe(print, bus.uri("topic"))
    ids = {"registration": registration.id, "subscription": subscription.id}
    await registration.unregister()
    await subscription.unsubscribe()
    events = [await inbox.next() for _ in range(8)]
    assert [event.details.topic for event in events] == [
        "wamp.registration.on_create",
        "wamp.registration.on_register",
        "wamp.subscription.on_create",
        "wamp.subscription.on_subscribe",
        "wamp.registration.on_unregister",
        "wamp.registration.on_delete",
        "wamp.subscription.on_unsubscribe",
        "wamp.subscription.on_delete",
    ]
    for event in events:
        session, what = event.args
        assert session == worker.session_id
        assert (what["id"] if isinstance(what, dict) else what) == ids[event.details.topic.split(".")[1]]


@pytest.mark.parametrize("user", [KRISTEN, WORKER], ids=["frontend", "backend"])
@scenario
async def test_the_meta_api_is_refused_without_permission(bus, user):
    peer = await bus.join(user)
    for procedure in ("session.count", "session.list", "session.kill", "registration.list", "subscription.match"):
        assert (await refused(peer.call(f"wamp.{procedure}"))).error == NOT_AUTHORIZED
    assert (await refused(listen(peer, "wamp.session.on_join"))).error == NOT_AUTHORIZED


@scenario
async def test_nobody_speaks_in_the_routers_name(bus):
    zoe = await bus.join(ZOE)
    assert (await refused(publish(zoe, "wamp.session.on_join"))).error == "wamp.error.invalid_uri"
    error = await refused(zoe.register(lambda: 1, "wamp.session.count"))
    assert error.error in ("wamp.error.invalid_uri", "wamp.error.procedure_already_exists")
    assert await zoe.call("wamp.session.count") == 1


async def add_testament(peer, topic: str, *args, **kwargs) -> None:
    await peer.call("wamp.session.add_testament", topic, list(args), {"named": args}, **kwargs)


@pytest.mark.parametrize("end", ["break", "goodbye", "kill"])
@serializers
@scenario
async def test_testaments_are_published_when_their_session_ends(bus, serializer, end):
    watcher, zoe = await bus.join(WORKER, "ws"), await bus.join(ZOE, "tcpip", serializer)
    inbox = await listen(watcher, bus.uri("last.words"))
    await add_testament(zoe, bus.uri("last.words"), "destroyed", b"\x00")
    await add_testament(zoe, bus.uri("last.words"), "detached", 2**63, scope="detached")
    assert await heard(watcher, inbox) == []
    if end == "break":
        zoe._transport.abort()
        await zoe.end()
    elif end == "goodbye":
        await zoe.say_goodbye()
    else:
        await (await bus.join(ZOE)).call("wamp.session.kill", zoe.session_id)
        await zoe.end()
    for words in (["detached", 2**63], ["destroyed", b"\x00"]):
        event = await inbox.next()
        assert (list(event.args), event.kwargs) == (words, {"named": words})


@scenario
async def test_a_testament_is_published_with_its_options(bus):
    watchers = [await bus.join(WORKER), await bus.join(KRISTEN)]
    inboxes = [await listen(watcher, bus.uri("last.words")) for watcher in watchers]
    zoe = await bus.join(ZOE)
    await add_testament(zoe, bus.uri("last.words"), 1, publish_options={"eligible_authrole": ["backend"]})
    await zoe.say_goodbye()
    assert (await inboxes[0].next()).args == (1,)
    assert await heard(watchers[1], inboxes[1]) == []


@scenario
async def test_flushed_testaments_are_not_published(bus):
    watcher, zoe = await bus.join(WORKER), await bus.join(ZOE)
    inbox = await listen(watcher, bus.uri("last.words"))
    await add_testament(zoe, bus.uri("last.words"), "flushed")
    await add_testament(zoe, bus.uri("last.words"), "kept", scope="detached")
    await zoe.call("wamp.session.flush_testaments")
    await zoe.say_goodbye()
    assert (await inbox.next()).args == ("kept",)
    assert await heard(watcher, inbox) == []


@scenario
async def test_testaments_need_permission(bus):
    kristen = await bus.join(KRISTEN)
    assert (await refused(add_testament(kristen, bus.uri("last.words"), 1))).error == NOT_AUTHORIZED
