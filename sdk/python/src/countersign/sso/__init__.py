"""The sign-on API with the names, orders and errors that programs written for Zato SSO know.

>>> from countersign.sso import SSO
>>> sso = SSO("http://127.0.0.1:8282/sso")
>>> info = sso.user.login("my-cid", "jsmith1234", "correct horse battery", "CRM", "127.0.0.1")  # doctest: +SKIP
>>> key = sso.user.reset_totp_key("my-cid", info.ust, None, None, "My phone", "CRM", "127.0.0.1")  # doctest: +SKIP
"""

from __future__ import annotations

import ssl
from typing import Optional

from ..http import TIMEOUT_SECONDS, Connection, TransportError
from .attr import Attrs
from .caller import Caller
from .errors import InvalidTOTPError, ValidationError, const, status_code
from .model import AttrEntity, SearchCtx, Session, SessionInfo, SignupCtx, User, not_given
from .password_reset import PasswordResetAPI
from .session import SessionAPI
from .user import UserAPI

__all__ = [
    "SSO", "AttrEntity", "Attrs", "InvalidTOTPError", "PasswordResetAPI", "SearchCtx", "Session", "SessionAPI",
    "SessionInfo", "SignupCtx", "TransportError", "User", "UserAPI", "ValidationError", "const", "not_given", "status_code",
]  # fmt: skip


class SSO:
    """The sign-on API of one server: ``self.sso`` of a service."""

    def __init__(
        self, base_url: str, timeout: float = TIMEOUT_SECONDS, tls: Optional[ssl.SSLContext] = None
    ) -> None:
        """
        :param base_url: where the API is, as ``http://127.0.0.1:8282/sso``
        :param timeout: longest wait for an answer, in seconds
        :param tls: for ``https``; the system's certificates unless given
        """
        self.connection = Connection(base_url, timeout, tls)
        caller = Caller(self.connection)
        #: Users, their logins, second factors and sessions.
        self.user = UserAPI(caller)
        #: Forgotten passwords.
        self.password_reset = PasswordResetAPI(caller)

    def close(self) -> None:
        """Closes the connection."""
        self.connection.close()

    def __enter__(self) -> "SSO":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
