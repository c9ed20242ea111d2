"""JSON over HTTP on one kept connection, with nothing but the standard library."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from typing import Any, Mapping, Optional
from urllib.parse import urlsplit

#: Longest wait for an answer, in seconds.
TIMEOUT_SECONDS = 30.0
#: Longest answer that is read, in bytes.
ANSWER_BYTES_MAX = 16 * 1024 * 1024


class TransportError(Exception):
    """The server can't be reached, or answers with something that is no answer of the sign-on API."""


class Connection:
    """Sends requests to one server. Safe to share between threads; they take turns."""

    def __init__(self, base_url: str, timeout: float = TIMEOUT_SECONDS, tls: Optional[ssl.SSLContext] = None) -> None:
        """
        :param base_url: where the API is, as ``http://127.0.0.1:8282/sso``
        :param timeout: longest wait for an answer, in seconds
        :param tls: for ``https``; the system's certificates unless given
        """
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("give an address as http://HOST:PORT/sso")
        self._is_tls = parts.scheme == "https"
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path.rstrip("/")
        self._timeout, self._tls = timeout, tls
        self._lock = threading.Lock()
        self._connection: Optional[http.client.HTTPConnection] = None

    def request(self, verb: str, path: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Sends ``fields`` as a JSON body, whichever the verb is, and gives the answer's object.

        :raises TransportError: no answer, or none in JSON
        """
        body = json.dumps(fields, default=str).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "countersign-python"}
        with self._lock:
            status, text = self._exchange(verb, self._path + path, body, headers)
        try:
            answer = json.loads(text)
        except ValueError:
            raise TransportError(f"{verb} {path} was answered with HTTP {status} and no JSON") from None
        if not isinstance(answer, dict):
            raise TransportError(f"{verb} {path} was answered with HTTP {status} and no object")
        answer.setdefault("http_status", status)
        return answer

    def close(self) -> None:
        """Closes the connection; the next request opens another."""
        with self._lock:
            self._drop()

    def _exchange(self, verb: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        is_kept = self._connection is not None
        try:
            return self._try(verb, path, body, headers)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
            self._drop()
            if not is_kept:
                raise TransportError(f"no answer: {error}") from error
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            raise TransportError(f"no answer: {error}") from error
        # A kept connection that the server had closed before it read anything: that is no failure of the request.
        try:
            return self._try(verb, path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            raise TransportError(f"no answer: {error}") from error

    def _try(self, verb: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        if self._connection is None:
            if self._is_tls:
                self._connection = http.client.HTTPSConnection(
                    self._host, self._port, timeout=self._timeout, context=self._tls or ssl.create_default_context()
                )
            else:
                self._connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        self._connection.request(verb, path, body=body, headers=dict(headers))
        response = self._connection.getresponse()
        text = response.read(ANSWER_BYTES_MAX + 1)
        if len(text) > ANSWER_BYTES_MAX:
            self._drop()
            raise TransportError("the answer is too long")
        return response.status, text

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
