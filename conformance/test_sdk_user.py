"""`self.sso.user`, method by method, against the server: what a program sees."""

from datetime import datetime

import pytest

import sdk_scenes
from countersign.sso import SearchCtx, SessionInfo, User, ValidationError, const, status_code
from countersign_server import running
from sdk_scenes import AGENT, FROM, KEY, NO_UST, NOBODY_ID, OTHER_PASSWORD, PASSWORD, REGULAR, SUPER, refused
from totp_codes import code

NOT_ALLOWED = status_code.auth.not_allowed
INVALID_INPUT = status_code.common.invalid_input
NO_SESSION = status_code.session.no_such_session


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    with running(tmp_path_factory.mktemp("sdk"), None) as server:
        yield sdk_scenes.scene(server)


@pytest.fixture(scope="module")
def user(scene):
    return scene.sso.user


def shown(scene, user_id):
    return scene.sso.user.get_user_by_id("cid", user_id, scene.boss, *FROM)


# Creating


def test_create_user_gives_the_id_and_what_was_made_of_the_data(scene, user):
    data = {"username": "user.created", "password": PASSWORD, "first_name": " A ", "last_name": "B", "email": "no e-mail"}
    user_id = user.create_user("cid", data, scene.boss, *FROM)
    assert user_id.startswith("zusr") and data["user_id"] == user_id
    assert "password" not in data
    assert (data["display_name"], data["first_name"], data["sign_up_status"]) == ("A B", "A", "final")
    assert (data["is_approval_needed"], data["approval_status"]) == (True, "before_decision")
    assert (data["is_super_user"], data["is_locked"], data["password_is_set"]) == (False, False, True)
    assert isinstance(data["sign_up_time"], datetime)
    refused(NOT_ALLOWED, scene.ust, "user.created")
    made = scene.made(username="user.approved")[1]
    assert shown(scene, made).approval_status == const.approval_status.approved


def test_create_user_is_refused_with_the_reason(scene, user):
    create = user.create_user
    refused(status_code.username.invalid, create, "cid", {"password": PASSWORD}, scene.boss, *FROM)
    refused(status_code.username.exists, create, "cid", {"username": REGULAR}, scene.boss, *FROM)
    short = {"username": "user.short", "password": "x7!"}
    refused(status_code.password.not_complex_enough, create, "cid", short, scene.boss, *FROM)
    refused(NOT_ALLOWED, create, "cid", {"username": "user.a"}, scene.ust(REGULAR), *FROM)
    refused(NO_SESSION, create, "cid", {"username": "user.a"}, NO_UST, *FROM)
    refused(status_code.app_list.invalid, create, "cid", {"username": "user.a"}, scene.boss)


def test_create_user_without_a_super_users_session_is_made_by_the_programs_own(scene):
    data = {"username": "user.own", "password": PASSWORD}
    assert scene.privileged.user.create_user("cid", data, require_super_user=False, auto_approve=True)
    assert scene.ust("user.own")


def test_create_super_user_makes_one(scene, user):
    data = {"username": "user.super", "password": PASSWORD, "sign_up_status": "before_confirmation"}
    user_id = user.create_super_user("cid", data, scene.boss, *FROM, auto_approve=True)
    assert (data["is_super_user"], data["sign_up_status"]) == (True, "final")
    assert shown(scene, user_id).is_super_user
    refused(NOT_ALLOWED, user.create_super_user, "cid", {"username": "user.b"}, scene.ust(REGULAR), *FROM)


# Reading


def test_get_user_by_username_is_made_with_the_programs_own_session(scene):
    get = scene.privileged.user.get_user_by_username
    found = get("cid", REGULAR)
    assert (type(found), found.username) == (User, REGULAR)
    assert get("cid", "nobody") is None
    scene.sso.user.create_user("cid", {"username": "user.unapproved"}, scene.boss, *FROM)
    assert get("cid", "user.unapproved") is None
    assert get("cid", "user.unapproved", needs_approved=False).username == "user.unapproved"


def test_get_current_user_shows_the_caller(scene, user):
    name, _ = scene.made(first_name="A", last_name="B")
    found = user.get_current_user("cid", scene.ust(name), *FROM)
    assert (found.username, found.display_name, found.is_totp_enabled, found.totp_label) == (name, "A B", False, "")
    # What only a super-user is told.
    assert (found.is_locked, found.is_super_user, found.approval_status) == (None, None, None)
    found = user.get_current_user("cid", scene.boss, *FROM, return_all_attrs=True)
    assert (found.username, found.is_super_user, found.is_locked, found.totp_key) == (SUPER, True, False, None)
    refused(NO_SESSION, user.get_current_user, "cid", NO_UST, *FROM)
    refused(status_code.app_list.invalid, user.get_current_user, "cid", scene.boss, "HR", FROM[1])


