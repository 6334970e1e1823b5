"""Functions of Earth Engine for lists and dictionaries."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from geesync.simulator.computing.arguments import Algorithm, functions, refused
from geesync.simulator.computing.functions.values import MOST_CHARACTERS, Number, as_text
from geesync.simulator.computing.reducing.reducers import Reducer, numbers
from geesync.simulator.world.pixels import Json

MOST_MEMBERS = 1_000_000  #: of a list that is made of nothing


def _list_get(list_: list[Any], index: int) -> Any:
    if not -len(list_) <= index < len(list_):
        raise refused(f"List.get: List index must be between 0 and {len(list_) - 1}, got {index}.")
    return list_[index]


def _list_size(list_: list[Any]) -> int:
    return len(list_)


def _list_map(
    list_: list[Any],
    base_algorithm: Algorithm,
    *,
    drop_nulls: bool = False,
) -> list[Any]:
    mapped = [base_algorithm(member) for member in list_]
    return [member for member in mapped if member is not None or not drop_nulls]


def _list_iterate(list_: list[Any], function: Algorithm, first: Any) -> Any:
    for member in list_:
        first = function(member, first)
    return first


def _sequence(
    start: Number, end: Number | None = None, step: Number = 1, count: int | None = None
) -> list[Any]:
    if count is not None and end is not None:
        step = (end - start) / max(count - 1, 1)
    elif count is None:
        if end is None or step == 0:
            raise refused("List.sequence: One of 'end' and 'count' is needed, and a step.")
        count = int((end - start) / step + 1e-9) + 1
    if count > MOST_MEMBERS:
        raise refused(f"List.sequence: More than {MOST_MEMBERS} members.")
    return [start + step * number for number in range(count)]


def _repeat(value: Any, count: int) -> list[Any]:
    if count > MOST_MEMBERS:
        raise refused(f"List.repeat: More than {MOST_MEMBERS} members.")
    return [value] * count


def _slice(
    list_: list[Any], start: int, end: int | None = None, step: int | None = None
) -> list[Any]:
    return list_[start:end:step]


def _zip(list_: list[Any], other: list[Any]) -> list[Any]:
    return [list(pair) for pair in zip(list_, other, strict=False)]


def _add(list_: list[Any], element: Any) -> list[Any]:
    return [*list_, element]


def _cat(list_: list[Any], other: list[Any]) -> list[Any]:
    return [*list_, *other]


def _contains(list_: list[Any], element: Any) -> bool:
    return element in list_


def _index_of(list_: list[Any], element: Any) -> int:
    return list_.index(element) if element in list_ else -1


def _distinct(list_: list[Any]) -> list[Any]:
    first: dict[Any, Any] = {}
    for member in list_:
        first.setdefault(_key(member), member)
    return list(first.values())


def _key(member: Any) -> Any:
    """Return what equal members have in common, and no others."""
    match member:
        case list():
            return "list", tuple(map(_key, member))
        case dict():
            return "dict", frozenset((name, _key(value)) for name, value in member.items())
    return member if isinstance(member, Hashable) else id(member)


def _flatten(list_: list[Any]) -> list[Any]:
    flat: list[Any] = []
    for member in list_:
        flat += _flatten(member) if isinstance(member, list) else [member]
    return flat


def _sort(list_: list[Any], keys: list[Any] | None = None) -> list[Any]:
    if keys is None:
        return sorted(list_)
    order = sorted(range(len(list_)), key=lambda place: keys[place])
    return [list_[place] for place in order]


def _reverse(list_: list[Any]) -> list[Any]:
    return list_[::-1]


def _remove_all(list_: list[Any], other: list[Any]) -> list[Any]:
    gone = set(map(_key, other))
    return [member for member in list_ if _key(member) not in gone]


def _list_reduce(list_: list[Any], reducer: Reducer) -> Any:
    columns = [list_] if reducer.inputs == 1 else [list(each) for each in zip(*list_, strict=True)]
    found = numbers(reducer, columns)
    return found[0] if len(found) == 1 else dict(zip(reducer.outputs, found, strict=True))


def _join(list_: list[Any], separator: str = "") -> str:
    texts = list(map(as_text, list_))
    if sum(map(len, texts)) + len(texts) * len(separator) > MOST_CHARACTERS:
        raise refused("List.join: The result has too many characters.")
    return separator.join(texts)


def _dictionary(input_: Any = None) -> Json:
    if isinstance(input_, list):
        return dict(zip(input_[::2], input_[1::2], strict=True))
    if not isinstance(input_, dict | None):
        raise refused("Dictionary: Parameter 'input' must be a list or a dictionary.")
    return dict(input_ or {})


def _dictionary_get(dictionary: dict[str, Any], key: str, default_value: Any = None) -> Any:
    if key not in dictionary and default_value is None:
        raise refused(f"Dictionary.get: Dictionary does not contain key: '{key}'.")
    return dictionary.get(key, default_value)


def _dictionary_member(dictionary: dict[str, Any], key: str) -> Any:
    return _dictionary_get(dictionary, key)


def _dictionary_size(dictionary: dict[str, Any]) -> int:
    return len(dictionary)


def _dictionary_set(dictionary: dict[str, Any], key: str, value: Any) -> Json:
    return {**dictionary, key: value}


def _keys(dictionary: dict[str, Any]) -> list[str]:
    return sorted(dictionary)


def _values(dictionary: dict[str, Any], keys: list[Any] | None = None) -> list[Any]:
    return [dictionary[key] for key in keys or sorted(dictionary)]


def _from_lists(keys: list[Any], values: list[Any]) -> Json:
    if len(keys) != len(values):
        raise refused(f"Dictionary.fromLists: Got {len(keys)} keys and {len(values)} values.")
    return dict(zip(map(str, keys), values, strict=True))


def _combine(
    first: dict[str, Any],
    second: dict[str, Any],
    *,
    overwrite: bool = True,
) -> Json:
    return {**first, **second} if overwrite else {**second, **first}


def _dictionary_map(dictionary: dict[str, Any], base_algorithm: Algorithm) -> Json:
    mapped = {key: base_algorithm(key, value) for key, value in dictionary.items()}
    return {key: value for key, value in mapped.items() if value is not None}


def _has(dictionary: dict[str, Any], key: str) -> bool:
    return key in dictionary


LISTS = functions(
    {
        "List.get": _list_get,
        **dict.fromkeys(("List.getNumber", "List.getString", "List.getArray"), _list_get),
        "List.size": _list_size,
        "List.length": _list_size,
        "List.map": _list_map,
        "List.iterate": _list_iterate,
        "List.sequence": _sequence,
        "List.repeat": _repeat,
        "List.slice": _slice,
        "List.zip": _zip,
        "List.add": _add,
        "List.cat": _cat,
        "List.contains": _contains,
        "List.indexOf": _index_of,
        "List.distinct": _distinct,
        "List.flatten": _flatten,
        "List.sort": _sort,
        "List.reverse": _reverse,
        "List.removeAll": _remove_all,
        "List.reduce": _list_reduce,
        "List.join": _join,
        "Dictionary": _dictionary,
        "Dictionary.get": _dictionary_get,
        **dict.fromkeys(
            ("Dictionary.getNumber", "Dictionary.getString", "Dictionary.getArray"),
            _dictionary_member,
        ),
        "Dictionary.set": _dictionary_set,
        "Dictionary.keys": _keys,
        "Dictionary.values": _values,
        "Dictionary.size": _dictionary_size,
        "Dictionary.fromLists": _from_lists,
        "Dictionary.combine": _combine,
        "Dictionary.map": _dictionary_map,
        "Dictionary.contains": _has,
    }
)
