"""What the sign-on API refuses, and with which codes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Optional, Sequence, Union

status_code = SimpleNamespace(
    ok="ok",
    warning="warning",
    error="error",
    username=SimpleNamespace(invalid="E001001", exists="E001002", too_long="E001003", has_whitespace="E001004"),
    user_id=SimpleNamespace(invalid="E001100"),
    email=SimpleNamespace(
        invalid="E002001", exists="E002002", too_long="E002003", has_whitespace="E002004", missing="E002005"
    ),
    password=SimpleNamespace(
        invalid="E003001",
        too_short="E003002",
        too_long="E003003",
        expired="E003004",
        w_about_to_exp="W003005",
        e_about_to_exp="E003006",
        must_send_new="E003007",
        not_complex_enough="E003008",
    ),
    app_list=SimpleNamespace(invalid="E004001", no_signup="E004002"),
    auth=SimpleNamespace(
        not_allowed="E005001",
        locked="E005002",
        invalid_signup_status="E005003",
        not_approved="E005004",
        super_user_required="E005005",
        no_such_sign_up_token="E005006",
        sign_up_confirmed="E005007",
        totp_missing="E005008",
    ),
    metadata=SimpleNamespace(not_allowed="E006001"),
    session=SimpleNamespace(no_such_session="E007001", expired="E007002"),
    common=SimpleNamespace(
        invalid_operation="E008001", invalid_input="E008002", missing_input="E008003", internal_error="E008004"
    ),
    attr=SimpleNamespace(already_exists="E009001", no_such_attr="E009002"),
    password_reset=SimpleNamespace(could_not_access="E010001"),
)

const = SimpleNamespace(
    approval_status=SimpleNamespace(approved="approved", before_decision="before_decision", rejected="rejected"),
    signup_status=SimpleNamespace(before_confirmation="before_confirmation", final="final"),
    search=SimpleNamespace(and_="and", or_="or"),
    auth_type=SimpleNamespace(basic_auth="basic_auth", jwt="jwt"),
)

#: What an outer caller isn't told, whoever asked.
_UNTOLD = (status_code.session.no_such_session, status_code.common.invalid_input)


class ValidationError(Exception):
    """The server refused.

    :ivar sub_status: the codes that say why
    :ivar status: ``error`` or ``warning``
    :ivar return_status: whether an outer caller may be told the codes
    :ivar retry_after_seconds: when to come again, of one that came too often
    """

    def __init__(
        self, sub_status: Union[str, Sequence[str]], return_status: bool = False, status: str = status_code.error
    ) -> None:
        self.retry_after_seconds: Optional[int] = None
        self.sub_status = [sub_status] if isinstance(sub_status, str) else list(sub_status)
        self.return_status = return_status
        self.status = status
        super().__init__(f"{status}: {', '.join(self.sub_status)}")


class InvalidTOTPError(ValidationError):
    """A code of the second factor is wrong or was used before."""


class LinkError(ValidationError, ValueError):
    """An account is linked already, or isn't. Zato SSO raised ``ValueError``."""


def check(answer: dict[str, Any], is_login: bool = False) -> dict[str, Any]:
    """Gives an accepted answer back.

    :raises ValidationError: for a refused one
    """
    if answer.get("status") in (status_code.ok, status_code.warning):
        return answer
    # A request that lacks a field has no codes.
    codes = answer.get("sub_status") or [
        status_code.common.missing_input if answer.get("http_status") == 400 else status_code.common.internal_error
    ]
    is_told = not any(code in _UNTOLD for code in codes) and not (is_login and status_code.auth.not_allowed in codes)
    error = ValidationError(codes, is_told, answer.get("status") or status_code.error)
    error.retry_after_seconds = answer.get("retry_after_seconds")
    raise error
