"""The three programs of the seed document, taken from its text.

Only what has to differ is changed: the URL, the realm, and in the last program the two names that it uses but never
assigns. `test_seed_programs.py` holds that to the letter.
"""

from __future__ import annotations

import re
from pathlib import Path

DOCUMENT = Path(__file__).parent / "seeds" / "nexus-one-time-passwords.md"

SEED_URL = "wss://nexus.izaber.com/ws"
SEED_REALM = "izaber"

# Where the last program forgets to take the password from what it was given.
_LOGIN_STARTS = "new_client = "
_FORGOTTEN = "login = otp['login']\nplaintext_key = otp['plaintext_key']\n\n"

_PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def originals() -> list[str]:
    """The programs as the document has them."""
    return _PYTHON_BLOCK.findall(DOCUMENT.read_text(encoding="utf-8"))


def adapted(number: int, url: str, realm: str = SEED_REALM) -> str:
    """Program `number` (1 to 3) for the server at `url`."""
    program = originals()[number - 1]
    program = program.replace(f'url="{SEED_URL}"', f'url="{url}"').replace(f'realm="{SEED_REALM}"', f'realm="{realm}"')
    if "login = otp['login']" not in program:
        program = program.replace(_LOGIN_STARTS, _FORGOTTEN + _LOGIN_STARTS)
    return program


def with_lifetime(program: str, seconds: int) -> str:
    """The last program with another lifetime than its ten seconds."""
    changed = program.replace("timedelta(seconds=10)", f"timedelta(seconds={seconds})")
    assert changed != program
    return changed


def minting_half(program: str) -> str:
    """The program up to where it would log in with the password that it made."""
    half, _, rest = program.partition(_LOGIN_STARTS)
    assert rest
    return half
