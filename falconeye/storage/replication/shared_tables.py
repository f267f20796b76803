"""The shared tables as changes see them: fields, their types, what a row needs."""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import JSON, BigInteger, Boolean, Column, Integer, LargeBinary, Table

from falconeye.base.errors import InvalidInput
from falconeye.config.addresses import address_key
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.storage.stores.account_store import name_key
from falconeye.storage.tables.known_values import knows
from falconeye.storage.tables.node import METADATA
from falconeye.storage.tables.replicated import KINDS, Kind

_MAX_INTEGER: Final = 1 << 63  # SQLite's


@dataclass(frozen=True, slots=True)
class SharedTable:
    """One kind: its table and the columns that all nodes share."""

    kind: Kind
    table: Table
    columns: Mapping[str, Column[Any]]
    needed: frozenset[str]  # a row without one of these cannot be

    @property
    def id(self) -> Column[Any]:
        return self.table.c[self.kind.id_column]

    def told(self, row: Mapping[Any, Any]) -> dict[str, Any]:
        """The fields of a stored row as a change has them."""
        return {name: _told(row[name]) for name in self.columns}

    def stored(self, field: str, value: Any) -> Any:
        """A change's value as the column takes it; InvalidInput where it does not fit."""
        column = self.columns[field]
        plain = _plain(column, value)
        if plain is None and not column.nullable and self.kind.register is None:
            raise InvalidInput(f"{self.kind.name}: {field} cannot be empty")
        return plain

    def fits(self, field: str, value: Any) -> bool:
        """Whether a row here can hold it and this release knows what it means."""
        try:
            self.stored(field, value)
        except InvalidInput:
            return False
        return knows(self.kind.name, field, value)

    def own(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The columns that are each node's own, made of a whole row's shared ones."""
        return _OWN[self.kind.name](values) if self.kind.name in _OWN else {}


@cache
def shared_tables() -> Mapping[str, SharedTable]:
    """Those that this release knows, by kind."""
    return {kind.name: _shared(kind) for kind in KINDS.values()}


def _shared(kind: Kind) -> SharedTable:
    table = METADATA.tables[kind.name]
    own = kind.local | {kind.id_column}
    columns = {column.name: column for column in table.columns if column.name not in own}
    needed = frozenset(
        name
        for name, column in columns.items()
        if not column.nullable and column.server_default is None
    )
    return SharedTable(kind, table, columns, needed)


def _told(value: Any) -> Any:
    return {"b64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _plain(column: Column[Any], value: Any) -> Any:
    if value is None or isinstance(column.type, JSON):
        return value
    if isinstance(column.type, LargeBinary):
        return _bytes(column, value)
    if isinstance(column.type, Boolean):
        fits = isinstance(value, bool)
    elif isinstance(column.type, Integer | BigInteger):
        fits = type(value) is int and -_MAX_INTEGER <= value < _MAX_INTEGER
    else:
        fits = isinstance(value, str)
    if not fits:
        raise _unfit(column)
    return value


def _bytes(column: Column[Any], value: Any) -> bytes:
    try:
        (text,) = (value["b64"],)
        return base64.b64decode(text, validate=True)
    except (TypeError, KeyError, ValueError, binascii.Error) as error:
        raise _unfit(column) from error


def _unfit(column: Column[Any]) -> InvalidInput:
    return InvalidInput(f"{column.table.name}: this is no value for {column.name}")


def _of_camera(values: Mapping[str, Any]) -> dict[str, Any]:
    """Made of what is stored: logins in an address, sealed there, are no part of the key."""
    try:
        config = CameraConfig(
            id="",
            name="",
            protocol=Protocol(values["protocol"]),
            source_url=values.get("source_url"),
            created_at_us=0,
            updated_at_us=0,
            node_name=values.get("node_name"),
            device_path=values.get("device_path"),
            device_identity=values.get("device_identity"),
            owner_id=values.get("owner_id"),
        )
        return {"address_key": address_key(config)}
    except (InvalidInput, ValueError):  # of a newer release
        return {"address_key": None}


def _of_named(values: Mapping[str, Any]) -> dict[str, Any]:
    return {"name_key": name_key(values["name"])}


def _of_display(values: Mapping[str, Any]) -> dict[str, Any]:
    return {**_of_named(values), "last_seen_us": values.get("active_us") or 0}


def _of_session(values: Mapping[str, Any]) -> dict[str, Any]:
    return {"last_seen_us": max(values["created_at_us"], values.get("active_us") or 0)}


_OWN: Final[Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "cameras": _of_camera,
    "users": _of_named,
    "tokens": _of_named,
    "displays": _of_display,
    "sessions": _of_session,
}
