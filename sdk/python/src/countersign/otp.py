"""One-time passwords of the bus, made with a sign-on session."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Optional, Sequence

from .sso import SSO
from .sso.caller import Caller, text_of


@dataclass
class OneTimePassword:
    """A one-time password at the moment of its making; ``plaintext_key`` is not shown again."""

    login: str
    plaintext_key: str = field(repr=False)
    uuid: str = ""
    expires: str = ""


def mint(
    sso: SSO, ust: Any, current_app: str, user_id: Optional[str] = None, expires: Optional[str] = None,
    permissions: Sequence[Any] = (), cid: Optional[str] = None,
) -> OneTimePassword:  # fmt: skip
    """Makes a one-time password for the caller, or as a super-user for ``user_id``.

    :param expires: ISO 8601 with an offset; without it the server's default
    :param permissions: what narrows it, each ``{"uri": ..., "perms": ...}``
    """
    given = {"ust": text_of(ust), "user_id": user_id, "expires": expires, "permissions": list(permissions) or None}
    answer = Caller(sso.connection).call("POST", "/user/otp", cid, current_app, None, **given)
    return OneTimePassword(answer["login"], answer["plaintext_key"], answer.get("uuid", ""), answer.get("expires", ""))
