"""Codes of a second factor, as an authenticator shows them (RFC 6238, SHA-1, 6 digits, 30 seconds)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import time

STEP_SECONDS = 30


def code(key: str, steps: int = 0) -> str:
    """The code of the present step, or of one `steps` later."""
    raw = base64.b32decode(key + "=" * (-len(key) % 8))
    counter = int(time.time()) // STEP_SECONDS + steps
    digest = hmac.new(raw, struct.pack(">Q", counter), hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack_from('>I', digest, offset)[0] & 0x7FFFFFFF) % 1_000_000:06}"


class Codes:
    """The codes of a key from the present one on. Each works once, in their order; two do for sure, since the one before the
    present one may end on its way."""

    def __init__(self, key: str) -> None:
        self._key, self._next = key, -1

    def next(self) -> str:
        self._next += 1
        return code(self._key, self._next)
