"""What test suites of programs for Zato SSO rely on, over `/zato/sso`: bodies on GET and DELETE, names, codes, times.

The super-user is theirs too: a name that a sign-up would refuse, and a key of 80 bits, set while the code isn't asked for.
"""

from __future__ import annotations

import http.client
import itertools
import json
import secrets
from datetime import datetime, timezone
from urllib.parse import urlsplit

import pytest

from countersign_server import running
from totp_codes import code

SUPER, SUPER_PASSWORD, SUPER_KEY = "zato.unit-test.admin1", "hQ9nl93UDqGus", "KMCLCWN4YPMD2WO3"
# A code is sent with every login of the super-user, many times in a step.
SETTINGS = "[totp]\nallow_reuse = true\n[compat.zato]\nenable_totp_without_code = true\n"
REGULAR_FIELDS = {
    "username", "email", "display_name", "first_name", "middle_name", "last_name", "is_totp_enabled", "totp_label",
}  # fmt: skip
SUPER_FIELDS = {
    "user_id", "is_active", "is_internal", "is_super_user", "is_approval_needed", "approval_status",
    "approval_status_mod_time", "approval_status_mod_by", "is_locked", "password_expiry", "password_is_set",
    "password_must_change", "password_last_set", "sign_up_status", "sign_up_time",
}  # fmt: skip
_count = itertools.count(1)


def name() -> str:
    """As those suites make them, with colons, a plus sign and points; in lower case, in which names are kept."""
    return f"test.{datetime.now().isoformat()}+{next(_count)}.a{secrets.token_hex(5)[:9]}".lower()


def text() -> str:
    """For passwords, and for what is no e-mail address."""
    return f"rand.{secrets.token_hex(12)}"


def time(value: str) -> datetime:
    """UTC without an offset."""
    parsed = datetime.fromisoformat(value)
    assert parsed.tzinfo is None
    return parsed


def now() -> datetime:
    return datetime.now(timezone.utc).replace(tzinfo=None)


