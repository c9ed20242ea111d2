"""The list. A scenario is a function of a `Bus`, and `needs` what it can't do without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

from interop.bus import Bus
from interop.libraries import FEATURES


@dataclass(frozen=True)
class Scenario:
    name: str
    needs: tuple[str, ...]
    run: Callable[[Bus], None]

    @property
    def title(self) -> str:
        return self.name.replace("_", " ")


LIST: list[Scenario] = []


def scenario(*needs: str) -> Callable:
    """Puts a function on the list."""
    unknown = set(needs) - set(FEATURES)
    assert not unknown, f"no such features: {unknown}"

    def put(run: Callable[[Bus], None]) -> Callable[[Bus], None]:
        LIST.append(Scenario(run.__name__, needs, run))
        return run

    return put


from interop.scenarios import calls, canceling, events, meta, proofs, second_factor, sessions, sharing, values  # noqa: E402, F401
