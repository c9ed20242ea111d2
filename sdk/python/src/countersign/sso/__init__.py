"""The sign-on API with the names, orders and errors that programs written for Zato SSO know.

>>> from countersign.sso import SSO
>>> sso = SSO("http://127.0.0.1:8282")
>>> info = sso.user.login("my-cid", "jsmith1234", "correct horse battery", "CRM", "127.0.0.1")  # doctest: +SKIP
>>> key = sso.user.reset_totp_key("my-cid", info.ust, None, None, "My phone", "CRM", "127.0.0.1")  # doctest: +SKIP
"""

from __future__ import annotations

import ssl
from typing import Optional

from ..http import TIMEOUT_SECONDS, Connection, TransportError
from .attr import Attrs
from .audit import AuditAPI
from .caller import Caller, OwnSession
from .errors import InvalidTOTPError, LinkError, ValidationError, const, status_code
from .model import (
    AttrEntity, CurrentSession, RequestCtx, SearchCtx, Session, SessionInfo, SignupCtx, Token, User, not_given,
)  # fmt: skip
from .password_reset import PasswordResetAPI
from .session import SessionAPI
from .totp import TOTPAPI
from .user import UserAPI

__all__ = [
    "SSO", "TOTPAPI", "AttrEntity", "Attrs", "AuditAPI", "CurrentSession", "InvalidTOTPError", "LinkError", "OwnSession",
    "PasswordResetAPI", "RequestCtx", "SearchCtx", "Session", "SessionAPI", "SessionInfo", "SignupCtx", "Token",
    "TransportError", "User", "UserAPI", "ValidationError", "const", "not_given", "status_code",
]  # fmt: skip


class SSO:
    """The sign-on API of one server: ``self.sso`` of a service."""

    def __init__(
        self,
        base_url: str,
        timeout: float = TIMEOUT_SECONDS,
        tls: Optional[ssl.SSLContext] = None,
        own: Optional[OwnSession] = None,
        api_key: Optional[tuple[str, str]] = None,
    ) -> None:
        """
        :param base_url: the server, as ``http://127.0.0.1:8282``, or the API, as ``http://127.0.0.1:8282/zato/sso``
        :param timeout: longest wait for an answer, in seconds
        :param tls: for ``https``; the system's certificates unless given
        :param own: the program's own session, a super-user's, for what Zato SSO let a program do without one
        :param api_key: login and API key of the application; one with the right ``sso:act-for``, so that the server
            takes ``remote_addr`` and ``user_agent`` for true. With any other key every call is refused
        """
        self.connection = Connection(base_url, timeout, tls, api_key)
        #: Sends any request of the API.
        self.caller = Caller(self.connection, own)
        #: Users, their logins, second factors and sessions.
        self.user = UserAPI(self.caller)
        #: Codes of a second factor.
        self.totp = TOTPAPI(self.caller)
        #: Forgotten passwords.
        self.password_reset = PasswordResetAPI(self.caller)
        #: The audit trail.
        self.audit = AuditAPI(self.caller)

    def close(self) -> None:
        """Closes the connections."""
        self.connection.close()

    def __enter__(self) -> "SSO":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
