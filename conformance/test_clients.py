"""Everyday use by swampyer and izaber_wamp: calls, registrations, events, logins and the spellings of a name."""

from __future__ import annotations

import queue

import izaber_wamp
import pytest
import swampyer

from conftest import JSMITH, KRISTEN, WAIT_SECONDS_MAX, WORKER, ZOE, User

BASE = "com.izaber.wamp"
REFUSED = "^Received abort when trying to connect: Permission Denied$"

kinds = pytest.mark.parametrize("kind", ["ws", "wss", "tcpip", "unix"])
serializers = pytest.mark.parametrize("serializer", ["json", "msgpack", "cbor"])

# What every serializer carries alike.
VALUES = [None, True, False, 0, -1, 2**53, 1.5, "", "grüße 🦀", [], [1, [2, {"k": "v"}]], {}, {"a": {"b": [None]}}]


@kinds
@serializers
def test_a_call_reaches_a_procedure_of_another_client(connect, kind, serializer):
    callee = connect(WORKER, kind, uri_base=BASE, serializers=[serializer])
    caller = connect(ZOE, kind, uri_base=BASE, serializers=[serializer])
    registered = callee.register("test.echo", lambda invocation, *args, **kwargs: {"args": list(args), "kwargs": kwargs})
    for value in VALUES:
        assert caller.call("test.echo", value, named=value) == {"args": [value], "kwargs": {"named": value}}
    callee.unregister(registered.registration_id)
    with pytest.raises(swampyer.ExInvocationError, match="no callee registered for procedure"):
        caller.call("test.echo", 1)


@pytest.mark.parametrize("callee_serializer", ["json", "msgpack", "cbor"])
@serializers
def test_a_call_crosses_serializers(connect, serializer, callee_serializer):
    callee = connect(WORKER, "unix", uri_base=BASE, serializers=[callee_serializer])
    caller = connect(ZOE, "ws", uri_base=BASE, serializers=[serializer])
    callee.register("test.cross", lambda invocation, *args, **kwargs: [list(args), kwargs])
    assert caller.call("test.cross", *VALUES, named=VALUES) == [VALUES, {"named": VALUES}]


def test_an_error_of_a_procedure_reaches_the_caller(connect):
    def fails(invocation):
        raise ValueError("out of paper")

    callee, caller = connect(WORKER, uri_base=BASE), connect(ZOE, uri_base=BASE)
    callee.register("test.fails", fails)
    with pytest.raises(swampyer.ExInvocationError) as caught:
        caller.call("test.fails")
    assert caught.value.args == ("Call failed: out of paper", "out of paper")


def test_a_procedure_can_be_registered_once(connect):
    first, second = connect(WORKER, uri_base=BASE), connect(ZOE, uri_base=BASE)
    first.register("test.once", lambda invocation: 1)
    with pytest.raises(swampyer.ExInvocationError):
        second.register("test.once", lambda invocation: 2)
    assert second.call("test.once") == 1


@kinds
@serializers
def test_an_event_reaches_every_subscriber_but_not_its_publisher(connect, kind, serializer):
    heard = {name: queue.Queue() for name in ("one", "two", "publisher")}

    def listen(name, client):
        client.subscribe("test.topic", lambda event, *args, **kwargs: heard[name].put((args, kwargs)))

    publisher = connect(ZOE, kind, uri_base=BASE, serializers=[serializer])
    listen("one", connect(WORKER, kind, uri_base=BASE, serializers=[serializer]))
    listen("two", connect(WORKER, "ws", uri_base=BASE))
    listen("publisher", publisher)
    for number, value in enumerate(VALUES):
        assert publisher.publish("test.topic", args=[number, value], kwargs={"named": value}) == swampyer.WAMP_PUBLISHED
    for name in ("one", "two"):
        for number, value in enumerate(VALUES):
            assert heard[name].get(timeout=WAIT_SECONDS_MAX) == ((number, value), {"named": value})
    # The publications were acknowledged after they were handed out: what isn't here now doesn't come.
    assert heard["publisher"].empty()


def test_an_ended_subscription_hears_nothing_more(connect):
    heard, still = queue.Queue(), queue.Queue()
    subscriber, publisher = connect(WORKER, uri_base=BASE), connect(ZOE, uri_base=BASE)
    subscription = subscriber.subscribe("test.ended", lambda event, *args: heard.put(args))
    subscriber.subscribe("test.other", lambda event, *args: still.put(args))
    publisher.publish("test.ended", args=[1])
    assert heard.get(timeout=WAIT_SECONDS_MAX) == (1,)
    subscriber.unsubscribe(subscription.subscription_id)
    publisher.publish("test.ended", args=[2])
    publisher.publish("test.other", args=[3])
    assert still.get(timeout=WAIT_SECONDS_MAX) == (3,)
    assert heard.empty()


@kinds
@pytest.mark.parametrize(
    "user",
    [
        User("kristen98", "frontend", "wrong"),
        User("kristen98", "frontend", ""),
        User("nobody", "frontend", "wrong"),
        User("kristen98", "frontend", "i047jcfUWQQugakMVB8bzwuFjikDwZ-d"),
    ],
    ids=["wrong", "blank", "unknown-user", "never-made-key"],
)
def test_a_refused_login_says_the_same_whatever_is_wrong(connect, kind, user):
    with pytest.raises(swampyer.ExAbort, match=REFUSED):
        connect(user, kind)


