"""Users and their records as Nexus' own tests 00, 20 and 30 have them, over the bus."""

from __future__ import annotations

import itertools

import pytest
import swampyer

from conftest import User, eventually
from nexus import BASE, REFUSED, denies

WHOAMI, QUERY, CREATE = f"{BASE}.auth.whoami", f"{BASE}.system.db.query", f"{BASE}.system.db.create"
UPDATE, DELETE = f"{BASE}.system.db.update", f"{BASE}.system.db.delete"
YAML = "something:\n  goes:\n    here: right # and not left\n    there: 1"
DENIED = "Permission Denied"

numbers = itertools.count(1)


def created(trusted, **fields) -> User:
    """A user who is made over the bus."""
    user = User(f"made-{next(numbers)}", fields.get("role", "frontend"), f"a pass phrase of its own {next(numbers)}")
    record = {"login": user.login, "plaintext_password": user.password, "role": user.role, **fields}
    made = trusted.call(CREATE, "%root", "users", record)
    assert (made["login"], made["role"]) == (user.login, user.role)
    assert user.password not in repr(made)
    return user


def uuid_of(trusted, user: User) -> str:
    (record,) = trusted.call(QUERY, "users", [["login", "=", user.login]])["records"]
    return record["uuid"]


def test_20_a_user_who_is_made_over_the_bus_logs_in(nexus, clients):
    trusted = clients.connect(nexus.user("trust"))
    user = created(trusted, name="Somebody", email="somebody@example.com")
    assert clients.connect(user).call(WHOAMI) == {"authid": user.login, "role": "frontend"}


def test_20_another_role_counts_from_the_next_login_on(nexus, clients):
    trusted = clients.connect(nexus.user("trust"))
    user = created(trusted)
    session = clients.connect(user)
    assert session.call(WHOAMI)["role"] == "frontend"
    for role in ("trust", "frontend"):
        assert trusted.call(UPDATE, [uuid_of(trusted, user)], {"role": role}) is True
        assert clients.connect(user).call(WHOAMI) == {"authid": user.login, "role": role}
    # Who was there with the role of before is no more.
    eventually("the end of the first session", lambda: not is_there(session))


def is_there(session: swampyer.WAMPClientTicket) -> bool:
    try:
        session.call(WHOAMI)
    except (swampyer.ExWAMPConnectionError, swampyer.ExInvocationError):
        return False
    return True


def test_20_a_user_who_is_locked_or_deleted_does_not_log_in(nexus, clients):
    trusted = clients.connect(nexus.user("trust"))
    for end in (
        lambda uuid: trusted.call(UPDATE, [uuid], {"enabled": False}),
        lambda uuid: trusted.call(DELETE, [uuid]),
    ):
        user = created(trusted)
        session = clients.connect(user)
        assert end(uuid_of(trusted, user)) is True
        with pytest.raises(swampyer.ExAbort, match=REFUSED):
            clients.connect(user)
        eventually("the end of the session", lambda: not is_there(session))


def test_00_a_user_sees_and_changes_its_own_record_only(nexus, clients):
    trusted, user, other = clients.connect(nexus.user("trust")), nexus.user(), nexus.user()
    client = clients.connect(user)
    answer = client.call(QUERY, "users", [])
    assert [record["login"] for record in answer["records"]] == [user.login]
    own, foreign = uuid_of(trusted, user), uuid_of(trusted, other)
    assert client.call(UPDATE, [own], {"name": "Somebody"}) is True
    assert client.call(QUERY, "users", [])["records"][0]["name"] == "Somebody"
    # It makes nobody of itself, or of others.
    for change in ([own], {"role": "trust"}), ([foreign], {"name": "Nobody"}):
        attempt(client, UPDATE, *change)
    for record in trusted.call(QUERY, "users", [["login", "in", [user.login, other.login]]])["records"]:
        assert record["role"] == "frontend" and record["name"] != "Nobody"
    denies(client.call, CREATE, "%root", "users", {"login": "mine"}, what=DENIED)
    denies(client.call, DELETE, [foreign], what=DENIED)
    for collection in ("roles", "cookies", "rosters"):
        denies(client.call, QUERY, collection, [], what=DENIED)


def attempt(client, *arguments) -> None:
    """Whether it is refused or does nothing, the caller looks at what came of it."""
    try:
        client.call(*arguments)
    except swampyer.ExInvocationError:
        pass


