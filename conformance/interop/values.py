"""Values on the line between the scenarios and a peer: JSON, with tags for what JSON doesn't have."""

from __future__ import annotations

from typing import Any

TAG = "$"
# Beyond this, a reader in JavaScript would round.
PLAIN_INTEGER_MAX = 2**53 - 1


def to_line(value: Any) -> Any:
    """`value` as JSON."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {TAG: "bytes", "hex": bytes(value).hex()}
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > PLAIN_INTEGER_MAX:
        return {TAG: "integer", "decimal": str(value)}
    if isinstance(value, dict):
        return {key: to_line(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_line(each) for each in value]
    return value


def from_line(value: Any) -> Any:
    """What `to_line` was given."""
    if isinstance(value, dict):
        if value.get(TAG) == "bytes":
            return bytes.fromhex(value["hex"])
        if value.get(TAG) == "integer":
            return int(value["decimal"])
        return {key: from_line(each) for key, each in value.items()}
    if isinstance(value, list):
        return [from_line(each) for each in value]
    return value
