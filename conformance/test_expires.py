"""The forms in which a client may write a time, and what it is told about the others."""

from __future__ import annotations

import datetime
import time

import cbor2
import msgpack
import pytest
import pytz
import swampyer

from conftest import JSMITH, ZOE, User

BASE = "com.izaber.wamp"
HOUR = datetime.timedelta(hours=1)


def in_an_hour() -> datetime.datetime:
    return datetime.datetime.now(pytz.timezone("America/Vancouver")).replace(microsecond=0) + HOUR


def create(client, expires) -> dict:
    return client.call("system.otp.create", JSMITH.login, {"expires": expires})


def check_accepted(connect, serializer, form) -> None:
    when = in_an_hour()
    client = connect(ZOE, uri_base=BASE, serializers=[serializer])
    otp = create(client, form(when))
    assert datetime.datetime.fromisoformat(otp["expires"]) == when
    used = connect(User(JSMITH.login, JSMITH.role, otp["plaintext_key"]), uri_base=BASE)
    assert used.call("auth.whoami") == {"authid": "jsmith1234", "role": "frontend"}


def epoch(when: datetime.datetime) -> int:
    return int(when.timestamp())


TEXTS = {
    "offset": lambda when: when.isoformat(),
    "zulu": lambda when: when.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
    "space": str,
    "other-offset": lambda when: when.astimezone(datetime.timezone(datetime.timedelta(hours=5, minutes=45))).isoformat(),
    "number": epoch,
    "fraction": lambda when: float(epoch(when)),
}


@pytest.mark.parametrize("form", TEXTS.values(), ids=TEXTS.keys())
@pytest.mark.parametrize("serializer", ["json", "msgpack", "cbor"])
def test_text_and_numbers_are_times_with_every_serializer(connect, serializer, form):
    check_accepted(connect, serializer, form)


def test_a_datetime_goes_as_text_over_json(connect):
    check_accepted(connect, "json", lambda when: when)


def test_a_datetime_goes_as_tag_0_over_cbor(connect):
    check_accepted(connect, "cbor", lambda when: when)


def test_tag_1_is_a_time_over_cbor(connect):
    check_accepted(connect, "cbor", lambda when: cbor2.CBORTag(1, epoch(when)))


def test_a_timestamp_is_a_time_over_msgpack(connect):
    check_accepted(connect, "msgpack", lambda when: msgpack.Timestamp(epoch(when)))


REFUSED = {
    "past": (lambda: (in_an_hour() - 2 * HOUR).isoformat(), "past"),
    "without-zone": (lambda: in_an_hour().replace(tzinfo=None).isoformat(), "zone"),
    "date-only": (lambda: "2099-01-01", ""),
    "words": (lambda: "soon", ""),
    "too-far": (lambda: (in_an_hour() + 48 * HOUR).isoformat(), "longest"),
    "too-far-number": (lambda: int(time.time()) + 10**9, "longest"),
    "list": (lambda: [1, 2], ""),
    "truth": (lambda: True, ""),
}


@pytest.mark.parametrize("value, reason", REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize("serializer", ["json", "msgpack", "cbor"])
def test_another_value_is_refused_by_name_and_makes_nothing(connect, serializer, value, reason):
    client = connect(ZOE, uri_base=BASE, serializers=[serializer])
    before = {row["uuid"] for row in client.call("system.otp.list", JSMITH.login)}
    with pytest.raises(swampyer.ExInvocationError, match="expires") as caught:
        create(client, value())
    assert reason in str(caught.value)
    assert "ISO 8601" in str(caught.value)
    assert {row["uuid"] for row in client.call("system.otp.list", JSMITH.login)} == before


def test_a_naive_datetime_is_refused_by_the_server_over_json(connect):
    client = connect(ZOE, uri_base=BASE, serializers=["json"])
    with pytest.raises(swampyer.ExInvocationError, match="expires has no zone"):
        create(client, datetime.datetime.now() + HOUR)


def test_the_client_itself_refuses_a_naive_datetime_over_cbor(connect):
    client = connect(ZOE, uri_base=BASE, serializers=["cbor"])
    with pytest.raises(cbor2.CBOREncodeError, match="naive datetime"):
        create(client, datetime.datetime.now() + HOUR)


def test_the_client_itself_refuses_a_datetime_over_msgpack(connect):
    client = connect(ZOE, uri_base=BASE, serializers=["msgpack"])
    with pytest.raises(TypeError, match="can not serialize 'datetime.datetime' object"):
        create(client, in_an_hour())


def test_a_date_over_cbor_is_no_time(connect):
    client = connect(ZOE, uri_base=BASE, serializers=["cbor"])
    with pytest.raises(swampyer.ExInvocationError, match="expires"):
        create(client, datetime.date(2099, 1, 1))
