"""Names and order of the parameters of every method that programs for Zato SSO call, and its defaults."""

import inspect

import pytest

from countersign.services import Service
from countersign.sso import (
    Attrs, AttrEntity, InvalidTOTPError, PasswordResetAPI, SSO, SearchCtx, Session, SessionAPI, SessionInfo, SignupCtx,
    TOTPAPI, User, UserAPI, ValidationError, const, not_given, status_code,
)  # fmt: skip

CALLER = "current_ust, current_app, remote_addr"
CREATE = "cid, data, ust=None, current_app=None, remote_addr=None, require_super_user=True, auto_approve=False"
LOCK = "cid, user_id, current_ust=None, current_app=None, remote_addr=None, require_super_user=True, current_user=None"

USER = {
    "create_user": CREATE,
    "create_super_user": CREATE,
    "signup": "cid, ctx, current_app, remote_addr",
    "confirm_signup": "cid, confirm_token, current_app, remote_addr",
    "get_user_by_username": "cid, username, needs_approved=True",
    "get_current_user": f"cid, {CALLER}, return_all_attrs=False",
    "get_user_by_id": f"cid, user_id, {CALLER}, return_all_attrs=False",
    "get_user_by_linked_auth": f"cid, sec_type, sec_username, {CALLER}, return_all_attrs=False",
    "validate_password": "password",
    "delete_user_by_id": f"cid, user_id, {CALLER}, skip_sec=False",
    "delete_user_by_username": f"cid, username, {CALLER}, skip_sec=False",
    "lock_user": LOCK,
    "unlock_user": LOCK,
    "login": "cid, username, password, current_app, remote_addr, user_agent=None, has_remote_addr=False, "
    "has_user_agent=False, new_password='', totp_code=None, skip_sec=False",
    "logout": "cid, ust, current_app, remote_addr, skip_sec=False",
    "update_current_user": f"cid, data, {CALLER}",
    "update_user_by_id": f"cid, user_id, data, {CALLER}",
    "set_password": "cid, user_id, password, must_change, password_expiry, current_app, remote_addr, details=None",
    "reset_totp_key": "cid, current_ust, user_id, key, key_label, current_app, remote_addr, skip_sec=False",
    "change_password": f"cid, data, {CALLER}",
    "approve_user": f"cid, user_id, {CALLER}",
    "reject_user": f"cid, user_id, {CALLER}",
    "get_linked_auth_list": "cid, ust, current_app, remote_addr, user_id=None",
    "create_linked_auth": "cid, ust, user_id, auth_type, auth_username, is_active, current_app, remote_addr",
    "delete_linked_auth": "cid, ust, user_id, auth_type, auth_username, current_app, remote_addr",
    "search": f"cid, ctx, {CALLER}, serialize_dt=False",
}

SESSION = {
    "verify": f"cid, target_ust, {CALLER}, user_agent=None",
    "renew": "cid, ust, current_app, remote_addr, user_agent=None, needs_decrypt=True",
    "get": f"cid, target_ust, {CALLER}, user_agent=None, check_if_password_expired=True",
    "get_list": f"cid, ust, target_ust, {CALLER}, _unused_user_agent=None",
    "require_super_user": f"cid, {CALLER}",
    "get_current_session": f"cid, {CALLER}, needs_super_user",
    "get_session_by_ust": "raw_ust, now",
    "get_session_by_ext_id": "sec_type, sec_def_id, ext_session_id=None",
    "on_external_auth_succeeded": "cid, sec_type, sec_def_id, sec_def_username, user_id, ext_session_id, totp_code, "
    "current_app, remote_addr, user_agent=None",
    "logout": "ust, current_app, remote_addr, skip_sec=False",
}

ONE = "name, value, expiration=None, encrypt=False, user_id=None"
MANY = "data, expiration=None, encrypt=False, user_id=None"
GET = "data, decrypt=True, serialize_dt=False, user_id=None"
ATTR = {
    "create": ONE,
    "create_many": MANY,
    "update": ONE,
    "update_many": MANY,
    "set": ONE,
    "set_many": MANY,
    "get": GET,
    "get_many": GET,
    "exists": "data, user_id=None",
    "exists_many": "data, user_id=None",
    "names": "user_id=None",
    "delete": "data, user_id=None",
    "delete_many": "data, user_id=None",
    "set_expiry": "name, expiration, user_id=None",
    "set_expiry_many": "data, expiration=None, user_id=None",
    "to_dict": "decrypt=True, value_to_dict=False, serialize_dt=False, user_id=None",
}

