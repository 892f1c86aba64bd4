"""Two results folders, compared by the bytes of all that is no cost."""

import csv
import json
import re

KEPT = (
    *("*/truth/**/*.ome.tif", "*/observed/**/*.ome.tif", "*/observed/**/*.json"),
    *("*/models/**/model.safetensors", "*/models/**/trace.csv"),
    *("*/restored/**/*.ome.tif", "*/restored/**/*.trace.csv", "*/restored/**/*.json"),
    *("*/scores/**/*.json", "*/levels/**/*.csv", "*/accuracy/**/*.csv"),
    *("tables/*.csv", "figures/*.png"),
)
COST = re.compile(
    r"_cost\.|_front\.|_budget\.|second|minutes|_ms$|^ratio|memory|^load_|loading_share"
)
"""Tables and figures, keys of records and columns of tables that hold what a run cost."""


def compared(one, other) -> tuple[dict[str, int], list[str]]:
    """Compare what two folders hold.

    Returns
    -------
    counts
        Files of each kind that were compared.
    differences
        Paths of those that differ, or that one of the two folders lacks.
    """
    counts, differences = {}, []
    for pattern in KEPT:
        paths = sorted(
            {
                path.relative_to(folder)
                for folder in (one, other)
                for path in folder.glob(pattern)
                if not COST.search(path.name)
            }
        )
        if paths:
            counts[pattern] = len(paths)
        for path in paths:
            there = [folder / path for folder in (one, other)]
            if not all(path.exists() for path in there):
                differences.append(f"{path} (only in one)")
            elif len({_content(path) for path in there}) == 2:
                differences.append(str(path))
    return counts, differences


def _content(path) -> bytes:
    if path.parent.name == "tables":
        with path.open(newline="") as file:
            rows = [_free_of_cost(row) for row in csv.DictReader(file)]
        return json.dumps(rows).encode()
    if path.suffix != ".json":
        return path.read_bytes()
    return json.dumps(_free_of_cost(json.loads(path.read_text())), sort_keys=True).encode()


def _free_of_cost(value):
    if not isinstance(value, dict):
        return value
    return {key: _free_of_cost(one) for key, one in value.items() if not COST.search(key)}
