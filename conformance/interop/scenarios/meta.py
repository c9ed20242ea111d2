"""The meta API: its procedures and events, revocation, and testaments."""

from __future__ import annotations

from conftest import KRISTEN, WORKER, ZOE
from interop.bus import WHOAMI, Bus, refused
from interop.scenarios import scenario


@scenario()
def sessions_are_counted_listed_and_shown(bus: Bus) -> None:
    session, other = bus.join(ZOE), bus.other(KRISTEN)
    listed = session.ask_for("wamp.session.list")
    assert {session.id, other.id} <= set(listed)
    assert session.ask_for("wamp.session.count") == len(listed)
    assert other.id in session.ask_for("wamp.session.list", ["frontend"])
    assert session.id not in session.ask_for("wamp.session.list", ["frontend"])
    shown = session.ask_for("wamp.session.get", other.id)
    assert {"session": other.id, "authid": "kristen98", "authrole": "frontend"}.items() <= shown.items()


@scenario("call.error_uri")
def what_is_unknown_has_an_error_of_its_own(bus: Bus) -> None:
    session = bus.join(ZOE)
    for what in ("session", "registration", "subscription"):
        assert refused(lambda: session.call(f"wamp.{what}.get", 2**53 - 1)).uri == f"wamp.error.no_such_{what}"


@scenario()
def joining_and_leaving_sessions_are_reported(bus: Bus) -> None:
    session = bus.join(ZOE)
    joins, leaves = session.subscribe("wamp.session.on_join"), session.subscribe("wamp.session.on_leave")
    other = bus.fresh(KRISTEN)
    while (joined := joins.next().args[0])["session"] != other.id:
        pass
    assert {"authid": "kristen98", "authrole": "frontend"}.items() <= joined.items()
    other.leave()
    while (left := leaves.next().args)[0] != other.id:
        pass
    assert left == [other.id, "kristen98", "frontend"]


@scenario("call.results")
def a_session_is_killed(bus: Bus) -> None:
    session, victim = bus.join(ZOE), bus.peers.other(KRISTEN)
    session.call("wamp.session.kill", victim.id)
    assert victim.end().reason == "wamp.close.killed"
    assert victim.id not in session.ask_for("wamp.session.list")


@scenario()
def registrations_are_looked_up_and_shown(bus: Bus) -> None:
    session, other = bus.join(ZOE), bus.other(WORKER)
    exact = other.register(bus.uri("a.b"))
    prefix = other.register(bus.uri("a"), match="prefix", invoke="first")

    def ask(what: str, *args):
        return session.ask_for(f"wamp.registration.{what}", *args)

    assert ask("lookup", bus.uri("a.b")) == exact.id
    assert ask("lookup", bus.uri("a"), {"match": "prefix"}) == prefix.id
    assert ask("lookup", bus.uri("a")) is None
    assert (ask("match", bus.uri("a.b")), ask("match", bus.uri("a.c"))) == (exact.id, prefix.id)
    assert prefix.id in ask("list")["prefix"]
    shown = ask("get", prefix.id)
    assert {"id": prefix.id, "uri": bus.uri("a"), "match": "prefix", "invoke": "first"}.items() <= shown.items()
    assert (ask("list_callees", exact.id), ask("count_callees", exact.id)) == ([other.id], 1)


@scenario()
def subscriptions_are_looked_up_and_shown(bus: Bus) -> None:
    session, other = bus.join(ZOE), bus.other(WORKER)
    exact = other.subscribe(bus.uri("a.b"))
    prefix = other.subscribe(bus.uri("a"), match="prefix")

    def ask(what: str, *args):
        return session.ask_for(f"wamp.subscription.{what}", *args)

    assert ask("lookup", bus.uri("a.b")) == exact.id
    assert ask("lookup", bus.uri("a"), {"match": "prefix"}) == prefix.id
    assert sorted(ask("match", bus.uri("a.b"))) == sorted([exact.id, prefix.id])
    assert ask("match", bus.uri("b")) is None
    assert exact.id in ask("list")["exact"]
    assert {"id": exact.id, "uri": bus.uri("a.b"), "match": "exact"}.items() <= ask("get", exact.id).items()
    assert (ask("list_subscribers", exact.id), ask("count_subscribers", exact.id)) == ([other.id], 1)