PASSWORD_RESET = {
    "create_token": "cid, credential, current_app, remote_addr, user_agent",
    "access_token": "cid, token, current_app, remote_addr, user_agent",
    "change_password": "cid, new_password, token, reset_key, current_app, remote_addr, user_agent",
}

TOTP = {
    "validate_code": "req_ctx, *, code, ust='', username=''",
    "validate_code_for_user": "req_ctx, *, code, user",
}

TABLES = {UserAPI: USER, SessionAPI: SESSION, Attrs: ATTR, PasswordResetAPI: PASSWORD_RESET, TOTPAPI: TOTP}
ROWS = [(owner, name, wanted) for owner, table in TABLES.items() for name, wanted in table.items()]


def signature(method):
    """Names, order and defaults, without the types."""
    found = inspect.signature(method)
    bare = [one.replace(annotation=one.empty) for one in found.parameters.values() if one.name != "self"]
    return str(inspect.Signature(bare))[1:-1]


@pytest.mark.parametrize(("owner", "name", "wanted"), ROWS, ids=[f"{row[0].__name__}.{row[1]}" for row in ROWS])
def test_a_method_has_the_parameters_that_programs_give(owner, name, wanted):
    given = signature(getattr(owner, name))
    # What was a parameter by position stays one; a default that is new harms nobody.
    assert given.replace("now=None", "now") == wanted


def test_the_objects_hang_where_programs_look_for_them():
    sso = SSO("http://127.0.0.1:9")
    found = [type(sso.user), type(sso.user.session), type(sso.totp), type(sso.password_reset)]
    assert found == [UserAPI, SessionAPI, TOTPAPI, PasswordResetAPI]


def test_an_error_wraps_one_code_and_tells_nobody_unless_asked():
    error = ValidationError("E005001")
    assert (error.sub_status, error.status, error.return_status) == (["E005001"], "error", False)
    error = ValidationError(["E003002", "E003008"], True, "warning")
    assert (error.sub_status, error.status, error.return_status) == (["E003002", "E003008"], "warning", True)
    assert issubclass(InvalidTOTPError, ValidationError)


def test_codes_have_the_names_that_programs_compare_with():
    assert (status_code.ok, status_code.error, status_code.warning) == ("ok", "error", "warning")
    assert status_code.username.exists == "E001002"
    assert status_code.password.w_about_to_exp == "W003005"
    assert status_code.auth.totp_missing == "E005008"
    assert status_code.common.invalid_input == "E008002"
    assert status_code.password_reset.could_not_access == "E010001"
    assert const.approval_status.before_decision == "before_decision"
    assert const.signup_status.final == "final"


def test_contexts_and_entities_have_the_fields_that_programs_use():
    sign_up = {"username": "", "email": "", "password": "", "current_app": None, "app_list": []}
    assert SignupCtx().to_dict() == {**sign_up, "sign_up_status": "before_confirmation"}
    ctx = SearchCtx()
    assert (ctx.username, ctx.paginate, ctx.cur_page, ctx.page_size) == (not_given, True, 1, None)
    assert (ctx.name_op, ctx.is_name_exact) == ("and", True)
    user = User({"username": "zoe", "sign_up_time": "2026-01-02T03:04:05.5"}, attr="attr")
    assert (user.attr, user.to_dict()["username"], user.is_current_super_user) == ("attr", "zoe", None)
    assert user.sign_up_time.microsecond == 500_000
    assert "attr" not in user.to_dict() and {"user_id", "locked_by", "totp_label", "rate_limit_def"} <= set(user.to_dict())
    assert set(Session().to_dict()) == {"creation_time", "expiration_time", "remote_addr", "user_agent"}
    times = {"creation_time", "expiration_time"}
    assert set(SessionInfo("ust").to_dict()) == {"ust", "user_id", "username", "has_w_about_to_exp"} | times
    assert set(AttrEntity("name", 1).to_dict()) == {"name", "value", "last_modified", "is_encrypted"} | times


def test_a_service_is_a_class_with_a_handle():
    assert signature(Service.handle) == ""