class Api:
    """Requests as `requests` sends them: a JSON body whatever the verb is, with `current_app` in each."""

    def __init__(self, url: str) -> None:
        self._netloc = urlsplit(url).netloc
        self.ust, self.user_id = "", ""

    def send(self, verb: str, path: str, body: dict, status: int = 200) -> dict:
        connection = http.client.HTTPConnection(self._netloc, timeout=30)
        try:
            given = json.dumps({"current_app": "CRM", **body})
            connection.request(verb, "/zato/sso" + path, given, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = json.loads(response.read())
        finally:
            connection.close()
        assert response.status == status, (verb, path, answer)
        assert answer["cid"]
        return answer

    def ok(self, verb: str, path: str, **body: object) -> dict:
        answer = self.send(verb, path, body)
        assert (answer["status"], answer["sub_status"]) == ("ok", []), (verb, path, answer)
        return answer

    def refused(self, wanted: str, verb: str, path: str, **body: object) -> dict:
        answer = self.send(verb, path, body, 403)
        assert (answer["status"], answer["sub_status"]) == ("error", [wanted]), (verb, path, answer)
        return answer

    def sign_in(self) -> None:
        given = {"username": SUPER, "password": SUPER_PASSWORD, "totp_code": code(SUPER_KEY)}
        self.ust = self.ok("POST", "/user/login", **given)["ust"]
        self.user_id = self.ok("GET", "/user", ust=self.ust)["user_id"]

    def made(self, **more: object) -> dict:
        """A user who may log in; what was asked for and what was answered."""
        given = {"username": name(), "password": text(), "auto_approve": True, **more}
        return {**given, **self.ok("POST", "/user", ust=self.ust, **given)}

    def ust_of(self, user: dict) -> str:
        return self.ok("POST", "/user/login", username=user["username"], password=user["password"])["ust"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("zato"), None, SETTINGS) as server:
        server.add_user(SUPER, "trust", SUPER_PASSWORD)
        server.cli("user", "totp", "reset", SUPER, "--key", SUPER_KEY, "--label", "tests")
        yield server


@pytest.fixture
def api(server) -> Api:
    api = Api(server.urls["http"])
    api.sign_in()
    return api


# Users


def test_a_created_user_waits_for_approval(api):
    before = now()
    given = {"username": name(), "password": text(), "rate_limit_def": "*=1/d", "is_rate_limit_active": True}
    made = api.ok("POST", "/user", ust=api.ust, **given)
    assert made["is_approval_needed"] is True
    assert (made["approval_status"], made["sign_up_status"]) == ("before_decision", "final")
    assert made["is_active"] is True and made["password_is_set"] is True
    for flag in ("is_internal", "is_locked", "is_super_user", "password_must_change"):
        assert made[flag] is False, flag
    assert made["username"] == given["username"] and made["user_id"].startswith("zusr")
    assert made["approval_status_mod_by"]
    for field in ("approval_status_mod_time", "password_last_set", "sign_up_time", "password_expiry"):
        assert (time(made[field]) - before).total_seconds() > -1, field
    assert api.made()["is_approval_needed"] is False
    assert api.made()["approval_status"] == "approved"


def test_users_are_approved_and_rejected(api):
    for verb, wanted in (("approve", "approved"), ("reject", "rejected")):
        user_id = api.ok("POST", "/user", ust=api.ust, username=name(), password=text())["user_id"]
        api.ok("POST", f"/user/{verb}", ust=api.ust, user_id=user_id)
        assert api.ok("GET", "/user", ust=api.ust, user_id=user_id)["approval_status"] == wanted


def test_a_login_gives_a_token(api):
    api.ok("PATCH", "/user", ust=api.ust, is_totp_enabled=False)
    assert api.ok("POST", "/user/login", username=SUPER, password=SUPER_PASSWORD)["ust"]


@pytest.mark.parametrize("field", ["username", "password"])
def test_a_login_that_fails_gives_no_token(api, field):
    right = {"username": SUPER, "password": SUPER_PASSWORD}
    for wrong in (text(), "", None):
        assert "ust" not in api.refused("E005001", "POST", "/user/login", **{**right, field: wrong})
    answer = api.send("POST", "/user/login", {k: v for k, v in right.items() if k != field}, 400)
    assert (answer["result"], answer["details"]) == ("Error", "Bad request")
    assert not {"status", "sub_status", "ust"} & set(answer)


def test_a_logout_is_ok(api):
    user = api.made()
    ust = api.ust_of(user)
    api.ok("POST", "/user/logout", ust=ust)
    api.ok("POST", "/user/logout", ust=ust)


def test_a_user_is_got_by_id_as_it_was_made(api):
    given = {
        "email": text(), "display_name": text(), "first_name": text(), "middle_name": text(), "last_name": text(),
        "sign_up_status": "before_confirmation", "password_must_change": True, "is_locked": True, "is_totp_enabled": True,
        "totp_label": text(),
    }  # fmt: skip
    made = api.made(**given)
    found = api.ok("GET", "/user", ust=api.ust, user_id=made["user_id"])
    assert {field: found[field] for field in given} == given
    assert (found["user_id"], found["username"]) == (made["user_id"], made["username"])
    assert "totp_key" not in found and "password" not in found


def test_a_super_user_sees_all_of_itself(api):
    found = api.ok("GET", "/user", ust=api.ust)
    assert REGULAR_FIELDS | SUPER_FIELDS <= set(found)
    assert (found["username"], found["is_super_user"], found["is_approval_needed"]) == (SUPER, True, False)
    assert (found["approval_status"], found["approval_status_mod_by"]) == ("approved", "auto")


def test_a_regular_user_changes_itself_and_sees_less(api):
    user = api.made()
    ust = api.ust_of(user)
    given = {"email": text(), "display_name": text(), "first_name": text(), "middle_name": text(), "last_name": text()}
    api.ok("PATCH", "/user", ust=ust, **given)
    found = api.ok("GET", "/user", ust=ust)
    assert {field: found[field] for field in given} == given
    for field in ("is_active", "is_approval_needed", "is_internal", "is_locked", "is_super_user"):
        assert field not in found, field


def test_a_name_that_somebody_has_is_not_given_twice(api):
    one, other = api.made(), api.made()
    ust = api.ust_of(other)
    api.refused("E001002", "PATCH", "/user", ust=ust, username=one["username"])
    new = name()
    api.ok("PATCH", "/user", ust=ust, username=new)
    assert api.ok("GET", "/user", ust=ust)["username"] == new


def test_a_super_user_changes_anybody(api):
    user_id = api.made()["user_id"]
    given = {"display_name": text(), "password_expiry": "2345-12-27T11:22:33", "is_locked": True, "sign_up_status": "final"}
    api.ok("PATCH", "/user", ust=api.ust, user_id=user_id, nobody_knows_this="x", **given)
    found = api.ok("GET", "/user", ust=api.ust, user_id=user_id)
    assert {field: found[field] for field in given} == given


def test_a_password_is_changed_by_its_owner_and_by_a_super_user(api):
    user = api.made()
    ust, new = api.ust_of(user), text()
    api.ok("PATCH", "/user/password", ust=ust, old_password=user["password"], new_password=new)
    api.refused("E005001", "POST", "/user/login", username=user["username"], password=user["password"])
    assert api.ust_of({**user, "password": new})
    given = {"user_id": user["user_id"], "new_password": text(), "password_expiry": 1}
    api.ok("PATCH", "/user/password", ust=api.ust, **given)
    login = {"username": user["username"], "password": given["new_password"]}
    answer = api.send("POST", "/user/login", login)
    assert (answer["status"], answer["sub_status"]) == ("warning", ["W003005"]) and answer["ust"]
    unknown = {"user_id": user["user_id"], "new_password": text(), "nobody_knows_this": True}
    api.ok("PATCH", "/user/password", ust=api.ust, **unknown)


# Codes


def test_a_login_with_a_second_factor_needs_its_code(api):
    api.ok("PATCH", "/user", ust=api.ust, is_totp_enabled=True)
    given = {"username": SUPER, "password": SUPER_PASSWORD}
    try:
        # The same code again and again, as `allow_reuse` has it.
        for _ in range(2):
            assert api.ok("POST", "/user/login", totp_code=code(SUPER_KEY), **given)["ust"]
        assert "ust" not in api.refused("E005001", "POST", "/user/login", totp_code="000000", **given)
        assert "ust" not in api.refused("E005008", "POST", "/user/login", **given)
    finally:
        api.ok("PATCH", "/user", ust=api.ust, is_totp_enabled=False)


def test_a_key_is_made_if_none_is_given_and_then_alone_answered(api):
    user = api.made()
    for given in ({}, {"totp_key": "", "totp_label": ""}, {"totp_key": None, "totp_label": None}):
        assert len(api.ok("PATCH", "/user/totp", ust=api.ust, user_id=user["user_id"], **given)["totp_key"]) == 32
    given = {"totp_key": SUPER_KEY, "totp_label": "My SSO key"}
    assert "totp_key" not in api.ok("PATCH", "/user/totp", ust=api.ust, user_id=user["user_id"], **given)


# What every request has


def test_what_is_wrong_with_every_request_alike(api):
    answer = api.send("GET", "/user", {"current_app": text(), "ust": api.ust})
    assert (answer["status"], answer["sub_status"]) == ("error", ["E004001"])
    api.refused("E007001", "GET", "/user", ust=text())
    assert api.send("GET", "/user", {}, 400)["details"] == "Bad request"
    assert api.send("GET", "/user", {"ust": api.ust, "cid": "my-cid"})["cid"] == "my-cid"
