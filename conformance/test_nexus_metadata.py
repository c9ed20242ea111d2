"""Metadata as Nexus' own test 20 has them."""

from __future__ import annotations

from nexus import BASE

YAML = "something:\n  goes:\n    here: right # and not left\n    there: 1"


def metadata(client, name: str, *arguments, **options):
    return client.call(f"{BASE}.my.metadata.{name}", *arguments, **options)


def test_20_metadata_are_set_changed_and_deleted(nexus, clients):
    client = clients.connect(nexus.user())
    for value in ("some value", "some value changed", {"a": [1, None, True]}, 0):
        assert metadata(client, "set", "some.key", value) == value
        assert metadata(client, "get", "some.key") == value
    assert list(metadata(client, "list")) == ["some.key"]
    assert metadata(client, "delete", "some.key") is None
    assert metadata(client, "delete", "some.key") is None
    assert metadata(client, "get", "some.key") is None
    assert metadata(client, "list") == {}


def test_20_metadata_keep_the_text_of_their_yaml(nexus, clients):
    client = clients.connect(nexus.user())
    metadata(client, "set", "some.key", YAML, yaml=True)
    assert metadata(client, "get", "some.key") == {"something": {"goes": {"here": "right", "there": 1}}}
    assert metadata(client, "get", "some.key", yaml=True).strip() == YAML
    assert metadata(client, "list", yaml=True)["some.key"]["value"].strip() == YAML


def test_20_metadata_are_each_user_s_own(nexus, clients):
    one, two = clients.connect(nexus.user()), clients.connect(nexus.user())
    metadata(one, "set", "some.key", "one")
    assert metadata(two, "get", "some.key") is None
    metadata(two, "set", "some.key", "two")
    assert (metadata(one, "get", "some.key"), metadata(two, "get", "some.key")) == ("one", "two")


def test_20_the_names_of_before_mean_the_same_preferences(nexus, clients):
    client = clients.connect(nexus.user())
    assert client.call(f"{BASE}.system.preference.set", "some.key", "some value") == "some value"
    assert client.call(f"{BASE}.system.preference.get", "some.key") == "some value"
    assert metadata(client, "get", "some.key") == "some value"
