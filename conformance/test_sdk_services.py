"""The host for services: the document's program as it is, and services of our own, called over the bus."""

from __future__ import annotations

import json
import re
import textwrap
import uuid
from collections import namedtuple

import pytest
import swampyer

import sdk_scenes
import zato_seed
from conftest import KRISTEN, WORKER, ZOE
from countersign import otp
from countersign.services import Request, Response, Service, invoke, load, service_name
from countersign.sso import SSO, ValidationError
from service_host import ServiceHost
from totp_codes import code

APP, ADDRESS = "CRM", "127.0.0.1"
PASSWORD = "correct horse battery staple"
OLD_KEY, NEW_KEY = "KMCLCWN4YPMD2WO3", "G7WSZQ3JKCM6DKMCLCWN4YPMD2WO3AAB"
SEED_URI = "my-services.reset-user-totp-key"
# Date, time, level, correlation id, service: message.
LOGGED = re.compile(r"^\S+ \S+ (?P<level>\w+) (?P<cid>\w+) (?P<service>\S+): (?P<message>.*)$")

Story = namedtuple("Story", "sso boss user_id username login")


def signed_in(server, user):
    with SSO(server.urls["http"]) as sso:
        return sso.user.login("cid", user.login, user.password, APP, ADDRESS)


def hosted(server, path, user=ZOE, *more):
    return ServiceHost([path, "--url", server.urls["http"], "--user", user.login, *more], user.password)


def called(server, uri, *arguments, user=ZOE, **named):
    """Calls a procedure over the bus; an error is an exception with its arguments."""
    client = otp.login(server.url("ws"), user.login, user.password, library="swampyer")
    try:
        return client.call(uri, *arguments, **named)
    finally:
        # Its thread ends when the connection does.
        client._request_shutdown = True
        client.disconnect()


def logged(host, message):
    """The next line that a service logs with such a message."""
    return LOGGED.match(host.line(lambda line: (found := LOGGED.match(line)) and re.fullmatch(message, found["message"])))


def trail(server, cid):
    return json.loads(server.cli("audit", "search", "--cid", cid, "--json"))


def written(directory, text, name="my_services.py"):
    path = directory / name
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


# The document's program


