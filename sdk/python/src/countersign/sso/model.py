"""What the sign-on API takes and gives, as objects."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Optional

from .errors import const


class _NotGiven:
    """Tells a criterion that is left out from one that is ``None``."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "not_given"


#: A criterion that is left out.
not_given: Any = _NotGiven()


def parse_time(text: Optional[str]) -> Optional[datetime]:
    """A time of the API, which is UTC without saying so."""
    if not text:
        return None
    # Python before 3.11 wants three or six digits behind the point, and no more.
    seconds, _, fraction = text.partition(".")
    return datetime.fromisoformat(f"{seconds}.{fraction[:6]:0<6}" if fraction else seconds)


class Token(str):
    """A token. Zato SSO gave bytes, so there are programs that decode it."""

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The token itself."""
        del encoding, errors
        return str(self)


#: The fields of a user that are times.
USER_TIMES = ("approval_status_mod_time", "locked_time", "password_expiry", "password_last_set", "sign_up_time")


class User:
    """A user, with the fields that the caller may see; the others are ``None``. Times are ``datetime``, UTC without an
    offset. Nobody is shown the key of a second factor again, so ``totp_key`` is always ``None``."""

    _fields = (
        "user_id", "username", "email", "display_name", "first_name", "middle_name", "last_name",
        "is_active", "is_internal", "is_super_user", "is_approval_needed", "approval_status", "approval_status_mod_by",
        "approval_status_mod_time", "is_locked", "locked_time", "locked_by", "creation_ctx", "password_expiry",
        "password_is_set", "password_last_set", "password_must_change", "sign_up_status", "sign_up_time",
        "is_totp_enabled", "totp_key", "totp_label", "is_rate_limit_active", "rate_limit_type", "rate_limit_def",
        "rate_limit_check_parent_def", "status", "is_current_super_user",
    )  # fmt: skip

    def __init__(self, answer: Optional[dict[str, Any]] = None, attr: Any = None) -> None:
        given = answer or {}
        for name in self._fields:
            value = given.get(name)
            setattr(self, name, parse_time(value) if name in USER_TIMES and isinstance(value, str) else value)
        #: The user's attributes.
        self.attr = attr

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def to_dict(self) -> dict[str, Any]:
        """All fields but ``attr``."""
        return {name: getattr(self, name) for name in self._fields}

    def __repr__(self) -> str:
        return f"User({self.user_id or self.username!r})"


@dataclass
class Session:
    """A session as a super-user sees it."""

    creation_time: Optional[datetime] = None
    expiration_time: Optional[datetime] = None
    remote_addr: Optional[str] = None
    user_agent: Optional[str] = None
    attr: Any = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """All fields but ``attr``."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "attr"}


@dataclass
class SessionInfo:
    """A session that was just opened."""

    ust: Token = field(repr=False)
    user_id: Optional[str] = None
    username: Optional[str] = None
    creation_time: Optional[datetime] = None
    expiration_time: Optional[datetime] = None
    has_w_about_to_exp: bool = False

    def to_dict(self, serialize_dt: bool = True) -> dict[str, Any]:
        """All fields; times as text unless told otherwise."""
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        if serialize_dt:
            given = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in given.items()}
        return given


@dataclass
class CurrentSession:
    """Whose session it is. What the session itself is like, only a super-user is told."""

    user: User
    session: Optional[Session] = None

    def __getattr__(self, name: str) -> Any:
        # One row in Zato SSO: the session's fields beside the user's.
        if name.startswith("_") or name in ("user", "session"):
            raise AttributeError(name)
        return getattr(self.session if hasattr(Session, name) else self.user, name, None)


@dataclass
class RequestCtx:
    """Who asks, for the calls that take it as one object."""

    cid: str
    current_app: str
    remote_addr: Any
    current_ust: Any = field(default=None, repr=False)
    user_agent: Optional[str] = None


@dataclass
class SignupCtx:
    """Who signs up."""

    username: str = ""
    email: str = ""
    password: str = field(default="", repr=False)
    current_app: Optional[str] = None
    app_list: list[str] = field(default_factory=list)
    sign_up_status: str = const.signup_status.before_confirmation

    def to_dict(self) -> dict[str, Any]:
        """All fields."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass
class SearchCtx:
    """What users are searched by. A criterion that is left out plays no part."""

    user_id: Any = not_given
    username: Any = not_given
    email: Any = not_given
    display_name: Any = not_given
    first_name: Any = not_given
    middle_name: Any = not_given
    last_name: Any = not_given
    sign_up_status: Any = not_given
    approval_status: Any = not_given
    paginate: bool = True
    cur_page: int = 1
    page_size: Optional[int] = None
    name_op: str = const.search.and_
    is_name_exact: bool = True

    def to_dict(self) -> dict[str, Any]:
        """The criteria that are given."""
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in given.items() if value is not not_given and value is not None}


@dataclass
class AttrEntity:
    """One attribute."""

    name: str
    value: Any
    creation_time: Optional[datetime] = None
    last_modified: Optional[datetime] = None
    expiration_time: Optional[datetime] = None
    is_encrypted: bool = False

    def to_dict(self) -> dict[str, Any]:
        """All fields."""
        return {one.name: getattr(self, one.name) for one in fields(self)}
