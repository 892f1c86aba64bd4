"""Sources of data, chosen by id. Importing this loads none of them."""

from importlib import import_module
from types import ModuleType

from focusbench.errors import InputError

TABLE: dict[str, str] = {
    "phantoms": "focusbench.data.phantoms",
    "scivis": "focusbench.data.scivis",
    "stack": "focusbench.data.stack",
    "ellipsoids": "focusbench.data.ellipsoids",
    "microtubules": "focusbench.data.microtubules",
    "fluorescence": "focusbench.data.fluorescence",
}


def names() -> list[str]:
    """Ids of the sources."""
    return list(TABLE)


def build(source: str) -> ModuleType:
    """Import a source by its id.

    Raises
    ------
    InputError
        Unknown id.
    """
    if source not in TABLE:
        raise InputError(f"unknown data source {source!r}; known: {', '.join(TABLE)}")
    return import_module(TABLE[source])
