"""Countersign from Python: the sign-on API (:mod:`countersign.sso`), a host for services (:mod:`countersign.services`)
and one-time passwords (:mod:`countersign.otp`).
"""

from .sso import SSO, TransportError, ValidationError

__all__ = ["SSO", "TransportError", "ValidationError", "__version__"]

__version__ = "0.1.0"
