"""`results/manifest.json`: what made a run's files, what each cost, and their checksums.

It describes all files that are there, those of earlier runs too. Equal content gives equal bytes
of everything but the entry `cost`, where the files stand as well whose content is cost. A file's
checksum is the one that its job recorded when it was written: what was damaged since does not
become right by being listed.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

from focusbench import __version__, job_record, paths
from focusbench.errors import InputError
from focusbench.files import sha256, write_json
from focusbench.tracks import TABLE

FORMAT = 1
LOCK = "requirements.lock"
CODE = ("Snakefile", "rules", "workflow", "src", LOCK)  # what makes results, in the repository
APART = ("logs", "manifest.json", "README.md")  # of the results folder; not listed
COSTS = frozenset(
    ("timings", "timed_records", "predictor_timings", "network_times", "trainings")
)  # kinds of file that tell of cost: tables and figures that read them do as well
KEYS = ("seconds", "cpu_seconds", "peak_memory_bytes", "peak_device_memory_bytes", "device")
READERS = 4  # files that are read at a time


def write(config: Mapping[str, Any], home: str | Path) -> None:
    """Write the manifest of the results folder in the working directory.

    Parameters
    ----------
    config
        The merged configuration of the run.
    home
        Folder of the Snakefile, where the lock and the repository are looked for.
    """
    write_json(paths.manifest(), build(config, home))


def build(config: Mapping[str, Any], home: str | Path) -> dict[str, Any]:
    """Describe the results folder in the working directory; see `write`."""
    known, jobs = _recorded()
    sums = dict(sorted(_sums(known).items()))
    return {
        "format": FORMAT,
        "code": {**_commit(Path(home)), "lock_sha256": _sha256(Path(home, LOCK))},
        "versions": _versions(Path(home, LOCK)),
        "config": json.loads(json.dumps(config, default=str)),
        "files": {path: one for path, one in sums.items() if not tells_cost(path)},
        "cost": {
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
            "host": _host(),
            "devices": sorted({one["device"] for one in jobs.values()}),
            "seconds": round(sum(one["seconds"] for one in jobs.values()), 3),
            "files": {path: one for path, one in sums.items() if tells_cost(path)},
            "jobs": jobs,
        },
    }


def listed(folder: str | Path) -> dict[str, str]:
    """SHA-256 of each file, by its path in the results folder, as its manifest has them.

    Raises
    ------
    InputError
        There is no manifest, or it is not one.
    """
    path = Path(folder, PurePosixPath(paths.manifest()).name)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = {**content["files"], **content["cost"]["files"]}
        if content["format"] != FORMAT or not all(map(_is_entry, found.items())):
            raise ValueError
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; a run writes it at its end") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            f"{path}: is damaged, or no manifest of this version; the next run writes it anew"
        ) from None
    return found


def present(folder: str | Path) -> Iterator[str]:
    """Paths of all files of a results folder that a manifest lists, relative to it.

    Not listed: logs, hidden files (resume states, half-written files), the manifest, the README.
    """
    seen = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:  # a link that leads back
            folders.clear()
            continue
        seen.add(real)
        top = os.path.samefile(place, folder)
        folders[:] = [
            one for one in folders if not (one.startswith(".") or (top and one == "logs"))
        ]
        for name in names:
            if not (name.startswith(".") or (top and name in ("manifest.json", "README.md"))):
                yield Path(place, name).relative_to(folder).as_posix()


def tells_cost(path: str) -> bool:
    """Whether a file of the results, by its path there, differs from run to run: it holds cost."""
    parts = PurePosixPath(path).parts
    if parts[0] in ("tables", "figures"):
        track, _, name = PurePosixPath(path).stem.partition("_")
        known = TABLE.get(track)
        shown = known and (known.tables if parts[0] == "tables" else known.figures).get(name)
        return bool(shown) and not COSTS.isdisjoint(shown.reads)
    if len(parts) < 3:
        return False
    if parts[1] == "timing":
        return True
    return parts[1] in ("restored", "models") and path.endswith(".json")


def _is_entry(entry: tuple[str, Any]) -> bool:
    path, digest = PurePosixPath(entry[0]), entry[1]
    inside = not path.is_absolute() and ".." not in path.parts
    return inside and isinstance(digest, str) and len(digest) == 64


# --- files ----------------------------------------------------------------------------------------


def _recorded() -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
    """What the jobs recorded: checksums by path, and cost by the log's path without its ending."""
    root = Path(paths.RESULTS)
    logs = sorted(Path(root, "logs").rglob("*.log"))
    with ThreadPoolExecutor(READERS) as readers:
        records = list(readers.map(job_record.read, logs))
    known: dict[str, str] = {}
    jobs: dict[str, dict[str, Any]] = {}
    for log, record in zip(logs, records, strict=True):
        wrote = [one for one in (record or {}).get("wrote", ()) if os.path.exists(one)]
        if not record or not wrote:
            continue
        inside = {str(Path(path).relative_to(root)): record["wrote"][path] for path in wrote}
        known.update(inside)
        cost = {**record, **_own_record(wrote)}
        name = log.relative_to(root).as_posix().removeprefix("logs/").removesuffix(".log")
        jobs[name] = {key: cost.get(key) for key in (*KEYS, "host")}
    return known, jobs


