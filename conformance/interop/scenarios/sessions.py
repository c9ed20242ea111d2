"""Logins, refusals, and the ends of sessions."""

from __future__ import annotations

from conftest import JSMITH, KRISTEN, WORKER, ZOE
from interop.bus import BASE, WHOAMI, Bus, refused, ticket
from interop.peer import Refused
from interop.scenarios import scenario

PERMISSION_DENIED = f"{BASE}.error.permissiondenied"


def is_aborted(bus: Bus, error: Refused, uri: str, message: str | None = None) -> None:
    """`uri` and `message`; the former as far as the library shows it."""
    assert error.uri == (uri if bus.has("abort.uri") else None)
    assert message is None or error.arguments == [message]


@scenario("auth.ticket")
def a_ticket_opens_a_session(bus: Bus) -> None:
    session = bus.fresh(KRISTEN)
    welcome = {"authid": "kristen98", "authrole": "frontend", "authmethod": "ticket", "session": session.id}
    assert session.welcome == welcome
    assert 1 <= session.id <= 2**53
    assert session.ask_for(WHOAMI) == {"authid": "kristen98", "role": "frontend"}


@scenario("auth.ticket")
def a_wrong_ticket_is_refused(bus: Bus) -> None:
    error = refused(lambda: bus.connect({"method": "ticket", "authid": KRISTEN.login, "secret": "wrong"}))
    is_aborted(bus, error, PERMISSION_DENIED, "Permission Denied")


@scenario("auth.ticket")
def an_unknown_user_is_refused_alike(bus: Bus) -> None:
    error = refused(lambda: bus.connect({"method": "ticket", "authid": "nobody", "secret": "wrong"}))
    is_aborted(bus, error, PERMISSION_DENIED, "Permission Denied")


@scenario("auth.ticket")
def an_unknown_realm_is_refused(bus: Bus) -> None:
    is_aborted(bus, refused(lambda: bus.connect(ticket(KRISTEN), "elsewhere")), "wamp.error.no_such_realm")


@scenario("auth.ticket")
def a_method_that_is_not_offered_is_refused(bus: Bus) -> None:
    auth = {"method": "com.example.riddle", "authid": KRISTEN.login, "secret": "x"}
    is_aborted(bus, refused(lambda: bus.connect(auth)), "wamp.error.no_matching_auth_method")


@scenario("auth.anonymous")
def a_session_without_a_name_is_public(bus: Bus) -> None:
    session = bus.connect({"method": "anonymous"})
    assert (session.welcome["authrole"], session.welcome["authmethod"]) == ("public", "anonymous")
    inbox = session.subscribe(f"{BASE}.public")
    bus.other(ZOE).publish(f"{BASE}.public", 1)
    assert inbox.next().args == [1]


@scenario("auth.ticket")
def a_one_time_password_opens_one_session(bus: Bus) -> None:
    otp = bus.other(ZOE).ask_for(f"{BASE}.system.otp.create", JSMITH.login)
    auth = {"method": "ticket", "authid": JSMITH.login, "secret": otp["plaintext_key"]}
    session = bus.connect(auth)
    assert session.ask_for(WHOAMI) == {"authid": JSMITH.login, "role": JSMITH.role}
    is_aborted(bus, refused(lambda: bus.connect(auth)), PERMISSION_DENIED, "Permission Denied")


@scenario("auth.ticket")
def a_user_makes_lists_and_deletes_one_time_passwords(bus: Bus) -> None:
    session = bus.join(KRISTEN)
    otp = session.ask_for(f"{BASE}.my.otp.create")
    assert otp["uuid"] in {row["uuid"] for row in session.ask_for(f"{BASE}.my.otp.list")}
    assert session.ask_for(f"{BASE}.my.otp.delete", otp["uuid"]) is True
    assert otp["uuid"] not in {row["uuid"] for row in session.ask_for(f"{BASE}.my.otp.list")}


@scenario("auth.ticket")
def a_missing_permission_is_named(bus: Bus) -> None:
    session, secret = bus.join(KRISTEN), f"{BASE}.secret"
    actions = [
        (lambda: session.call(secret), "c (call)", bus.has("call.error_uri")),
        (lambda: session.register(secret), "r (register)", bus.has("request.error_uri")),
        (lambda: session.subscribe(secret), "s (subscribe)", True),
        (lambda: session.publish(secret, 1), "p (publish)", True),
    ]
    for action, missing, shown in actions:
        error = refused(action)
        assert error.uri == ("wamp.error.not_authorized" if shown else None)
        assert f'role "frontend" lacks the permission {missing}' in error.arguments[0]


@scenario("auth.ticket", "goodbye")
def goodbye_is_answered(bus: Bus) -> None:
    session, other = bus.fresh(WORKER), bus.other(ZOE)
    session.register(bus.uri("gone"), lambda invocation: 1)
    assert other.ask_for(bus.uri("gone")) == 1
    session.leave()
    assert refused(lambda: other.call(bus.uri("gone"))).uri == "wamp.error.no_such_procedure"


@scenario("auth.ticket")
def a_session_that_broke_off_is_gone(bus: Bus) -> None:
    session, other = bus.fresh(WORKER), bus.other(ZOE)
    session.register(bus.uri("gone"), lambda invocation: 1)
    leaves = other.subscribe("wamp.session.on_leave")
    session.abort()
    while leaves.next().args[0] != session.id:
        pass
    assert refused(lambda: other.call(bus.uri("gone"))).uri == "wamp.error.no_such_procedure"


@scenario("auth.ticket", "abort.uri")
def a_refused_login_names_the_reason(bus: Bus) -> None:
    auth = {"method": "ticket", "authid": KRISTEN.login, "secret": "wrong"}
    assert refused(lambda: bus.connect(auth)).uri == PERMISSION_DENIED
    assert refused(lambda: bus.connect(auth, "elsewhere")).uri == "wamp.error.no_such_realm"


@scenario("auth.ticket", "end.noticed")
def a_killed_session_ends(bus: Bus) -> None:
    session, other = bus.fresh(KRISTEN), bus.other(ZOE)
    other.call("wamp.session.kill", session.id)
    session.end()
    assert session.id not in other.ask_for("wamp.session.list")


@scenario("auth.ticket", "end.noticed", "end.reason")
def a_killed_session_is_told_why(bus: Bus) -> None:
    session = bus.fresh(KRISTEN)
    bus.other(ZOE).call("wamp.session.kill", session.id, reason="com.example.close.enough", message="that's it")
    end = session.end()
    assert (end.reason, end.message) == ("com.example.close.enough", "that's it")


@scenario("auth.ticket")
def two_sessions_of_one_user_are_two(bus: Bus) -> None:
    first, second = bus.fresh(KRISTEN), bus.join(KRISTEN)
    assert first.id != second.id
    assert {session.id for session in (first, second)} <= set(bus.other(ZOE).ask_for("wamp.session.list"))
    first.leave()
    assert second.ask_for(WHOAMI)["authid"] == "kristen98"
