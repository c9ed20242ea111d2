"""``python -m countersign.services FILE.py --url http://HOST:PORT --user LOGIN``: services as procedures of the bus."""

from __future__ import annotations

import argparse
import contextvars
import getpass
import logging
import os
import signal
import sys
import threading
from types import FrameType
from typing import Any, Optional, Type

from ..sso import SSO, OwnSession, ValidationError
from .alias import install_alias
from .bus import Callee, CallError, Lost, Procedure, Refused, bus_url
from .service import Request, Service, invoke, load, new_cid

#: Has the password, one-time password, session token or other ticket.
TICKET_VARIABLE = "COUNTERSIGN_TICKET"
#: May have the code of the user's second factor.
CODE_VARIABLE = "COUNTERSIGN_TOTP_CODE"
#: May have ``LOGIN:KEY``, an API key with the right to say whose address it is that a service is called from.
API_KEY_VARIABLE = "COUNTERSIGN_API_KEY"
#: What a session token of the server begins with.
SESSION_TOKEN_PREFIX = "csust_"
#: Longest wait before a lost session is opened again, in seconds.
RETRY_SECONDS_MAX = 30.0
REFUSED_URI = "countersign.error.refused"

logger = logging.getLogger("countersign.services")
_cid: contextvars.ContextVar[str] = contextvars.ContextVar("cid", default="-")


class _Stopped(Exception):
    """The process was told to end."""


class Host:
    """Services, the sign-on API that they use, and how to log in on the bus."""

    def __init__(self, services: list[Type[Service]], sso: SSO, given: argparse.Namespace, ticket: str) -> None:
        self._services, self._sso, self._given, self._ticket = services, sso, given, ticket

    def join(self) -> Callee:
        """Opens a session with all services registered.

        :raises Refused: the bus refused
        :raises Lost: it can't be reached
        """
        callee = Callee(bus_url(self._given.url), self._given.realm, self._given.user, self._answer)
        try:
            for service in self._services:
                callee.register(service.get_name(), self._procedure(service))
        except (Refused, Lost):
            callee.close()
            raise
        return callee

    def _answer(self, method: str) -> str:
        if method == "ticket":
            return self._ticket
        if method == "totp":
            return os.environ.get(CODE_VARIABLE) or _prompt(f"Code of {self._given.user}: ")
        raise Refused(f"the bus asks for {method}")

    def _procedure(self, service: Type[Service]) -> Procedure:
        def call(arguments: list[Any], named: dict[str, Any]) -> Any:
            cid = new_cid()
            _cid.set(cid)
            try:
                return invoke(service, self._sso, Request(arguments, named), cid)
            except ValidationError as error:
                logging.getLogger(service.get_name()).warning("Refused: %s", error)
                told = {"cid": cid, "status": error.status, "sub_status": error.sub_status}
                raise CallError(REFUSED_URI, list(error.sub_status), told) from None
            except Exception:
                logging.getLogger(service.get_name()).exception("Failed")
                # What went wrong is for the log: it may have what the caller must not see.
                raise CallError("wamp.error.runtime_error", ["the service failed"], {"cid": cid}) from None

        return call


def serve(host: Host, names: list[str], stopped: threading.Event) -> None:
    """Prints the services' names once they can be called, and answers calls until the process is told to end.

    :raises Refused: the bus refused
    :raises Lost: it can't be reached at first
    """
    callee = host.join()
    for name in names:
        print(name, flush=True)
    try:
        while True:
            try:
                callee.serve()
            except Lost as lost:
                logger.warning("%s; the session is opened again", lost)
            callee.close()
            callee = _again(host, stopped)
    finally:
        callee.close()


def _again(host: Host, stopped: threading.Event) -> Callee:
    seconds = 0.5
    while True:
        stopped.wait(seconds)
        try:
            callee = host.join()
        except Lost as lost:
            logger.warning("%s", lost)
            seconds = min(seconds * 2, RETRY_SECONDS_MAX)
        else:
            logger.info("the session is open again")
            return callee


def main(arguments: Optional[list[str]] = None) -> int:
    """The program.

    :returns: 0 if it was told to end, 1 if there is nothing to run or the bus can't be reached, 2 if it refused
    """
    given = _parser().parse_args(arguments)
    _log_to_stdout()
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, _stop)
    try:
        if given.zato_alias:
            install_alias()
        services = [service for file in given.files for service in load(file)]
        ticket = os.environ.get(TICKET_VARIABLE) or _prompt(f"Ticket of {given.user}: ")
        with SSO(given.url, own=_own(given, ticket), api_key=_api_key()) as sso:
            serve(Host(services, sso, given, ticket), [one.get_name() for one in services], stopped)
    except (_Stopped, KeyboardInterrupt):
        return 0
    except Refused as refused:
        print(f"countersign-services: refused: {refused}", file=sys.stderr)
        return 2
    except (ImportError, OSError, SyntaxError, ValueError, Lost) as error:
        print(f"countersign-services: {error}{_hint(error)}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m countersign.services",
        description="Makes the services of a file procedures of the bus, and prints their URIs.",
        epilog=f"The ticket is a password, one-time password or session token, from {TICKET_VARIABLE} or a prompt.",
    )
    parser.add_argument("files", metavar="FILE.py", nargs="+", help="has classes that derive from Service")
    parser.add_argument("--url", default="http://127.0.0.1:8282", help="the server (default: %(default)s)")
    parser.add_argument("--user", metavar="LOGIN", required=True, help="who registers the procedures")
    parser.add_argument("--realm", default="izaber", help="the realm of the bus (default: %(default)s)")
    parser.add_argument(
        "--app", default="CRM", help="current_app of calls that name none and have no session (default: %(default)s)"
    )
    parser.add_argument(
        "--zato-alias", action="store_true", help="let zato.server.service and zato.sso be imported from here"
    )
    return parser


def _own(given: argparse.Namespace, ticket: str) -> OwnSession:
    """Who stands behind the calls that have no session: the user of the host, with what this user may."""
    if ticket.startswith(SESSION_TOKEN_PREFIX):
        return OwnSession(ticket, current_app=given.app)
    return OwnSession(username=given.user, password=ticket, current_app=given.app)


def _api_key() -> Optional[tuple[str, str]]:
    """What the program shows to be believed for whom it asks; see ``SSO``."""
    login, _, key = os.environ.get(API_KEY_VARIABLE, "").partition(":")
    if not login and not key:
        return None
    if not login or not key:
        raise ValueError(f"{API_KEY_VARIABLE} has to be LOGIN:KEY")
    return login, key


def _hint(error: Exception) -> str:
    is_zato = isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == "zato"
    return " (programs written for Zato need --zato-alias)" if is_zato else ""


def _prompt(text: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(text)
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise ValueError(f"give the ticket in {TICKET_VARIABLE}, or on the standard input")
    return line


def _log_to_stdout() -> None:
    def with_cid(record: logging.LogRecord) -> bool:
        record.cid = _cid.get()
        return True

    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(with_cid)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(cid)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # Its connections are told of above.
    logging.getLogger("websockets").setLevel(logging.WARNING)


def _stop(_signal: int, _frame: Optional[FrameType]) -> None:
    raise _Stopped


if __name__ == "__main__":
    sys.exit(main())
