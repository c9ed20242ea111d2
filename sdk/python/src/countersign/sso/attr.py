"""Attributes of a user or of a session."""

from __future__ import annotations

from typing import Any, Optional, Union

from .caller import Caller, common
from .errors import ValidationError, status_code
from .model import AttrEntity, parse_time

Names = Union[str, list[str]]
Items = list[dict[str, Any]]


class Attrs:
    """Attributes of one owner, as seen by one caller: one's own, or as a super-user anybody's.

    ``expiration`` is in seconds from now; without it an attribute stays. ``encrypt`` seals the value where it is stored.
    ``user_id`` names another owner. Every method raises :class:`ValidationError` if the server refuses.
    """

    def __init__(self, caller: Caller, path: str, who: dict[str, Any], context: dict[str, Any]) -> None:
        self._caller, self._path, self._who, self._context = caller, path, who, common(**context)

    def create(
        self, name: str, value: Any, expiration: Optional[int] = None, encrypt: bool = False, user_id: Optional[str] = None
    ) -> None:
        """Creates an attribute that isn't there."""
        self._one("POST", name, value, expiration, encrypt, user_id)

    def create_many(
        self, data: Items, expiration: Optional[int] = None, encrypt: bool = False, user_id: Optional[str] = None
    ) -> None:
        """Creates all of them or none. Each item has ``name`` and ``value``, and may have ``expiration`` and ``encrypt``."""
        self._many("POST", data, expiration, encrypt, user_id)

    def update(
        self, name: str, value: Any, expiration: Optional[int] = None, encrypt: bool = False, user_id: Optional[str] = None
    ) -> None:
        """Changes an attribute, if it is there."""
        self._one("PATCH", name, value, expiration, encrypt, user_id)

    def update_many(
        self, data: Items, expiration: Optional[int] = None, encrypt: bool = False, user_id: Optional[str] = None
    ) -> None:
        """Changes those that are there."""
        self._many("PATCH", data, expiration, encrypt, user_id)

    def set(
        self, name: str, value: Any, expiration: Optional[int] = None, encrypt: bool = False, user_id: Optional[str] = None
    ) -> None:
        """Creates or changes an attribute."""
        self._one("PUT", name, value, expiration, encrypt, user_id)

    def set_many(
        self, data: Items, expiration: Optional[int] = None, encrypt: bool = False, user_id: Optional[str] = None
    ) -> None:
        """Creates or changes all of them or none."""
        self._many("PUT", data, expiration, encrypt, user_id)

    def get(
        self, data: Names, decrypt: bool = True, serialize_dt: bool = False, user_id: Optional[str] = None
    ) -> Any:
        """One attribute or ``None``; for several names a dict of them. A list of one name is one name.

        :param serialize_dt: times as text
        """
        names = [data] if isinstance(data, str) else list(data)
        found = self._found(names, decrypt, serialize_dt, user_id)
        return found[names[0]] if len(names) == 1 else found

    get_many = get

    def exists(self, data: Names, user_id: Optional[str] = None) -> Any:
        """Whether it is there; for several names a dict of that."""
        return self._call("GET", _named(data), "/exists", user_id)["result"]

    exists_many = exists

    def names(self, user_id: Optional[str] = None) -> list[str]:
        """The names of all attributes."""
        return list(self._call("GET", {}, "/names", user_id)["result"])

    def delete(self, data: Names, user_id: Optional[str] = None) -> None:
        """Deletes what is there of them."""
        self._call("DELETE", _named(data), "", user_id)

    delete_many = delete

    def set_expiry(self, name: str, expiration: Optional[int], user_id: Optional[str] = None) -> None:
        """When an attribute ends; its value stays. ``None``: never."""
        self._call("PATCH", {"name": name, "expiration": expiration}, "/expiry", user_id)

    def set_expiry_many(
        self, data: Union[list[str], Items], expiration: Optional[int] = None, user_id: Optional[str] = None
    ) -> None:
        """When these end: each a name, or a dict with ``name`` and ``expiration``."""
        self._call("PATCH", {"data": data, "expiration": expiration}, "/expiry", user_id)

    def to_dict(
        self, decrypt: bool = True, value_to_dict: bool = False, serialize_dt: bool = False, user_id: Optional[str] = None
    ) -> dict[str, Any]:
        """All attributes by name: their values, or with ``value_to_dict`` all that is known of each."""
        names = self.names(user_id)
        found = self._found(names, decrypt, serialize_dt, user_id) if names else {}
        # One may have ended in between.
        given = {name: one for name, one in found.items() if one is not None}
        return {name: one.to_dict() if value_to_dict else one.value for name, one in given.items()}

    def _one(
        self, verb: str, name: str, value: Any, expiration: Optional[int], encrypt: bool, user_id: Optional[str]
    ) -> None:
        given = {"name": name, "value": value, "expiration": expiration, "encrypt": encrypt}
        self._call(verb, given, "", user_id)

    def _many(
        self, verb: str, data: Items, expiration: Optional[int], encrypt: bool, user_id: Optional[str]
    ) -> None:
        owners = {item.get("user_id") or user_id for item in data}
        if len(owners) > 1:
            # All or none is promised for one owner.
            raise ValidationError(status_code.common.invalid_input)
        items = [{name: value for name, value in item.items() if name != "user_id"} for item in data]
        given = {"data": items, "expiration": expiration, "encrypt": encrypt}
        self._call(verb, given, "", next(iter(owners), user_id))

    def _found(
        self, names: list[str], decrypt: bool, serialize_dt: bool, user_id: Optional[str]
    ) -> dict[str, Optional[AttrEntity]]:
        answer = self._call("GET", {**_named(names), "decrypt": decrypt}, "", user_id)
        rows: dict[str, Any] = answer["result"] if "result" in answer else {names[0]: answer if answer["found"] else None}
        return {name: _entity(found, serialize_dt) if (found := rows.get(name)) else None for name in names}

    def _call(self, verb: str, given: dict[str, Any], suffix: str, user_id: Optional[str]) -> dict[str, Any]:
        who = {**self._who, "user_id": user_id} if user_id is not None and "user_id" in self._who else self._who
        # A value that is null is a value.
        known = {name: value for name, value in {**self._context, **who}.items() if value is not None}
        return self._caller.send_all(verb, self._path + suffix, {**known, **given})


def _named(data: Names) -> dict[str, Any]:
    return {"name": data} if isinstance(data, str) else {"data": list(data)}


def _entity(answer: dict[str, Any], serialize_dt: bool) -> AttrEntity:
    times = ("creation_time", "last_modified", "expiration_time")
    given = {name: answer.get(name) if serialize_dt else parse_time(answer.get(name)) for name in times}
    return AttrEntity(answer["name"], answer.get("value"), is_encrypted=bool(answer.get("is_encrypted")), **given)
