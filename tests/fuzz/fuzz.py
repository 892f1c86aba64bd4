"""Give the package hostile files and configurations, thousands of them.

    python tests/fuzz/fuzz.py --cases 12000 --seed 0 [--only files|configurations|schemas]

Each case is known by the seed and its number: `--first 4711 --cases 1` has one again. Work is done
in a process of its own with a limit on its memory: where one crashes or does not come back, that
is a finding like any other, and the next case goes on. Ends with status 1 if there are findings.
Without `--only`, one case in three is a configuration; those of `schemas` are Hypothesis's.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

MIB = 2**20
MORE = 1536 * MIB  # of address space that a case may ask for: some libraries reserve much
SILENCE = 60.0  # s without a word, then the process is stopped
SHARE = 3  # one case in so many is a configuration


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=12_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", choices=("files", "configurations", "schemas"))
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker:
        work(asked.seed, asked.first, asked.cases, asked.only)
        return 0
    start = time.monotonic()
    outcomes, findings = collections.Counter(), []
    first, last = asked.first, asked.first + asked.cases
    while first < last:
        first = _until_it_ends(asked, first, last - first, outcomes, findings)
    told = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items()))
    seconds = time.monotonic() - start
    print(f"{asked.cases} cases from {asked.first}, seed {asked.seed}: {told}; {seconds:.0f} s")
    for number, what, why in findings:
        print(f"  {number} {what}: {why}")
    return 1 if findings else 0


def _until_it_ends(asked, first, count, outcomes, findings) -> int:
    """Let a process do cases; the number of the one to go on with after it."""
    options = ["--worker", "--seed", asked.seed, "--first", first, "--cases", count]
    options += ["--only", asked.only] if asked.only else []
    said = None if os.environ.get("FUZZ_LOUD") else _file()
    process = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", __file__, *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=said,
        text=True,
    )
    watch = _Watch(process)
    at, what = first, "start"
    for line in process.stdout:
        watch.touch()
        told = json.loads(line)
        at, what = told["number"], told["what"]
        if "said" in told:
            outcomes[f"{_kind(what)} {told['said']}"] += 1
            if told["said"] == "broken":
                findings.append((at, what, told["why"]))
    status = process.wait()
    watch.stop()
    if status == 0:
        return first + count
    lines = []
    if said:
        said.seek(0)
        lines = said.read().strip().splitlines()
    # of a crash the end of the stack stands first
    told = " | ".join([*lines[-40:][:6], *lines[-2:]])[:600]
    why = "hangs" if watch.fired else f"ends the process ({status}): {told}"
    findings.append((at, what, why))
    outcomes[f"{_kind(what)} broken"] += 1
    return at + 1


def _kind(what: str) -> str:
    """`configuration`, or the ending of a file's name."""
    return what.split()[0].rpartition(".")[2]


def _file():
    """What a process says, to be read after its end: a pipe fills up and stops it."""
    return tempfile.TemporaryFile("w+")


class _Watch:
    """Stops a process that says nothing."""

    def __init__(self, process) -> None:
        import threading

        self._process, self.fired, self._heard = process, False, time.monotonic()
        self._ended = threading.Event()
        threading.Thread(target=self._look, daemon=True).start()

    def touch(self) -> None:
        self._heard = time.monotonic()

    def stop(self) -> None:
        self._ended.set()

    def _look(self) -> None:
        while not self._ended.wait(1.0):
            if time.monotonic() - self._heard > SILENCE:
                self.fired = True
                self._process.kill()


# --- in a process of its own ----------------------------------------------------------------------


def work(seed: int, first: int, count: int, only: str | None) -> None:
    """Do cases, and tell of each on standard output: first that it begins, then what came of it."""
    import configuration_cases
    import file_cases
    import reading

    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        folder = Path(name)
        configuration_cases.prepare(folder)
        do = _Doing(folder)
        if only == "schemas":
            _schemas(seed, first, count, do)
            return
        for number in range(first, first + count):
            if only == "configurations" or (only is None and number % SHARE == 0):
                given = configuration_cases.case(seed, number)
                do(number, "configuration", partial(configuration_cases.use, given))
                continue
            kind, data = file_cases.case(seed, number)
            path = folder / kind
            path.write_bytes(data)
            for reader in reading.readers(kind):
                do(number, f"{kind} as {reader}", partial(reading.READERS[reader], path))
            path.unlink()


def _schemas(seed, first, count, do) -> None:
    """Configurations of Hypothesis; those before the first are made and passed over."""
    import configuration_cases
    import schema_cases
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded

    number = itertools.count()

    @seeded(seed)
    @settings(
        max_examples=first + count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(schema_cases.configurations())
    def one(user) -> None:
        at = next(number)
        if first <= at < first + count:
            do(at, "configuration", partial(configuration_cases.use, user))

    one()


class _Doing:
    """Does cases; after the first, with a limit on the memory: what is imported stands then."""

    def __init__(self, folder) -> None:
        self._folder, self._limited = folder, False

    def __call__(self, number, what, case) -> None:
        from watched import Broken, limit_memory, survives

        about = {"number": number, "what": what}
        _tell(**about)
        try:
            _tell(
                **about,
                said=survives(case, self._folder, traced=not what.endswith("configuration")),
            )
        except Broken as error:
            _tell(**about, said="broken", why=str(error))
        if not self._limited:
            limit_memory(MORE)
            self._limited = True


def _tell(**line) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    sys.exit(main())
