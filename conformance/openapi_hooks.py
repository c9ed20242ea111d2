"""What Schemathesis is told of the sign-on API: tokens that live, so that its requests come further than the door."""

from __future__ import annotations

import os
import random

import schemathesis

USTS = os.environ["COUNTERSIGN_USTS"].split(",")
USER_IDS = os.environ["COUNTERSIGN_USER_IDS"].split(",")
# A session that is ended is no use to the requests that come after it.
ENDING = {"/sso/user/logout", "/sso/user/session"}
_random = random.Random(1)


@schemathesis.hook
def map_body(context, body):
    """Three of four requests come with a live token and a known application; the rest stays as it was made up."""
    if not isinstance(body, dict) or _random.random() < 0.25:
        return body
    body = {**body, "current_app": "CRM"}
    if context.operation is None or context.operation.path not in ENDING:
        body.update({field: _random.choice(USTS) for field in ("ust", "current_ust", "target_ust") if field in body})
    if "user_id" in body and _random.random() < 0.5:
        body["user_id"] = _random.choice(USER_IDS)
    return body
