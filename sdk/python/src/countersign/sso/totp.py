"""``self.sso.totp``."""

from __future__ import annotations

from typing import Any

from .caller import Caller, common, text_of
from .errors import InvalidTOTPError, ValidationError, status_code

PATH = "/user/totp"


class TOTPAPI:
    """Codes of a second factor, checked apart from a login."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def validate_code(self, req_ctx: Any, *, code: Any, ust: Any = "", username: str = "") -> None:
        """Checks a code of the user with this session, or of the user with this name.

        A code is good once: one that was accepted here opens no session, and the other way round. A name is for
        super-users, whose session is ``req_ctx.current_ust`` or else the program's own.

        :param req_ctx: what has ``cid``, ``current_app`` and ``remote_addr``, as :class:`RequestCtx`
        :raises ValueError: there is neither a session nor a name, or both
        :raises InvalidTOTPError: the code is wrong, or was used
        :raises ValidationError: it is missing, or the server refused
        """
        if bool(ust) == bool(username):
            raise ValueError("give one of ust and username")
        if not code:
            raise ValidationError(status_code.auth.totp_missing, return_status=True)
        given = {"totp_code": text_of(code) if isinstance(code, bytes) else str(code)}
        if ust:
            self._send(req_ctx, {**given, "ust": text_of(ust)})
            return
        named = {**given, "username": username}
        current = getattr(req_ctx, "current_ust", None)
        self._caller.as_given(current, bool(current), lambda own: self._send(req_ctx, {**named, "current_ust": own}))

    def validate_code_for_user(self, req_ctx: Any, *, code: Any, user: Any) -> None:
        """Checks a code of ``user``, as :meth:`validate_code` does by name."""
        self.validate_code(req_ctx, code=code, username=user.username)

    def _send(self, req_ctx: Any, given: dict[str, Any]) -> None:
        fields = common(req_ctx.cid, req_ctx.current_app, req_ctx.remote_addr)
        try:
            self._caller.send("POST", PATH + "/validate", {**given, **fields})
        except ValidationError as error:
            if error.sub_status == [status_code.auth.not_allowed]:
                raise InvalidTOTPError(error.sub_status, False, error.status) from None
            raise
