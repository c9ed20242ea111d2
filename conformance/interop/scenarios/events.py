"""Who hears which event, in which order, and what is kept."""

from __future__ import annotations

from conftest import JSMITH, KRISTEN, WORKER, ZOE
from interop.bus import HISTORY, Bus, refused
from interop.scenarios import scenario


@scenario()
def events_reach_a_subscriber_in_order(bus: Bus) -> None:
    session, other = bus.join(KRISTEN), bus.other(ZOE)
    inbox = session.subscribe(bus.uri("topic"))
    for number in range(8):
        other.publish(bus.uri("topic"), number, named={"number": number})
    events = [inbox.next() for _ in range(8)]
    assert [event.args for event in events] == [[number] for number in range(8)]
    assert [event.kwargs for event in events] == [{"named": {"number": number}} for number in range(8)]


@scenario()
def events_reach_the_other_end_in_order(bus: Bus) -> None:
    session = bus.join(KRISTEN)
    inbox = bus.other(ZOE).subscribe(bus.uri("topic"))
    publications = []
    for number in range(8):
        publications.append(session.publish(bus.uri("topic"), number, named={"number": number}))
    events = [inbox.next() for _ in range(8)]
    assert [event.args for event in events] == [[number] for number in range(8)]
    assert [event.kwargs for event in events] == [{"named": {"number": number}} for number in range(8)]
    assert [event.details["publication"] for event in events] == publications


@scenario("publish.unacknowledged")
def an_event_needs_no_acknowledgement(bus: Bus) -> None:
    session = bus.join(KRISTEN)
    inbox = bus.other(ZOE).subscribe(bus.uri("topic"))
    assert session.publish(bus.uri("topic"), "unheard of", options={"acknowledge": False}) is None
    assert inbox.next().args == ["unheard of"]


@scenario("event.details")
def a_subscriber_is_told_the_topic_and_who_publishes(bus: Bus) -> None:
    session, other = bus.join(WORKER), bus.other(ZOE)
    inbox = session.subscribe(bus.uri("topic"))
    other.publish(bus.uri("topic"))
    details = inbox.next().details
    assert details["topic"] == bus.uri("topic")
    publisher = [details["publisher"], details["publisher_authid"], details["publisher_authrole"]]
    assert publisher == [other.id, "zoe", "trust"]


@scenario("event.publication")
def a_subscriber_is_told_the_publication(bus: Bus) -> None:
    session, other = bus.join(WORKER), bus.other(ZOE)
    inbox = session.subscribe(bus.uri("topic"))
    publication = other.publish(bus.uri("topic"))
    assert inbox.next().details["publication"] == publication


@scenario()
def the_other_end_is_told_who_publishes(bus: Bus) -> None:
    session = bus.join(KRISTEN)
    inbox = bus.other(ZOE).subscribe(bus.uri("topic"))
    session.publish(bus.uri("topic"))
    details = inbox.next().details
    publisher = [details["publisher"], details["publisher_authid"], details["publisher_authrole"]]
    assert publisher == [session.id, "kristen98", "frontend"]


@scenario("subscribe.unsubscribe")
def an_ended_subscription_hears_nothing_more(bus: Bus) -> None:
    session, other = bus.join(WORKER), bus.other(ZOE)
    inbox = session.subscribe(bus.uri("topic"))
    other.publish(bus.uri("topic"), 1)
    assert inbox.next().args == [1]
    inbox.unsubscribe()
    other.publish(bus.uri("topic"), 2)
    assert bus.heard(inbox, other) == []


@scenario()
def a_publisher_does_not_hear_itself(bus: Bus) -> None:
    session = bus.join(WORKER)
    inbox = session.subscribe(bus.uri("topic"))
    session.publish(bus.uri("topic"), "mine")
    assert bus.heard(inbox, bus.other(ZOE)) == []


@scenario("publish.to_itself")
def a_publisher_hears_itself_if_it_asks(bus: Bus) -> None:
    session = bus.join(WORKER)
    inbox = session.subscribe(bus.uri("topic"))
    session.publish(bus.uri("topic"), "mine", options={"exclude_me": False})
    assert inbox.next().args == ["mine"]


@scenario("subscribe.match")
def a_prefix_hears_what_begins_with_it(bus: Bus) -> None:
    session, other = bus.join(WORKER), bus.other(ZOE)
    inbox = session.subscribe(bus.uri("tree.bran"), match="prefix")
    for name in ("tree.bran", "tree.branch", "tree.branch.leaf", "tree.bra"):
        other.publish(bus.uri(name), name)
    heard = bus.heard(inbox, other)
    assert [event.args[0] for event in heard] == ["tree.bran", "tree.branch", "tree.branch.leaf"]
    # The topic is told with a pattern; the last resort of a library is the pattern itself.
    assert [event.details["topic"] for event in heard] == [bus.uri(event.args[0]) for event in heard]


@scenario("subscribe.match")
def a_wildcard_hears_one_component(bus: Bus) -> None:
    session, other = bus.join(WORKER), bus.other(ZOE)
    inbox = session.subscribe(bus.uri("a..c"), match="wildcard")
    for name in ("a.b.c", "a.x.c", "a.c", "a.b.d", "a.b.c.d"):
        other.publish(bus.uri(name), name)
    assert [event.args[0] for event in bus.heard(inbox, other)] == ["a.b.c", "a.x.c"]


