"""What the peers in Python share: commands are read from standard input, answers and events written to standard output.

The commands are listed in `conformance/interop/peer.py`, which is the other end.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from interop.values import from_line, to_line  # noqa: E402

_lock = threading.Lock()
# The libraries print as well; what they print goes to the log.
_output = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)


class Refused(Exception):
    """The router or another peer answered with an error. `uri` is None where the library doesn't say."""

    def __init__(self, uri: str | None, args: Any = (), kwargs: dict | None = None) -> None:
        super().__init__(uri)
        self.answer = {"uri": uri, "args": list(args), "kwargs": kwargs or {}}


def send(message: dict) -> None:
    """One line."""
    text = json.dumps(to_line(message))
    with _lock:
        _output.write(text + "\n")
        _output.flush()


def event(kind: str, session: int, **fields: Any) -> None:
    send({"event": kind, "session": session, **fields})


def failed(error: BaseException) -> dict:
    """The answer to a command that ended with `error`."""
    if isinstance(error, Refused):
        return {"refused": error.answer}
    return {"failed": f"{type(error).__name__}: {error}"}


def commands():
    """The commands, until the scenarios close the line."""
    for line in sys.stdin:
        yield from_line(json.loads(line))
