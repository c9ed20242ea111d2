"""A peer: a program around one client library, driven line by line.

A command is one line of JSON, `{"id": 1, "do": "call", "session": 2, ...}`; its answer has the same `id` and one of
`ok`, `refused` (the router or the other peer answered with an error) and `failed` (the library itself would not). What
comes unasked is an `event` of a session: `event`, `invocation`, `interrupted`, `progress`, `revoked` or `left`. Sessions,
subscriptions, registrations and calls have numbers that are chosen here, so that an event can come before the answer.

A procedure has no behaviour in the peer: an invocation comes here, and its answer goes back from here.
"""

from __future__ import annotations

import itertools
import json
import os
import queue
import subprocess
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

from interop.values import from_line, to_line

WAIT_SECONDS_MAX = 20
STOP_SECONDS_MAX = 10


class Refused(Exception):
    """The router or the other peer answered with an error. `uri` is None if the library doesn't show it."""

    def __init__(self, uri: str | None, args: list, kwargs: dict) -> None:
        super().__init__(uri, args, kwargs)
        self.uri, self.arguments, self.named = uri, args, kwargs


class LibraryFailed(Exception):
    """The library did not do what it was told; the text names its exception."""


@dataclass(frozen=True)
class Result:
    """Of a call, final or not."""

    args: list = field(default_factory=list)
    kwargs: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """An invocation's answer that is an error."""

    uri: str
    args: list = field(default_factory=list)
    kwargs: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Event:
    args: list
    kwargs: dict
    details: dict


@dataclass(frozen=True)
class End:
    """Why a session ended, as far as its library says."""

    reason: str | None
    message: str | None


def wait(source: queue.Queue, what: str) -> Any:
    try:
        return source.get(timeout=WAIT_SECONDS_MAX)
    except queue.Empty:
        raise AssertionError(f"waited {WAIT_SECONDS_MAX} s for {what}") from None