@scenario("subscribe.match", "subscribe.open_pattern", "event.details")
def new_and_ended_registrations_and_subscriptions_are_reported(bus: Bus) -> None:
    session, other = bus.join(ZOE), bus.other(WORKER)
    inboxes = [session.subscribe(f"wamp.{what}.", match="prefix") for what in ("registration", "subscription")]
    registration = other.register(bus.uri("procedure"))
    subscription = other.subscribe(bus.uri("topic"))
    registration.unregister()
    subscription.unsubscribe()
    for what, inbox, join, leave in [
        ("registration", inboxes[0], "on_register", "on_unregister"),
        ("subscription", inboxes[1], "on_subscribe", "on_unsubscribe"),
    ]:
        events = []
        # There are others: this session's own subscriptions.
        while not events or events[-1].details["topic"] != f"wamp.{what}.on_delete":
            event = inbox.next()
            if event.args[0] == other.id:
                events.append(event)
        topics = [event.details["topic"].rpartition(".")[2] for event in events]
        assert topics == ["on_create", join, leave, "on_delete"]


@scenario("register.revoked")
def a_revoked_registration_is_reported_to_its_session(bus: Bus) -> None:
    session, other = bus.join(WORKER), bus.other(ZOE)
    registration = session.register(bus.uri("revoked"), lambda invocation: 1)
    other.call("wamp.registration.remove_callee", registration.id, session.id, reason="com.example.moved")
    assert registration.revoked() == "com.example.moved"
    assert refused(lambda: other.call(bus.uri("revoked"))).uri == "wamp.error.no_such_procedure"
    assert session.ask_for(WHOAMI)["authid"] == "worker"


@scenario()
def a_revoked_registration_is_gone(bus: Bus) -> None:
    session, other = bus.join(WORKER), bus.other(ZOE)
    registration = session.register(bus.uri("revoked"), lambda invocation: 1)
    other.call("wamp.registration.remove_callee", registration.id, session.id)
    assert refused(lambda: other.call(bus.uri("revoked"))).uri == "wamp.error.no_such_procedure"
    assert session.ask_for(WHOAMI)["authid"] == "worker"


@scenario("subscribe.revoked")
def a_revoked_subscription_is_gone(bus: Bus) -> None:
    session, other = bus.join(WORKER), bus.other(ZOE)
    inbox = session.subscribe(bus.uri("topic"))
    other.call("wamp.subscription.remove_subscriber", inbox.id, session.id)
    other.publish(bus.uri("topic"))
    assert bus.heard(inbox, other) == []
    assert session.ask_for(WHOAMI)["authid"] == "worker"


@scenario("call.error_uri")
def the_meta_api_is_refused_without_permission(bus: Bus) -> None:
    session = bus.join(KRISTEN)
    for procedure in ("session.count", "session.kill", "registration.list", "subscription.match"):
        assert refused(lambda: session.call(f"wamp.{procedure}")).uri == "wamp.error.not_authorized"


def last_words(bus: Bus, leave) -> None:
    session, other = bus.fresh(ZOE), bus.other(WORKER)
    inbox = other.subscribe(bus.uri("last.words"))
    session.call("wamp.session.add_testament", bus.uri("last.words"), ["destroyed"], {"named": 1})
    session.call("wamp.session.add_testament", bus.uri("last.words"), ["detached"], {}, scope="detached")
    assert bus.heard(inbox, bus.other(ZOE)) == []
    leave(session)
    assert [inbox.next().args for _ in range(2)] == [["detached"], ["destroyed"]]


@scenario("call.results")
def a_testament_is_published_after_goodbye(bus: Bus) -> None:
    last_words(bus, lambda session: session.leave())


@scenario("call.results")
def a_testament_is_published_after_a_break(bus: Bus) -> None:
    last_words(bus, lambda session: session.abort())
