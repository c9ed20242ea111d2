"""The directory's users and groups as Nexus' own test 30 has them."""

from __future__ import annotations

from typing import Iterator

import izaber_wamp
import pytest
import swampyer

import countersign_server
import slapd
from conftest import User
from nexus import BASE, REFUSED, Clients, Nexus

USERS = [f"person-{number:03}" for number in range(100)]
GROUPS = {f"group-{number:02}": USERS[number::10] for number in range(10)}
SERIALIZERS = ["json", "msgpack", "cbor"]


@pytest.fixture(scope="module")
def listed(tmp_path_factory) -> Iterator[Nexus]:
    with slapd.running(tmp_path_factory.mktemp("s"), slapd.entries(USERS, GROUPS)) as port:
        with countersign_server.running(tmp_path_factory.mktemp("s"), None, slapd.settings(port)) as server:
            yield Nexus(server)


@pytest.fixture
def callers(listed) -> Iterator[Clients]:
    clients = Clients(listed.server)
    yield clients
    clients.close()


@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_30_a_directory_has_a_hundred_users_and_ten_groups(listed, callers, serializer):
    client_class = izaber_wamp.WAMPClientTicket
    client = callers.connect(listed.user(), client_class=client_class, uri_base=BASE, serializers=[serializer])
    users, groups = client.ad_users(), client.ad_groups()
    assert {record["db"] for record in users} == {slapd.dn_of(login) for login in USERS}
    assert {record["attributes"]["mail"] for record in users} == {f"{login}@example.com" for login in USERS}
    assert {record["cn"]: set(record["member"]) for record in groups} == {
        group: {slapd.dn_of(login) for login in members} for group, members in GROUPS.items()
    }
    assert (client.call("directory.users"), client.call("directory.groups")) == (users, groups)


def test_30_who_is_in_the_directory_logs_in_after_a_sync(listed, callers):
    person = User(USERS[42], "frontend", slapd.password_of(USERS[42]))
    assert callers.connect(listed.user("trust")).call("system.sync") is None
    assert callers.connect(person).call(f"{BASE}.auth.whoami") == {"authid": person.login, "role": "frontend"}
    with pytest.raises(swampyer.ExAbort, match=REFUSED):
        callers.connect(User(person.login, person.role, slapd.password_of(USERS[43])))