def test_get_user_by_id_shows_anybody_to_a_super_user(scene, user):
    name, user_id = scene.made(email="e@example.com", totp_label="a label")
    found = shown(scene, user_id)
    assert (found.user_id, found.username, found.email, found.totp_label) == (user_id, name, "e@example.com", "a label")
    assert (found.is_locked, found.password_is_set, found.sign_up_status) == (False, True, "final")
    assert isinstance(found.password_expiry, datetime)
    refused(NOT_ALLOWED, user.get_user_by_id, "cid", user_id, scene.ust(name), *FROM)
    refused(NOT_ALLOWED, user.get_user_by_id, "cid", NOBODY_ID, scene.boss, *FROM)
    # Nobody is not the caller.
    for nobody in (None, ""):
        for asking in (scene.boss, scene.ust(name)):
            refused(NOT_ALLOWED, user.get_user_by_id, "cid", nobody, asking, *FROM)


def test_search_finds_users_for_a_super_user(scene, user):
    for _ in range(2):
        scene.made(display_name="Some Zebra Person")
    page = user.search("cid", SearchCtx(display_name="zebra", is_name_exact=False), scene.boss, *FROM)
    assert (page["total"], page["cur_page"], page["num_pages"], page["page_size"]) == (2, 1, 1, 50)
    assert (page["has_next_page"], page["has_prev_page"], page["next_page"]) == (False, False, None)
    assert isinstance(page["result"][0]["sign_up_time"], datetime)
    page = user.search("cid", SearchCtx(display_name="zebra"), scene.boss, *FROM)
    assert (page["total"], page["result"]) == (0, [])
    page = user.search("cid", SearchCtx(username=REGULAR), scene.boss, *FROM, serialize_dt=True)
    assert [row["username"] for row in page["result"]] == [REGULAR]
    assert isinstance(page["result"][0]["sign_up_time"], str)
    refused(NOT_ALLOWED, user.search, "cid", SearchCtx(), scene.ust(REGULAR), *FROM)
    refused(NO_SESSION, user.search, "cid", SearchCtx(), NO_UST, *FROM)
    # The program's own session is opened again when it ended, here too.
    by_name = scene.privileged.user.get_user_by_username
    scene.privileged.caller.as_own(lambda ust: user.logout("cid", ust, *FROM))
    assert by_name("cid", REGULAR).username == REGULAR
    for wrong in (SearchCtx(name_op="xor"), SearchCtx(display_name="")):
        with pytest.raises(ValueError, match="name_op|empty"):
            user.search("cid", wrong, scene.boss, *FROM)


def test_validate_password_says_what_is_wrong_with_it(scene):
    validate = scene.privileged.user.validate_password
    assert validate(OTHER_PASSWORD) is None
    refused(status_code.password.not_complex_enough, validate, "x7!")
    refused(status_code.password.too_long, validate, "x7! " * 1000)
    refused(status_code.password.invalid, validate, "Xk2 letmein 9vQ zu")


# Deleting, locking, approving


def test_delete_user_by_id_is_for_super_users_and_not_for_oneself(scene, user):
    name, user_id = scene.made()
    refused(NOT_ALLOWED, user.delete_user_by_id, "cid", user_id, scene.ust(name), *FROM)
    user.delete_user_by_id("cid", user_id, scene.boss, *FROM)
    refused(NOT_ALLOWED, shown, scene, user_id)
    refused(NOT_ALLOWED, user.delete_user_by_id, "cid", user_id, scene.boss, *FROM)
    own = user.get_current_user("cid", scene.boss, *FROM).user_id
    refused(status_code.common.invalid_operation, user.delete_user_by_id, "cid", own, scene.boss, *FROM)
    _, user_id = scene.made()
    scene.privileged.user.delete_user_by_id("cid", user_id, None, *FROM, skip_sec=True)
    refused(NOT_ALLOWED, shown, scene, user_id)


def test_delete_user_by_username_is_the_same_by_name(scene, user):
    name, user_id = scene.made()
    refused(NOT_ALLOWED, user.delete_user_by_username, "cid", name, scene.ust(name), *FROM)
    user.delete_user_by_username("cid", name, scene.boss, *FROM)
    refused(NOT_ALLOWED, shown, scene, user_id)
    refused(NOT_ALLOWED, user.delete_user_by_username, "cid", name, scene.boss, *FROM)
    refused(status_code.common.invalid_operation, user.delete_user_by_username, "cid", SUPER, scene.boss, *FROM)


