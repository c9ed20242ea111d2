"""The class of services, their names, and one invocation of one of them."""

from __future__ import annotations

import importlib.util
import inspect
import logging
import re
import secrets
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Mapping, Optional, Sequence, Type

from ..sso import SSO

#: Random bytes of a correlation id.
CID_BYTES = 12

# Between a small letter and a capital, and before the last capital of several: ResetUserTOTPKey -> reset-user-totp-key.
_WORD_STARTS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[^\W_])(?=[A-Z][a-z])")


def service_name(module: str, name: str) -> str:
    """The name of a service that has none of its own, from its module's and its class's: ``my_module`` and ``MyService``
    make ``my-module.my-service``."""
    path = ".".join(_WORD_STARTS.sub("-", part).replace("_", "-") for part in module.split("."))
    return f"{path}.{_WORD_STARTS.sub('-', name)}".lower()


class Bunch(dict[str, Any]):
    """A dict whose values can be had as attributes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


class Request:
    """What a service was invoked with."""

    def __init__(self, arguments: Sequence[Any] = (), named: Optional[Mapping[str, Any]] = None) -> None:
        #: All arguments by position, as they came.
        self.args = list(arguments)
        given = self.args[0] if len(self.args) == 1 else self.args or None
        #: The named values: those of a dict that is the only argument, and the named arguments.
        self.input = Bunch(given if isinstance(given, dict) else {}, **(named or {}))
        #: The only argument, all of them, or the named values if there are no others.
        self.payload: Any = self.input if given is None or isinstance(given, dict) else given
        if not self.input and given is None:
            self.payload = None
        self.raw_request = self.payload


class Response:
    """What a service answers."""

    def __init__(self) -> None:
        #: Set it, or its attributes or keys. Nothing is answered with ``None``.
        self.payload: Any = Bunch()


class Service:
    """A service. The host makes an object for each invocation and sets these fields before it calls :meth:`handle`."""

    #: The procedure's URI.
    name: str
    #: Correlation id of this invocation.
    cid: str
    #: The sign-on API.
    sso: SSO
    logger: logging.Logger
    request: Request
    response: Response

    def handle(self) -> None:
        """What the service does; to be written by its author."""
        raise NotImplementedError(f"{type(self).__name__} has no handle")

    @classmethod
    def get_name(cls) -> str:
        """The service's name, which is the procedure's URI: its own ``name``, or its module's and class's."""
        own = cls.__dict__.get("name")
        return own if isinstance(own, str) and own else service_name(cls.__module__, cls.__name__)


def invoke(service: Type[Service], sso: SSO, request: Optional[Request] = None, cid: Optional[str] = None) -> Any:
    """Runs a service once and gives its ``response.payload``.

    :raises ValidationError: the sign-on API refused, and the service let that pass
    """
    one = service()
    one.name = service.get_name()
    one.cid = cid or new_cid()
    one.sso = sso
    one.logger = logging.getLogger(one.name)
    one.request = request or Request()
    one.response = Response()
    one.handle()
    payload = one.response.payload
    return None if isinstance(payload, Bunch) and not payload else payload


def new_cid() -> str:
    """A correlation id that nobody else has."""
    return secrets.token_hex(CID_BYTES)


def load(path: str) -> list[Type[Service]]:
    """The services that a file defines, in its order.

    :raises ValueError: it is no Python file, there are none in it, or two have the same name
    """
    module = _module_of(Path(path))
    classes = [one for one in vars(module).values() if inspect.isclass(one) and one.__module__ == module.__name__]
    # A base of others that does nothing itself is none.
    services = [one for one in classes if issubclass(one, Service) and one.handle is not Service.handle]
    if not services:
        raise ValueError(f"{path} has no class that derives from Service and has a handle")
    names = [one.get_name() for one in services]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{path} has two services named {', '.join(twice)}")
    return services


def _module_of(path: Path) -> ModuleType:
    name = path.stem
    if path.suffix != ".py" or not path.is_file():
        raise ValueError(f"{path} is no Python file")
    if name in sys.modules:
        raise ValueError(f"{path} has the name of a module that is loaded already")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is no Python file")
    # As a program's own directory is searched, so that its neighbours can be imported.
    directory = str(path.resolve().parent)
    if directory not in sys.path:
        sys.path.insert(0, directory)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