@kinds
@serializers
def test_a_login_name_matches_without_regard_to_case(connect, kind, serializer):
    loud = User("KRISTEN98", KRISTEN.role, KRISTEN.password)
    client = connect(loud, kind, serializers=[serializer])
    assert client.call(f"{BASE}.auth.whoami") == {"authid": "kristen98", "role": "frontend"}
    assert client.peer.details["authid"] == "kristen98"
    assert client.peer.details["authrole"] == "frontend"
    assert client.peer.details["authmethod"] == "ticket"


def test_a_one_time_password_takes_the_login_in_any_case(connect):
    otp = connect(KRISTEN).call(f"{BASE}.my.otp.create")
    client = connect(User("Kristen98", KRISTEN.role, otp["plaintext_key"]))
    assert client.call(f"{BASE}.auth.whoami") == {"authid": "kristen98", "role": "frontend"}


@pytest.mark.parametrize("family", ["my.otp", "my.otps"])
@pytest.mark.parametrize("prefix", ["", f"{BASE}."], ids=["short", "long"])
def test_every_spelling_makes_lists_and_deletes(connect, prefix, family):
    client = connect(KRISTEN)
    otp = client.call(f"{prefix}{family}.create")
    listed = {row["uuid"]: row for row in client.call(f"{prefix}{family}.list")}
    row = listed[otp["uuid"]]
    # Shown once, at its making.
    assert row["plaintext_key"] is None
    assert {**row, "plaintext_key": otp["plaintext_key"]} == otp
    assert client.call(f"{prefix}{family}.delete", otp["uuid"]) is True
    assert otp["uuid"] not in {row["uuid"] for row in client.call(f"{prefix}{family}.list")}
    with pytest.raises(swampyer.ExAbort, match=REFUSED):
        connect(User(KRISTEN.login, KRISTEN.role, otp["plaintext_key"]))


@pytest.mark.parametrize("family", ["system.otp", "system.otps"])
@pytest.mark.parametrize("prefix", ["", f"{BASE}."], ids=["short", "long"])
def test_a_trusted_user_makes_lists_and_deletes_for_another(connect, prefix, family):
    client = connect(ZOE)
    otp = client.call(f"{prefix}{family}.create", "JSmith1234")
    assert (otp["login"], otp["origin"]) == ("jsmith1234", "zoe@127.0.0.1")
    assert otp["uuid"] in {row["uuid"] for row in client.call(f"{prefix}{family}.list", "jsmith1234")}
    assert client.call(f"{prefix}{family}.delete", otp["uuid"]) is True
    with pytest.raises(swampyer.ExAbort, match=REFUSED):
        connect(User(JSMITH.login, JSMITH.role, otp["plaintext_key"]))


def test_my_otp_create_takes_no_arguments(connect):
    client = connect(KRISTEN)
    before = len(client.call(f"{BASE}.my.otp.list"))
    with pytest.raises(swampyer.ExInvocationError):
        client.call(f"{BASE}.my.otp.create", {"expires": None})
    assert len(client.call(f"{BASE}.my.otp.list")) == before


@pytest.mark.parametrize("family", ["my.otp", "my.otps"])
@pytest.mark.parametrize("prefix", ["", f"{BASE}."], ids=["short", "long"])
def test_a_session_of_a_one_time_password_makes_no_other(connect, prefix, family):
    otp = connect(KRISTEN).call(f"{BASE}.my.otp.create")
    delegate = connect(User(KRISTEN.login, KRISTEN.role, otp["plaintext_key"]))
    with pytest.raises(swampyer.ExInvocationError):
        delegate.call(f"{prefix}{family}.create")


def test_permissions_narrow_what_a_session_may_do_and_never_widen(connect):
    zoe = connect(ZOE, uri_base=BASE)
    connect(WORKER, uri_base=BASE).register("frontend.ping", lambda invocation: "pong")
    permissions = [{"uri": f"{BASE}.frontend.ping", "perms": "c"}, {"uri": f"{BASE}.system.otp.create", "perms": "c"}]
    otp = zoe.call("system.otp.create", JSMITH.login, {"permissions": permissions})
    assert otp["permissions"] == permissions
    delegate = connect(User(JSMITH.login, JSMITH.role, otp["plaintext_key"]), uri_base=BASE)
    assert delegate.call("frontend.ping") == "pong"
    # Its role may, the restriction doesn't; the restriction may, the role doesn't.
    for procedure in ("auth.whoami", "system.otp.create"):
        with pytest.raises(swampyer.ExInvocationError, match="is not authorized to call procedure"):
            delegate.call(procedure)


def test_the_helpers_of_izaber_wamp_work(connect):
    client = connect(KRISTEN, client_class=izaber_wamp.WAMPClientTicket, uri_base=BASE)
    assert client.whoami() == {"authid": "kristen98", "role": "frontend"}
    otp = client.otp_create()
    assert otp["login"] == "kristen98"
    assert otp["uuid"] in {row["uuid"] for row in client.otp_list()}
    assert client.otp_delete(otp["uuid"]) is True
    assert otp["uuid"] not in {row["uuid"] for row in client.otp_list()}


def test_a_frontend_user_registers_only_where_its_role_may(connect):
    client = connect(KRISTEN, uri_base=BASE)
    with pytest.raises(swampyer.ExInvocationError, match="is not authorized to register procedure"):
        client.register("test.mine", lambda invocation: 1)
    client.register("frontend.mine", lambda invocation: 1)
    assert client.call("frontend.mine") == 1