def test_lock_user_keeps_a_user_out_until_unlock_user(scene, user):
    name, user_id = scene.made()
    current = scene.ust(name)
    refused(NOT_ALLOWED, user.lock_user, "cid", user_id, current, *FROM)
    user.lock_user("cid", user_id, scene.boss, *FROM)
    found = shown(scene, user_id)
    assert found.is_locked and isinstance(found.locked_time, datetime)
    assert found.locked_by == user.get_current_user("cid", scene.boss, *FROM).user_id
    refused(NO_SESSION, user.session.renew, "cid", current, *FROM)
    user.unlock_user("cid", user_id, scene.boss, *FROM)
    assert not shown(scene, user_id).is_locked and scene.ust(name)
    # Without anybody's session.
    scene.privileged.user.lock_user("cid", user_id, require_super_user=False)
    assert shown(scene, user_id).is_locked
    scene.privileged.user.unlock_user("cid", user_id, require_super_user=False)
    assert not shown(scene, user_id).is_locked


def test_approve_user_and_reject_user_are_for_super_users(scene, user):
    data = {"username": "user.decided", "password": PASSWORD}
    user_id = user.create_user("cid", data, scene.boss, *FROM)
    for decide in (user.approve_user, user.reject_user):
        refused(INVALID_INPUT, decide, "cid", user_id, scene.ust(REGULAR), *FROM)
    user.approve_user("cid", user_id, scene.boss, *FROM)
    assert shown(scene, user_id).approval_status == const.approval_status.approved
    current = scene.ust("user.decided")
    user.reject_user("cid", user_id, scene.boss, *FROM)
    assert shown(scene, user_id).approval_status == const.approval_status.rejected
    refused(NO_SESSION, user.session.renew, "cid", current, *FROM)
    refused(NOT_ALLOWED, scene.ust, "user.decided")


# Logging in and out


def test_login_gives_a_session_and_tells_strangers_nothing(scene):
    for password in (PASSWORD, PASSWORD.encode()):
        info = scene.login(REGULAR, password)
        assert (type(info), info.username, info.has_w_about_to_exp) == (SessionInfo, REGULAR, False)
        assert info.ust and info.user_id.startswith("zusr") and info.expiration_time > info.creation_time
    for name, password in ((REGULAR, "wrong"), (REGULAR, ""), ("nobody", PASSWORD), ("", PASSWORD)):
        assert not refused(NOT_ALLOWED, scene.login, name, password).return_status
    refused(status_code.app_list.invalid, scene.sso.user.login, "cid", REGULAR, PASSWORD, "HR", FROM[1])
    # Nobody opens the session of somebody else.
    refused(NOT_ALLOWED, scene.privileged.user.login, "cid", REGULAR, None, *FROM, skip_sec=True)


def test_login_asks_for_a_code_where_there_is_a_second_factor(scene):
    name, _ = scene.made(is_totp_enabled=True, totp_key=KEY)
    refused(status_code.auth.totp_missing, scene.login, name)
    refused(NOT_ALLOWED, scene.login, name, totp_code="000000")
    assert scene.login(name, totp_code=code(KEY)).ust
    # Each code is good once.
    refused(NOT_ALLOWED, scene.login, name, totp_code=code(KEY, -1))
    assert scene.login(name, totp_code=code(KEY, 1)).ust


def test_login_with_a_new_password_where_one_is_demanded(scene):
    name, _ = scene.made(password_must_change=True)
    refused(status_code.password.must_send_new, scene.login, name)
    refused(status_code.password.not_complex_enough, scene.login, name, new_password="x7!")
    assert scene.login(name, new_password=OTHER_PASSWORD).ust
    refused(NOT_ALLOWED, scene.login, name)
    assert scene.login(name, OTHER_PASSWORD).ust


def test_login_warns_of_a_password_that_ends_soon(scene, user):
    name, user_id = scene.made()
    user.change_password(
        "cid", {"user_id": user_id, "new_password": OTHER_PASSWORD, "password_expiry": 1}, scene.boss, *FROM
    )
    info = scene.login(name, OTHER_PASSWORD)
    assert info.ust and info.has_w_about_to_exp


def test_logout_ends_one_session(scene, user):
    one, other = scene.ust(REGULAR), scene.ust(REGULAR)
    user.logout("cid", one, *FROM)
    refused(NO_SESSION, user.session.renew, "cid", one, *FROM)
    assert user.session.renew("cid", other, *FROM)
    # As by REST: what isn't there is ended.
    user.logout("cid", NO_UST, *FROM)


