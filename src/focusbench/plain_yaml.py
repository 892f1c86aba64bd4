"""YAML of strangers: plain types alone, no key twice, and merges that stay in bounds.

A merge (``<<: *base``) copies a map's entries, so that maps that merge each other ten times over in
ten lines stand for more entries than memory holds, long before there is a value to look at.
"""

from __future__ import annotations

from typing import Any

import yaml

from focusbench.plain_values import MOST

MERGE = "tag:yaml.org,2002:merge"


def load(text: str) -> Any:
    """Read YAML's plain types.

    Raises
    ------
    yaml.YAMLError
        Something else; a key that stands twice in one map, of which readers would take the last;
        merges of more than `MOST` entries in all.
    """
    return yaml.load(text, _Loader)  # a safe one


class _Loader(yaml.SafeLoader):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._seen: set[int] = set()  # maps whose keys were looked at
        self._merged = 0

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        if id(node) not in self._seen:
            self._seen.add(id(node))
            _check_keys(node)
        for key, value in node.value:
            if key.tag != MERGE:
                continue
            for one in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                if isinstance(one, yaml.MappingNode):
                    self.flatten_mapping(one)
                    self._merged += len(one.value)
                if self._merged > MOST:
                    raise _refused(node, f"merges of more than {MOST} entries", key)
        super().flatten_mapping(node)


def _check_keys(node: yaml.MappingNode) -> None:
    seen = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.tag != MERGE:
            if (key.tag, key.value) in seen:
                raise _refused(node, f"the key {key.value[:80]!r} stands there twice", key)
            seen.add((key.tag, key.value))


def _refused(node: yaml.Node, what: str, at: yaml.Node) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(
        "while constructing a mapping", node.start_mark, what, at.start_mark
    )
