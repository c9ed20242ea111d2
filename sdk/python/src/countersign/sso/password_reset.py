"""``self.sso.password_reset``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .caller import Caller, text_of
from .model import Token

PATH = "/password/reset"


@dataclass
class ResetAccess:
    """What following a reset link gives."""

    reset_key: Token = field(repr=False)
    user: dict[str, Any] = field(default_factory=dict, repr=False)


class PasswordResetAPI:
    """Forgotten passwords."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def create_token(self, cid: str, credential: str, current_app: str, remote_addr: Any, user_agent: str) -> None:
        """Sends a link to the user, if there is such a one. The caller never learns which."""
        self._caller.call("POST", PATH, cid, current_app, remote_addr, credential=credential, user_agent=user_agent)

    def access_token(self, cid: str, token: Any, current_app: str, remote_addr: Any, user_agent: str) -> ResetAccess:
        """Trades the token of a link for the key that sets the password. Works once."""
        given = {"token": text_of(token), "user_agent": user_agent}
        key = Token(self._caller.call("PATCH", PATH, cid, current_app, remote_addr, **given)["reset_key"])
        return ResetAccess(key, {"reset_key": key})

    def change_password(
        self, cid: str, new_password: Any, token: Any, reset_key: Any, current_app: str, remote_addr: Any, user_agent: str
    ) -> None:
        """Sets the password."""
        secrets = {"password": text_of(new_password), "token": text_of(token), "reset_key": text_of(reset_key)}
        self._caller.call("DELETE", PATH, cid, current_app, remote_addr, user_agent=user_agent, **secrets)
