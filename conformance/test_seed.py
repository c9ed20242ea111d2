"""The seed's own programs, run by the clients of its time, over every door and with every serializer."""

from __future__ import annotations

import ast
import datetime
import re

import pytest

import seed_programs
from conftest import DOORS, JSMITH, KRISTEN, UNIX, WS, ZOE, Run, User, eventually

# `None`: what each client takes by itself.
SERIALIZERS = [None, "json", "msgpack", "cbor"]
REFUSED = "Received abort when trying to connect: Permission Denied"

doors = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
serializers = pytest.mark.parametrize("serializer", SERIALIZERS, ids=lambda name: name or "default")

FIELDS = {
    "plaintext_key": r"[A-Za-z0-9_-]{32}",
    "uuid": r"[A-Za-z0-9_-]{22}",
    "key": r"[A-Za-z0-9_-]{43}",
    "owner": r"[A-Za-z0-9_-]{22}",
    "expires": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d",
}


def check_otp(otp: dict, login: str, creator: str, address: str, lifetime_seconds: float) -> None:
    """Exactly the fields of the seed's table, each of its type and shape."""
    assert set(otp) == {*FIELDS, "login", "origin", "permissions"}
    for field, shape in FIELDS.items():
        assert re.fullmatch(shape, otp[field]), (field, otp[field])
    assert otp["login"] == login
    assert otp["origin"] == f"{creator}@{address}"
    assert otp["permissions"] == []
    expires = datetime.datetime.fromisoformat(otp["expires"])
    left = (expires - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
    assert lifetime_seconds - 60 < left <= lifetime_seconds, otp["expires"]


def check_run(run: Run, user: User) -> None:
    """The program came to its end, was the user whose password it used, and the password is spent."""
    assert run.code == 0, run.output
    assert ast.literal_eval(run.printed) == {"authid": user.login, "role": user.role}
    assert run.second_login == REFUSED


def address_of(door) -> str:
    return "unix" if door.kind == "unix" else "127.0.0.1"


@doors
@serializers
def test_a_user_delegates_to_another_process(server, run_program, door, serializer):
    program = seed_programs.adapted(1, server.url(door.kind))
    run = run_program(program, KRISTEN, door, serializer, again=True)
    check_run(run, KRISTEN)
    check_otp(run.otp, KRISTEN.login, KRISTEN.login, address_of(door), 600)


@doors
@serializers
def test_a_trusted_user_acts_for_another(server, run_program, door, serializer):
    program = seed_programs.adapted(2, server.url(door.kind))
    run = run_program(program, ZOE, door, serializer, again=True)
    check_run(run, JSMITH)
    check_otp(run.otp, JSMITH.login, ZOE.login, address_of(door), 600)


@doors
@pytest.mark.parametrize("serializer", [None, "json", "cbor"], ids=lambda name: name or "default")
def test_a_trusted_user_sets_ten_seconds(server, run_program, door, serializer):
    program = seed_programs.adapted(3, server.url(door.kind))
    run = run_program(program, ZOE, door, serializer, again=True)
    check_run(run, JSMITH)
    check_otp(run.otp, JSMITH.login, ZOE.login, address_of(door), 10)


@doors
def test_the_client_itself_refuses_a_datetime_over_msgpack(server, run_program, door):
    run = run_program(seed_programs.adapted(3, server.url(door.kind)), ZOE, door, "msgpack")
    assert run.otp is None
    assert run.error == "TypeError: can not serialize 'datetime.datetime' object"


def test_the_client_itself_refuses_a_datetime_over_the_older_cbor_library(server, run_program):
    run = run_program(seed_programs.adapted(3, server.url(WS.kind)), ZOE, WS, "cbor", cbor2=False)
    assert run.otp is None
    assert run.error.startswith("ValueError: cannot serialize unknown object: datetime.datetime(")


# The seed's ten seconds once, and two seconds instead where only the door differs.
@pytest.mark.parametrize("door, seconds", [(WS, 10), (WS, 2), (UNIX, 2)], ids=["ws-10", "ws-2", "unix-2"])
def test_a_password_is_refused_after_its_time(server, run_program, connect, door, seconds):
    program = seed_programs.minting_half(seed_programs.adapted(3, server.url(door.kind)))
    if seconds != 10:
        program = seed_programs.with_lifetime(program, seconds)
    run = run_program(program, ZOE, door)
    assert run.error is None, run.output
    expires = datetime.datetime.fromisoformat(run.otp["expires"])
    eventually("the password's end", lambda: datetime.datetime.now(datetime.timezone.utc) > expires)
    late = User(run.otp["login"], JSMITH.role, run.otp["plaintext_key"])
    with pytest.raises(Exception, match=REFUSED):
        connect(late, door.kind)


@doors
def test_acting_for_another_needs_trust_and_the_refusal_says_so(server, run_program, door):
    run = run_program(seed_programs.adapted(2, server.url(door.kind)), KRISTEN, door)
    assert run.otp is None
    assert run.error.startswith("ExInvocationError: ")
    assert 'is not authorized to call procedure "com.izaber.wamp.system.otp.create" on realm "izaber"' in run.error
    assert 'authid="kristen98", authrole="frontend"' in run.error
