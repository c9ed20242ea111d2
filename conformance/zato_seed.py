"""The program of the document on `reset_totp_key`, taken from its text.

Only what has to differ is changed: the example's values, and the one slip: the program assigns `ust` and uses
`current_ust`. `test_sdk_services.py` holds that to the letter.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

DOCUMENT = Path(__file__).parent / "seeds" / "zato-sso-reset-totp-key.rst"

EXAMPLE_UST = "'gAAAAABalFycY50Budi...'"
EXAMPLE_USER_ID = "'zusrpdjpsqjqa8jdv533zh0pv8tcm'"

_ASSIGNED = "    ust = "
_USED = "    current_ust = "


def original() -> str:
    """The program as the document has it: its last literal block."""
    _, _, block = DOCUMENT.read_text(encoding="utf-8").rpartition("\n::\n")
    return textwrap.dedent(block).strip("\n") + "\n"


def adapted(ust: str, user_id: str | None, key: str | None = None) -> str:
    """The program for this session and this user, with this key."""
    program = original()
    changes = [
        (_ASSIGNED, _USED),
        (EXAMPLE_UST, repr(ust)),
        (EXAMPLE_USER_ID, repr(user_id)),
        ("    key = None", f"    key = {key!r}"),
    ]
    for old, new in changes:
        assert program.count(old) == 1, old
        program = program.replace(old, new)
    return program
