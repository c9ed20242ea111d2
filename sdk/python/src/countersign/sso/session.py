"""``self.sso.user.session``."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Optional

from .attr import Attrs
from .caller import Caller, text_of
from .errors import ValidationError, status_code
from .model import CurrentSession, Session, SessionInfo, User, parse_time

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
        # A target that isn't given is no session, and never an error.
        usts = {"target_ust": text_of(target_ust) or "none", "current_ust": text_of(current_ust)}
        answer = self._caller.call("POST", PATH, cid, current_app, remote_addr, user_agent=user_agent, **usts)
        return bool(answer["is_valid"])

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

    def require_super_user(self, cid: str, current_ust: Any, current_app: str, remote_addr: Any) -> Session:
        """The caller's session, if it is a super-user's.

        :raises ValidationError: it isn't
        """
        return self.get(cid, current_ust, current_ust, current_app, remote_addr)

    def get_current_session(
        self, cid: str, current_ust: Any, current_app: str, remote_addr: Any, needs_super_user: bool
    ) -> CurrentSession:
        """Whose session it is; for super-users also what it is like.

        :raises ValidationError: there is no such session, or it has to be a super-user's and isn't
        """
        fields = {"cid": cid, "current_app": current_app, "remote_addr": remote_addr}
        user = User(self._caller.call("GET", "/user", ust=text_of(current_ust), **fields))
        if not (user.is_super_user or needs_super_user):
            return CurrentSession(user)
        return CurrentSession(user, self.require_super_user(cid, current_ust, current_app, remote_addr))

    def get_session_by_ust(self, raw_ust: Any, now: Any = None) -> Optional[Session]:
        """The session with this token, by the program's own session; ``None`` if there is no such one.

        :param now: looked at no more: the server has a clock
        """
        del now
        app = self._caller.own_app or ""
        try:
            return self._caller.as_own(lambda own: self.get("", raw_ust, own, app, None))
        except ValidationError as error:
            if error.sub_status == [status_code.session.no_such_session]:
                return None
            raise

    def get_session_by_ext_id(
        self, sec_type: str, sec_def_id: Any, ext_session_id: Optional[str] = None
    ) -> Optional[dict[str, Any]]:
        """``None``: there are no sessions that a program outside the server keeps ids of."""
        del sec_type, sec_def_id, ext_session_id
        return None

    def on_external_auth_succeeded(
        self, cid: str, sec_type: str, sec_def_id: Any, sec_def_username: str, user_id: str,
        ext_session_id: Optional[str], totp_code: Optional[str], current_app: str, remote_addr: Any,
        user_agent: Optional[str] = None,
    ) -> SessionInfo:  # fmt: skip
        """Refused: that somebody has shown who they are is found by the server itself, not claimed by a program.

        :raises ValidationError: always
        """
        del cid, sec_type, sec_def_id, sec_def_username, user_id, ext_session_id, totp_code, current_app, remote_addr
        del user_agent
        raise ValidationError(status_code.auth.not_allowed, return_status=True)

    def revoke(self, cid: str, session_id: str, current_ust: Any, current_app: str, remote_addr: Any) -> None:
        """Ends a session by the id that :meth:`get_list` shows: one's own, or as a super-user anybody's.

        Not in Zato SSO.
        """
        given = {"session_id": session_id, "ust": text_of(current_ust)}
        self._caller.call("DELETE", PATH, cid, current_app, remote_addr, **given)

    def logout(self, ust: Any, current_app: str, remote_addr: Any, skip_sec: bool = False) -> None:
        """Ends a session."""
        del skip_sec
        self._caller.call("POST", "/user/logout", None, current_app, remote_addr, ust=text_of(ust))
