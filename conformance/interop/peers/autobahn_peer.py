"""The peer of autobahn-python (asyncio)."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys

import line
from line import Refused

import txaio
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import CallOptions, CallResult, PublishOptions, RegisterOptions, SubscribeOptions

from autobahn_peers import Bus, Peer, Prover, Twice, authenticator

txaio.start_logging = lambda *args, **kwargs: None

# What it has authenticators for.
PROOFS = ["wampcra", "scram", "cryptosign"]
DETAILS = ["caller", "caller_authid", "caller_authrole", "procedure"]
EVENT_DETAILS = ["publication", "publisher", "publisher_authid", "publisher_authrole", "topic", "retained"]


class Address:
    """Stands for the server: where it is, and its certificate."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.certificate = os.environ["SSL_CERT_FILE"]

    def url(self, kind: str) -> str:
        return self._url


class User:
    def __init__(self, auth: dict) -> None:
        self.login, self.password = auth["authid"], auth.get("secret")


class Session:
    """One session and what is open in it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.peer: Peer | None = None
        self.calls: dict[int, asyncio.Future] = {}
        self.registrations: dict = {}
        self.subscriptions: dict = {}
        self.invocations: dict[int, tuple] = {}
        self._numbers = itertools.count(1)

    async def connect(self, transport: str, url: str, serializer: str, realm: str, auth: dict) -> dict:
        method = auth["method"]
        bus = Bus(Address(url), (auth["certificate"], auth["key"]) if method == "tls" else None, auth.get("headers"))
        user = None if method == "anonymous" else User(auth)
        if method in PROOFS:
            prover = Prover(user, authenticator(method, user.login, user.password), realm)
            peer = await bus.open(prover, transport, serializer)
        elif "code" in auth:
            peer = await bus.open(Twice(user, auth["code"], realm), transport, serializer)
        else:
            peer = await bus.connect(user, transport, serializer, realm=realm, methods=[method])
        if not peer.joined.done():
            details = peer.left.result()
            raise Refused(details.reason, [details.message])
        self.peer = peer
        peer.left.add_done_callback(lambda left: self._left(left.result()))
        details = peer.joined.result()
        return {
            "session": details.session,
            "authid": details.authid,
            "authrole": details.authrole,
            "authmethod": details.authmethod,
        }

    def _left(self, details) -> None:
        line.event("left", self.number, reason=details.reason, message=details.message)

    async def call(self, call: int, procedure: str, args: list, kwargs: dict, options: dict) -> dict:
        # With both it fails on a progressive result without names, and breaks off.
        given = {"details": not options.get("progress")}
        if options.get("progress"):
            given["on_progress"] = lambda *args, **kwargs: line.event(
                "progress", self.number, call=call, args=args, kwargs=kwargs
            )
        if "timeout" in options:
            given["timeout"] = options["timeout"]
        future = self.calls[call] = self.peer.call(procedure, *args, **kwargs, options=CallOptions(**given))
        try:
            result = await future
        except asyncio.CancelledError:
            raise Refused("wamp.error.canceled") from None
        if not isinstance(result, CallResult):
            result = CallResult(result)
        return {"args": result.results, "kwargs": result.kwresults or {}}

    async def cancel(self, call: int, mode: str | None) -> None:
        assert mode is None
        self.calls[call].cancel()

    async def register(self, registration: int, procedure: str, options: dict) -> int:
        async def endpoint(*args, details, **kwargs):
            number = next(self._numbers)
            answer = asyncio.get_running_loop().create_future()
            self.invocations[number] = (answer, details)
            shown = {name: getattr(details, name) for name in DETAILS}
            fields = {"registration": registration, "invocation": number, "args": args, "kwargs": kwargs}
            line.event("invocation", self.number, **fields, details={**shown, "progress": details.progress is not None})
            try:
                return await answer
            except asyncio.CancelledError:
                line.event("interrupted", self.number, invocation=number, details={})
                raise ApplicationError("wamp.error.canceled") from None

        options = RegisterOptions(details=True, **options)
        self.registrations[registration] = await self.peer.register(endpoint, procedure, options=options)
        return self.registrations[registration].id

    async def unregister(self, registration: int) -> None:
        await self.registrations.pop(registration).unregister()

    async def progress(self, invocation: int, args: list, kwargs: dict) -> None:
        self.invocations[invocation][1].progress(*args, **kwargs)

    async def yield_(self, invocation: int, args: list, kwargs: dict) -> None:
        self.invocations.pop(invocation)[0].set_result(CallResult(*args, **kwargs))

    async def error(self, invocation: int, uri: str, args: list, kwargs: dict) -> None:
        self.invocations.pop(invocation)[0].set_exception(ApplicationError(uri, *args, **kwargs))

    async def throw(self, invocation: int, text: str) -> None:
        self.invocations.pop(invocation)[0].set_exception(ValueError(text))

    async def subscribe(self, subscription: int, topic: str, options: dict) -> int:
        def handler(*args, details, **kwargs):
            shown = {name: getattr(details, name) for name in EVENT_DETAILS}
            fields = {"subscription": subscription, "args": args, "kwargs": kwargs}
            line.event("event", self.number, **fields, details=shown)

        options = SubscribeOptions(details=True, **options)
        self.subscriptions[subscription] = await self.peer.subscribe(handler, topic, options=options)
        return self.subscriptions[subscription].id

    async def unsubscribe(self, subscription: int) -> None:
        await self.subscriptions.pop(subscription).unsubscribe()

    async def publish(self, topic: str, args: list, kwargs: dict, options: dict) -> int | None:
        published = self.peer.publish(topic, *args, **kwargs, options=PublishOptions(**options))
        return (await published).id if published else None

    async def leave(self) -> None:
        self.peer.leave()
        await self.peer.end()

    async def abort(self) -> None:
        self.peer._transport.abort()
        await self.peer.disconnected


sessions: dict[int, Session] = {}


async def obey(command: dict) -> None:
    number, do, session = command.pop("id"), command.pop("do"), command.pop("session")
    act = getattr(sessions.setdefault(session, Session(session)), "yield_" if do == "yield" else do)
    try:
        answer = {"ok": await act(**command)}
    except ApplicationError as error:
        answer = line.failed(Refused(error.error, error.args, error.kwargs))
    except Exception as error:  # noqa: BLE001 - whatever the library raises is the answer
        answer = line.failed(error)
    line.send({"id": number, **answer})


async def main() -> None:
    reader = asyncio.StreamReader(limit=64 * 1024 * 1024)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tasks = set()
    while text := await reader.readline():
        task = loop.create_task(obey(line.from_line(line.json.loads(text))))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


asyncio.run(main())
