"""Attributes of a user or of a session."""

from __future__ import annotations

from typing import Any, Optional, Union

from .caller import Caller
from .model import AttrEntity, parse_time


class Attrs:
    """Attributes of one owner, as seen by one caller."""

    def __init__(self, caller: Caller, path: str, who: dict[str, Any], context: dict[str, Any]) -> None:
        self._caller, self._path, self._who, self._context = caller, path, who, context

    def _call(self, verb: str, suffix: str = "", user_id: Optional[str] = None, **given: Any) -> dict[str, Any]:
        who = dict(self._who)
        if user_id is not None and "user_id" in who:
            who["user_id"] = user_id
        return self._caller.call(verb, self._path + suffix, **self._context, **who, **given)

    def create(
        self, name: str, value: Any, expiration: Optional[int] = None, encrypt: bool = False, user_id: Optional[str] = None
    ) -> None:
        """Creates an attribute that isn't there. ``expiration`` is in seconds from now."""
        self._call("POST", name=name, value=value, expiration=expiration, encrypt=encrypt, user_id=user_id)

    def create_many(
        self, data: list[dict[str, Any]], expiration: Optional[int] = None, encrypt: bool = False,
        user_id: Optional[str] = None,
    ) -> None:  # fmt: skip
        """Creates all of them or none."""
        self._call("POST", data=data, expiration=expiration, encrypt=encrypt, user_id=user_id)

    def update(
        self, name: str, value: Any, expiration: Optional[int] = None, encrypt: bool = False, user_id: Optional[str] = None
    ) -> None:
        """Changes an attribute, if it is there."""
        self._call("PATCH", name=name, value=value, expiration=expiration, encrypt=encrypt, user_id=user_id)

    def update_many(
        self, data: list[dict[str, Any]], expiration: Optional[int] = None, encrypt: bool = False,
        user_id: Optional[str] = None,
    ) -> None:  # fmt: skip
        """Changes those that are there."""
        self._call("PATCH", data=data, expiration=expiration, encrypt=encrypt, user_id=user_id)

    def set(
        self, name: str, value: Any, expiration: Optional[int] = None, encrypt: bool = False, user_id: Optional[str] = None
    ) -> None:
        """Creates or changes an attribute."""
        self._call("PUT", name=name, value=value, expiration=expiration, encrypt=encrypt, user_id=user_id)

    def set_many(
        self, data: list[dict[str, Any]], expiration: Optional[int] = None, encrypt: bool = False,
        user_id: Optional[str] = None,
    ) -> None:  # fmt: skip
        """Creates or changes all of them or none."""
        self._call("PUT", data=data, expiration=expiration, encrypt=encrypt, user_id=user_id)

    def get(
        self, data: Union[str, list[str]], decrypt: bool = True, serialize_dt: bool = False, user_id: Optional[str] = None
    ) -> Any:
        """One attribute or ``None``; for several names a dict of them."""
        if isinstance(data, str):
            answer = self._call("GET", name=data, decrypt=decrypt, user_id=user_id)
            return _entity(answer, serialize_dt) if answer.get("found") else None
        found = self._call("GET", data=list(data), decrypt=decrypt, user_id=user_id).get("result") or {}
        return {name: _entity(found[name], serialize_dt) if found.get(name) else None for name in data}

    get_many = get

    def exists(self, data: Union[str, list[str]], user_id: Optional[str] = None) -> Any:
        """Whether it is there; for several names a dict of that."""
        given = {"name": data} if isinstance(data, str) else {"data": list(data)}
        return self._call("GET", "/exists", user_id=user_id, **given)["result"]

    exists_many = exists

    def names(self, user_id: Optional[str] = None) -> list[str]:
        """The names of all attributes."""
        return list(self._call("GET", "/names", user_id=user_id)["result"])

    def delete(self, data: Union[str, list[str]], user_id: Optional[str] = None) -> None:
        """Deletes what is there of them."""
        given = {"name": data} if isinstance(data, str) else {"data": list(data)}
        self._call("DELETE", user_id=user_id, **given)

    delete_many = delete

    def set_expiry(self, name: str, expiration: Optional[int], user_id: Optional[str] = None) -> None:
        """When the attribute ends, in seconds from now; its value stays."""
        self._call("PATCH", "/expiry", name=name, expiration=expiration, user_id=user_id)

    def set_expiry_many(
        self, data: Union[list[str], list[dict[str, Any]]], expiration: Optional[int] = None, user_id: Optional[str] = None
    ) -> None:
        """When these end: each ``{"name": ..., "expiration": ...}``, or a name for which ``expiration`` counts."""
        items = [{"name": one} if isinstance(one, str) else one for one in data]
        self._call("PATCH", "/expiry", data=items, expiration=expiration, user_id=user_id)

    def to_dict(
        self, decrypt: bool = True, value_to_dict: bool = False, serialize_dt: bool = False, user_id: Optional[str] = None
    ) -> dict[str, Any]:
        """All attributes by name: their values, or all that is known of each."""
        entities = self.get(self.names(user_id), decrypt, serialize_dt, user_id)
        given = {name: entity for name, entity in entities.items() if entity is not None}
        return {name: one.to_dict() if value_to_dict else one.value for name, one in given.items()}


def _entity(answer: dict[str, Any], serialize_dt: bool) -> AttrEntity:
    times = ("creation_time", "last_modified", "expiration_time")
    given = {name: answer.get(name) if serialize_dt else parse_time(answer.get(name)) for name in times}
    return AttrEntity(answer["name"], answer.get("value"), is_encrypted=bool(answer.get("is_encrypted")), **given)
