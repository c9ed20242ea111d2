"""Rosters as Nexus' own test 50 has them."""

from __future__ import annotations

import itertools

import pytest
import swampyer

from conftest import eventually
from nexus import BASE

REGISTER, UNREGISTER, QUERY = "system.roster.register", "system.roster.unregister", "system.roster.query"
DATA = {"test": "data"}
TO_FRONTEND = ["frontend"]

numbers = itertools.count(1)


@pytest.fixture
def roster() -> str:
    """A name of the test's own."""
    return f"roster.test_{next(numbers)}"


def test_50_an_entry_is_seen_by_the_roles_that_it_names(nexus, clients, roster):
    keeper = clients.connect(nexus.user("backend"))
    assert keeper.call(REGISTER, roster, DATA, visibility=TO_FRONTEND)
    seen = {role: clients.connect(nexus.user(role)).call(f"{BASE}.{QUERY}", roster) for role in ("frontend", "public", "trust")}
    assert seen == {"frontend": [DATA], "public": [], "trust": [DATA]}


def test_50_without_visibility_everybody_sees_it(nexus, clients, roster):
    keeper = clients.connect(nexus.user("backend"))
    assert keeper.call(REGISTER, roster, DATA)
    for role in ("frontend", "public", "trust"):
        assert clients.connect(nexus.user(role)).call(f"{BASE}.{QUERY}", roster) == [DATA]


def test_50_registering_again_replaces_the_data_and_the_visibility(nexus, clients, roster):
    keeper, reader = clients.connect(nexus.user("backend")), clients.connect(nexus.user())
    keeper.call(REGISTER, roster, DATA, visibility=TO_FRONTEND)
    keeper.call(REGISTER, roster, {"test": "more"}, visibility=TO_FRONTEND)
    assert reader.call(QUERY, roster) == [{"test": "more"}]
    keeper.call(REGISTER, roster, {"test": "more"}, visibility=["backend"])
    assert reader.call(QUERY, roster) == []


def test_50_an_entry_is_taken_back_and_given_again(nexus, clients, roster):
    keeper, reader = clients.connect(nexus.user("backend")), clients.connect(nexus.user())
    keeper.call(REGISTER, roster, DATA, visibility=TO_FRONTEND)
    assert keeper.call(UNREGISTER, roster) is True
    assert reader.call(QUERY, roster) == []
    assert keeper.call(REGISTER, roster, DATA, visibility=TO_FRONTEND)
    assert reader.call(QUERY, roster) == [DATA]


def test_50_entries_of_several_sessions_stand_together(nexus, clients, roster):
    keepers = [clients.connect(nexus.user("backend")) for _ in range(3)]
    for number, keeper in enumerate(keepers):
        keeper.call(REGISTER, roster, {"number": number})
    reader = clients.connect(nexus.user())
    assert sorted(entry["number"] for entry in reader.call(QUERY, roster)) == [0, 1, 2]
    keepers[1].call(UNREGISTER, roster)
    assert sorted(entry["number"] for entry in reader.call(QUERY, roster)) == [0, 2]


def test_50_a_name_that_the_role_does_not_grant_is_refused(nexus, clients):
    client = clients.connect(nexus.user())
    with pytest.raises(swampyer.ExInvocationError):
        client.call(REGISTER, "trigger.fail", DATA)


def test_50_an_entry_goes_with_its_session(nexus, clients, roster):
    keeper, reader = clients.connect(nexus.user("backend")), clients.connect(nexus.user())
    keeper.call(REGISTER, roster, DATA, visibility=TO_FRONTEND)
    assert reader.call(QUERY, roster) == [DATA]
    keeper.disconnect()
    eventually("the end of the entry", lambda: reader.call(QUERY, roster) == [], seconds_max=5)


def test_50_a_vacuum_leaves_the_entries_of_live_sessions(nexus, clients, roster):
    keeper, reader = clients.connect(nexus.user("backend")), clients.connect(nexus.user())
    keeper.call(REGISTER, roster, DATA, visibility=TO_FRONTEND)
    assert keeper.call("system.vacuum") is True
    assert reader.call(QUERY, roster) == [DATA]
