"""`user.attr` and `session.attr`, method by method, against the server: what a program sees."""

from datetime import datetime, timedelta, timezone

import pytest

import sdk_scenes
from countersign.sso import AttrEntity, status_code
from countersign_server import running
from sdk_scenes import FROM, REGULAR, refused

EXISTS = status_code.attr.already_exists
NOT_ALLOWED = status_code.auth.not_allowed
INVALID_INPUT = status_code.common.invalid_input
NEVER = datetime(9999, 12, 31)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    with running(tmp_path_factory.mktemp("sdk"), None) as server:
        yield sdk_scenes.scene(server)


def of_user(scene):
    """Attributes of a new user, as the user sees them."""
    return scene.sso.user.get_current_user("cid", scene.added().ust, *FROM).attr


def of_session(scene):
    """Attributes of a new session, as a super-user sees them."""
    return scene.sso.user.session.get("cid", scene.ust(REGULAR), scene.boss, *FROM).attr


@pytest.fixture(params=[of_user, of_session])
def attr(request, scene):
    return request.param(scene)


def now():
    return datetime.now(timezone.utc).replace(tzinfo=None)


def test_create_makes_what_is_not_there(attr):
    before = now()
    attr.create("a", {"any": ["JSON", None]})
    found = attr.get("a")
    assert (type(found), found.name, found.value) == (AttrEntity, "a", {"any": ["JSON", None]})
    assert (found.expiration_time, found.is_encrypted) == (NEVER, False)
    assert before - timedelta(seconds=1) <= found.creation_time <= now()
    refused(EXISTS, attr.create, "a", 1)
    attr.create("nothing", None)
    assert attr.get("nothing").value is None


def test_create_many_makes_all_or_none(attr):
    attr.create_many([{"name": "a", "value": 1}, {"name": "b", "value": 2, "expiration": 900}], expiration=600)
    found = attr.get(["a", "b"])
    assert [found["a"].value, found["b"].value] == [1, 2]
    assert found["a"].expiration_time < found["b"].expiration_time < NEVER
    refused(EXISTS, attr.create_many, [{"name": "c", "value": 1}, {"name": "a", "value": 1}])
    assert attr.get("c") is None


def test_update_changes_what_is_there(attr):
    attr.update("a", 1)
    assert attr.get("a") is None
    attr.create("a", 1)
    attr.update("a", 0)
    assert attr.get("a").value == 0
    attr.update_many([{"name": "a", "value": 5}, {"name": "b", "value": 6}])
    assert (attr.get("a").value, attr.get("b")) == (5, None)


def test_set_makes_or_changes(attr):
    attr.set("a", 1)
    attr.set("a", "two")
    assert attr.get("a").value == "two"
    attr.set_many([{"name": "a", "value": 3}, {"name": "b", "value": 4}])
    assert {name: one.value for name, one in attr.get_many(["a", "b"]).items()} == {"a": 3, "b": 4}


def test_get_gives_one_or_several(attr):
    attr.create("a", 1)
    assert attr.get("a").value == attr.get(["a"]).value == 1
    found = attr.get(["a", "b"])
    assert (found["a"].value, found["b"]) == (1, None)
    assert attr.get("b") is None
    assert isinstance(attr.get("a", serialize_dt=True).creation_time, str)


def test_a_sealed_value_is_opened_unless_told_otherwise(attr):
    attr.create("secret", "text", encrypt=True)
    assert (attr.get("secret").value, attr.get("secret").is_encrypted) == ("text", True)
    assert attr.get("secret", decrypt=False).value != "text"
    attr.set("secret", "clear")
    # What is sealed stays so.
    assert (attr.get("secret").value, attr.get("secret").is_encrypted) == ("clear", True)


def test_exists_says_which_are_there(attr):
    attr.create("a", 1)
    assert (attr.exists("a"), attr.exists("b")) == (True, False)
    assert attr.exists_many(["a", "b"]) == {"a": True, "b": False}


def test_names_gives_all(attr):
    assert attr.names() == []
    attr.set_many([{"name": "a", "value": 3}, {"name": "b", "value": 4}])
    assert sorted(attr.names()) == ["a", "b"]


def test_delete_takes_away_what_is_there(attr):
    attr.set_many([{"name": name, "value": 1} for name in "abc"])
    attr.delete("a")
    attr.delete("a")
    attr.delete_many(["b", "x"])
    assert attr.names() == ["c"]


def test_set_expiry_changes_the_end_alone(attr):
    attr.create("a", "kept")
    attr.create("b", "sealed", encrypt=True)
    attr.set_expiry("a", 600)
    attr.set_expiry_many(["a", "b"], 900)
    for name, value in (("a", "kept"), ("b", "sealed")):
        found = attr.get(name)
        assert found.value == value
        assert now() + timedelta(seconds=800) < found.expiration_time < now() + timedelta(seconds=1000)


def test_to_dict_gives_all_values(attr):
    assert attr.to_dict() == {}
    attr.create("a", 1)
    assert attr.to_dict() == {"a": 1}
    attr.create("b", [2])
    assert attr.to_dict() == {"a": 1, "b": [2]}
    assert attr.to_dict(value_to_dict=True)["b"]["value"] == [2]


def test_attributes_of_others_are_for_super_users(scene):
    owner = scene.added()
    user_id = owner.user_id
    own = scene.sso.user.get_current_user("cid", owner.ust, *FROM).attr
    own.create("a", "mine")
    other = scene.sso.user.get_current_user("cid", scene.ust(REGULAR), *FROM).attr
    for call in (
        lambda: other.get("a", user_id=user_id),
        lambda: other.names(user_id),
        lambda: other.to_dict(user_id=user_id),
        lambda: other.create("b", 1, user_id=user_id),
        lambda: other.create_many([{"name": "b", "value": 1, "user_id": user_id}]),
        lambda: other.set_expiry("a", 1, user_id),
        lambda: other.delete("a", user_id),
    ):
        refused(NOT_ALLOWED, call)
    assert own.to_dict() == {"a": "mine"}
    boss = scene.sso.user.get_user_by_id("cid", user_id, scene.boss, *FROM).attr
    assert boss.to_dict() == {"a": "mine"}
    boss.create_many([{"name": "b", "value": 1, "user_id": user_id}])
    assert own.exists("b")
    refused(INVALID_INPUT, boss.create_many, [{"name": "c", "value": 1}, {"name": "d", "value": 1, "user_id": "zusr1"}])


def test_attributes_of_a_session_end_with_it(scene):
    current = scene.ust(REGULAR)
    attr = scene.sso.user.session.get("cid", current, scene.boss, *FROM).attr
    attr.create("a", 1)
    scene.sso.user.logout("cid", current, *FROM)
    refused(status_code.session.no_such_session, attr.update, "a", 2)


@pytest.mark.parametrize("name", [None, "", 5, ["a"]])
def test_what_is_no_name_is_refused(attr, name):
    if name != 5:
        refused(INVALID_INPUT, attr.create, name, 1)
    else:
        # A number counts as its digits.
        attr.create(name, 1)
        assert attr.names() == ["5"]
