"""A callee of the bus: one session over WebSocket, as JSON, that procedures are registered in."""

from __future__ import annotations

import base64
import json
import ssl
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import BoundedSemaphore
from typing import Any, Callable, Optional
from urllib.parse import urlsplit, urlunsplit

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

#: Most invocations that run at the same time.
WORKERS_MAX = 16
#: Most invocations that run or wait; the bus hears of more that there is no place for them.
INVOCATIONS_MAX = 256
#: Longest wait for the answer to a step of the login or to a registration, in seconds.
ANSWER_SECONDS_MAX = 30.0
#: Longest message that is read, in bytes.
MESSAGE_BYTES_MAX = 16 * 1024 * 1024

HELLO, WELCOME, ABORT, CHALLENGE, AUTHENTICATE, GOODBYE, ERROR = 1, 2, 3, 4, 5, 6, 8
REGISTER, REGISTERED, INVOCATION, YIELD = 64, 65, 68, 70

#: Gives what answers a challenge of this method.
Answer = Callable[[str], str]
#: Takes the arguments of a call, by position and by name, and gives its result.
Procedure = Callable[[list[Any], dict[str, Any]], Any]


class Refused(Exception):
    """The bus refused the login or the registration; asking again the same way changes nothing."""


class Lost(Exception):
    """There is no connection, or not any more."""


class CallError(Exception):
    """What a procedure answers instead of a result."""

    def __init__(self, uri: str, args: list[Any], kwargs: dict[str, Any]) -> None:
        super().__init__(uri)
        self.uri, self.arguments, self.named = uri, args, kwargs


def bus_url(url: str) -> str:
    """The bus of the server at ``http://HOST:PORT``.

    :raises ValueError: the address is none
    """
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme)
    if scheme is None or not parts.hostname:
        raise ValueError("give an address as http://HOST:PORT")
    return urlunsplit((scheme, parts.netloc, "/ws", "", ""))


class Callee:
    """A session that was opened. :meth:`serve` has to run for anything to be called."""

    def __init__(self, url: str, realm: str, login: str, answer: Answer, tls: Optional[ssl.SSLContext] = None) -> None:
        """Connects and logs in by ticket; ``answer`` is asked for the ticket, and for a code if the bus wants one too.

        :raises Refused: the bus refused
        :raises Lost: it can't be reached
        """
        self._socket = _connected(url, tls)
        self._procedures: dict[int, Procedure] = {}
        self._requests = 0
        self._places = BoundedSemaphore(INVOCATIONS_MAX)
        self._workers = ThreadPoolExecutor(WORKERS_MAX, thread_name_prefix="service")
        details = {"authid": login, "authmethods": ["ticket"], "roles": {"callee": {}}, "agent": "countersign-python"}
        self._send([HELLO, realm, details])
        while (message := self._next())[0] == CHALLENGE:
            self._send([AUTHENTICATE, answer(str(message[1])), {}])
        if message[0] != WELCOME:
            self.close()
            raise Refused(_reason(message))

    def register(self, uri: str, procedure: Procedure) -> None:
        """Makes ``procedure`` callable.

        :raises Refused: the user may not, or somebody has it
        :raises Lost: the connection ended
        """
        self._requests += 1
        self._send([REGISTER, self._requests, {}, uri])
        while (message := self._next())[0] != REGISTERED:
            if message[0] == INVOCATION:
                # Of a procedure that is registered already.
                self._invoked(message)
            else:
                raise Refused(f"{uri}: {_reason(message)}")
        self._procedures[message[2]] = procedure

    def serve(self) -> None:
        """Answers calls until the session ends.

        :raises Lost: it ended; the text says why
        """
        while True:
            message = self._next(None)
            if message[0] == INVOCATION:
                self._invoked(message)
            elif message[0] in (GOODBYE, ABORT):
                raise Lost(_reason(message))

    def close(self) -> None:
        """Leaves. What is being answered is not waited for."""
        try:
            self._send([GOODBYE, {}, "wamp.close.normal"])
        except Lost:
            pass
        self._socket.close()
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _invoked(self, message: list[Any]) -> None:
        request, registration = message[1], message[2]
        arguments = [_received(one) for one in (message[4] if len(message) > 4 else [])]
        named = {name: _received(one) for name, one in (message[5] if len(message) > 5 else {}).items()}
        if not self._places.acquire(blocking=False):
            self._fail(request, CallError("wamp.error.unavailable", ["too many calls at the same time"], {}))
            return
        self._workers.submit(self._run, self._procedures[registration], request, arguments, named)

    def _run(self, procedure: Procedure, request: int, arguments: list[Any], named: dict[str, Any]) -> None:
        try:
            result = procedure(arguments, named)
            self._send([YIELD, request, {}, [result]])
        except CallError as error:
            self._fail(request, error)
        except (TypeError, ValueError) as error:
            self._fail(request, CallError("wamp.error.runtime_error", [f"the result is no JSON: {error}"], {}))
        except Lost:
            # The caller hears that from the bus.
            pass
        finally:
            self._places.release()

    def _fail(self, request: int, error: CallError) -> None:
        try:
            self._send([ERROR, INVOCATION, request, {}, error.uri, error.arguments, error.named])
        except Lost:
            pass

    def _send(self, message: list[Any]) -> None:
        text = json.dumps(message, default=_sendable)
        try:
            self._socket.send(text)
        except (ConnectionClosed, OSError) as error:
            raise Lost(f"the connection ended: {error}") from error

    def _next(self, seconds: Optional[float] = ANSWER_SECONDS_MAX) -> list[Any]:
        try:
            message = json.loads(self._socket.recv(seconds))
        except TimeoutError:
            raise Lost("the bus did not answer") from None
        except (ConnectionClosed, OSError, ValueError) as error:
            raise Lost(f"the connection ended: {error}") from error
        if not isinstance(message, list) or not message:
            raise Lost("the bus sent something that is no message")
        return message


def _connected(url: str, tls: Optional[ssl.SSLContext]) -> ClientConnection:
    try:
        # Directly, as the sign-on API is asked.
        return connect(url, subprotocols=[Subprotocol("wamp.2.json")], ssl=tls, max_size=MESSAGE_BYTES_MAX, proxy=None)
    except (OSError, TimeoutError, WebSocketException) as error:
        raise Lost(f"{url} can't be reached: {error}") from error


def _reason(message: list[Any]) -> str:
    """Why the bus refused: the text that it gives, and the error's URI."""
    if message[0] in (ABORT, GOODBYE):
        text = message[1].get("message") if isinstance(message[1], dict) else None
        return f"{text} ({message[2]})" if text else str(message[2])
    if message[0] == ERROR:
        return f"{message[5][0]} ({message[4]})" if len(message) > 5 and message[5] else str(message[4])
    return f"the bus answered with a message of type {message[0]}"


def _received(value: Any) -> Any:
    """Binary data stands in JSON as a string of U+0000 and base64."""
    if isinstance(value, str) and value.startswith("\0"):
        return base64.b64decode(value[1:])
    if isinstance(value, list):
        return [_received(one) for one in value]
    if isinstance(value, dict):
        return {name: _received(one) for name, one in value.items()}
    return value


def _sendable(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return "\0" + base64.b64encode(value).decode()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    if hasattr(value, "to_dict"):
        return value.to_dict()
    raise TypeError(f"{type(value).__name__} can't be sent")
