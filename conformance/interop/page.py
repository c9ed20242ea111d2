"""`docs/interoperability.md`, from the same lists as the tests. `python -m interop.page` writes it."""

from __future__ import annotations

import json
import re
from itertools import groupby
from pathlib import Path

from interop.libraries import LIBRARIES, NOT_SENT, RUST, SERIALIZERS, TRANSPORTS, Library
from suites import izaber_wamp, swampyer

CONFORMANCE = Path(__file__).parent.parent
PAGE = CONFORMANCE.parent / "docs" / "interoperability.md"
# No scenario is left out for the want of these: they say which sessions have to be closed behind one.
NEEDED_TO_TIDY_UP = {"subscribe.unsubscribe_pattern"}

HEAD = """\
# Interoperability

What is proven with client libraries of other people, and with the Rust client. One list of scenarios is run by
each of them, over every transport and serializer that it offers, against the built server; the other end is always
autobahn-python, over a Unix socket and CBOR.
`cargo xtask conformance -k interop` runs it. This page is made from the same lists (`conformance/interop/`), and a test holds
it to them: a scenario that a library doesn't run is here with the reason, and the reason is the library's.
"""

GROUPS = {
    "sessions": "Logins and sessions",
    "proofs": "Logins by proof",
    "second_factor": "Logins in two steps",
    "calls": "Calls",
    "canceling": "Calls that end early",
    "sharing": "Patterns and shared procedures",
    "events": "Events",
    "meta": "Meta API",
    "values": "Values",
}


SUITES = """\
What others test their own work with, against the built server. `cargo xtask conformance -k "suite or nexus"` runs it. swampyer's source
distribution brings its tests, which are run as they are; that of izaber_wamp brings none, and the bus itself is in no package
index, so what the tests in their repositories show is written anew, under their numbers and with the real libraries.
"""


class Reasons:
    """Numbered in the order in which they are first given."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], int] = {}

    def number(self, library: Library, reason: str) -> str:
        number = self._numbers.setdefault((library.name, reason), len(self._numbers) + 1)
        return f"[{number}](#reasons)"

    def lines(self) -> list[str]:
        return [f"{number}. {library}: {reason}." for (library, reason), number in self._numbers.items()]


def headline(library: Library) -> str:
    """The name of the library and the version that is pinned; the Rust client is of this version."""
    return library.name if library is RUST else f"{library.name} {version(library)}"


def version(library: Library) -> str:
    packages = json.loads((CONFORMANCE / "package.json").read_text(encoding="utf-8"))["dependencies"]
    return (packages if library.command[0] == "node" else pinned())[library.package]


def pinned() -> dict[str, str]:
    """The packages of Python, with their versions."""
    requirements = (CONFORMANCE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in requirements if "==" in line)


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [row(*head), row(*["---"] * len(head)), *[row(*cells) for cells in rows], ""]


def connection(library: Library, transport: str, reasons: Reasons) -> str:
    if transport in library.missing:
        return reasons.number(library, library.missing[transport].reason)
    cells = []
    for serializer, name in SERIALIZERS.items():
        if serializer in library.offers[transport]:
            cells.append(name)
        else:
            missing = library.missing.get(serializer) or library.missing[f"{transport}/{serializer}"]
            cells.append(f"no {name} {reasons.number(library, missing.reason)}")
    return ", ".join(cells)


def outcome(library: Library, scenario, reasons: Reasons) -> str:
    lacks = {where: library.lacks(scenario.needs, *where) for where in library.combinations()}
    missing = {each.reason: each for each in lacks.values() if each}
    numbers = ", ".join(reasons.number(library, reason) for reason in missing)
    if not missing:
        return "yes"
    if all(lacks.values()):
        return f"no {numbers}"
    over = sorted({each for every in missing.values() for each in every.over or ()})
    return f"yes, but not over {', '.join({**TRANSPORTS, **SERIALIZERS}[each] for each in over)} {numbers}"


def changes() -> list[list[str]]:
    rows = []
    for library in LIBRARIES:
        for key, change in library.changes.items():
            serializer, way, kind = key.split(" ", 2)
            what = "not sent" if change.values == NOT_SENT else "not as they are"
            direction = "from it" if way == "out" else "to it"
            rows.append([library.name, SERIALIZERS[serializer], f"{kind}, {direction}", f"{what}: {change.reason}"])
    return rows


def suites() -> list[str]:
    own = [[f"swampyer {pinned()['swampyer']}, over `{library}`", f"`{test}`"] for library, test in swampyer.TESTS]
    ours = [[f"izaber_wamp {pinned()['izaber-wamp']}", spoken(test)] for test in izaber_wamp.SCENARIOS]
    nexus = [["Nexus", spoken(test)] for path in CONFORMANCE.glob("test_nexus_*.py") for test in tests_of(path)]
    return table(["suite", "test"], [*sorted(own), *ours, *sorted(nexus)])


def tests_of(path: Path) -> list[str]:
    return re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)


def spoken(test: str) -> str:
    """`test_020_it_signs_in` as people read it."""
    return test.removeprefix("test_").replace("_", " ")


def text() -> str:
    from interop.scenarios import LIST

    reasons = Reasons()
    names = [headline(library) for library in LIBRARIES]
    connections = [
        [title, *[connection(library, transport, reasons) for library in LIBRARIES]]
        for transport, title in TRANSPORTS.items()
    ]
    lines = [HEAD, "## Transports and serializers", "", *table(["", *names], connections), "## Scenarios", ""]
    for module, scenarios in groupby(LIST, key=lambda scenario: scenario.run.__module__.rpartition(".")[2]):
        rows = [
            [scenario.title, *[outcome(library, scenario, reasons) for library in LIBRARIES]] for scenario in scenarios
        ]
        lines += table([GROUPS[module], *[library.name for library in LIBRARIES]], rows)
    lines += ["## Values that a library changes", ""]
    lines += ["Everything else comes and goes as it is, and what is here is what the tests expect.", ""]
    lines += table(["library", "serializer", "values", "what becomes of them"], changes())
    lines += ["## Suites of others", "", SUITES, *suites()]
    return "\n".join([*lines, "## Reasons", "", *reasons.lines(), ""])


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
