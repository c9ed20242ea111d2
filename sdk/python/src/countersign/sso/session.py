"""``self.sso.user.session``."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Optional

from .attr import Attrs
from .caller import Caller, text_of
from .model import Session, parse_time

PATH = "/user/session"


class SessionAPI:
    """Sessions of users."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def verify(
        self, cid: str, target_ust: Any, current_ust: Any, current_app: str, remote_addr: Any,
        user_agent: Optional[str] = None,
    ) -> bool:  # fmt: skip
        """Whether the target session is good. For super-users."""
        usts = {"target_ust": text_of(target_ust), "current_ust": text_of(current_ust)}
        return bool(self._caller.call("POST", PATH, cid, current_app, remote_addr, user_agent=user_agent, **usts)["is_valid"])

    def renew(
        self, cid: str, ust: Any, current_app: str, remote_addr: Any, user_agent: Optional[str] = None,
        needs_decrypt: bool = True,
    ) -> Optional[datetime]:  # fmt: skip
        """Extends the caller's session; when it will end then."""
        del needs_decrypt
        answer = self._caller.call("PATCH", PATH, cid, current_app, remote_addr, ust=text_of(ust), user_agent=user_agent)
        return parse_time(answer["expiration_time"])

    def get(
        self, cid: str, target_ust: Any, current_ust: Any, current_app: str, remote_addr: Any,
        user_agent: Optional[str] = None, check_if_password_expired: bool = True,
    ) -> Session:  # fmt: skip
        """The target session. For super-users."""
        del check_if_password_expired
        usts = {"target_ust": text_of(target_ust), "current_ust": text_of(current_ust)}
        answer = self._caller.call("GET", PATH, cid, current_app, remote_addr, user_agent=user_agent, **usts)
        context = {"cid": cid, "current_app": current_app, "remote_addr": remote_addr}
        return Session(
            parse_time(answer.get("creation_time")), parse_time(answer.get("expiration_time")),
            answer.get("remote_addr"), answer.get("user_agent"), Attrs(self._caller, "/session/attr", usts, context),
        )  # fmt: skip

    def get_list(
        self, cid: str, ust: Any, target_ust: Any, current_ust: Any, current_app: str, remote_addr: Any,
        _unused_user_agent: Optional[str] = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """The caller's sessions by ``ust``; a super-user's view of the target's owner otherwise."""
        given = {"ust": text_of(ust), "target_ust": text_of(target_ust), "current_ust": text_of(current_ust)}
        answer = self._caller.call("GET", PATH + "/list", cid, current_app, remote_addr, **given)
        return list(answer["result"])

    def logout(self, ust: Any, current_app: str, remote_addr: Any, skip_sec: bool = False) -> None:
        """Ends a session."""
        del skip_sec
        self._caller.call("POST", "/user/logout", None, current_app, remote_addr, ust=text_of(ust))
