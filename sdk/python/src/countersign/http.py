"""JSON over HTTP on kept connections, with nothing but the standard library."""

from __future__ import annotations

import base64
import http.client
import json
import selectors
import ssl
import threading
from typing import Any, Mapping, Optional
from urllib.parse import urlsplit

#: Longest wait for an answer, in seconds.
TIMEOUT_SECONDS = 30.0
#: Longest answer that is read, in bytes.
ANSWER_BYTES_MAX = 16 * 1024 * 1024
#: Most connections that are kept while nobody needs them.
KEPT_MAX = 8
#: Where a server has the sign-on API, unless the address says so itself.
PATH = "/sso"


class TransportError(Exception):
    """The server can't be reached, or answers with something that is no answer of the sign-on API."""


class Connection:
    """Sends requests to one server. Safe to share between threads: each request has a connection of its own."""

    def __init__(
        self,
        base_url: str,
        timeout: float = TIMEOUT_SECONDS,
        tls: Optional[ssl.SSLContext] = None,
        api_key: Optional[tuple[str, str]] = None,
    ) -> None:
        """
        :param base_url: where the API is, as ``http://127.0.0.1:8282/zato/sso``; without a path below ``/sso``
        :param timeout: longest wait for an answer, in seconds
        :param tls: for ``https``; the system's certificates unless given
        :param api_key: login and API key of the application, sent as ``Authorization: Basic``
        :raises ValueError: the address is none, or the key has no login that can be sent
        """
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("give an address as http://HOST:PORT")
        self._is_tls = parts.scheme == "https"
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path.rstrip("/") or PATH
        self._timeout, self._tls = timeout, tls
        self._headers = {"Content-Type": "application/json", "User-Agent": "countersign-python"}
        if api_key is not None:
            self._headers["Authorization"] = basic(*api_key)
        self._lock = threading.Lock()
        self._idle: list[http.client.HTTPConnection] = []

    def request(self, verb: str, path: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Sends ``fields`` as a JSON body, whichever the verb is, and gives the answer's object.

        The status of HTTP is in its ``http_status``, and when to come again in ``retry_after_seconds``. A request is sent once: whether one that was not answered was
        carried out, nobody knows.

        :raises TransportError: no answer, or none in JSON
        """
        body = json.dumps(fields, default=str).encode()
        status, retry_after, text = self._exchange(verb, self._path + path, body)
        try:
            answer = json.loads(text)
        except ValueError:
            raise TransportError(f"{verb} {path} was answered with HTTP {status} and no JSON") from None
        if not isinstance(answer, dict):
            raise TransportError(f"{verb} {path} was answered with HTTP {status} and no object")
        answer["http_status"] = status
        if retry_after is not None and retry_after.isdigit():
            answer["retry_after_seconds"] = int(retry_after)
        return answer

    def close(self) -> None:
        """Closes the kept connections; the next request opens another."""
        with self._lock:
            idle, self._idle = self._idle, []
        for one in idle:
            one.close()

    def _exchange(self, verb: str, path: str, body: bytes) -> tuple[int, Optional[str], bytes]:
        connection = self._take()
        try:
            connection.request(verb, path, body=body, headers=self._headers)
            response = connection.getresponse()
            text = response.read(ANSWER_BYTES_MAX + 1)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise TransportError(f"no answer: {error}") from error
        if len(text) > ANSWER_BYTES_MAX:
            connection.close()
            raise TransportError("the answer is too long")
        self._give_back(connection)
        return response.status, response.getheader("Retry-After"), text

    def _take(self) -> http.client.HTTPConnection:
        while True:
            with self._lock:
                if not self._idle:
                    break
                kept = self._idle.pop()
            if _is_good(kept):
                return kept
            kept.close()
        if self._is_tls:
            tls = self._tls or ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=tls)
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)

    def _give_back(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if len(self._idle) < KEPT_MAX:
                self._idle.append(connection)
                return
        connection.close()


def basic(login: str, key: str) -> str:
    """The header that shows a key, by RFC 7617.

    :raises ValueError: nobody can have this login
    """
    if not login or ":" in login:
        raise ValueError("give the API key as (LOGIN, KEY)")
    return "Basic " + base64.b64encode(f"{login}:{key}".encode()).decode()


def _is_good(connection: http.client.HTTPConnection) -> bool:
    """Whether the server still keeps the connection: nothing comes unasked but its end."""
    if connection.sock is None:
        return False
    with selectors.DefaultSelector() as selector:
        selector.register(connection.sock, selectors.EVENT_READ)
        return not selector.select(0)