@scenario("subscribe.match", "subscribe.open_pattern")
def a_pattern_may_end_with_a_dot(bus: Bus) -> None:
    session, other = bus.join(WORKER), bus.other(ZOE)
    prefix = session.subscribe(bus.uri("tree."), match="prefix")
    wildcard = session.subscribe(bus.uri("tree.a."), match="wildcard")
    for name in ("tree.a", "tree.a.b", "treetop", "tree.a.b.c"):
        other.publish(bus.uri(name), name)
    assert [event.args[0] for event in bus.heard(prefix, other)] == ["tree.a", "tree.a.b", "tree.a.b.c"]
    assert [event.args[0] for event in wildcard.all()] == ["tree.a.b"]


@scenario("subscribe.match", "event.publication")
def overlapping_subscriptions_each_hear_the_same_publication(bus: Bus) -> None:
    session, other = bus.join(WORKER), bus.other(ZOE)
    patterns = [("a.b.c", "exact"), ("a", "prefix"), ("a..c", "wildcard")]
    inboxes = [session.subscribe(bus.uri(topic), match=match) for topic, match in patterns]
    publication = other.publish(bus.uri("a.b.c"))
    assert [inbox.next().details["publication"] for inbox in inboxes] == [publication] * 3
    assert len({inbox.id for inbox in inboxes}) == 3


def receivers(bus: Bus, options: dict) -> set[str]:
    """Who hears an event of the library that is published with `options`."""
    others = {user.login: bus.other(user) for user in (ZOE, KRISTEN, WORKER)}
    inboxes = {login: session.subscribe(bus.uri("topic")) for login, session in others.items()}
    ids = {login: session.id for login, session in others.items()}
    listed = {name: [ids.get(each, each) if name in ("exclude", "eligible") else each for each in names]
              for name, names in options.items()}  # fmt: skip
    session = bus.join(JSMITH)
    session.publish(bus.uri("topic"), options=listed)
    return {login for login, inbox in inboxes.items() if bus.heard(inbox, session)}


@scenario("publish.lists")
def sessions_are_excluded(bus: Bus) -> None:
    assert receivers(bus, {"exclude": ["worker"]}) == {"zoe", "kristen98"}


@scenario("publish.lists")
def names_are_excluded(bus: Bus) -> None:
    assert receivers(bus, {"exclude_authid": ["kristen98", "nobody"]}) == {"zoe", "worker"}


@scenario("publish.lists")
def roles_are_excluded(bus: Bus) -> None:
    assert receivers(bus, {"exclude_authrole": ["frontend", "trust"]}) == {"worker"}


@scenario("publish.lists")
def sessions_are_eligible(bus: Bus) -> None:
    assert receivers(bus, {"eligible": ["worker", "zoe"]}) == {"worker", "zoe"}


@scenario("publish.lists")
def names_are_eligible(bus: Bus) -> None:
    assert receivers(bus, {"eligible_authid": ["kristen98"]}) == {"kristen98"}


@scenario("publish.lists")
def roles_are_eligible(bus: Bus) -> None:
    assert receivers(bus, {"eligible_authrole": ["backend"]}) == {"worker"}


@scenario("publish.lists")
def all_lists_are_obeyed_together(bus: Bus) -> None:
    assert receivers(bus, {"eligible_authrole": ["backend", "trust"], "exclude": ["zoe"]}) == {"worker"}


@scenario("publish.lists", "publish.empty_lists")
def nobody_is_eligible_by_an_empty_list(bus: Bus) -> None:
    assert receivers(bus, {"eligible": []}) == set()


@scenario("subscribe.retained")
def a_retained_event_comes_to_a_later_subscriber_that_asks(bus: Bus) -> None:
    session, other = bus.join(KRISTEN), bus.other(ZOE)
    for value in ("old", "new"):
        other.publish(bus.uri("kept"), value, options={"retain": True})
    other.publish(bus.uri("kept"), "passing")
    event = session.subscribe(bus.uri("kept"), get_retained=True).next()
    assert (event.args, event.details["retained"]) == (["new"], True)
    unasking = bus.join(JSMITH)
    assert bus.heard(unasking.subscribe(bus.uri("kept")), other) == []


@scenario("subscribe.retained", "subscribe.match")
def a_retained_event_comes_through_a_pattern_and_only_to_the_eligible(bus: Bus) -> None:
    other = bus.other(ZOE)
    other.publish(bus.uri("kept.one"), 1, options={"retain": True, "eligible_authrole": ["backend"]})
    event = bus.join(WORKER).subscribe(bus.uri("kept"), match="prefix", get_retained=True).next()
    assert (event.args, event.details["topic"]) == ([1], bus.uri("kept.one"))
    inbox = bus.join(KRISTEN).subscribe(bus.uri("kept"), match="prefix", get_retained=True)
    assert bus.heard(inbox, other) == []


@scenario("publish.retain")
def an_event_is_retained_for_the_other_end(bus: Bus) -> None:
    bus.join(KRISTEN).publish(bus.uri("kept"), "kept", options={"retain": True})
    event = bus.other(ZOE).subscribe(bus.uri("kept"), get_retained=True).next()
    assert (event.args, event.details["retained"]) == (["kept"], True)


@scenario("publish.error", "publish.reserved")
def nobody_speaks_in_the_routers_name(bus: Bus) -> None:
    session = bus.join(ZOE)
    assert refused(lambda: session.publish("wamp.session.on_join")).uri == "wamp.error.invalid_uri"


@scenario()
def the_history_of_a_topic_is_read(bus: Bus) -> None:
    session, other = bus.join(ZOE), bus.other(WORKER)
    inbox = session.subscribe(HISTORY)
    for number in range(5):
        other.publish(HISTORY, bus.uri("mine"), number)
    for _ in range(5):
        inbox.next()
    events = session.ask_for("wamp.subscription.get_events", inbox.id, limit=3, reverse=True)
    assert [event["args"] for event in events] == [[bus.uri("mine"), number] for number in (4, 3, 2)]
