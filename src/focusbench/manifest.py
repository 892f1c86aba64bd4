"""`results/manifest.json`: what made a run's files, what each cost, and their checksums.

It describes all files that are there, those of earlier runs too; of what lies behind a link to a
folder, what jobs have made (`present`). Equal content gives equal bytes
of everything but the entry `cost`, where the files stand as well whose content is cost. A file's
checksum is the one that its job recorded when it was written: what was damaged since does not
become right by being listed.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

from focusbench import __version__, job_record, paths
from focusbench.errors import InputError
from focusbench.files import beginning, sha256, write_json
from focusbench.many_files import each
from focusbench.tracks import TABLE

FORMAT = 1
LOCK = "requirements.lock"
CODE = ("Snakefile", "rules", "workflow", "src", LOCK)  # what makes results, in the repository
APART = ("logs", "manifest.json", "README.md")  # of the results folder; not listed
COSTS = frozenset(
    ("timings", "timed_records", "predictor_timings", "network_times", "trainings")
)  # kinds of file that tell of cost: tables and figures that read them do as well
LARGEST = 2**32  # bytes of a manifest; 10^6 restorations make about 10^9
ANEW = "a run that has made something writes it: snakemake --cores 1 --forcerun table"
Sources = Callable[[str], Iterable[str]] | None
KEYS = ("seconds", "cpu_seconds", "peak_memory_bytes", "peak_device_memory_bytes", "device")


def write(config: Mapping[str, Any], home: str | Path, sources: Sources = None) -> None:
    """Write the manifest of the results folder in the working directory.

    Parameters
    ----------
    config
        The merged configuration of the run.
    home
        Folder of the Snakefile, where the lock and the repository are looked for.
    sources
        Gives the files that a sample is prepared from. Those of all samples of which there are
        results are listed as the data.
    """
    write_json(paths.manifest(), build(config, home, sources))


def build(config: Mapping[str, Any], home: str | Path, sources: Sources = None) -> dict[str, Any]:
    """Describe the results folder in the working directory; see `write`.

    In `cost`, `jobs` has all jobs, and `seconds` is their sum without batches: what a batch took is
    the time of its members, each of which has an entry of its own.
    """
    known, jobs = _recorded()
    content: dict[str, str] = {}
    costs: dict[str, str] = {}
    for path, digest in _sums(known):
        (costs if tells_cost(path) else content)[path] = digest
    return {
        "format": FORMAT,
        "code": {**_commit(Path(home)), "lock_sha256": _lock_sha256(Path(home, LOCK))},
        "versions": _versions(Path(home, LOCK)),
        "config": json.loads(json.dumps(config, default=str)),
        "data": _data(content, sources) if sources else {},
        "files": content,
        "cost": {
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
            "host": _host(),
            "devices": sorted({one["device"] for one in jobs.values()}),
            "seconds": round(sum(one["seconds"] for name, one in jobs.items() if _works(name)), 3),
            "files": costs,
            "jobs": jobs,
        },
    }


def listed(folder: str | Path) -> dict[str, str]:
    """SHA-256 of each file, by its path in the results folder, as its manifest has them.

    Raises
    ------
    InputError
        There is no manifest, it cannot be read, or it is not one.
    """
    path = Path(folder, PurePosixPath(paths.manifest()).name)
    try:
        content = _content(path)
        found = {**content["files"], **content["cost"]["files"]}
        if content["format"] != FORMAT or not all(map(_is_entry, found.items())):
            raise ValueError
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; {ANEW}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}; {ANEW}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError(f"{path}: is damaged, or no manifest of this version; {ANEW}") from None
    return found


def present(folder: str | Path) -> Iterator[str]:
    """Paths of all files of a results folder that a manifest lists, relative to it.

    Not listed: logs, hidden files (resume states, half-written files), the manifest, the README. A
    link to a folder is followed: a track may lie on another disk. It may as well lead to what is no
    result, so behind one only files count whose job has left a log.
    """
    seen, top = set(), os.path.realpath(folder)
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        start = os.path.relpath(place, folder)
        linked = real != os.path.normpath(os.path.join(top, start))
        # a link that leads back; or to what may be a whole disk, and has no logs
        if real in seen or (linked and not _has_logs(folder, start)):
            folders.clear()
            continue
        seen.add(real)
        apart = APART if start == "." else ()
        start = "" if start == "." else f"{start}/"
        folders[:] = [one for one in folders if not one.startswith(".") and one not in apart]
        for one in names:
            if one.startswith(".") or one in apart:
                continue
            log = log_of(folder, f"{start}{one}") if linked else None
            if not linked or (log is not None and os.path.exists(log)):
                yield f"{start}{one}"


def log_of(folder: str | Path, path: str) -> Path | None:
    """Log of the job that makes a file of a results folder; None for what no job makes."""
    log = paths.log(f"{paths.RESULTS}/{path}")
    return Path(folder, Path(log).relative_to(paths.RESULTS)) if log else None


def tells_cost(path: str) -> bool:
    """Whether a file of the results, by its path there, differs from run to run: it holds cost."""
    top, _, rest = path.partition("/")
    if top in ("tables", "figures"):
        track, _, name = rest.partition(".")[0].partition("_")
        known = TABLE.get(track)
        shown = known and (known.tables if top == "tables" else known.figures).get(name)
        return bool(shown) and not COSTS.isdisjoint(shown.reads)
    kind = rest.partition("/")[0]
    return kind == "timing" or (kind in ("restored", "models") and path.endswith(".json"))


def _content(path: str | Path) -> Any:
    """Content of a manifest, or of a record.

    Raises
    ------
    OSError
        It cannot be read, or is no regular file: a pipe would be waited for, a device has no end.
    ValueError
        It is larger than any run makes one, or no JSON.
    """
    data = beginning(path, min(os.path.getsize(path), LARGEST) + 1)
    if len(data) > LARGEST:
        raise ValueError
    return json.loads(data)


def _has_logs(folder: str | Path, start: str) -> bool:
    """Whether jobs that made files in or under a folder of the results have left logs."""
    logs = os.path.join(folder, "logs", start)
    return os.path.isdir(logs) or os.path.exists(f"{logs}.log")  # one of all that a training makes


def _is_entry(entry: tuple[str, Any]) -> bool:
    path, digest = entry
    named = b"\0" not in os.fsencode(path)  # raises ValueError for what no file can be called
    inside = named and not path.startswith("/") and ".." not in path.split("/")
    return inside and isinstance(digest, str) and len(digest) == 64


# --- files ----------------------------------------------------------------------------------------


def _recorded() -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
    """What the jobs recorded: checksums by path, and cost by the log's path without its ending."""
    start = f"{paths.RESULTS}/"
    known: dict[str, str] = {}
    jobs: dict[str, dict[str, Any]] = {}
    logs = sorted(map(str, Path(paths.RESULTS, "logs").rglob("*.log")))
    for log, record in zip(logs, each(_with_own_cost, logs), strict=True):
        if record is not None:
            name = log.removeprefix(f"{start}logs/").removesuffix(".log")
            jobs[name] = {key: record.get(key) for key in (*KEYS, "host")}
            known |= {path.removeprefix(start): one for path, one in record["wrote"].items()}
    return known, jobs