def _own_record(wrote: list[str]) -> dict[str, Any]:
    """Cost of a restoration or a training over all its attempts, as it says itself."""
    for path in wrote:
        if path.endswith(".json") and tells_cost(path.removeprefix(f"{paths.RESULTS}/")):
            try:
                told = json.loads(Path(path).read_text(encoding="utf-8"))
                return {key: told[key] for key in KEYS if key in told}
            except (OSError, ValueError, TypeError):
                return {}
    return {}


def _sums(known: Mapping[str, str]) -> dict[str, str]:
    """Checksums of all files that are there.

    As recorded; else as the last manifest has them, where they are older than it; else computed.
    """
    root, before, when = Path(paths.RESULTS), {}, 0.0
    with suppress(InputError, OSError):
        before, when = listed(root), os.path.getmtime(paths.manifest())
    found: dict[str, str] = {}
    unknown = []
    for path in present(root):
        if path in known:
            found[path] = known[path]
        elif path in before and os.path.getmtime(root / path) < when:
            found[path] = before[path]
        else:
            unknown.append(path)
    with ThreadPoolExecutor(READERS) as readers:
        computed = readers.map(lambda path: _sha256(root / path), unknown)
        found.update((path, one) for path, one in zip(unknown, computed, strict=True) if one)
    return found


def _sha256(path: Path) -> str | None:
    try:
        return sha256(path)
    except OSError:
        return None


# --- the code and the machine ---------------------------------------------------------------------


def _commit(home: Path) -> dict[str, Any]:
    """Commit of the checkout, and whether `CODE` differs from it; both None outside a checkout."""
    top = _git(home, "rev-parse", "--show-toplevel", "HEAD")
    if top is None or len(top.splitlines()) != 2:
        return {"commit": None, "dirty": None}
    folder, commit = top.splitlines()
    if Path(folder).resolve() != home.resolve():  # a copy inside another repository
        return {"commit": None, "dirty": None}
    changed = _git(home, "status", "--porcelain", "--", *CODE)
    return {"commit": commit, "dirty": None if changed is None else bool(changed)}


def _git(home: Path, *words: str) -> str | None:
    command = ["git", "--no-optional-locks", "-C", str(home), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _versions(lock: Path) -> dict[str, str | None]:
    """Versions of Python, FocusBench and all packages of the lock as installed here."""
    try:
        lines = lock.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = ["numpy", "scipy", "snakemake", "torch"]
    names = [line.partition("==")[0].strip() for line in lines if line[:1].isalnum()]
    found: dict[str, str | None] = {"focusbench": __version__, "python": platform.python_version()}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def _host() -> dict[str, Any]:
    """The machine that writes the manifest; what a job ran on stands with the job."""
    processor = platform.processor()
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        processor = next(line for line in told if line.startswith("model name")).partition(": ")[2]
    except (OSError, StopIteration):
        pass
    return {
        "name": platform.node(),
        "system": platform.platform(),
        "processor": processor,
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    }
