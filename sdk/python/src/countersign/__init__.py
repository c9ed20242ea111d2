"""Countersign from Python: the sign-on API (:mod:`countersign.sso`), a host for services (:mod:`countersign.service`)
and one-time passwords (:mod:`countersign.otp`).
"""

__version__ = "0.1.0"
