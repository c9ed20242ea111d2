"""The Python package against the built server."""

import pytest

from countersign.sso import SSO, TransportError, ValidationError, status_code
from countersign_server import running

APP, ADDRESS, PASSWORD = "CRM", "127.0.0.1", "correct horse battery"


@pytest.fixture(scope="module")
def sso(tmp_path_factory):
    with running(tmp_path_factory.mktemp("sdk"), None) as server:
        server.add_user("jsmith1234", "frontend", PASSWORD)
        server.add_user("zoe", "trust", PASSWORD)
        with SSO(server.urls["http"] + "/zato/sso") as sso:
            yield sso


def ust(sso, name):
    return sso.user.login("cid", name, PASSWORD, APP, ADDRESS).ust


def refused(code, call, *arguments):
    with pytest.raises(ValidationError) as error:
        call(*arguments)
    assert error.value.sub_status == [code]


def test_a_generated_key_comes_back_and_a_given_one_does_not(sso):
    current = ust(sso, "jsmith1234")
    assert len(sso.user.reset_totp_key("cid", current, None, None, "My SSO key", APP, ADDRESS)) == 32
    assert sso.user.reset_totp_key("cid", current, None, "KMCLCWN4YPMD2WO3", None, APP, ADDRESS) is None


def test_only_a_super_user_names_a_user(sso):
    info = sso.user.login("cid", "jsmith1234", PASSWORD.encode(), APP, ADDRESS)
    reset = sso.user.reset_totp_key
    refused(status_code.common.invalid_input, reset, "cid", info.ust, info.user_id, None, None, APP, ADDRESS)
    refused(status_code.session.no_such_session, reset, "cid", "gAAAAABal", None, None, None, APP, ADDRESS)
    refused(status_code.auth.not_allowed, reset, "cid", ust(sso, "zoe"), "zusr123", None, None, APP, ADDRESS)
    assert reset("cid", ust(sso, "zoe"), info.user_id, None, "My SSO key", APP, ADDRESS)


def test_sessions_are_renewed_listed_verified_and_ended(sso):
    current, boss = ust(sso, "jsmith1234"), ust(sso, "zoe")
    session = sso.user.session
    assert session.renew("cid", current, APP, ADDRESS) is not None
    assert len(session.get_list("cid", current, None, None, APP, ADDRESS)) >= 1
    assert session.verify("cid", current, boss, APP, ADDRESS)
    sso.user.logout("cid", current, APP, ADDRESS)
    assert not session.verify("cid", current, boss, APP, ADDRESS)


def test_refusals_have_the_codes_of_the_api(sso):
    refused(status_code.auth.not_allowed, sso.user.login, "cid", "jsmith1234", "wrong", APP, ADDRESS)
    refused(status_code.app_list.invalid, sso.user.login, "cid", "jsmith1234", PASSWORD, "HR", ADDRESS)


def test_nobody_at_the_address_is_an_error_that_says_so():
    with pytest.raises(TransportError):
        SSO("http://127.0.0.1:9/sso").user.login("cid", "a", "b", APP, ADDRESS)
