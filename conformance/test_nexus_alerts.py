"""What is told of registrations that are gone, as Nexus' own tests 26 and 60 have it."""

from __future__ import annotations

import datetime
import json
import queue
import time
from typing import Iterator

import pytest
import swampyer

import countersign_server
from conftest import WAIT_SECONDS_MAX, eventually
from nexus import BASE, Clients, Nexus, hello

TOPIC = "system.event.warning.registration"
VACUUM = "system.vacuum.registrations"
WEEK = datetime.timedelta(days=7)
DOCUMENT = {"description": "a URI of the scenario", "contact": "test@example.com"}


@pytest.fixture(scope="module")
def watching(tmp_path_factory) -> Iterator[Nexus]:
    settings = "[uris]\nnotification_startup_grace_seconds = 0\n"
    with countersign_server.running(tmp_path_factory.mktemp("s"), None, settings) as server:
        yield Nexus(server)


@pytest.fixture
def trusted(watching) -> Iterator[swampyer.WAMPClientTicket]:
    clients = Clients(watching.server)
    yield clients.connect(watching.user("trust"))
    clients.close()


class Heard:
    """The warnings that a session has got."""

    def __init__(self, session) -> None:
        self._events: queue.Queue = queue.Queue()
        session.subscribe(TOPIC, lambda event, *args: self._events.put(args))

    def next(self, uri: str) -> tuple[str, int, dict]:
        """The next one about this URI."""
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while True:
            kind, number, record = self._events.get(timeout=max(0.0, deadline - time.monotonic()))
            if record["uri"] == uri:
                return kind, number, record


def watch(watching: Nexus, uri: str, **settings: object) -> None:
    """Documents the URI, and says what is to be told of it."""
    named = [text for name, value in {**DOCUMENT, **settings}.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    document, warnings = named[: 2 * len(DOCUMENT)], named[2 * len(DOCUMENT) :]
    watching.server.cli("uri", "document", uri, *document)
    watching.server.cli("uri", "set", uri, *warnings)


def uris(watching: Nexus) -> set[str]:
    return {record["uri"] for record in json.loads(watching.server.cli("uri", "list", "--json"))}


def come_and_go(session, uri: str, times: int) -> None:
    for _ in range(times):
        session.unregister(session.register(uri, hello).registration_id)


def test_26_who_listens_hears_that_a_uri_is_gone_still_gone_and_back(watching, trusted):
    heard, uri = Heard(trusted), f"{BASE}.alerts.gone"
    watch(watching, uri, warn_after=1, warn_reminder_after=1)
    come_and_go(trusted, uri, 1)
    kind, seconds, record = heard.next(uri)
    assert kind == "disconnect" and seconds >= 1
    assert {name: record[name] for name in DOCUMENT} == DOCUMENT
    assert heard.next(uri)[0] == "disconnect_reminder"
    trusted.register(uri, hello)
    while (kind := heard.next(uri)[0]) == "disconnect_reminder":
        pass
    assert kind == "disconnect_recovery"


def test_26_who_listens_hears_that_a_uri_comes_and_goes(watching, trusted):
    heard, uri = Heard(trusted), f"{BASE}.alerts.flapping"
    watch(watching, uri, count_warn_after=5, count_warn_reminder_after=1)
    come_and_go(trusted, uri, 10)
    kind, count, _ = heard.next(uri)
    assert kind == "disconnect_count" and count >= 5
    assert heard.next(uri)[0] == "disconnect_count_reminder"


def test_26_a_schedule_takes_the_place_of_a_time(watching, trusted):
    heard, uri = Heard(trusted), f"{BASE}.alerts.scheduled"
    schedule = "# at all times\n* * * * * disconnect_warn_after:2\n0 1 30 1 * disconnect_warn_after:60"
    watch(watching, uri, warn_after=3600, schedule=schedule)
    come_and_go(trusted, uri, 1)
    kind, seconds, record = heard.next(uri)
    assert kind == "disconnect" and 2 <= seconds < 3600
    assert record["schedule"] == schedule


def test_60_a_uri_that_is_long_gone_is_reaped_when_its_lifespan_is_over(watching, trusted):
    heard, uri = Heard(trusted), f"{BASE}.alerts.zombie"
    gone = datetime.datetime.now(datetime.timezone.utc) - WEEK
    watch(watching, uri, disconnect=gone.isoformat(), zombie_lifespan="never")
    assert trusted.call(VACUUM) is True
    assert uri in uris(watching)
    watching.server.cli("uri", "set", uri, "--zombie-lifespan", "10")
    assert trusted.call(VACUUM) is True
    kind, seconds, record = heard.next(uri)
    assert kind == "zombie_reap" and seconds >= WEEK.total_seconds()
    assert record["uri"] == uri
    eventually("the end of the record", lambda: uri not in uris(watching))
