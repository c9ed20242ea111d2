"""Codes of a second factor from Python."""

import base64
import hashlib
import hmac
import struct
import time

import pytest

from countersign.sso import SSO, InvalidTOTPError, RequestCtx, ValidationError, status_code
from countersign_server import running
from sdk_scenes import APP, ADDRESS, PASSWORD, REGULAR, SUPER


def code_of(key: str, steps: int) -> str:
    """The code of RFC 6238, so many steps from now."""
    counter = struct.pack(">Q", int(time.time()) // 30 + steps)
    digest = hmac.new(base64.b32decode(key), counter, hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at:at + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


def test_a_code_is_validated_once_by_session_or_by_name(tmp_path_factory):
    with running(tmp_path_factory.mktemp("sdk"), None) as server, SSO(server.urls["http"]) as sso:
        server.add_user(REGULAR, "frontend", PASSWORD)
        server.add_user(SUPER, "trust", PASSWORD)
        own = sso.user.login("cid", REGULAR, PASSWORD, APP, ADDRESS).ust
        boss = sso.user.login("cid", SUPER, PASSWORD, APP, ADDRESS).ust
        key = sso.user.reset_totp_key("cid", own, None, None, None, APP, ADDRESS)
        context = RequestCtx("cid", APP, ADDRESS, current_ust=boss)
        with pytest.raises(InvalidTOTPError) as error:
            sso.totp.validate_code(context, code="000000", ust=own)
        assert error.value.sub_status == [status_code.auth.not_allowed]
        with pytest.raises(ValidationError) as error:
            sso.totp.validate_code(context, code="", ust=own)
        assert error.value.sub_status == [status_code.auth.totp_missing]
        first = code_of(key, 0)
        assert sso.totp.validate_code(context, code=first, ust=own) is None
        with pytest.raises(InvalidTOTPError):
            sso.totp.validate_code(context, code=first, ust=own)
        assert sso.totp.validate_code(context, code=code_of(key, 1), username=REGULAR) is None
        with pytest.raises(InvalidTOTPError):
            sso.totp.validate_code(RequestCtx("cid", APP, ADDRESS, current_ust=own), code=first, username=SUPER)
        with pytest.raises(ValueError):
            sso.totp.validate_code(context, code=first, ust=own, username=REGULAR)