# Changing


def test_update_current_user_changes_what_an_owner_may(scene, user):
    name, user_id = scene.made(email="a@example.com", first_name="A")
    current = scene.ust(name)
    user.update_current_user("cid", {"email": None, "first_name": "Z", "totp_label": "mine"}, current, *FROM)
    found = user.get_current_user("cid", current, *FROM)
    assert (found.email, found.first_name, found.totp_label) == (None, "Z", "mine")
    update = user.update_current_user
    refused(status_code.common.missing_input, update, "cid", {}, current, *FROM)
    refused(status_code.username.exists, update, "cid", {"username": REGULAR}, current, *FROM)
    refused(INVALID_INPUT, update, "cid", {"username": None}, current, *FROM)
    refused(INVALID_INPUT, update, "cid", {"is_locked": True}, current, *FROM)
    assert not shown(scene, user_id).is_locked


def test_update_user_by_id_changes_anybody_for_a_super_user(scene, user):
    name, user_id = scene.made()
    _, other_id = scene.made()
    expiry = datetime(2345, 12, 27, 11, 22, 33)
    data = {"password_expiry": expiry, "display_name": "N", "approval_status": "rejected", "is_locked": True}
    user.update_user_by_id("cid", user_id, data, scene.boss, *FROM)
    found = shown(scene, user_id)
    assert (found.password_expiry, found.display_name, found.approval_status) == (expiry, "N", "rejected")
    assert found.is_locked
    current = scene.ust(REGULAR)
    refused(INVALID_INPUT, user.update_user_by_id, "cid", other_id, {"display_name": "N"}, current, *FROM)
    for nobody in (NOBODY_ID, None, ""):
        refused(NOT_ALLOWED, user.update_user_by_id, "cid", nobody, {"display_name": "N"}, scene.boss, *FROM)
    assert user.get_current_user("cid", scene.boss, *FROM).display_name is None
    for wrong in ({"is_locked": "yes"}, {"password_must_change": 1}, {"is_locked": None}, {"totp_key": KEY}):
        refused(INVALID_INPUT, user.update_user_by_id, "cid", other_id, wrong, scene.boss, *FROM)
    # A regular user may name itself.
    own = scene.login(REGULAR)
    user.update_user_by_id("cid", own.user_id, {"display_name": "J"}, own.ust, *FROM)
    assert shown(scene, own.user_id).display_name == "J"


def test_set_password_is_made_with_the_programs_own_session(scene):
    name, user_id = scene.made()
    set_password = scene.privileged.user.set_password
    set_password("cid", user_id, OTHER_PASSWORD, None, 1, *FROM, details={"user_agent": AGENT})
    assert scene.login(name, OTHER_PASSWORD).has_w_about_to_exp
    set_password("cid", user_id, PASSWORD, True, None, *FROM)
    refused(status_code.password.must_send_new, scene.login, name)
    # Nothing said of it leaves it as it is.
    set_password("cid", user_id, PASSWORD, None, None, *FROM)
    refused(status_code.password.must_send_new, scene.login, name)
    set_password("cid", user_id, PASSWORD, False, None, *FROM)
    assert scene.ust(name)
    for nobody in (None, NOBODY_ID):
        refused(NOT_ALLOWED, set_password, "cid", nobody, PASSWORD, None, None, *FROM)
    with pytest.raises(ValueError, match="must_change"):
        set_password("cid", user_id, PASSWORD, "yes", None, *FROM)
    refused(status_code.password.not_complex_enough, set_password, "cid", user_id, "x7!", None, None, *FROM)


def test_reset_totp_key_gives_a_key_only_if_it_made_it(scene, user):
    name, user_id = scene.made(is_totp_enabled=True, totp_key=KEY)
    current = scene.ust(name, totp_code=code(KEY))
    made = user.reset_totp_key("cid", current, None, None, "My SSO key", *FROM)
    assert len(made) == 32
    assert shown(scene, user_id).totp_label == "My SSO key"
    # The new key's codes log in, the old one's don't.
    refused(NOT_ALLOWED, scene.login, name, totp_code=code(KEY, 1))
    assert scene.ust(name, totp_code=code(made))
    assert user.reset_totp_key("cid", scene.boss, user_id, KEY, None, *FROM) is None
    assert shown(scene, user_id).totp_label == ""


