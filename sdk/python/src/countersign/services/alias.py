"""The import names of Zato, for programs that were written for it: ``zato.server.service`` and ``zato.sso``."""

from __future__ import annotations

import sys
from types import ModuleType

from .. import sso
from .service import Service

#: What ``zato.sso`` has.
SSO_NAMES = (
    "status_code", "const", "ValidationError", "InvalidTOTPError", "SearchCtx", "SignupCtx", "User", "Session",
    "SessionInfo", "AttrEntity", "not_given",
)  # fmt: skip


def install_alias() -> None:
    """Lets ``from zato.server.service import Service`` and ``from zato.sso import ...`` find what is here.

    :raises ValueError: the real one is there
    """
    loaded = sys.modules.get("zato")
    if loaded is not None and not hasattr(loaded, "_is_countersign"):
        raise ValueError("the name zato is taken: it is imported already")
    zato, server = _package("zato"), _package("zato.server")
    service, sign_on = ModuleType("zato.server.service"), ModuleType("zato.sso")
    setattr(zato, "_is_countersign", True)
    setattr(service, "Service", Service)
    for name in SSO_NAMES:
        setattr(sign_on, name, getattr(sso, name))
    setattr(zato, "server", server)
    setattr(zato, "sso", sign_on)
    setattr(server, "service", service)
    for module in (zato, server, service, sign_on):
        sys.modules[module.__name__] = module


def _package(name: str) -> ModuleType:
    module = ModuleType(name)
    # Without a place of its own: nothing else is found below it.
    module.__path__ = []
    return module