def test_00_a_query_sorts_and_pages(nexus, clients):
    trusted = clients.connect(nexus.user("trust"))
    mark = f"page{next(numbers)}"
    for number in range(7):
        created(trusted, name=f"{mark} {number}")
    ask = ("users", [["name", "like", mark]])
    options = {"sort": [["name", "desc"]], "limit": 3, "page_index": 1}
    answer = trusted.call(QUERY, *ask, **options)
    assert [record["name"] for record in answer["records"]] == [f"{mark} {number}" for number in (3, 2, 1)]
    assert {name: answer[name] for name in ("page_index", "page", "pages", "hits", "limit")} == {
        "page_index": 1, "page": 2, "pages": 3, "hits": 7, "limit": 3,
    }  # fmt: skip
    nested = [["NOT", [["OR", [["name", "=", f"{mark} 1"], ["name", "=", f"{mark} 2"]]]]], ["name", "like", mark]]
    assert trusted.call(QUERY, "users", nested)["hits"] == 5


def test_20_a_query_of_users_shows_the_text_of_their_metadata(nexus, clients):
    user = nexus.user()
    client = clients.connect(user)
    client.call(f"{BASE}.my.metadata.set", "some.key", YAML, yaml=True)
    answer = client.call(QUERY, "users", [["login", "=", user.login]], yaml=True)
    assert answer["hits"] == 1
    (record,) = answer["records"]
    assert [row["value"].strip() for row in record["metadata"]] == [YAML]


def test_00_a_role_is_made_renamed_and_removed(nexus, clients):
    trusted, name = clients.connect(nexus.user("trust")), f"role-{next(numbers)}"
    permissions = [{"uri": "c.*", "perms": "c"}, {"uri": "c.d", "perms": "c"}]
    made = trusted.call(CREATE, "%root", "roles", {"role": name, "permissions": permissions})
    assert (made["role"], made["permissions"]) == (name, permissions)
    client = clients.connect(created(trusted, role=name))
    # What is below, and not itself.
    for uri, is_granted in [("c.d", True), ("c.e.f", True), ("c", False), ("d.c", False)]:
        denies(client.call, uri, what="no callee registered" if is_granted else "is not authorized to")
    renamed = f"{name}-too"
    assert trusted.call(UPDATE, [made["uuid"]], {"role": renamed}) is True
    (record,) = trusted.call(QUERY, "roles", [["role", "like", name]])["records"]
    assert (record["role"], record["uuid"]) == (renamed, made["uuid"])
    lonely = trusted.call(CREATE, "%root", "roles", {"role": f"{name}-lonely", "permissions": []})
    assert trusted.call(DELETE, [lonely["uuid"]]) is True
    assert trusted.call(QUERY, "roles", [["role", "=", f"{name}-lonely"]])["hits"] == 0


def test_00_a_user_makes_and_removes_own_keys_as_records_and_nobody_else_s(nexus, clients):
    trusted, user, other = clients.connect(nexus.user("trust")), nexus.user(), nexus.user()
    client = clients.connect(user)
    own, foreign = uuid_of(trusted, user), uuid_of(trusted, other)
    made = client.call(CREATE, own, "apikeys", {"description": "mine"})
    assert clients.connect(User(user.login, user.role, made["plaintext_key"])).call(WHOAMI)["authid"] == user.login
    denies(client.call, CREATE, foreign, "apikeys", {}, what=DENIED)
    of_other = clients.connect(other).call(f"{BASE}.my.apikeys.create")
    denies(client.call, DELETE, [of_other["uuid"]], what=DENIED)
    assert client.call(QUERY, "apikeys", [["uuid", "=", of_other["uuid"]]])["hits"] == 0
    assert client.call(DELETE, [made["uuid"]]) is True
    assert client.call(QUERY, "apikeys", [])["hits"] == 0
    with pytest.raises(swampyer.ExAbort, match=REFUSED):
        clients.connect(User(user.login, user.role, made["plaintext_key"]))
    assert clients.connect(User(other.login, other.role, of_other["plaintext_key"])).call(WHOAMI)["authid"] == other.login


@pytest.mark.parametrize("key", ["^20", "^3a", "a/b", "..", "a b", "a:b", "%root", "Ä"])
def test_00_a_key_is_kept_as_it_is_written(nexus, clients, key):
    client = clients.connect(nexus.user())
    assert client.call(f"{BASE}.my.metadata.set", key, "value") == "value"
    assert client.call(f"{BASE}.my.metadata.get", key) == "value"
    assert list(client.call(f"{BASE}.my.metadata.list")) == [key]
