"""autobahn-python: who hears which event, in which order, and what is retained."""

from __future__ import annotations

import pytest
from autobahn.wamp.types import PublishOptions

from autobahn_peers import SERIALIZERS, VALUES, WHOAMI, heard, kinds, listen, publish, scenario, serializers
from conftest import JSMITH, KRISTEN, WORKER, ZOE


@kinds
@serializers
@scenario
async def test_an_event_reaches_its_subscribers_in_order(bus, kind, serializer):
    publisher = await bus.join(ZOE, kind, serializer)
    inboxes = [await listen(await bus.join(KRISTEN, kind, serializer), bus.uri("topic"))]
    inboxes += [await listen(await bus.join(JSMITH, "ws", other), bus.uri("topic")) for other in SERIALIZERS]
    for number in range(20):
        publisher.publish(bus.uri("topic"), number)
    publication = await publisher.publish(
        bus.uri("topic"), *VALUES, named=VALUES, options=PublishOptions(acknowledge=True)
    )
    for inbox in inboxes:
        assert [(await inbox.next()).args for _ in range(20)] == [(number,) for number in range(20)]
        event = await inbox.next()
        assert (list(event.args), event.kwargs) == (VALUES, {"named": VALUES})
        assert event.details.publication == publication.id
        assert event.details.topic == bus.uri("topic")


@scenario
async def test_an_ended_subscription_hears_nothing_more(bus):
    subscriber, publisher = await bus.join(WORKER), await bus.join(ZOE)
    events = []
    subscription = await subscriber.subscribe(events.append, bus.uri("topic"))
    await publish(publisher, bus.uri("topic"), 1)
    await subscriber.call(WHOAMI)
    await subscription.unsubscribe()
    await publish(publisher, bus.uri("topic"), 2)
    await subscriber.call(WHOAMI)
    assert events == [1]


@pytest.mark.parametrize("exclude_me, got", [(None, []), (True, []), (False, [("mine",)])])
@scenario
async def test_a_publisher_hears_itself_only_if_it_asks(bus, exclude_me, got):
    publisher = await bus.join(ZOE)
    inbox = await listen(publisher, bus.uri("topic"))
    await publish(publisher, bus.uri("topic"), "mine", exclude_me=exclude_me)
    assert await heard(publisher, inbox) == got


LISTS = {
    "exclude": (lambda ids: {"exclude": [ids["worker"]]}, {"zoe", "kristen98"}),
    "exclude-all": (lambda ids: {"exclude": list(ids.values())}, set()),
    "exclude-nobody": (lambda ids: {"exclude": []}, {"zoe", "kristen98", "worker"}),
    "exclude_authid": (lambda ids: {"exclude_authid": ["kristen98", "nobody"]}, {"zoe", "worker"}),
    "exclude_authrole": (lambda ids: {"exclude_authrole": ["frontend", "trust"]}, {"worker"}),
    "eligible": (lambda ids: {"eligible": [ids["worker"], ids["zoe"]]}, {"worker", "zoe"}),
    "eligible-nobody": (lambda ids: {"eligible": []}, set()),
    "eligible_authid": (lambda ids: {"eligible_authid": "kristen98"}, {"kristen98"}),
    "eligible_authrole": (lambda ids: {"eligible_authrole": ["backend"]}, {"worker"}),
    "both": (lambda ids: {"eligible_authrole": ["backend", "trust"], "exclude": [ids["zoe"]]}, {"worker"}),
    "two-eligible": (lambda ids: {"eligible": list(ids.values()), "eligible_authid": ["zoe"]}, {"zoe"}),
}


@pytest.mark.parametrize("options, receivers", LISTS.values(), ids=LISTS.keys())
@scenario
async def test_lists_choose_who_hears_an_event(bus, options, receivers):
    peers = {user.login: await bus.join(user) for user in (ZOE, KRISTEN, WORKER)}
    inboxes = {login: await listen(peer, bus.uri("topic")) for login, peer in peers.items()}
    publisher = await bus.join(JSMITH)
    await publish(publisher, bus.uri("topic"), **options({login: peer.session_id for login, peer in peers.items()}))
    assert {login for login, peer in peers.items() if await heard(peer, inboxes[login])} == receivers


@serializers
@scenario
async def test_a_retained_event_comes_to_a_later_subscriber_that_asks(bus, serializer):
    publisher, subscriber = await bus.join(ZOE, serializer=serializer), await bus.join(KRISTEN, serializer=serializer)
    await publish(publisher, bus.uri("kept"), "old", retain=True)
    publication = await publish(publisher, bus.uri("kept"), b"new", retain=True)
    await publish(publisher, bus.uri("kept"), "passing")
    event = await (await listen(subscriber, bus.uri("kept"), get_retained=True)).next()
    assert (event.args, event.details.retained, event.details.publication) == ((b"new",), True, publication)
    unasking = await bus.join(JSMITH)
    assert await heard(unasking, await listen(unasking, bus.uri("kept"))) == []


@scenario
async def test_a_retained_event_comes_through_a_pattern_and_only_to_the_eligible(bus):
    publisher = await bus.join(ZOE)
    await publish(publisher, bus.uri("kept.one"), 1, retain=True, eligible_authrole=["backend"])
    worker, kristen = await bus.join(WORKER), await bus.join(KRISTEN)
    event = await (await listen(worker, bus.uri("kept."), match="prefix", get_retained=True)).next()
    assert (event.args, event.details.topic) == ((1,), bus.uri("kept.one"))
    inbox = await listen(kristen, bus.uri("kept."), match="prefix", get_retained=True)
    assert await heard(kristen, inbox) == []
