"""Scenarios of izaber_wamp, each run as a program of its own: its connection is one for the whole process.

    python -m suites.izaber_wamp SCENARIO

The server's address and the users' passwords come in the environment, as JSON. A scenario that fails ends with its traceback.
Their numbers are those of the tests in izaber_wamp's repository that show the same; its source distribution has none.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
import swampyer

SETTINGS_VARIABLE = "COUNTERSIGN_IZABER_WAMP"
# Names as that repository's tests write them: not only letters and dots.
ROSTER, METADATUM = "roster.test.{random.random()}", "metadata.test.{random.random()}"
NOT_AUTHORIZED = "is not authorized"
SCENARIOS = {}


def scenario(function):
    SCENARIOS[function.__name__] = function
    return function


class Around:
    """What surrounds a program: the server, its users, and the ways to be configured."""

    def __init__(self, settings: dict) -> None:
        self.url: str = settings["url"]
        self.passwords: dict[str, str] = settings["passwords"]

    def settings(self, login: str, **connection) -> str:
        """The text of an `izaber.yaml`; JSON is YAML too."""
        connection = {"url": self.url, "username": login, "password": self.passwords[login], **connection}
        return json.dumps({"default": {"wamp": {"connection": connection}}})

    def signed_in(self, login: str, **connection):
        """izaber_wamp's connection, configured in the environment and started, as `login`."""
        from izaber import initialize
        from izaber.wamp import wamp

        os.environ["IZABER_YAML"] = self.settings(login, **connection)
        initialize(config={"config_filename": "is-not-there"}, force=True)
        assert wamp.is_connected()
        return wamp

    def swampyer(self, login: str, **options) -> swampyer.WAMPClientTicket:
        return swampyer.WAMPClientTicket(
            url=self.url, realm="izaber", username=login, password=self.passwords[login], **options
        ).start()


def refused(what: str, call, *arguments) -> None:
    with pytest.raises(swampyer.ExInvocationError, match=what):
        call(*arguments)


@scenario
def test_010_it_can_be_imported(around: Around) -> None:
    import izaber
    import izaber.wamp
    import izaber_wamp

    assert izaber and izaber.wamp.wamp is izaber_wamp.wamp


@scenario
def test_020_it_signs_in_with_a_file(around: Around) -> None:
    from izaber import initialize
    from izaber.wamp import wamp

    assert around.swampyer("backend-1").is_connected()
    path = Path("izaber.yaml")
    path.write_text(around.settings("backend-1"), encoding="utf-8")
    initialize("", config={"config_filename": str(path)})
    assert wamp.is_connected()
    assert wamp.whoami() == {"authid": "backend-1", "role": "backend"}


@scenario
def test_020_it_speaks_cbor_in_its_realm_and_under_its_prefix_unless_told_otherwise(around: Around) -> None:
    wamp = around.signed_in("backend-1")
    client = wamp.wamp
    assert client.transport.serializers == ["cbor"]
    assert client.transport.socket.subprotocol == "wamp.2.cbor"
    assert (client.uri_base, client.realm, client.timeout) == ("com.izaber.wamp", "izaber", 300)
    assert client.peer.details["authmethod"] == "ticket"
    for serializer in ("json", "msgpack"):
        wamp = around.signed_in("backend-1", serializer=serializer)
        assert wamp.transport.socket.subprotocol == f"wamp.2.{serializer}"
        assert wamp.whoami()["authid"] == "backend-1"


@scenario
def test_021_a_one_time_password_signs_in_and_makes_no_keys(around: Around) -> None:
    wamp = around.signed_in("backend-1")
    otp = wamp.otp_create()
    assert otp["plaintext_key"]
    assert otp["login"] == "backend-1"
    client = wamp.spawn_connection(username="backend-1", password=otp["plaintext_key"])
    assert client.is_connected()
    assert client.whoami() == {"authid": "backend-1", "role": "backend"}
    refused(NOT_AUTHORIZED, client.otp_create)
    refused(NOT_AUTHORIZED, client.apikeys_create)
    with pytest.raises(swampyer.ExAbort, match="Permission Denied"):
        wamp.spawn_connection(username="backend-1", password=otp["plaintext_key"])


@scenario
def test_021_one_time_passwords_are_listed_and_deleted(around: Around) -> None:
    wamp = around.signed_in("backend-1")
    otp = wamp.otp_create()
    assert otp["uuid"] in {row["uuid"] for row in wamp.otp_list()}
    assert wamp.otp_delete(otp["uuid"]) is True
    assert otp["uuid"] not in {row["uuid"] for row in wamp.otp_list()}
    with pytest.raises(swampyer.ExAbort, match="Permission Denied"):
        wamp.spawn_connection(username="backend-1", password=otp["plaintext_key"])