class Peer:
    """A running peer. What its library prints is in `log`."""

    def __init__(self, name: str, command: list, environment: dict[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self._numbers = itertools.count(1)
        self._answers: dict[int, Future] = {}
        self._sessions: dict[int, Session] = {}
        self._lock = threading.Lock()
        with log.open("w", encoding="utf-8") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                encoding="utf-8",
                env={**os.environ, **environment},
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def number(self) -> int:
        return next(self._numbers)

    def begin(self, do: str, **fields: Any) -> Future:
        """Sends a command; its answer is to come."""
        answer: Future = Future()
        number = self.number()
        self._answers[number] = answer
        self.send({"id": number, "do": do, **fields})
        return answer

    def ask(self, do: str, **fields: Any) -> Any:
        return self.answer(self.begin(do, **fields), do)

    def answer(self, future: Future, what: str) -> Any:
        try:
            return future.result(WAIT_SECONDS_MAX)
        except FutureTimeout:
            raise AssertionError(f"{self.name}: waited {WAIT_SECONDS_MAX} s for {what}; see {self.log}") from None

    def send(self, command: dict) -> None:
        text = json.dumps(to_line(command))
        with self._lock:
            self._process.stdin.write(text + "\n")
            self._process.stdin.flush()

    def connect(self, **options: Any) -> Session:
        """A session that was welcomed; `Refused` if it wasn't."""
        session = Session(self, self.number())
        self._sessions[session.number] = session
        session.welcome = self.ask("connect", session=session.number, **options)
        return session

    def forget(self, number: int) -> None:
        self._sessions.pop(number, None)

    def stop(self) -> None:
        """The peer ends when its line does."""
        self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(STOP_SECONDS_MAX)
        self._process.stdout.close()

    def _read(self) -> None:
        for line in self._process.stdout:
            message = from_line(json.loads(line))
            if "event" in message:
                session = self._sessions.get(message["session"])
                if session:
                    session.heard(message)
            else:
                self._settle(message)
        for answer in list(self._answers.values()):
            answer.set_exception(AssertionError(f"{self.name} ended: {self.log.read_text(encoding='utf-8')}"))

    def _settle(self, message: dict) -> None:
        answer = self._answers.pop(message["id"], None)
        if answer is None:
            # An answer after all, behind a failure that was thrown aside.
            return
        if refused := message.get("refused"):
            answer.set_exception(Refused(refused["uri"], refused["args"], refused["kwargs"]))
        elif "failed" in message:
            answer.set_exception(LibraryFailed(message["failed"]))
        else:
            answer.set_result(message.get("ok"))


class Call:
    """A call on its way."""

    def __init__(self, session: Session, number: int) -> None:
        self.session, self.number = session, number
        self.answer: Future = Future()
        self._progress: queue.Queue[Result] = queue.Queue()

    def progress(self) -> Result:
        """The next progressive result."""
        return wait(self._progress, "a progressive result")

    def cancel(self, mode: str | None = None) -> None:
        self.session.ask("cancel", call=self.number, mode=mode)

    def more(self, *args: Any, last: bool = False) -> None:
        """Another part of the call."""
        self.session.ask("more", call=self.number, args=args, last=last)

    def result(self) -> Result:
        answer = self.session.peer.answer(self.answer, "the result of a call")
        return Result(answer["args"], answer["kwargs"])

    def take(self, message: dict) -> None:
        self._progress.put(Result(message["args"], message["kwargs"]))


class Invocation:
    """What a callee was given, and the way back."""

    def __init__(self, session: Session, message: dict) -> None:
        self.session = session
        self.number = message["invocation"]
        self.args, self.kwargs, self.details = message["args"], message["kwargs"], message["details"]
        self.interruption: Future = Future()
        self._more: queue.Queue[Result] = queue.Queue()

    def progress(self, *args: Any, **kwargs: Any) -> None:
        self._answer("progress", args=args, kwargs=kwargs)

    def give(self, *args: Any, **kwargs: Any) -> None:
        self._answer("yield", args=args, kwargs=kwargs)

    def fail(self, uri: str, *args: Any, **kwargs: Any) -> None:
        self._answer("error", uri=uri, args=args, kwargs=kwargs)

    def throw(self, text: str) -> None:
        """Ends with an exception of the language."""
        self._answer("throw", text=text)

    def interrupted(self) -> dict:
        """What came with INTERRUPT, once it came."""
        return self.session.peer.answer(self.interruption, "an interrupt")

    def more(self) -> Result:
        """The next part of a call that comes in parts."""
        return wait(self._more, "another part of a call")

    def take(self, message: dict) -> None:
        self._more.put(Result(message["args"], message["kwargs"]))

    def _answer(self, do: str, **fields: Any) -> None:
        # Without waiting: this is also used where answers are read.
        self.session.peer.begin(do, session=self.session.number, invocation=self.number, **fields)


class Registration:
    """A procedure; with a handler that answers, or with invocations to be taken one by one."""

    kind = "registration"

    def __init__(
        self, session: Session, number: int, match: str, handler: Callable[[Invocation], Any] | None
    ) -> None:
        self.session, self.number, self.match, self._handler = session, number, match, handler
        self.id: int | None = None
        self.revocation: Future = Future()
        self._invocations: queue.Queue[Invocation] = queue.Queue()

    def next(self) -> Invocation:
        return wait(self._invocations, "an invocation")

    def next_answered(self) -> Invocation:
        """The next invocation, answered with nothing."""
        invocation = self.next()
        invocation.give(None)
        return invocation

    def revoked(self) -> str:
        """Why the router took it back, once it did."""
        return self.session.peer.answer(self.revocation, "a revocation")

    def take(self, invocation: Invocation) -> None:
        if self._handler is None:
            self._invocations.put(invocation)
            return
        answer = self._handler(invocation)
        if isinstance(answer, Failure):
            invocation.fail(answer.uri, *answer.args, **answer.kwargs)
        elif isinstance(answer, Result):
            invocation.give(*answer.args, **answer.kwargs)
        else:
            invocation.give(answer)

    def unregister(self) -> None:
        self.session.ask("unregister", registration=self.number)
        self.session.registrations.pop(self.number, None)


class Subscription:
    """A topic, and the events that came."""

    kind = "subscription"

    def __init__(self, session: Session, number: int, match: str) -> None:
        self.session, self.number, self.match = session, number, match
        self.id: int | None = None
        self._events: queue.Queue[Event] = queue.Queue()

    def next(self) -> Event:
        return wait(self._events, "an event")

    def all(self) -> list[Event]:
        """The events that are there."""
        return [self._events.get_nowait() for _ in range(self._events.qsize())]

    def take(self, message: dict) -> None:
        self._events.put(Event(message["args"], message["kwargs"], message["details"]))

    def unsubscribe(self) -> None:
        self.session.ask("unsubscribe", subscription=self.number)
        self.session.subscriptions.pop(self.number, None)


class Session:
    """A session of a peer."""

    def __init__(self, peer: Peer, number: int) -> None:
        self.peer, self.number = peer, number
        self.welcome: dict = {}
        self.registrations: dict[int, Registration] = {}
        self.subscriptions: dict[int, Subscription] = {}
        self._calls: dict[int, Call] = {}
        self._invocations: dict[int, Invocation] = {}
        self._end: Future = Future()
        self.end_was_expected = False

    @property
    def id(self) -> int:
        return self.welcome["session"]

    def ask(self, do: str, **fields: Any) -> Any:
        return self.peer.ask(do, session=self.number, **fields)

    def start(self, procedure: str, *args: Any, options: dict | None = None, **kwargs: Any) -> Call:
        """A call whose answer is waited for later. `options`: `progress`, `timeout`, `parts`."""
        call = Call(self, self.peer.number())
        self._calls[call.number] = call
        fields = {"call": call.number, "procedure": procedure, "args": args, "kwargs": kwargs}
        call.answer = self.peer.begin("call", session=self.number, options=options or {}, **fields)
        return call

    def call(self, procedure: str, *args: Any, options: dict | None = None, **kwargs: Any) -> Result:
        return self.start(procedure, *args, options=options, **kwargs).result()

    def ask_for(self, procedure: str, *args: Any, **kwargs: Any) -> Any:
        """The one value that a procedure gives; some libraries don't tell nothing from none."""
        args = self.call(procedure, *args, **kwargs).args
        assert len(args) <= 1
        return args[0] if args else None

    def register(
        self, procedure: str, handler: Callable[[Invocation], Any] | None = None, **options: Any
    ) -> Registration:
        registration = Registration(self, self.peer.number(), options.get("match", "exact"), handler)
        self.registrations[registration.number] = registration
        try:
            registration.id = self.ask(
                "register", registration=registration.number, procedure=procedure, options=options
            )
        except Exception:
            self.registrations.pop(registration.number)
            raise
        return registration

    def subscribe(self, topic: str, **options: Any) -> Subscription:
        # Any option at all counts as a pattern.
        subscription = Subscription(self, self.peer.number(), options.get("match", "prefix") if options else "exact")
        self.subscriptions[subscription.number] = subscription
        try:
            subscription.id = self.ask("subscribe", subscription=subscription.number, topic=topic, options=options)
        except Exception:
            self.subscriptions.pop(subscription.number)
            raise
        return subscription

    def publish(self, topic: str, *args: Any, options: dict | None = None, **kwargs: Any) -> int | None:
        """Publishes with an acknowledgement unless `options` say otherwise; the publication's id."""
        options = {"acknowledge": True, **(options or {})}
        return self.ask("publish", topic=topic, args=args, kwargs=kwargs, options=options)

    def leave(self) -> None:
        """Says GOODBYE."""
        self.end_was_expected = True
        self.ask("leave")

    def abort(self) -> None:
        """Breaks the connection."""
        self.end_was_expected = True
        self.ask("abort")

    def end(self) -> End:
        """How the session ended, once it did. Without this, a session that ends before its scenario is a failure."""
        self.end_was_expected = True
        message = self.peer.answer(self._end, "the end of a session")
        return End(message["reason"], message["message"])

    @property
    def ended(self) -> bool:
        return self._end.done()

    def clear(self, keeps: tuple[str, ...]) -> bool:
        """Takes back every registration and subscription; whether the library could. `keeps`: what it can't."""
        open_ = [*self.registrations.values(), *self.subscriptions.values()]
        if any(f"{each.kind} {each.match}" in keeps for each in open_):
            return False
        asked = [("unregister", {"registration": number}) for number in self.registrations]
        asked += [("unsubscribe", {"subscription": number}) for number in self.subscriptions]
        answers = [self.peer.begin(do, session=self.number, **fields) for do, fields in asked]
        self.registrations, self.subscriptions = {}, {}
        try:
            for answer in answers:
                self.peer.answer(answer, "the end of a registration or subscription")
        except (Refused, LibraryFailed):
            return False
        return True

    def forget(self) -> None:
        """Lets the peer's number of this session go."""
        self.peer.forget(self.number)

    def heard(self, message: dict) -> None:
        """Gives an event to whom it is for."""
        kind = message["event"]
        if kind == "event":
            if subscription := self.subscriptions.get(message["subscription"]):
                subscription.take(message)
        elif kind == "invocation":
            if earlier := self._invocations.get(message["invocation"]):
                earlier.take(message)
                return
            invocation = Invocation(self, message)
            self._invocations[invocation.number] = invocation
            if registration := self.registrations.get(message["registration"]):
                registration.take(invocation)
        elif kind == "interrupted":
            self._invocations[message["invocation"]].interruption.set_result(message["details"])
        elif kind == "revoked":
            self.registrations[message["registration"]].revocation.set_result(message["reason"])
        elif kind == "progress":
            self._calls[message["call"]].take(message)
        elif kind == "left" and not self._end.done():
            self._end.set_result(message)