def test_the_documents_program_differs_in_its_values_and_its_slip_alone():
    before, after = zato_seed.original().splitlines(), zato_seed.adapted("csust_1", "zusr1").splitlines()
    changed = [(old.strip(), new.strip()) for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [
        ("ust = 'gAAAAABalFycY50Budi...'", "current_ust = 'csust_1'"),
        ("user_id = 'zusrpdjpsqjqa8jdv533zh0pv8tcm'", "user_id = 'zusr1'"),
    ]


@pytest.fixture
def story(server):
    """A user with a second factor, whose key is changed."""
    with SSO(server.urls["http"]) as sso:
        boss = sso.user.login("cid", ZOE.login, ZOE.password, APP, ADDRESS).ust
        data = {"username": f"user.{uuid.uuid4().hex}", "password": PASSWORD, "is_totp_enabled": True, "totp_key": OLD_KEY}
        user_id = sso.user.create_user("cid", data, boss, APP, ADDRESS, auto_approve=True)

        def login(key, steps=0):
            given = {"totp_code": code(key, steps)}
            return sso.user.login("cid", data["username"], PASSWORD, APP, ADDRESS, **given).ust

        yield Story(sso, boss, user_id, data["username"], login)


def test_the_documents_program_makes_a_key_for_another_user(server, story, tmp_path):
    path = written(tmp_path, zato_seed.adapted(story.boss, story.user_id))
    with hosted(server, path, ZOE, "--zato-alias") as host:
        assert host.line() == SEED_URI
        assert called(server, SEED_URI) is None
        line = logged(host, "New key: [A-Z2-7]{32}")
    assert line["service"] == SEED_URI
    only_codes_of(story, line["message"].removeprefix("New key: "))
    told_by(server, line["cid"], ("totp.reset", ZOE.login, "accepted"))


def test_the_documents_program_is_told_nothing_of_a_key_that_it_gave(server, story, tmp_path):
    path = written(tmp_path, zato_seed.adapted(story.boss, story.user_id, NEW_KEY))
    with hosted(server, path, ZOE, "--zato-alias") as host:
        assert host.line() == SEED_URI
        called(server, SEED_URI)
        line = logged(host, "New key: .*")
    assert line["message"] == "New key: None"
    only_codes_of(story, NEW_KEY)
    told_by(server, line["cid"], ("totp.reset", ZOE.login, "accepted"))


def test_the_documents_program_is_refused_to_a_regular_user(server, story, tmp_path):
    path = written(tmp_path, zato_seed.adapted(signed_in(server, KRISTEN).ust, story.user_id))
    with hosted(server, path, ZOE, "--zato-alias") as host:
        assert host.line() == SEED_URI
        with pytest.raises(swampyer.ExInvocationError) as error:
            called(server, SEED_URI)
        line = logged(host, "Refused: .*")
    assert error.value.args == ("E008002",)
    assert story.login(OLD_KEY)
    told_by(server, line["cid"], ("totp.reset", KRISTEN.login, "refused"))


def test_the_same_by_rest(server, story):
    send = story.sso.caller.send
    given = {"ust": story.boss, "user_id": story.user_id, "current_app": APP, "totp_label": "My SSO key"}
    made = send("PATCH", "/user/totp", {**given, "cid": "rest-made"})
    only_codes_of(story, made["totp_key"])
    assert "totp_key" not in send("PATCH", "/user/totp", {**given, "totp_key": NEW_KEY, "cid": "rest-given"})
    assert story.login(NEW_KEY, 1)
    refused = {**given, "ust": signed_in(server, KRISTEN).ust, "cid": "rest-refused"}
    with pytest.raises(ValidationError) as error:
        send("PATCH", "/user/totp", refused)
    assert error.value.sub_status == ["E008002"]
    for cid in ("rest-made", "rest-given"):
        told_by(server, cid, ("totp.reset", ZOE.login, "accepted"))
    told_by(server, "rest-refused", ("totp.reset", KRISTEN.login, "refused"))


def test_the_same_by_command(server, story):
    reset = ["user", "totp", "reset", story.username, "--label", "My SSO key"]
    made = json.loads(server.cli(*reset, "--json"))
    only_codes_of(story, made["totp_key"])
    assert "totp_key" not in json.loads(server.cli(*reset, "--key", NEW_KEY, "--json"))
    assert story.login(NEW_KEY, 1)


def only_codes_of(story, key):
    """They log in; the old key's don't."""
    with pytest.raises(ValidationError) as error:
        story.login(OLD_KEY)
    assert error.value.sub_status == ["E005001"]
    assert story.login(key)


def told_by(server, cid, *wanted):
    """The audit trail has these of the correlation id, and nothing secret."""
    rows = trail(server, cid)
    assert [(row["operation"], row["actor"], row["outcome"]) for row in rows] == list(wanted), rows
    assert NEW_KEY not in str(rows) and OLD_KEY not in str(rows)


# Services of our own

PRIVILEGED = """
    from countersign.services import Service

    class FindSession(Service):
        def handle(self):
            self.response.payload = self.sso.user.session.get_session_by_ust(self.request.input.ust)
"""

LOGIN_FOR = """
    from countersign.services import Service

    class LogIn(Service):
        def handle(self):
            given = self.request.input
            self.sso.user.login(self.cid, given.name, given.password, "CRM", "192.0.2.7", "Their browser")
            self.response.payload = self.cid
"""

OWN = """
    from countersign.services import Service

    class Base(Service):
        def answer(self, value):
            self.response.payload = value

    class GetCRMUser(Base):
        def handle(self):
            self.logger.info("asked for %s", self.request.input.name)
            self.response.payload.greeting = f"hello {self.request.input.name}"
            self.response.payload.cid = self.cid

    class Echo(Base):
        name = "com.example.echo"
        def handle(self):
            self.answer([self.request.payload, self.name])

    class Broken(Base):
        def handle(self):
            raise RuntimeError("with a secret in it")

    class Unsendable(Base):
        def handle(self):
            self.answer(object())
"""


def test_a_file_of_services_is_served_with_one_line_for_each(server, tmp_path):
    with hosted(server, written(tmp_path, OWN, "my_own.py")) as host:
        lines = [host.line() for _ in range(4)]
        assert lines == ["my-own.get-crm-user", "com.example.echo", "my-own.broken", "my-own.unsendable"]
        answer = called(server, "my-own.get-crm-user", name="Zoë")
        line = logged(host, "asked for Zoë")
        assert answer == {"greeting": "hello Zoë", "cid": line["cid"]}
        assert called(server, "my-own.get-crm-user", {"name": "a"})["greeting"] == "hello a"
        assert called(server, "com.example.echo", 1, [2]) == [[1, [2]], "com.example.echo"]
        assert called(server, "com.example.echo") == [None, "com.example.echo"]
        assert host.stop() == 0


def test_a_caller_does_not_hear_what_went_wrong_in_a_service(server, tmp_path):
    with hosted(server, written(tmp_path, OWN, "my_own.py")) as host:
        host.line(lambda line: line == "my-own.unsendable")
        for uri, wanted in (("my-own.broken", "the service failed"), ("my-own.unsendable", "the result is no JSON")):
            with pytest.raises(swampyer.ExInvocationError, match=wanted) as error:
                called(server, uri)
            assert "secret" not in str(error.value)
        assert any("with a secret in it" in host.line() for _ in range(20))


def test_a_host_whose_user_may_not_register_ends_and_says_so(server, tmp_path):
    host = hosted(server, written(tmp_path, OWN, "my_own.py"), WORKER)
    assert host.ended() == 2
    assert any("my-own.get-crm-user" in line and "not authorized" in line for line in host.output), host.output


def test_a_host_with_a_wrong_ticket_ends_and_says_so(server, tmp_path):
    path = written(tmp_path, OWN, "my_own.py")
    host = ServiceHost([path, "--url", server.urls["http"], "--user", ZOE.login], "wrong")
    assert host.ended() == 2
    assert any("refused" in line for line in host.output), host.output


def test_a_ticket_comes_from_the_standard_input_where_no_variable_has_it(server, tmp_path):
    arguments = [written(tmp_path, OWN, "my_own.py"), "--url", server.urls["http"], "--user", ZOE.login]
    with ServiceHost(arguments, None, ZOE.password + "\n") as host:
        assert host.line(lambda line: line.startswith("my-own")) == "my-own.get-crm-user"
    host = ServiceHost(arguments, None)
    assert host.ended() == 1
    assert any("COUNTERSIGN_TICKET" in line for line in host.output), host.output


@pytest.mark.parametrize("is_token", [False, True])
def test_a_call_without_a_session_is_made_by_the_user_of_the_host(server, tmp_path, is_token):
    path = written(tmp_path, PRIVILEGED, "my_finder.py")
    boss = signed_in(server, ZOE)
    ticket = boss.ust if is_token else ZOE.password
    with ServiceHost([path, "--url", server.urls["http"], "--user", ZOE.login], ticket) as host:
        assert host.line() == "my-finder.find-session"
        found = called(server, "my-finder.find-session", ust=boss.ust)
    assert found["creation_time"] == boss.to_dict()["creation_time"]


def test_the_hosts_key_lets_its_services_say_whose_address_it_is(server, tmp_path):
    arguments = [written(tmp_path, LOGIN_FOR, "my_login.py"), "--url", server.urls["http"], "--user", ZOE.login]
    key = ":".join(sdk_scenes.api_key(server, ZOE.login, "sso:act-for=c"))
    for given, wanted in ({}, (ADDRESS, "192.0.2.7")), ({"COUNTERSIGN_API_KEY": key}, ("192.0.2.7", "")):
        with ServiceHost(arguments, ZOE.password, **given) as host:
            host.line(lambda line: line == "my-login.log-in")
            cid = called(server, "my-login.log-in", name=KRISTEN.login, password=KRISTEN.password)
        [row] = [row for row in trail(server, cid) if row["operation"] == "session.open"]
        assert (row["address"], row["claimed_address"]) == wanted
    host = ServiceHost(arguments, ZOE.password, COUNTERSIGN_API_KEY="no login")
    assert host.ended() == 1
    assert any("LOGIN:KEY" in line for line in host.output), host.output


def test_a_session_token_is_a_ticket_as_long_as_its_session_lasts(server, tmp_path):
    boss = signed_in(server, ZOE)
    arguments = [written(tmp_path, OWN, "my_own.py"), "--url", server.urls["http"], "--user", ZOE.login]
    with ServiceHost(arguments, boss.ust) as host:
        host.line(lambda line: line == "my-own.unsendable")
        assert called(server, "com.example.echo", 1)[0] == 1
        with SSO(server.urls["http"]) as sso:
            sso.user.logout("cid", boss.ust, APP, ADDRESS)
        assert host.ended() == 2
        assert any("the session is opened again" in line for line in host.output), host.output


def test_a_file_that_can_not_be_served_is_named_with_the_reason(server, tmp_path):
    cases = [
        ("from zato.server.service import Service\n", "programs written for Zato need --zato-alias"),
        ("import countersign\n", "no class that derives from Service"),
        ("class A(:\n", "invalid syntax"),
    ]
    for number, (text, wanted) in enumerate(cases):
        host = hosted(server, written(tmp_path, text, f"my_case_{number}.py"))
        assert host.ended() == 1
        assert any(wanted in line for line in host.output), host.output


def test_a_host_opens_its_session_again(server, tmp_path):
    with hosted(server, written(tmp_path, OWN, "my_own.py")) as host:
        host.line(lambda line: line == "my-own.unsendable")
        # What ends the sessions of a user without taking the login from it.
        assert called(server, "wamp.session.kill_by_authid", ZOE.login)
        host.line(lambda line: line.endswith("the session is open again"))
        assert called(server, "com.example.echo", 1)[0] == 1


# Without a server


@pytest.mark.parametrize(
    ("module", "name", "wanted"),
    [
        ("my_module", "MyService", "my-module.my-service"),
        ("my_services", "ResetUserTOTPKey", "my-services.reset-user-totp-key"),
        ("api", "GetCRMUser", "api.get-crm-user"),
        ("crm", "Get", "crm.get"),
        ("crm.users", "GetByID", "crm.users.get-by-id"),
        ("MyModule", "SOAPCall", "my-module.soap-call"),
    ],
)
def test_a_service_without_a_name_is_called_after_its_module_and_class(module, name, wanted):
    assert service_name(module, name) == wanted


def test_a_name_of_its_own_is_no_name_of_what_derives_from_it():
    class Named(Service):
        name = "com.example.named"

    class Derived(Named):
        pass

    assert Named.get_name() == "com.example.named"
    assert Derived.get_name().endswith(".derived")


def test_a_service_is_loaded_from_its_file(tmp_path):
    text = "from countersign.services import Service\nclass {}(Service):\n    name = 'a.b'\n    def handle(self): pass\n"
    assert [one.__name__ for one in load(str(written(tmp_path, text.format("One"), "my_one.py")))] == ["One"]
    twice = text.format("One") + text.format("Two")
    for name, wanted in (("my_two.py", "two services named a.b"), ("json.py", "loaded already"), ("my.txt", "no Python")):
        with pytest.raises(ValueError, match=wanted):
            load(str(written(tmp_path, twice, name)))


def test_a_request_has_its_arguments_in_the_ways_that_services_read_them():
    nothing, one, several = Request(), Request(["text"]), Request([1, 2], {"a": 3})
    assert (nothing.payload, nothing.input) == (None, {})
    assert (one.payload, one.input, one.raw_request) == ("text", {}, "text")
    assert (several.payload, several.args, several.input.a) == ([1, 2], [1, 2], 3)
    assert Request([{"a": 1}], {"b": 2}).input == {"a": 1, "b": 2}
    with pytest.raises(AttributeError):
        _ = nothing.input.a


def test_a_service_gets_what_it_expects():
    class Mine(Service):
        def handle(self):
            self.response.payload = [self.cid, self.logger.name, self.request.input, type(self.response)]

    sso = SSO("http://127.0.0.1:9")
    assert invoke(Mine, sso, Request([], {"a": 1}), "my-cid") == ["my-cid", Mine.get_name(), {"a": 1}, Response]
    assert len(invoke(Mine, sso)[0]) == 24
