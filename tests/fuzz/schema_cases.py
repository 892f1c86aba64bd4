"""Configurations that Hypothesis makes from what the schemas say of each key."""

from __future__ import annotations

from functools import cache
from typing import Any

from configuration_cases import EVIL, described, ids, put
from hypothesis import strategies as st

KEYS = 5  # of a configuration, at most


def configurations() -> st.SearchStrategy[dict[str, Any]]:
    """Some keys of some tracks, each with a value that its schema accepts or nearly does."""
    key = st.sampled_from(range(len(described()))).flatmap(
        lambda index: st.tuples(st.just(index), _values_of(index))
    )
    return st.lists(key, min_size=1, max_size=KEYS).map(_configuration)


def _configuration(chosen: list[tuple[int, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {"preset": "test"}
    for index, value in chosen:
        put(result, described()[index][0], value)
    return result


@cache
def _values_of(index: int) -> st.SearchStrategy[Any]:
    return values(described()[index][1])


def values(node: dict[str, Any]) -> st.SearchStrategy[Any]:
    """What a schema accepts, and the values just beyond its ends."""
    if "enum" in node:
        return st.sampled_from(node["enum"])
    kinds = node.get("type", ["string", "number"])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return st.one_of([_of_kind(kind, node) for kind in kinds])


def _of_kind(kind: str, node: dict[str, Any]) -> st.SearchStrategy[Any]:
    low = node.get("minimum", node.get("exclusiveMinimum"))
    high = node.get("maximum", node.get("exclusiveMaximum"))
    ends = st.sampled_from([one for one in (low, high) if one is not None] or [0])
    if kind == "integer":
        return st.integers(low, high) | ends | st.integers()
    if kind == "number":
        return st.floats(low, high) | st.integers() | ends | st.floats()
    if kind == "array":
        items = values(node.get("items", {}))
        return st.lists(items, min_size=node.get("minItems", 0), max_size=node.get("maxItems", 4))
    if kind == "object":
        inner = {key: values(one) for key, one in node.get("properties", {}).items()}
        return st.fixed_dictionaries({}, optional=inner)
    if kind == "boolean":
        return st.booleans()
    if kind == "null":
        return st.none()
    known = st.sampled_from(ids())
    written = st.from_regex(node["pattern"]) if "pattern" in node else st.text(max_size=20)
    return known | written | st.sampled_from(EVIL)
