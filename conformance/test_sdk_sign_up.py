"""`self.sso.signup` and its confirmation, against the server: the token goes to the address, and works once."""

import pytest

import outbox
import sdk_scenes
from conftest import eventually
from countersign.sso import SignupCtx, const, status_code
from countersign_server import running
from sdk_scenes import APP, FROM, PASSWORD, refused

ADDRESS = "new.one@example.com"


@pytest.fixture(scope="module")
def mails(tmp_path_factory):
    return tmp_path_factory.mktemp("mails") / "outbox"


@pytest.fixture(scope="module")
def scene(tmp_path_factory, mails):
    settings = f"[apps]\nsignup_allowed = ['{APP}']\n" + outbox.settings(mails)
    with running(tmp_path_factory.mktemp("sdk"), None, settings) as server:
        yield sdk_scenes.scene(server)


def test_signup_mails_a_token_that_confirms_it_once(scene, mails):
    user = scene.sso.user
    assert user.signup("cid", SignupCtx("new.one", ADDRESS, PASSWORD, APP, [APP]), *FROM) is None
    token = eventually("the mail", lambda: outbox.tokens(mails, ADDRESS))[0]
    by_name = scene.privileged.user.get_user_by_username
    assert by_name("cid", "new.one", needs_approved=False).sign_up_status == const.signup_status.before_confirmation
    user.confirm_signup("cid", token, *FROM)
    found = by_name("cid", "new.one", needs_approved=False)
    assert found.sign_up_status == const.signup_status.final
    refused(status_code.auth.sign_up_confirmed, user.confirm_signup, "cid", token, *FROM)
    refused(status_code.auth.no_such_sign_up_token, user.confirm_signup, "cid", "not a token", *FROM)
    scene.sso.user.approve_user("cid", found.user_id, scene.boss, *FROM)
    assert scene.ust("new.one")


def test_signup_is_refused_for_an_application_that_takes_none(scene):
    ctx = SignupCtx("new.two", "new.two@example.com", PASSWORD, "HR", ["HR"])
    refused(status_code.app_list.invalid, scene.sso.user.signup, "cid", ctx, "HR", FROM[1])