def _works(job: str) -> bool:
    """Whether a job, by its name in `cost`, works itself: a batch has jobs of its own do it."""
    return job.split("/")[1:2] != ["batches"]


def _with_own_cost(log: str) -> dict[str, Any] | None:
    """Record of a log whose files are still there; None: there is none.

    Restorations and trainings tell their cost over all their attempts themselves.
    """
    record = job_record.read(log)
    if not record or not any(map(os.path.exists, record["wrote"])):
        return None
    for path in record["wrote"]:
        if path.endswith(".json") and tells_cost(path.removeprefix(f"{paths.RESULTS}/")):
            with suppress(OSError, ValueError, TypeError):
                told = _content(path)
                return {**record, **{key: told[key] for key in KEYS if key in told}}
    return record


def _sums(known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Paths and checksums of all files that are there.

    As recorded; else as the last manifest has them, where they are older than it; else computed.
    """
    before, when = {}, 0.0
    with suppress(InputError, OSError):
        before, when = listed(paths.RESULTS), os.path.getmtime(paths.manifest())

    def digest(path: str) -> str | None:
        place = f"{paths.RESULTS}/{path}"
        try:
            if path in before and os.path.getmtime(place) < when:
                return before[path]
            return sha256(place)
        except OSError:  # gone, or it cannot be read
            return None

    there = sorted(present(paths.RESULTS))
    computed = [path for path in there if path not in known]
    found = dict(zip(computed, each(digest, computed), strict=True))
    for path in there:
        one = known.get(path) or found.get(path)
        if one is not None:
            yield path, one


def _data(content: Iterable[str], sources: Callable[[str], Iterable[str]]) -> dict[str, str]:
    """SHA-256 of what the samples were prepared from, by path; of what can be read.

    As the last manifest has them, where they are older than it: recordings are large.
    """
    parts = [path.split("/") for path in content]
    known = [one[2] for one in parts if one[1:2] in (["truth"], ["observed"])]
    samples = {one.removesuffix(".ome.tif").removesuffix(".json") for one in known}
    files = sorted({str(path) for sample in sorted(samples) for path in sources(sample)})
    before, when = {}, 0.0
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        when = os.path.getmtime(paths.manifest())
        before = dict(_content(paths.manifest())["data"])

    def digest(path: str) -> str | None:
        try:
            same = before.get(path) if os.path.getmtime(path) < when else None
            return same if isinstance(same, str) else sha256(path)
        except OSError:
            return None

    return {path: one for path, one in zip(files, each(digest, files), strict=True) if one}


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


def _lock_sha256(lock: Path) -> str | None:
    return sha256(lock) if lock.is_file() else None


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
