"""`self.sso.user.session` and `self.sso.totp`, method by method, against the server: what a program sees."""

from datetime import datetime
from types import SimpleNamespace

import pytest

import sdk_scenes
from countersign.sso import SSO, InvalidTOTPError, RequestCtx, Session, User, status_code
from countersign_server import running
from sdk_scenes import ADDRESS, AGENT, APP, FROM, KEY, NO_UST, REGULAR, SUPER, refused
from totp_codes import code

NOT_ALLOWED = status_code.auth.not_allowed
NO_SESSION = status_code.session.no_such_session


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    with running(tmp_path_factory.mktemp("sdk"), None) as server:
        yield sdk_scenes.scene(server)


@pytest.fixture(scope="module")
def session(scene):
    return scene.sso.user.session


def test_verify_says_whether_a_session_is_good(scene, session):
    target = scene.ust(REGULAR)
    assert session.verify("cid", target, scene.boss, *FROM) is True
    assert session.verify("cid", NO_UST, scene.boss, *FROM, AGENT) is False
    refused(NOT_ALLOWED, session.verify, "cid", target, target, *FROM)
    refused(NO_SESSION, session.verify, "cid", target, NO_UST, *FROM)
    for nothing in (None, ""):
        assert session.verify("cid", nothing, scene.boss, *FROM) is False
    session.logout(target, *FROM)
    assert session.verify("cid", target, scene.boss, *FROM) is False


def test_renew_gives_the_new_end(scene, session):
    info = scene.login(REGULAR)
    until = session.renew("cid", info.ust, *FROM, AGENT, needs_decrypt=True)
    assert isinstance(until, datetime) and until >= info.expiration_time
    refused(NO_SESSION, session.renew, "cid", NO_UST, *FROM)


def test_get_shows_a_session_to_a_super_user(scene, session):
    info = scene.login(REGULAR)
    found = session.get("cid", info.ust, scene.boss, *FROM)
    assert (type(found), found.remote_addr) == (Session, ADDRESS)
    assert (found.creation_time, found.expiration_time) == (info.creation_time, info.expiration_time)
    assert found.attr is not None and "attr" not in found.to_dict()
    refused(NOT_ALLOWED, session.get, "cid", info.ust, info.ust, *FROM)
    refused(NO_SESSION, session.get, "cid", NO_UST, scene.boss, *FROM)


def test_get_list_shows_ones_own_and_to_a_super_user_anybodys(scene, session):
    name = scene.added().username
    tokens = [scene.ust(name) for _ in range(2)]
    own = session.get_list("cid", tokens[0], None, None, *FROM)
    assert len(own) == 3 and {row["remote_addr"] for row in own} == {ADDRESS}
    # Nobody is shown a token a second time.
    assert not any(token in str(own) for token in tokens)
    assert len(session.get_list("cid", None, tokens[0], scene.boss, *FROM)) == 3
    refused(NOT_ALLOWED, session.get_list, "cid", None, scene.boss, tokens[0], *FROM)
    refused(NO_SESSION, session.get_list, "cid", NO_UST, None, None, *FROM)


def test_a_session_of_the_list_is_revoked_by_its_id(scene, session):
    kept = scene.added()
    [own] = session.get_list("cid", kept.ust, None, None, *FROM)
    other = scene.ust(kept.username)
    listed = session.get_list("cid", kept.ust, None, None, *FROM)
    [new] = [row["session_id"] for row in listed if row["session_id"] != own["session_id"]]
    # One's own, and as a super-user anybody's.
    session.revoke("cid", new, kept.ust, *FROM)
    refused(NO_SESSION, session.renew, "cid", other, *FROM)
    session.revoke("cid", own["session_id"], scene.boss, *FROM)
    refused(NO_SESSION, session.renew, "cid", kept.ust, *FROM)


def test_require_super_user_gives_the_session_of_one(scene, session):
    assert session.require_super_user("cid", scene.boss, *FROM).remote_addr == ADDRESS
    refused(NOT_ALLOWED, session.require_super_user, "cid", scene.ust(REGULAR), *FROM)
    refused(NO_SESSION, session.require_super_user, "cid", NO_UST, *FROM)


def test_get_current_session_says_whose_it_is(scene, session):
    current = session.get_current_session("cid", scene.ust(REGULAR), *FROM, needs_super_user=False)
    assert (current.username, current.user.username, current.remote_addr) == (REGULAR, REGULAR, None)
    current = session.get_current_session("cid", scene.boss, *FROM, needs_super_user=True)
    assert (current.username, current.is_super_user, current.remote_addr) == (SUPER, True, ADDRESS)
    refused(NOT_ALLOWED, session.get_current_session, "cid", scene.ust(REGULAR), *FROM, True)
    refused(NO_SESSION, session.get_current_session, "cid", NO_UST, *FROM, False)


def test_get_session_by_ust_is_made_with_the_programs_own_session(scene):
    session = scene.privileged.user.session
    info = scene.login(REGULAR)
    assert session.get_session_by_ust(info.ust, datetime.now()).creation_time == info.creation_time
    assert session.get_session_by_ust(NO_UST, datetime.now()) is None
    assert session.get_session_by_ext_id("basic_auth", 1) is None


