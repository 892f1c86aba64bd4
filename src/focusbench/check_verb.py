"""The verb `check`: whether configurations are accepted, and which code of others they name.

Read with YAML's plain types alone. Snakemake, which reads a configuration before this package sees
it, also evaluates Python expressions in one that has the key `__use_yte__`: whoever was given a
configuration looks at it here first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from focusbench import config as configuration
from focusbench import grids, methods, plain_values, plan
from focusbench.dependencies import source
from focusbench.errors import InputError
from focusbench.files import beginning

TEMPLATE = "__use_yte__"
LARGEST = 2**24  # bytes of a configuration
ABSENT = " (no source of it on this path; a run that finds none either refuses it: PYTHONPATH)"


def add(verbs: Any) -> None:
    """Add the verb to the subparsers of the command line."""
    verb = verbs.add_parser(
        "check",
        help="check configurations without running anything",
        description="Say in one line what is wrong with config.yaml (where there is one here) and "
        "the overlays, merged in this order; or what they ask for, and which programs and modules "
        "they would run. Nothing that they name is run or imported: whether it works is not tried.",
    )
    verb.add_argument("overlays", nargs="*", metavar="FILE", help="overlay, as for --configfile")
    verb.set_defaults(run=lambda options: print("\n".join(told(options.overlays))))


def told(overlays: Sequence[str]) -> list[str]:
    """Lines about config.yaml of this folder and overlays over it.

    Raises
    ------
    InputError
        What `read` and `config.build` refuse.
    """
    files = [*(["config.yaml"] if Path("config.yaml").exists() else []), *overlays]
    user: dict[str, Any] = {}
    for path in files:
        user = configuration.merge(user, read(path))
    config = configuration.build(user)
    return [
        f"accepted: {', '.join(files) or 'no file'} (preset {config['preset']})",
        *(_grid(config, track) for track in config["tracks"]),
        *(list(_code(config)) or ["runs no program or module of others"]),
    ]


def read(path: str) -> Mapping[str, Any]:
    """Read a configuration.

    Raises
    ------
    InputError
        No such file; larger than `LARGEST`; no YAML of plain values, or no map; a key twice; a
        template.
    """
    import yaml

    from focusbench import plain_yaml

    try:
        data = beginning(path, LARGEST + 1)
        if len(data) > LARGEST:
            raise InputError(f"{path}: is larger than {LARGEST} bytes; a configuration is wanted")
        found = plain_yaml.load(data.decode())
        plain_values.check({} if found is None else found)
    except InputError as error:
        raise InputError(str(error) if str(path) in str(error) else f"{path}: {error}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except RecursionError:
        raise InputError(f"{path}: lists or maps in each other without end") from None
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: is no YAML of plain values: {error}") from None
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise InputError(f"{path}: holds a {type(found).__name__}; a map of keys is wanted")
    if TEMPLATE in found:
        raise InputError(
            f"{path}: {TEMPLATE}: Snakemake would run Python expressions of this file; a "
            "configuration without templates is accepted"
        )
    return found


def _grid(config: Mapping[str, Any], track: str) -> str:
    items = grids.all_restorations(config, track)
    samples, used = ({getattr(one, key) for one in items} for key in ("sample", "method"))
    batches = plan.batches(config, track)
    jobs = 2 * (len(items) - sum(map(len, batches.values()))) + len(batches)
    return (
        f"{track}: {len(items)} restorations ({len(samples)} samples, {len(used)} methods) and "
        f"their scores in {jobs} jobs"
    )


def _code(config: Mapping[str, Any]) -> Iterator[str]:
    """Code of others, a line each. Files of modules are looked for by name; none is opened."""
    known_targets = {entry.target for entry in methods.TABLE.values()}
    for track, known in config["methods"].items():
        for method, facts in known.items():
            if facts["command"] is not None:
                yield f"methods.{track}.{method} runs the program {facts['command']!r}"
            elif facts["target"] not in known_targets:
                found = source(facts["target"].partition(":")[0])
                yield (
                    f"methods.{track}.{method} runs the Python module {facts['target']!r}"
                    f"{'' if found else ABSENT}"
                )
