"""What the tests of the Python package share: a server with two users, and users that they make by the API itself."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from countersign.sso import SSO, OwnSession, SessionInfo, ValidationError
from countersign_server import Server

APP, ADDRESS, AGENT = "CRM", "127.0.0.1", "tests"
# Who asks from where, as the methods end.
FROM = (APP, ADDRESS)
SUPER, REGULAR = "zoe", "jsmith1234"
PASSWORD = "correct horse battery staple"
OTHER_PASSWORD = "another good pass phrase"
KEY, OTHER_KEY = "KMCLCWN4YPMD2WO3", "G7WSZQ3JKCM6DKMCLCWN4YPMD2WO3AAB"
NOBODY_ID, NO_UST = "zusr6rr41fq2rf3t5v5dqbrvzdnxr0", "gAAAAABalFycY50Budi"


@dataclass
class Scene:
    """A server, and the package in front of it."""

    server: Server
    sso: SSO
    #: With a super-user's own session.
    privileged: SSO
    boss: str

    def ust(self, username: str, password: Any = PASSWORD, **more: Any) -> str:
        return self.login(username, password, **more).ust

    def login(self, username: str, password: Any = PASSWORD, **more: Any) -> SessionInfo:
        return self.sso.user.login("cid", username, password, *FROM, AGENT, **more)

    def added(self) -> SessionInfo:
        """A user of its own who has logged in."""
        name = f"user.{uuid.uuid4().hex}"
        self.server.add_user(name, "frontend", PASSWORD)
        return self.login(name)

    def made(self, **fields: Any) -> tuple[str, str]:
        """A user of its own who may log in: name and id."""
        data = {"username": f"user.{uuid.uuid4().hex}", "password": PASSWORD, **fields}
        return data["username"], self.sso.user.create_user("cid", data, self.boss, *FROM, auto_approve=True)


def scene(server: Server) -> Scene:
    """With the users; for a server that has none of them yet."""
    server.add_user(REGULAR, "frontend", PASSWORD)
    server.add_user(SUPER, "trust", PASSWORD)
    url = server.urls["http"] + "/zato/sso"
    sso = SSO(url)
    own = OwnSession(username=SUPER, password=PASSWORD, current_app=APP)
    return Scene(server, sso, SSO(url, own=own), sso.user.login("cid", SUPER, PASSWORD, *FROM).ust)


def api_key(server: Server, login: str, *rules: str) -> tuple[str, str]:
    """A fresh API key of a user, with these rules of its own."""
    made = server.cli("key", "create", login, "--json", *(one for rule in rules for one in ("--permission", rule)))
    return login, json.loads(made)["plaintext_key"]


def refused(wanted: str, call: Any, /, *arguments: Any, **named: Any) -> ValidationError:
    """The call is refused with this code alone."""
    with pytest.raises(ValidationError) as error:
        call(*arguments, **named)
    assert error.value.sub_status == [wanted], error.value
    return error.value
