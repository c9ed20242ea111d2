"""One call of the sign-on API, as every part of the client makes it."""

from __future__ import annotations

from typing import Any, Optional, Union

from ..http import Connection
from .errors import check


def text_of(token: Union[str, bytes, None]) -> Optional[str]:
    """A session token or password, which old programs also keep as bytes."""
    return token.decode() if isinstance(token, bytes) else token


class Caller:
    """Sends requests with what each of them has: correlation id, application, address."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def call(
        self, verb: str, path: str, cid: Optional[str], current_app: Optional[str], remote_addr: Any, **given: Any
    ) -> dict[str, Any]:
        """Sends the request with all ``given`` fields that are not ``None``.

        :raises ValidationError: the server refused
        :raises TransportError: no answer
        """
        if isinstance(remote_addr, (list, tuple)):
            remote_addr = ", ".join(str(one) for one in remote_addr)
        common = {"cid": cid, "current_app": current_app, "remote_addr": None if remote_addr is None else str(remote_addr)}
        return self.send(verb, path, {**given, **common})

    def send(self, verb: str, path: str, given: dict[str, Any]) -> dict[str, Any]:
        """Sends the request with all ``given`` fields that are not ``None``, and nothing else."""
        return check(self._connection.request(verb, path, {k: v for k, v in given.items() if v is not None}))

    def send_all(self, verb: str, path: str, given: dict[str, Any]) -> dict[str, Any]:
        """Sends the request with the ``given`` fields, nulls included."""
        return check(self._connection.request(verb, path, given))
