"""``self.sso.user``."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Optional

from .attr import Attrs
from .caller import Caller, text_of
from .errors import ValidationError, status_code
from .model import SearchCtx, SessionInfo, SignupCtx, User, parse_time
from .session import SessionAPI

PATH = "/user"


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
        """Opens a session."""
        del has_remote_addr, has_user_agent
        _refuse(skip_sec)
        given = {
            "username": username, "password": text_of(password), "new_password": text_of(new_password) or None,
            "totp_code": None if totp_code is None else str(totp_code), "user_agent": user_agent,
        }  # fmt: skip
        answer = self._caller.call("POST", PATH + "/login", cid, current_app, remote_addr, **given)
        return SessionInfo(
            answer["ust"], answer.get("user_id"), username, parse_time(answer.get("creation_time")),
            parse_time(answer.get("expiration_time")), answer["status"] == status_code.warning,
        )  # fmt: skip

    def logout(self, cid: str, ust: Any, current_app: str, remote_addr: Any, skip_sec: bool = False) -> None:
        """Ends a session."""
        _refuse(skip_sec)
        self._caller.call("POST", PATH + "/logout", cid, current_app, remote_addr, ust=text_of(ust))

    # The second factor and the password

    def reset_totp_key(
        self, cid: str, current_ust: Any, user_id: Optional[str], key: Any, key_label: Optional[str], current_app: str,
        remote_addr: Any, skip_sec: bool = False,
    ) -> Optional[str]:  # fmt: skip
        """Changes a user's TOTP key and its label.

        :param user_id: whose; ``None`` for the caller's own. If provided, ``current_ust`` must be that of a super-user.
        :param key: the new key in base32; ``None``: the server makes one
        :returns: the new key, only if the server made it
        """
        _refuse(skip_sec)
        given = {"user_id": user_id or None, "totp_key": text_of(key) or None, "totp_label": key_label}
        answer = self._caller.call("PATCH", PATH + "/totp", cid, current_app, remote_addr, ust=text_of(current_ust), **given)
        return answer.get("totp_key")

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
        return self._get(cid, user_id, current_ust, current_app, remote_addr)

    def search(
        self, cid: str, ctx: SearchCtx, current_ust: Any, current_app: str, remote_addr: Any, serialize_dt: bool = False
    ) -> dict[str, Any]:
        """A page of users. For super-users."""
        del serialize_dt
        answer = self._with_ust("GET", "/search", cid, current_ust, current_app, remote_addr, ctx.to_dict())
        return {name: value for name, value in answer.items() if name not in ("cid", "status", "sub_status", "http_status")}

    # Creating, changing, deleting

    def create_user(
        self, cid: str, data: dict[str, Any], ust: Any = None, current_app: Optional[str] = None, remote_addr: Any = None,
        require_super_user: bool = True, auto_approve: bool = False,
    ) -> str:  # fmt: skip
        """Creates a user; ``data`` gains what the server made of it. For super-users.

        :returns: the user's id
        """
        _refuse(not require_super_user)
        sent = {**data, "ust": text_of(ust), "auto_approve": auto_approve}
        answer = self._caller.send("POST", PATH, {**sent, "cid": cid, "current_app": current_app, "remote_addr": remote_addr})
        data.pop("password", None)
        data.update({name: answer[name] for name in User({}).to_dict() if name in answer})
        return str(answer["user_id"])

    def update_current_user(
        self, cid: str, data: dict[str, Any], current_ust: Any, current_app: str, remote_addr: Any
    ) -> None:
        """Changes the caller."""
        self._update(cid, data, current_ust, current_app, remote_addr)

    def update_user_by_id(
        self, cid: str, user_id: str, data: dict[str, Any], current_ust: Any, current_app: str, remote_addr: Any
    ) -> None:
        """Changes a user. Others than oneself only for super-users."""
        self._update(cid, {**data, "user_id": user_id}, current_ust, current_app, remote_addr)

    def delete_user_by_id(
        self, cid: str, user_id: str, current_ust: Any, current_app: str, remote_addr: Any, skip_sec: bool = False
    ) -> None:
        """Deletes a user. For super-users, and nobody deletes oneself."""
        _refuse(skip_sec)
        self._with_ust("DELETE", "", cid, current_ust, current_app, remote_addr, {"user_id": user_id})

    def delete_user_by_username(
        self, cid: str, username: str, current_ust: Any, current_app: str, remote_addr: Any, skip_sec: bool = False
    ) -> None:
        """Deletes a user. For super-users, and nobody deletes oneself."""
        found = self.search(cid, SearchCtx(username=username), current_ust, current_app, remote_addr)["result"]
        if not found:
            raise ValidationError(status_code.auth.not_allowed)
        self.delete_user_by_id(cid, found[0]["user_id"], current_ust, current_app, remote_addr, skip_sec)

    def lock_user(
        self, cid: str, user_id: str, current_ust: Any = None, current_app: Optional[str] = None, remote_addr: Any = None,
        require_super_user: bool = True, current_user: Any = None,
    ) -> None:  # fmt: skip
        """Keeps a user out. For super-users."""
        del current_user
        _refuse(not require_super_user)
        self._with_ust("POST", "/lock", cid, current_ust, current_app, remote_addr, {"user_id": user_id})

    def unlock_user(
        self, cid: str, user_id: str, current_ust: Any = None, current_app: Optional[str] = None, remote_addr: Any = None,
        require_super_user: bool = True, current_user: Any = None,
    ) -> None:  # fmt: skip
        """Lets a user in again. For super-users."""
        del current_user
        _refuse(not require_super_user)
        self._with_ust("DELETE", "/lock", cid, current_ust, current_app, remote_addr, {"user_id": user_id})

    def approve_user(self, cid: str, user_id: str, current_ust: Any, current_app: str, remote_addr: Any) -> None:
        """Approves who signed up or was created. For super-users."""
        self._with_ust("POST", "/approve", cid, current_ust, current_app, remote_addr, {"user_id": user_id})

    def reject_user(self, cid: str, user_id: str, current_ust: Any, current_app: str, remote_addr: Any) -> None:
        """Rejects who signed up or was created. For super-users."""
        self._with_ust("POST", "/reject", cid, current_ust, current_app, remote_addr, {"user_id": user_id})

    # Signing up

    def signup(self, cid: str, ctx: SignupCtx, current_app: str, remote_addr: Any) -> str:
        """Signs up.

        :returns: the token that confirms it
        """
        given = {"username": ctx.username, "password": ctx.password, "email": ctx.email or None, "app_list": ctx.app_list}
        return str(self._caller.call("POST", PATH + "/signup", cid, current_app, remote_addr, **given)["confirm_token"])

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
        return list(answer["result"])

    def create_linked_auth(
        self, cid: str, ust: Any, user_id: str, auth_type: str, auth_username: str, is_active: bool, current_app: str,
        remote_addr: Any,
    ) -> None:  # fmt: skip
        """Links an account. For super-users."""
        given = {"user_id": user_id, "auth_type": auth_type, "auth_username": auth_username, "is_active": is_active}
        self._with_ust("POST", "/linked", cid, ust, current_app, remote_addr, given)

    def delete_linked_auth(
        self, cid: str, ust: Any, user_id: str, auth_type: str, auth_username: str, current_app: str, remote_addr: Any
    ) -> None:
        """Takes a link away. For super-users."""
        given = {"user_id": user_id, "auth_type": auth_type, "auth_username": auth_username}
        self._with_ust("DELETE", "/linked", cid, ust, current_app, remote_addr, given)

    # What the methods above share

    def _with_ust(
        self, verb: str, path: str, cid: str, ust: Any, current_app: Optional[str], remote_addr: Any, given: dict[str, Any]
    ) -> dict[str, Any]:
        return self._caller.call(verb, PATH + path, cid, current_app, remote_addr, ust=text_of(ust), **given)

    def _get(self, cid: str, user_id: Optional[str], ust: Any, current_app: str, remote_addr: Any) -> User:
        answer = self._with_ust("GET", "", cid, ust, current_app, remote_addr, {"user_id": user_id})
        context = {"cid": cid, "current_app": current_app, "remote_addr": remote_addr}
        who = {"ust": text_of(ust), "user_id": user_id or answer.get("user_id")}
        return User(answer, Attrs(self._caller, PATH + "/attr", who, context))

    def _update(self, cid: str, data: dict[str, Any], ust: Any, current_app: str, remote_addr: Any) -> None:
        # A null means something here, so nothing is left out.
        sent = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in data.items()}
        common = {"cid": cid, "current_app": current_app, "remote_addr": str(remote_addr), "ust": text_of(ust)}
        self._caller.send_all("PATCH", PATH, {**sent, **common})


def _only(data: dict[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
    unknown = [name for name in data if name not in known]
    if unknown:
        raise ValidationError(status_code.common.invalid_input)
    return data


def _refuse(is_bypass: bool) -> None:
    """There is no way round the checks for a program: an operator has the command line."""
    if is_bypass:
        raise ValidationError(status_code.auth.not_allowed)