@scenario
def test_021_an_api_key_signs_in_as_often_as_it_likes_and_makes_no_keys(around: Around) -> None:
    wamp = around.signed_in("backend-1")
    key = wamp.apikeys_create({"description": "of the scenario"})
    assert key["plaintext_key"]
    assert key["description"] == "of the scenario"
    for _ in range(2):
        client = wamp.spawn_connection(username="backend-1", password=key["plaintext_key"])
        assert client.whoami() == {"authid": "backend-1", "role": "backend"}
    refused(NOT_AUTHORIZED, client.otp_create)
    refused(NOT_AUTHORIZED, client.apikeys_create)
    (row,) = [row for row in wamp.apikeys_list() if row["uuid"] == key["uuid"]]
    # Shown once, at its making.
    assert row["plaintext_key"] is None
    assert wamp.apikeys_delete(key["uuid"]) is True
    assert key["uuid"] not in {row["uuid"] for row in wamp.apikeys_list()}
    with pytest.raises(swampyer.ExAbort, match="Permission Denied"):
        wamp.spawn_connection(username="backend-1", password=key["plaintext_key"])


@scenario
def test_030_it_registers_a_procedure_and_takes_it_back(around: Around) -> None:
    wamp = around.signed_in("backend-2")
    registered = wamp.wamp.register("hello", lambda invocation, *args, **kwargs: 42)
    caller = around.swampyer("backend-1", uri_base="com.izaber.wamp")
    assert caller.call("hello", "one", keyword="two") == 42
    assert wamp.wamp.unregister(registered.registration_id)
    refused("no callee registered for procedure", caller.call, "hello")


@scenario
def test_040_it_calls_with_arguments_and_names(around: Around) -> None:
    callee = around.swampyer("backend-1", uri_base="com.izaber.wamp")
    callee.register("hello", lambda invocation, *args, **kwargs: {"args": args, "kwargs": kwargs})
    wamp = around.signed_in("backend-2")
    assert wamp.call("hello", "one", keyword="two") == {"args": ["one"], "kwargs": {"keyword": "two"}}


@scenario
def test_050_a_subclass_hears_of_the_join(around: Around) -> None:
    from izaber_wamp import WAMPClientTicket, wamp_client_subclass

    @wamp_client_subclass
    class Hooked(WAMPClientTicket):
        joins = 0

        def handle_join(self, *arguments, **options) -> None:
            self.joins += 1

    wamp = around.signed_in("backend-2")
    assert wamp.call("auth.whoami") == {"authid": "backend-2", "role": "backend"}
    assert wamp.joins == 1


@scenario
def test_060_it_changes_its_user(around: Around) -> None:
    wamp = around.signed_in("backend-2")
    before = wamp.wamp
    wamp.change_user("backend-3", around.passwords["backend-3"])
    assert wamp.call("auth.whoami")["authid"] == "backend-3"
    # It leaves its first connection open, and that stays who it was.
    assert before.call("auth.whoami")["authid"] == "backend-2"
    with pytest.raises(swampyer.ExAbort, match="Permission Denied"):
        wamp.change_user("backend-3", "broken")


@scenario
def test_070_it_spawns_connections_beside_its_own(around: Around) -> None:
    wamp = around.signed_in("backend-2")
    other = wamp.spawn_connection("backend-3", around.passwords["backend-3"])
    assert other.call("auth.whoami")["authid"] == "backend-3"
    with pytest.raises(swampyer.ExAbort, match="Permission Denied"):
        wamp.spawn_connection("backend-3", "broken")
    assert wamp.call("auth.whoami")["authid"] == "backend-2"


@scenario
def test_080_a_roster_has_its_entry_until_it_is_taken_back(around: Around) -> None:
    wamp = around.signed_in("backend-2")
    assert wamp.roster_register(ROSTER, "what is in it")
    assert wamp.roster_query(ROSTER) == ["what is in it"]
    assert wamp.roster_unregister(ROSTER)
    assert wamp.roster_query(ROSTER) == []


@scenario
def test_090_metadata_is_set_read_listed_and_deleted(around: Around) -> None:
    wamp = around.signed_in("backend-2")
    assert wamp.metadata_set(METADATUM, "what is in it")
    assert wamp.metadata_get(METADATUM) == "what is in it"
    assert wamp.metadata_list()[METADATUM]["value"] == "what is in it"
    assert wamp.metadata_delete(METADATUM) is None
    assert wamp.metadata_get(METADATUM) is None
    assert METADATUM not in wamp.metadata_list()
    wamp.metadata_set(METADATUM, "# a note\nanswer: 42\n", yaml=True)
    assert wamp.metadata_get(METADATUM) == {"answer": 42}
    wamp.metadata_delete(METADATUM)


@scenario
def test_100_without_a_directory_its_lists_are_empty(around: Around) -> None:
    wamp = around.signed_in("backend-1")
    assert (wamp.ad_users(), wamp.ad_groups()) == ([], [])


if __name__ == "__main__":
    SCENARIOS[sys.argv[1]](Around(json.loads(os.environ[SETTINGS_VARIABLE])))
