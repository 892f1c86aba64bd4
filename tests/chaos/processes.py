"""The processes of a run of the workflow, as the kernel lists them (Linux)."""

import re
from dataclasses import dataclass
from pathlib import Path

SCRIPT = re.compile(r"/\.snakemake/scripts/\w+\.(\w+)\.py")


@dataclass(frozen=True)
class Process:
    """A process at work."""

    pid: int
    parent: int
    session: int
    rule: str | None  # of the job whose script it runs; None: it runs none


def of_sessions(sessions) -> list[Process]:
    """Processes of some sessions (ids), those left out that have ended."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            state, parent, _, session, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes().decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
        if int(session) in sessions and state not in "ZX":
            script = SCRIPT.search(command)
            rule = script[1] if script else None
            found.append(Process(int(folder.name), int(parent), int(session), rule))
    return found


def of_jobs(processes) -> list[tuple[Process, str]]:
    """Those that run a job's script, or were started by one; each with the job's rule."""
    by_pid = {one.pid: one for one in processes}

    def rule(one: Process | None) -> str | None:
        return None if one is None else one.rule or rule(by_pid.get(one.parent))

    return [(one, found) for one in processes if (found := rule(one))]