def test_that_somebody_was_authenticated_is_not_claimed_by_a_program(scene):
    claim = scene.privileged.user.session.on_external_auth_succeeded
    refused(NOT_ALLOWED, claim, "cid", "basic_auth", 1, "account", "zusr1", None, None, *FROM, AGENT)


def test_logout_of_a_session_ends_it(scene, session):
    target = scene.ust(REGULAR)
    session.logout(target, *FROM)
    refused(NO_SESSION, session.renew, "cid", target, *FROM)


# The audit trail


def test_the_audit_trail_is_searched_by_a_correlation_id(scene):
    name = scene.added().username
    current = scene.sso.user.login("my-login", name, sdk_scenes.PASSWORD, APP, "192.0.2.7").ust
    [row] = scene.sso.audit.search("cid", scene.boss, *FROM, filter_cid="my-login", actor=name)
    assert (row["operation"], row["outcome"], row["application"]) == ("session.open", "accepted", APP)
    # Whose address it was is what the connection says; what was said is kept beside it.
    assert (row["address"], row["claimed_address"]) == (ADDRESS, "192.0.2.7")
    assert current not in str(row)
    refused(NOT_ALLOWED, scene.sso.audit.search, "cid", current, *FROM)


def test_a_program_with_the_right_key_is_believed_whose_address_it_is(scene):
    name, url = scene.added().username, scene.server.urls["http"]
    with SSO(url, api_key=sdk_scenes.api_key(scene.server, SUPER, "sso:act-for=c")) as sso:
        info = sso.user.login("for-another", name, sdk_scenes.PASSWORD, APP, ["192.0.2.7", "10.0.0.1"], "Their browser")
    [row] = scene.sso.audit.search("cid", scene.boss, *FROM, filter_cid="for-another", actor=name)
    found = [row[field] for field in ("address", "agent", "claimed_address", "claimed_agent")]
    assert found == ["192.0.2.7", "Their browser", "", ""]
    assert scene.sso.user.session.get("cid", info.ust, scene.boss, *FROM).remote_addr == "192.0.2.7"
    # Who shows a key that isn't fit is told, and not taken for one without.
    for unfit in (sdk_scenes.api_key(scene.server, SUPER), (SUPER, "wrong")):
        with SSO(url, api_key=unfit) as sso:
            refused(NOT_ALLOWED, sso.user.login, "cid", name, sdk_scenes.PASSWORD, APP, "192.0.2.7")
    for wrong in (("", "key"), ("a:b", "key")):
        with pytest.raises(ValueError):
            SSO(url, api_key=wrong)


# Codes


def keyed(scene):
    """The name of a user with a key, whose logins need no code."""
    name = scene.added().username
    scene.server.cli("user", "totp", "reset", name, "--key", KEY)
    return name


def test_validate_code_takes_each_code_once(scene):
    name = keyed(scene)
    validate = scene.sso.totp.validate_code
    context, current = RequestCtx("cid", APP, ADDRESS), scene.ust(name)
    # Also while the login asks for none.
    assert validate(context, code=code(KEY), ust=current) is None
    for wrong in (code(KEY), "000000"):
        with pytest.raises(InvalidTOTPError) as error:
            validate(context, code=wrong, ust=current)
        assert (error.value.sub_status, error.value.return_status) == ([NOT_ALLOWED], False)
    refused(status_code.auth.totp_missing, validate, context, code="", ust=current)
    refused(NO_SESSION, validate, context, code=code(KEY, 1), ust=NO_UST)
    for neither in ({}, {"ust": current, "username": name}):
        with pytest.raises(ValueError, match="one of"):
            validate(context, code=code(KEY, 1), **neither)


def test_validate_code_by_name_is_for_super_users(scene):
    name = keyed(scene)
    by_boss = SimpleNamespace(cid="cid", current_app=APP, remote_addr=ADDRESS, current_ust=scene.boss)
    scene.sso.totp.validate_code(by_boss, code=code(KEY), username=name)
    nobodys = RequestCtx("cid", APP, ADDRESS)
    refused(NOT_ALLOWED, scene.sso.totp.validate_code, nobodys, code=code(KEY, 1), username=name)
    regular = RequestCtx("cid", APP, ADDRESS, scene.ust(REGULAR))
    refused(NOT_ALLOWED, scene.sso.totp.validate_code, regular, code=code(KEY, 1), username=name)
    # In Zato nobody's session is asked for: here it is the program's own.
    assert scene.privileged.totp.validate_code(nobodys, code=code(KEY, 1), username=name) is None


def test_validate_code_for_user_takes_the_user(scene):
    user = User({"username": keyed(scene)})
    context = RequestCtx("cid", APP, ADDRESS, scene.boss)
    assert scene.sso.totp.validate_code_for_user(context, code=code(KEY), user=user) is None
    with pytest.raises(InvalidTOTPError):
        scene.sso.totp.validate_code_for_user(context, code="000000", user=user)
