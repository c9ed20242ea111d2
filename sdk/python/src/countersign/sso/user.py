"""``self.sso.user``."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Optional

from .attr import Attrs
from .caller import LOGIN_PATH, Caller, common, text_of
from .errors import LinkError, ValidationError, const, status_code
from .model import USER_TIMES, SearchCtx, SessionInfo, SignupCtx, Token, User, parse_time
from .session import SessionAPI

PATH = "/user"
#: What every answer has.
ENVELOPE = ("cid", "status", "sub_status", "http_status")
#: No user's id: who names nobody doesn't mean the caller.
NOBODY = "none"
#: What was in every row of linked accounts.
LINK_CONSTANTS = {
    "is_internal": False, "auth_source": "reserved", "auth_principal": "reserved", "has_ext_principal": False,
}  # fmt: skip
#: What has to be ``True`` or ``False`` in a change of a user, where other fields take words too.
REAL_BOOLEANS = ("is_locked", "password_must_change")


class UserAPI:
    """Users: who they are, how they log in, what they may change.

    Every method takes ``cid`` (correlation id, for the audit trail), ``current_app`` (the application's name) and
    ``remote_addr`` (the address of the application's user). The server believes the last only of applications that it
    trusts, and keeps it in the trail in any case.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        #: Sessions.
        self.session = SessionAPI(caller)

    # Logging in and out

    def login(
        self, cid: str, username: str, password: Any, current_app: str, remote_addr: Any,
        user_agent: Optional[str] = None, has_remote_addr: bool = False, has_user_agent: bool = False,
        new_password: Any = "", totp_code: Optional[str] = None, skip_sec: bool = False,
    ) -> SessionInfo:  # fmt: skip
        """Opens a session.

        :param skip_sec: refused: nobody opens a session of somebody else
        """
        del has_remote_addr, has_user_agent
        if skip_sec:
            raise ValidationError(status_code.auth.not_allowed)
        given = {
            "username": username, "password": text_of(password), "new_password": text_of(new_password) or None,
            "totp_code": None if totp_code is None else str(totp_code), "user_agent": user_agent,
        }  # fmt: skip
        answer = self._caller.call("POST", LOGIN_PATH, cid, current_app, remote_addr, **given)
        return SessionInfo(
            Token(answer["ust"]), answer.get("user_id"), username, parse_time(answer.get("creation_time")),
            parse_time(answer.get("expiration_time")), answer["status"] == status_code.warning,
        )  # fmt: skip

    def logout(self, cid: str, ust: Any, current_app: str, remote_addr: Any, skip_sec: bool = False) -> None:
        """Ends a session."""
        del skip_sec
        self._caller.call("POST", PATH + "/logout", cid, current_app, remote_addr, ust=text_of(ust))

    # The second factor and the password

    def reset_totp_key(
        self, cid: str, current_ust: Any, user_id: Optional[str], key: Any, key_label: Optional[str], current_app: str,
        remote_addr: Any, skip_sec: bool = False,
    ) -> Optional[str]:  # fmt: skip
        """Changes a user's TOTP key and its label.

        :param user_id: whose; ``None`` for the caller's own. If provided, ``current_ust`` must be that of a super-user.
        :param key: the new key in base32; ``None``: the server makes one
        :param skip_sec: with the program's own session instead of ``current_ust``
        :returns: the new key, only if the server made it
        """
        given = {"user_id": user_id or None, "totp_key": text_of(key) or None, "totp_label": key_label}
        answer: dict[str, Any] = self._caller.as_given(
            current_ust, not skip_sec,
            lambda ust: self._with_ust("PATCH", "/totp", cid, ust, current_app, remote_addr, given),
        )  # fmt: skip
        return answer.get("totp_key")

    def validate_password(self, password: Any) -> None:
        """Whether the server would take this as a new password. Asked with the program's own session.

        :raises ValidationError: it is too short, too long, too simple, or has a part that everybody tries
        """
        given = {"password": text_of(password)}
        app = self._caller.own_app or ""
        self._caller.as_own(lambda ust: self._with_ust("POST", "/password/validate", "", ust, app, None, given))

    def set_password(
        self, cid: str, user_id: str, password: Any, must_change: Optional[bool], password_expiry: Optional[int],
        current_app: str, remote_addr: Any, details: Any = None,
    ) -> None:  # fmt: skip
        """Sets anybody's password, with the program's own session.

        :param must_change: whether the user has to choose another at the next login; ``None`` leaves that as it is
        :param password_expiry: in days; ``None`` for the server's default
        :param details: looked at no more
        :raises ValueError: ``must_change`` is neither
        """
        del details
        if must_change not in (True, False, None):
            raise ValueError("must_change is True, False or None")
        given = {
            "user_id": user_id or NOBODY, "new_password": text_of(password), "must_change": must_change,
            "password_expiry": password_expiry,
        }  # fmt: skip
        self._caller.as_own(
            lambda ust: self._with_ust("PATCH", "/password", cid, ust, current_app, remote_addr, given)
        )

    def change_password(
        self, cid: str, data: dict[str, Any], current_ust: Any, current_app: str, remote_addr: Any
    ) -> None:
        """Changes a password: ``data`` has ``new_password``, for one's own ``old_password``, and may have ``user_id``,
        ``password_expiry`` (days) and ``must_change``."""
        known = ("old_password", "new_password", "user_id", "password_expiry", "must_change", "password_must_change")
        self._with_ust("PATCH", "/password", cid, current_ust, current_app, remote_addr, _only(data, known))

    # Reading

    def get_current_user(
        self, cid: str, current_ust: Any, current_app: str, remote_addr: Any, return_all_attrs: bool = False
    ) -> User:
        """The caller."""
        del return_all_attrs
        return self._get(cid, None, current_ust, current_app, remote_addr)

    def get_user_by_id(
        self, cid: str, user_id: str, current_ust: Any, current_app: str, remote_addr: Any, return_all_attrs: bool = False
    ) -> User:
        """Any user. For super-users."""
        del return_all_attrs
        return self._get(cid, user_id or NOBODY, current_ust, current_app, remote_addr)

    def get_user_by_username(self, cid: str, username: str, needs_approved: bool = True) -> Optional[User]:
        """The user of this name, with the program's own session; ``None`` if there is no such one.

        :param needs_approved: leaves out who was not approved
        """
        app = self._caller.own_app or ""
        found: dict[str, Any] = self._caller.as_own(
            lambda ust: self.search(cid, SearchCtx(username=username), ust, app, None, True)
        )
        for row in found["result"]:
            if not needs_approved or row.get("approval_status") == const.approval_status.approved:
                return User(row)
        return None

    def get_user_by_linked_auth(
        self, cid: str, sec_type: str, sec_username: str, current_ust: Any, current_app: str, remote_addr: Any,
        return_all_attrs: bool = False,
    ) -> User:  # fmt: skip
        """The user to whom this account is linked. For super-users."""
        del return_all_attrs
        given = {"auth_type": sec_type, "auth_username": sec_username}
        answer = self._with_ust("GET", "/linked/user", cid, current_ust, current_app, remote_addr, given)
        return self._user(answer, cid, current_ust, current_app, remote_addr)

    def search(
        self, cid: str, ctx: SearchCtx, current_ust: Any, current_app: str, remote_addr: Any, serialize_dt: bool = False
    ) -> dict[str, Any]:
        """A page of users. For super-users.

        :param serialize_dt: times as text
        :raises ValueError: a criterion is empty, or ``name_op`` neither ``and`` nor ``or``
        """
        criteria = ctx.to_dict()
        if ctx.name_op not in (const.search.and_, const.search.or_):
            raise ValueError("name_op is and or or")
        if any(value == "" for value in criteria.values()):
            raise ValueError("a criterion is empty")
        try:
            answer = self._with_ust("GET", "/search", cid, current_ust, current_app, remote_addr, criteria)
        except ValidationError as error:
            if error.sub_status == [status_code.auth.not_allowed]:
                # Over HTTP a search doesn't tell a session that there isn't from one that may not.
                self.get_current_user(cid, current_ust, current_app, remote_addr)
            raise
        page = {name: value for name, value in answer.items() if name not in ENVELOPE}
        if not serialize_dt:
            for row in page["result"]:
                row.update({name: parse_time(row[name]) for name in USER_TIMES if row.get(name)})
        return page

    # Creating, changing, deleting

    def create_user(
        self, cid: str, data: dict[str, Any], ust: Any = None, current_app: Optional[str] = None, remote_addr: Any = None,
        require_super_user: bool = True, auto_approve: bool = False,
    ) -> str:  # fmt: skip
        """Creates a user; ``data`` loses the password and gains what the server made of it. For super-users.

        :param require_super_user: ``False``: with the program's own session instead of ``ust``
        :returns: the user's id
        """
        return self._create(cid, data, ust, current_app, remote_addr, require_super_user, auto_approve)

    def create_super_user(
        self, cid: str, data: dict[str, Any], ust: Any = None, current_app: Optional[str] = None, remote_addr: Any = None,
        require_super_user: bool = True, auto_approve: bool = False,
    ) -> str:  # fmt: skip
        """The same for a super-user, whose sign-up is final."""
        data.update({"is_super_user": True, "sign_up_status": const.signup_status.final})
        return self._create(cid, data, ust, current_app, remote_addr, require_super_user, auto_approve)

    def update_current_user(
        self, cid: str, data: dict[str, Any], current_ust: Any, current_app: str, remote_addr: Any
    ) -> None:
        """Changes the caller."""
        self._update(cid, data, current_ust, current_app, remote_addr)

    def update_user_by_id(
        self, cid: str, user_id: str, data: dict[str, Any], current_ust: Any, current_app: str, remote_addr: Any
    ) -> None:
        """Changes a user. Others than oneself only for super-users."""
        self._update(cid, {**data, "user_id": user_id or NOBODY}, current_ust, current_app, remote_addr)

    def delete_user_by_id(
        self, cid: str, user_id: str, current_ust: Any, current_app: str, remote_addr: Any, skip_sec: bool = False
    ) -> None:
        """Deletes a user. For super-users, and nobody deletes oneself."""
        given = {"user_id": user_id}
        self._caller.as_given(
            current_ust, not skip_sec, lambda ust: self._with_ust("DELETE", "", cid, ust, current_app, remote_addr, given)
        )

    def delete_user_by_username(
        self, cid: str, username: str, current_ust: Any, current_app: str, remote_addr: Any, skip_sec: bool = False
    ) -> None:
        """Deletes a user. For super-users, and nobody deletes oneself."""
        ctx = SearchCtx(username=username)
        found: dict[str, Any] = self._caller.as_given(
            current_ust, not skip_sec, lambda ust: self.search(cid, ctx, ust, current_app, remote_addr)
        )
        if not found["result"]:
            raise ValidationError(status_code.auth.not_allowed, return_status=True)
        self.delete_user_by_id(cid, found["result"][0]["user_id"], current_ust, current_app, remote_addr, skip_sec)

    def lock_user(
        self, cid: str, user_id: str, current_ust: Any = None, current_app: Optional[str] = None, remote_addr: Any = None,
        require_super_user: bool = True, current_user: Any = None,
    ) -> None:  # fmt: skip
        """Keeps a user out. For super-users.

        :param require_super_user: ``False``: with the program's own session instead of ``current_ust``
        :param current_user: looked at no more: the trail says whose session it was
        """
        del current_user
        self._lock("POST", cid, user_id, current_ust, current_app, remote_addr, require_super_user)

    def unlock_user(
        self, cid: str, user_id: str, current_ust: Any = None, current_app: Optional[str] = None, remote_addr: Any = None,
        require_super_user: bool = True, current_user: Any = None,
    ) -> None:  # fmt: skip
        """Lets a user in again. For super-users.

        :param require_super_user: ``False``: with the program's own session instead of ``current_ust``
        :param current_user: looked at no more: the trail says whose session it was
        """
        del current_user
        self._lock("DELETE", cid, user_id, current_ust, current_app, remote_addr, require_super_user)

    def approve_user(self, cid: str, user_id: str, current_ust: Any, current_app: str, remote_addr: Any) -> None:
        """Approves who signed up or was created. For super-users."""
        self._with_ust("POST", "/approve", cid, current_ust, current_app, remote_addr, {"user_id": user_id})

    def reject_user(self, cid: str, user_id: str, current_ust: Any, current_app: str, remote_addr: Any) -> None:
        """Rejects who signed up or was created. For super-users."""
        self._with_ust("POST", "/reject", cid, current_ust, current_app, remote_addr, {"user_id": user_id})

    # Signing up

    def signup(self, cid: str, ctx: SignupCtx, current_app: str, remote_addr: Any) -> Optional[Token]:
        """Signs up.

        :returns: the token that confirms it; ``None`` where it goes only to the address, as by default
        """
        given = {"username": ctx.username, "password": ctx.password, "email": ctx.email or None, "app_list": ctx.app_list}
        token = self._caller.call("POST", PATH + "/signup", cid, current_app, remote_addr, **given).get("confirm_token")
        return Token(token) if token else None

    def confirm_signup(self, cid: str, confirm_token: Any, current_app: str, remote_addr: Any) -> None:
        """Confirms a sign-up."""
        given = {"confirm_token": text_of(confirm_token)}
        self._caller.call("PATCH", PATH + "/signup", cid, current_app, remote_addr, **given)

    # Linked accounts

    def get_linked_auth_list(
        self, cid: str, ust: Any, current_app: str, remote_addr: Any, user_id: Optional[str] = None
    ) -> list[dict[str, Any]]:
        """The accounts that are linked to the caller, or for super-users to any user."""
        answer = self._with_ust("GET", "/linked", cid, ust, current_app, remote_addr, {"user_id": user_id})
        return [{**row, **LINK_CONSTANTS} for row in answer["result"]]

    def create_linked_auth(
        self, cid: str, ust: Any, user_id: str, auth_type: str, auth_username: str, is_active: bool, current_app: str,
        remote_addr: Any,
    ) -> tuple[str, Any]:  # fmt: skip
        """Links an account. For super-users.

        :returns: the user's id, and the account's
        :raises LinkError: it is linked already
        """
        given = {"user_id": user_id, "auth_type": auth_type, "auth_username": auth_username, "is_active": is_active}
        answer = self._link("POST", cid, ust, current_app, remote_addr, given)
        return user_id, answer.get("auth_id")

    def delete_linked_auth(
        self, cid: str, ust: Any, user_id: str, auth_type: str, auth_username: str, current_app: str, remote_addr: Any
    ) -> Any:
        """Takes a link away. For super-users.

        :returns: the account's id
        :raises LinkError: there is no such link
        """
        given = {"user_id": user_id, "auth_type": auth_type, "auth_username": auth_username}
        return self._link("DELETE", cid, ust, current_app, remote_addr, given).get("auth_id")

    # What the methods above share

    def _link(
        self, verb: str, cid: str, ust: Any, current_app: str, remote_addr: Any, given: dict[str, Any]
    ) -> dict[str, Any]:
        try:
            return self._with_ust(verb, "/linked", cid, ust, current_app, remote_addr, given)
        except ValidationError as error:
            if error.sub_status == [status_code.common.invalid_input]:
                raise LinkError(error.sub_status, error.return_status, error.status) from None
            raise

    def _with_ust(
        self, verb: str, path: str, cid: str, ust: Any, current_app: Optional[str], remote_addr: Any, given: dict[str, Any]
    ) -> dict[str, Any]:
        return self._caller.call(verb, PATH + path, cid, current_app, remote_addr, ust=text_of(ust), **given)

    def _get(self, cid: str, user_id: Optional[str], ust: Any, current_app: str, remote_addr: Any) -> User:
        answer = self._with_ust("GET", "", cid, ust, current_app, remote_addr, {"user_id": user_id})
        return self._user({"user_id": user_id, **answer}, cid, ust, current_app, remote_addr)

    def _user(self, answer: dict[str, Any], cid: str, ust: Any, current_app: str, remote_addr: Any) -> User:
        context = {"cid": cid, "current_app": current_app, "remote_addr": remote_addr}
        who = {"ust": text_of(ust), "user_id": answer.get("user_id")}
        return User(answer, Attrs(self._caller, PATH + "/attr", who, context))

    def _create(
        self, cid: str, data: dict[str, Any], ust: Any, current_app: Optional[str], remote_addr: Any, is_checked: bool,
        auto_approve: bool,
    ) -> str:  # fmt: skip
        sent = {**_sendable(data), **common(cid, current_app or self._caller.own_app, remote_addr)}
        sent["auto_approve"] = auto_approve
        answer: dict[str, Any] = self._caller.as_given(
            ust, is_checked, lambda ust: self._caller.send("POST", PATH, {**sent, "ust": ust})
        )
        data.pop("password", None)
        made = User(answer)
        data.update({name: getattr(made, name) for name in made.to_dict() if name in answer and name not in ENVELOPE})
        return str(answer["user_id"])

    def _lock(
        self, verb: str, cid: str, user_id: str, ust: Any, current_app: Optional[str], remote_addr: Any, is_checked: bool
    ) -> None:
        app = current_app or self._caller.own_app
        given = {"user_id": user_id}
        self._caller.as_given(
            ust, is_checked, lambda ust: self._with_ust(verb, "/lock", cid, ust, app, remote_addr, given)
        )

    def _update(self, cid: str, data: dict[str, Any], ust: Any, current_app: str, remote_addr: Any) -> None:
        if "totp_key" in data or any(not isinstance(data.get(name, False), bool) for name in REAL_BOOLEANS):
            raise ValidationError(status_code.common.invalid_input)
        # A null means something here, so nothing is left out.
        sent = {**_sendable(data), **common(cid, current_app, remote_addr), "ust": text_of(ust)}
        self._caller.send_all("PATCH", PATH, sent)


def _sendable(data: dict[str, Any]) -> dict[str, Any]:
    """The fields as JSON has them."""
    sent = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in data.items()}
    return {name: text_of(value) if isinstance(value, bytes) else value for name, value in sent.items()}


def _only(data: dict[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
    if not data:
        raise ValidationError(status_code.common.missing_input)
    if any(name not in known for name in data):
        raise ValidationError(status_code.common.invalid_input)
    return data
