"""Runs services that were written for Zato: classes with ``handle``, ``self.cid``, ``self.logger`` and ``self.sso``.

A program that imports ``zato.server.service`` finds it in the package ``countersign-zato``, which is this module under
the old name.

    countersign-service --url http://127.0.0.1:8282/sso my_services.py:ResetUserTOTPKey
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import inspect
import logging
import os
import secrets
import sys
from types import ModuleType, SimpleNamespace
from typing import Any, Optional, Type

from .sso import SSO, TransportError, ValidationError

#: Random bytes of a correlation id.
CID_BYTES = 12


class Service:
    """A service. The host sets the fields before it calls :meth:`handle`."""

    #: Correlation id of this invocation.
    cid: str
    #: The sign-on API.
    sso: SSO
    logger: logging.Logger
    #: ``request.input`` and ``request.payload``: what the service was invoked with.
    request: Any
    #: ``response.payload``: what it answers.
    response: Any

    def handle(self) -> None:
        """What the service does; to be written by its author."""
        raise NotImplementedError(f"{type(self).__name__} has no handle")

    @classmethod
    def get_name(cls) -> str:
        """The service's name: its own, or its module's and class's."""
        return str(getattr(cls, "name", None) or f"{cls.__module__}.{cls.__name__}")


def invoke(service: Type[Service], sso: SSO, payload: Any = None, cid: Optional[str] = None) -> Any:
    """Runs a service once and gives its ``response.payload``.

    :raises ValidationError: the sign-on API refused, and the service let that pass
    """
    one = service()
    one.cid = cid or secrets.token_hex(CID_BYTES)
    one.sso = sso
    one.logger = logging.getLogger(service.get_name())
    one.request = SimpleNamespace(input=payload, payload=payload)
    one.response = SimpleNamespace(payload=None)
    one.handle()
    return one.response.payload


def load(target: str) -> Type[Service]:
    """The service class of ``FILE.py:Class`` or ``module:Class``; without a class the only one that is there.

    :raises ValueError: there is no such class
    """
    where, _, name = target.partition(":")
    module = _module_of_file(where) if where.endswith(".py") else importlib.import_module(where)
    own = [one for one in vars(module).values() if inspect.isclass(one) and issubclass(one, Service) and one is not Service]
    wanted = [one for one in own if not name or one.__name__ == name]
    if len(wanted) != 1:
        names = ", ".join(one.__name__ for one in own) or "none"
        raise ValueError(f"name one service of {where}: it has {names}")
    return wanted[0]


def _module_of_file(path: str) -> ModuleType:
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(arguments: Optional[list[str]] = None) -> int:
    """The command ``countersign-service``."""
    parser = argparse.ArgumentParser(prog="countersign-service", description="Runs a service once.")
    parser.add_argument("service", help="FILE.py:Class or module:Class")
    parser.add_argument("--url", default="http://127.0.0.1:8282/sso", help="the sign-on API (default: %(default)s)")
    parser.add_argument("--cid", help="correlation id; made up unless given")
    parser.add_argument("--input", help="text that the service gets as request.payload")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        with SSO(given.url) as sso:
            payload = invoke(load(given.service), sso, given.input, given.cid)
    except (OSError, ValueError, ImportError, TransportError) as error:
        print(f"countersign-service: {error}", file=sys.stderr)
        return 1
    except ValidationError as error:
        print(f"countersign-service: refused: {error}", file=sys.stderr)
        return 2
    if payload is not None:
        print(payload)
    return 0


if __name__ == "__main__":
    sys.exit(main())
