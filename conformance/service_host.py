"""The host for services as a process, as its user starts it."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import Callable, Sequence

SDK = Path(__file__).parent.parent / "sdk" / "python" / "src"
ANSWER_SECONDS_MAX = 30


class ServiceHost:
    """`python -m countersign.services`, with its output."""

    def __init__(self, arguments: Sequence[str | Path], ticket: str | None, typed: str = "", **more: str) -> None:
        """`more` are variables of its environment."""
        environment = {**os.environ, "PYTHONPATH": str(SDK), "PYTHONUNBUFFERED": "1", **more}
        if ticket is not None:
            environment["COUNTERSIGN_TICKET"] = ticket
        self._process = subprocess.Popen(
            [sys.executable, "-m", "countersign.services", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
        )  # fmt: skip
        with self._process.stdin as stdin:
            stdin.write(typed)
        self.output: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def line(self, is_wanted: Callable[[str], bool] = lambda _: True) -> str:
        """The next line of the output that is wanted."""
        while True:
            line = self._lines.get(timeout=ANSWER_SECONDS_MAX)
            assert line is not None, f"the host ended with {self._process.wait()}: {self.output}"
            self.output.append(line)
            if is_wanted(line):
                return line

    def ended(self) -> int:
        """Waits until it ends by itself; its code."""
        code = self._process.wait(ANSWER_SECONDS_MAX)
        while (line := self._lines.get(timeout=ANSWER_SECONDS_MAX)) is not None:
            self.output.append(line)
        return code

    def stop(self) -> int:
        """Tells it to end; its code."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self._process.wait(ANSWER_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    def __enter__(self) -> "ServiceHost":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
