"""The folder into which a server under test writes its mails."""

from __future__ import annotations

import email
import email.policy
from pathlib import Path


def settings(folder: Path) -> str:
    """The part of a configuration that makes the server write them there."""
    return f"[mail]\noutbox_dir = '{folder}'\npublic_url = 'https://app.example.com'\n"


def tokens(folder: Path, to: str) -> list[str]:
    """The tokens that went to an address: in each mail it stands alone on a line."""
    found = []
    for path in sorted(folder.glob("*.eml")):
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        if to in mail["To"]:
            lines = [line.strip() for line in mail.get_content().splitlines()]
            found += [line for line in lines if line.startswith("cs") and "_" in line and " " not in line]
    return found
