"""The audit trail of the server, for super-users. Zato SSO wrote a file instead."""

from __future__ import annotations

from typing import Any

from .caller import Caller, text_of


class AuditAPI:
    """What was done, by whom, to whom, and what became of it."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def search(
        self, cid: str, current_ust: Any, current_app: str, remote_addr: Any, **criteria: Any
    ) -> list[dict[str, Any]]:
        """The rows that meet all ``criteria``, for super-users; ``docs/sign-on.md`` has their names.

        The row's own correlation id is the criterion ``of_cid``, because ``cid`` is that of this very call.
        """
        of_cid = criteria.pop("of_cid", None)
        given = {"ust": text_of(current_ust), **criteria, "of_cid": of_cid}
        return list(self._caller.call("GET", "/audit", cid, current_app, remote_addr, **given)["result"])
