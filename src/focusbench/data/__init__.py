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
    "nuclei": "focusbench.data.nuclei",
    "bbbc006": "focusbench.data.bbbc006",
    "defocus_phantoms": "focusbench.data.defocus_phantoms",
    "defocused": "focusbench.data.defocused",
    "cytology": "focusbench.data.cytology",
    "slides": "focusbench.data.slide_field",
}
# Sources whose files can be downloaded, and what downloads them: `get(path)` puts one file there.
# They lie in data/{source}; a user's own folder stands under `data.{source}.directory`.
HOMES: dict[str, str] = {
    "scivis": "focusbench.data.scivis_home",
    "bbbc006": "focusbench.data.bbbc006_home",
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


def home(source: str) -> ModuleType:
    """Import what downloads a source's files.

    Raises
    ------
    InputError
        The source has no home.
    """
    if source not in HOMES:
        raise InputError(f"data source {source!r} has no home; known: {', '.join(HOMES)}")
    return import_module(HOMES[source])
