"""The audit trail of the server, for super-users. Zato SSO wrote a file instead."""

from __future__ import annotations

from typing import Any, Optional

from .caller import Caller, text_of


class AuditAPI:
    """What was done, by whom, to whom, and what became of it."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def search(
        self, cid: str, current_ust: Any, current_app: str, remote_addr: Any, *, filter_cid: Optional[str] = None,
        actor: Optional[str] = None, target: Optional[str] = None, user: Optional[str] = None,
        operation: Optional[str] = None, outcome: Optional[str] = None, since: Optional[str] = None,
        until: Optional[str] = None, limit: Optional[int] = None, cursor: Optional[int] = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """The rows that fit all that is given, newest first.

        :param filter_cid: the rows' correlation id, where ``cid`` is that of this very call
        :param user: who is actor or target
        :param since: ISO 8601 with an offset, as ``until``
        :param cursor: only rows before the one with this ``sequence``: that of the last row of the page before
        """
        given = {
            "filter_cid": filter_cid, "actor": actor, "target": target, "user": user, "operation": operation,
            "outcome": outcome, "since": since, "until": until, "limit": limit, "cursor": cursor,
        }  # fmt: skip
        answer = self._caller.call("GET", "/audit", cid, current_app, remote_addr, ust=text_of(current_ust), **given)
        return list(answer["result"])
