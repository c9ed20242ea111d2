"""`self.sso.password_reset`, method by method, against the server: what a program sees."""

import uuid

import pytest

import outbox
import sdk_scenes
from conftest import eventually
from countersign.sso import status_code
from countersign_server import running
from sdk_scenes import AGENT, FROM, OTHER_PASSWORD, PASSWORD, refused

CLIENT = (*FROM, AGENT)
COULD_NOT_ACCESS = status_code.password_reset.could_not_access


@pytest.fixture(scope="module")
def mails(tmp_path_factory):
    return tmp_path_factory.mktemp("mails") / "outbox"


@pytest.fixture(scope="module")
def scene(tmp_path_factory, mails):
    with running(tmp_path_factory.mktemp("sdk"), None, outbox.settings(mails)) as server:
        yield sdk_scenes.scene(server)


@pytest.fixture
def user(scene):
    """A user with an address: name and address."""
    address = f"{uuid.uuid4().hex}@example.com"
    owner = scene.added()
    scene.sso.user.update_current_user("cid", {"email": address}, owner.ust, *FROM)
    return owner.username, address


def mailed(scene, mails, name, address):
    scene.sso.password_reset.create_token("cid", name, *CLIENT)
    return eventually("the mail", lambda: outbox.tokens(mails, address))[-1]


def test_create_token_says_nothing_and_mails_the_token(scene, mails, user):
    name, address = user
    create = scene.sso.password_reset.create_token
    for nobody in ("nobody", "", address):
        assert create("cid", nobody, *CLIENT) is None
    assert create("cid", name, *CLIENT) is None
    assert len(eventually("the mail", lambda: outbox.tokens(mails, address))) == 1


def test_access_token_gives_the_key_once(scene, mails, user):
    token = mailed(scene, mails, *user)
    access = scene.sso.password_reset.access_token
    found = access("cid", token, *CLIENT)
    assert found.reset_key and found.user["reset_key"] == found.reset_key
    assert found.reset_key not in repr(found)
    refused(COULD_NOT_ACCESS, access, "cid", token, *CLIENT)
    refused(COULD_NOT_ACCESS, access, "cid", "no token", *CLIENT)


def test_change_password_sets_it(scene, mails, user):
    name, address = user
    token = mailed(scene, mails, name, address)
    reset = scene.sso.password_reset
    key = reset.access_token("cid", token.encode(), *CLIENT).reset_key
    change = reset.change_password
    refused(COULD_NOT_ACCESS, change, "cid", OTHER_PASSWORD, token, "no key", *CLIENT)
    # A weak one leaves the token as it is.
    refused(status_code.password.not_complex_enough, change, "cid", "x7!", token, key, *CLIENT)
    assert change("cid", OTHER_PASSWORD, token, key.encode(), *CLIENT) is None
    refused(status_code.auth.not_allowed, scene.ust, name, PASSWORD)
    assert scene.ust(name, OTHER_PASSWORD)
    refused(COULD_NOT_ACCESS, change, "cid", PASSWORD, token, key, *CLIENT)
