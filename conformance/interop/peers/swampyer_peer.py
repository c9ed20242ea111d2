"""The peer of swampyer. Its calls block, so every command runs in a thread of its own."""

from __future__ import annotations

import itertools
import queue
import socket
import ssl
import threading

import line
from line import Refused

import swampyer

REFUSED = "Received abort when trying to connect: "
# Handlers of events run one after the other; those of invocations side by side.
QUEUES = {"default": {"concurrency_max": 0}, "events": {"concurrency_max": 1}}


class Thrown(Exception):
    """What a handler raises."""


def client_class(base: type, session: int) -> type:
    class Client(base):
        _said = False

        def handle_disconnect(self) -> None:
            super().handle_disconnect()
            # It comes here again when its user disconnects.
            if not self._said:
                self._said = True
                line.event("left", session, reason=None, message=None)

    return Client


class Session:
    """One client and what is open in it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.client: swampyer.WAMPClient | None = None
        self.registrations: dict[int, int] = {}
        self.subscriptions: dict[int, int] = {}
        self.invocations: dict[int, queue.Queue] = {}
        self._numbers = itertools.count(1)

    def connect(self, transport: str, url: str, serializer: str, realm: str, auth: dict) -> dict:
        options = {"url": url, "realm": realm, "serializers": [serializer], "auto_reconnect": False}
        options |= {"concurrency_configs": QUEUES, "max_payload_size": None, "loop_timeout": 0.1}
        if auth["method"] == "ticket":
            klass = client_class(swampyer.WAMPClientTicket, self.number)
            self.client = klass(username=auth["authid"], password=auth["secret"], **options)
        else:
            if auth["method"] == "tls":
                options["sslopt"] = ssl.create_default_context()
                options["sslopt"].load_cert_chain(auth["certificate"], auth["key"])
            klass = client_class(swampyer.WAMPClient, self.number)
            self.client = klass(authmethods=[auth["method"]], authid=auth.get("authid"), **options)
        try:
            self.client.start()
        except swampyer.ExAbort as error:
            self.client._request_shutdown = True
            self.client.disconnect()
            raise Refused(None, [str(error).removeprefix(REFUSED)]) from None
        details = self.client.peer.details
        return {
            "session": self.client.session_id,
            "authid": details["authid"],
            "authrole": details["authrole"],
            "authmethod": details["authmethod"],
        }

    def call(self, call: int, procedure: str, args: list, kwargs: dict, options: dict) -> dict:
        assert not options
        try:
            return {"args": [self.client.call(procedure, *args, **kwargs)], "kwargs": {}}
        except swampyer.ExInvocationError as error:
            raise Refused(None, error.args) from None

    def register(self, registration: int, procedure: str, options: dict) -> int:
        def handler(invocation, *args, **kwargs):
            number = next(self._numbers)
            answers = self.invocations[number] = queue.Queue()
            details = {**invocation.details, "procedure": invocation.details.get("procedure", procedure)}
            fields = {"registration": registration, "invocation": number, "args": args, "kwargs": kwargs}
            line.event("invocation", self.number, **fields, details=details)
            answer = answers.get()
            if isinstance(answer, Exception):
                raise answer
            return answer

        try:
            answer = self.client.register(procedure, handler, options)
        except swampyer.ExInvocationError as error:
            raise Refused(None, error.args) from None
        self.registrations[registration] = answer.registration_id
        return answer.registration_id

    def unregister(self, registration: int) -> None:
        self.client.unregister(self.registrations.pop(registration))

    def yield_(self, invocation: int, args: list, kwargs: dict) -> None:
        assert not kwargs and len(args) <= 1
        self.invocations.pop(invocation).put(args[0] if args else None)

    def throw(self, invocation: int, text: str) -> None:
        self.invocations.pop(invocation).put(Thrown(text))

    def subscribe(self, subscription: int, topic: str, options: dict) -> int:
        def handler(event, *args, **kwargs):
            details = {**event.details, "publication": event.publish_id}
            details.setdefault("topic", topic)
            fields = {"subscription": subscription, "args": args, "kwargs": kwargs}
            line.event("event", self.number, **fields, details=details)

        answer = self.client.subscribe(topic, handler, options, concurrency_queue="events")
        self._check(answer)
        self.subscriptions[subscription] = answer.subscription_id
        return answer.subscription_id

    def unsubscribe(self, subscription: int) -> None:
        self._check(self.client.unsubscribe(self.subscriptions.pop(subscription)))

    def publish(self, topic: str, args: list, kwargs: dict, options: dict) -> int | None:
        answer = self.client.publish(topic, options, args, kwargs)
        if answer is None:
            return None
        self._check(answer)
        return answer.publication_id

    @staticmethod
    def _check(answer) -> None:
        """Some requests give the ERROR back as they would the answer."""
        if answer == swampyer.WAMP_ERROR:
            raise Refused(answer.error, answer.args, answer.kwargs)

    def leave(self) -> None:
        # Its thread ends when the connection does.
        self.client._request_shutdown = True
        self.client.disconnect()

    def abort(self) -> None:
        self.client._request_shutdown = True
        connection = self.client.transport.socket
        if isinstance(connection, socket.socket):
            # Closing it does nothing while its thread reads from it.
            connection.shutdown(socket.SHUT_RDWR)
        self.client.transport.close()


sessions: dict[int, Session] = {}


def obey(command: dict) -> None:
    number, do, session = command.pop("id"), command.pop("do"), command.pop("session")
    try:
        act = getattr(sessions.setdefault(session, Session(session)), "yield_" if do == "yield" else do)
        answer = {"ok": act(**command)}
    except Exception as error:  # noqa: BLE001 - whatever the library raises is the answer
        answer = line.failed(error)
    line.send({"id": number, **answer})


for command in line.commands():
    threading.Thread(target=obey, args=(command,), daemon=True).start()