def test_reset_totp_key_of_another_is_for_super_users(scene, user):
    name, user_id = scene.made()
    current = scene.ust(name)
    reset = user.reset_totp_key
    refused(INVALID_INPUT, reset, "cid", current, user_id, None, None, *FROM)
    refused(INVALID_INPUT, reset, "cid", current, None, "not base32 !!", None, *FROM)
    refused(NO_SESSION, reset, "cid", NO_UST, None, None, None, *FROM)
    refused(NOT_ALLOWED, reset, "cid", scene.boss, NOBODY_ID, None, None, *FROM)
    refused(status_code.app_list.invalid, reset, "cid", scene.boss, user_id, None, None, "HR", FROM[1])
    assert reset("cid", scene.boss, user_id, None, "My SSO key", *FROM)
    assert scene.privileged.user.reset_totp_key("cid", None, user_id, None, None, *FROM, skip_sec=True)


def test_change_password_of_oneself_needs_the_old_one(scene, user):
    name, user_id = scene.made()
    current = scene.ust(name)
    change = user.change_password
    new = {"new_password": OTHER_PASSWORD}
    refused(NOT_ALLOWED, change, "cid", {**new, "old_password": "wrong"}, current, *FROM)
    refused(INVALID_INPUT, change, "cid", {**new, "something": 1}, current, *FROM)
    refused(status_code.common.missing_input, change, "cid", {}, current, *FROM)
    other = scene.made()[1]
    refused(INVALID_INPUT, change, "cid", {**new, "user_id": other}, current, *FROM)
    change("cid", {**new, "old_password": PASSWORD}, current, *FROM)
    refused(NOT_ALLOWED, scene.ust, name)
    assert scene.ust(name, OTHER_PASSWORD)
    weak = {"user_id": user_id, "new_password": "x7!"}
    refused(status_code.password.not_complex_enough, change, "cid", weak, scene.boss, *FROM)
    change("cid", {"user_id": user_id, "new_password": PASSWORD, "must_change": True}, scene.boss, *FROM)
    refused(status_code.password.must_send_new, scene.login, name)


# Linked accounts


def test_linked_accounts_are_created_listed_and_deleted(scene, user):
    name, user_id = scene.made()
    account, _ = scene.made()
    link = ("basic_auth", account)
    made = user.create_linked_auth("cid", scene.boss, user_id, *link, True, *FROM)
    assert made[0] == user_id and isinstance(made, tuple)
    [row] = user.get_linked_auth_list("cid", scene.boss, *FROM, user_id)
    assert datetime.fromisoformat(row.pop("creation_time")).tzinfo is None
    assert row == {
        "user_id": user_id, "auth_type": "basic_auth", "auth_username": account, "auth_id": made[1], "is_active": True,
        "is_internal": False, "auth_source": "reserved", "auth_principal": "reserved", "has_ext_principal": False,
    }  # fmt: skip
    # What is linked already was a ValueError, and is refused as everything else is.
    for kind in (ValueError, ValidationError):
        with pytest.raises(kind):
            user.create_linked_auth("cid", scene.boss, user_id, *link, True, *FROM)
    current = scene.ust(name)
    assert [row["auth_username"] for row in user.get_linked_auth_list("cid", current, *FROM)] == [account]
    # Nobody else's are shown to a regular user.
    assert user.get_linked_auth_list("cid", scene.ust(REGULAR), *FROM) == []
    refused(NOT_ALLOWED, user.get_linked_auth_list, "cid", scene.ust(REGULAR), *FROM, user_id)
    refused(NOT_ALLOWED, user.create_linked_auth, "cid", current, user_id, *link, True, *FROM)
    refused(NOT_ALLOWED, user.delete_linked_auth, "cid", current, user_id, *link, *FROM)
    assert user.delete_linked_auth("cid", scene.boss, user_id, *link, *FROM) == made[1]
    with pytest.raises(ValueError):
        user.delete_linked_auth("cid", scene.boss, user_id, *link, *FROM)
    assert user.get_linked_auth_list("cid", scene.boss, *FROM, user_id) == []


def test_get_user_by_linked_auth_shows_whose_account_it_is(scene, user):
    name, user_id = scene.made()
    account, _ = scene.made()
    user.create_linked_auth("cid", scene.boss, user_id, "basic_auth", account, True, *FROM)
    found = user.get_user_by_linked_auth("cid", "basic_auth", account, scene.boss, *FROM)
    assert (found.user_id, found.username) == (user_id, name)
    refused(NOT_ALLOWED, user.get_user_by_linked_auth, "cid", "basic_auth", account, scene.ust(name), *FROM)
