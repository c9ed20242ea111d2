"""One call of the sign-on API, as every part of the client makes it."""

from __future__ import annotations

import threading
from typing import Any, Callable, Optional, TypeVar, Union

from ..http import Connection
from .errors import ValidationError, check, status_code

Answer = TypeVar("Answer")
Text = Union[str, bytes, None]

LOGIN_PATH = "/user/login"


def text_of(token: Text) -> Optional[str]:
    """A session token or password, which old programs also keep as bytes."""
    return token.decode() if isinstance(token, bytes) else token


class OwnSession:
    """The program's own session, of a super-user.

    In Zato SSO some calls ask for no session: ``get_user_by_username``, ``set_password``, everything with ``skip_sec``.
    There the program is the server; here it is somebody, and these calls are made by who that is. Give a session token,
    or a username and password with which the session is opened when it is needed, and opened anew when it has ended.
    """

    def __init__(
        self, ust: Text = None, username: Optional[str] = None, password: Text = None, current_app: str = "CRM"
    ) -> None:
        """
        :param current_app: the application of the calls that name none
        """
        self._ust, self._username, self._password = text_of(ust), username, text_of(password)
        self.current_app = current_app
        self._lock = threading.Lock()

    def run(self, connection: Connection, call: Callable[[str], Answer]) -> Answer:
        """Makes ``call`` with the session's token.

        :raises ValidationError: the server refused
        """
        ust = self._opened(connection, None)
        try:
            return call(ust)
        except ValidationError as error:
            if self._username is None or error.sub_status != [status_code.session.no_such_session]:
                raise
        return call(self._opened(connection, ust))

    def _opened(self, connection: Connection, ended: Optional[str]) -> str:
        with self._lock:
            if self._ust is None or (self._username is not None and self._ust == ended):
                if self._username is None or self._password is None:
                    raise ValidationError(status_code.auth.not_allowed)
                given = {"username": self._username, "password": self._password, "current_app": self.current_app}
                self._ust = str(check(connection.request("POST", LOGIN_PATH, given))["ust"])
            return self._ust


class Caller:
    """Sends requests with what each of them has: correlation id, application, address."""

    def __init__(self, connection: Connection, own: Optional[OwnSession] = None) -> None:
        self._connection, self._own = connection, own

    def call(
        self, verb: str, path: str, cid: Optional[str], current_app: Optional[str], remote_addr: Any, **given: Any
    ) -> dict[str, Any]:
        """Sends the request with all ``given`` fields that are not ``None``.

        :raises ValidationError: the server refused
        :raises TransportError: no answer
        """
        return self.send(verb, path, {**given, **common(cid, current_app, remote_addr)})

    def send(self, verb: str, path: str, given: dict[str, Any]) -> dict[str, Any]:
        """Sends the request with all ``given`` fields that are not ``None``, and nothing else."""
        return self.send_all(verb, path, {k: v for k, v in given.items() if v is not None})

    def send_all(self, verb: str, path: str, given: dict[str, Any]) -> dict[str, Any]:
        """Sends the request with the ``given`` fields, nulls included."""
        return check(self._connection.request(verb, path, given), is_login=path == LOGIN_PATH)

    def as_own(self, call: Callable[[str], Answer]) -> Answer:
        """Makes ``call`` with the token of the program's own session.

        :raises ValidationError: it has none, or the server refused
        """
        if self._own is None:
            raise ValidationError(status_code.auth.not_allowed, return_status=True)
        return self._own.run(self._connection, call)

    def as_given(self, ust: Text, is_checked: bool, call: Callable[[Optional[str]], Answer]) -> Answer:
        """Makes ``call`` with ``ust``; with the program's own session instead where Zato SSO would not have looked."""
        return call(text_of(ust)) if is_checked else self.as_own(call)

    @property
    def own_app(self) -> Optional[str]:
        """The application of the program's own session."""
        return self._own.current_app if self._own is not None else None


def common(cid: Optional[str], current_app: Optional[str], remote_addr: Any) -> dict[str, Any]:
    """The fields that every request has."""
    if isinstance(remote_addr, (list, tuple)):
        remote_addr = ", ".join(str(one) for one in remote_addr)
    return {
        "cid": cid,
        # An application that is none is refused as unknown, not as a request that is none.
        "current_app": current_app or "",
        "remote_addr": None if remote_addr is None else str(remote_addr),
    }
