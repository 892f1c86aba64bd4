"""Storage faults in whole runs: what is noticed, what is made anew, what runs twice.

    PYTHONPATH=src:tests python tests/faults/campaign.py [--root CHECKOUT] [--only WORD] FOLDER

Works in FOLDER, in a copy of the checkout; takes minutes. Each fault is one line: what was done,
whether it was noticed and named, how many jobs the next run did, and whether all files of the end
that hold no cost have the bytes of an undisturbed run. Exit status 1 if one is not as it must be.
A tmpfs stands for the disk that is full or read-only, where one may be mounted; else these two are
reported as skipped.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from focusbench.files import sha256
from focusbench.manifest import present, tells_cost
from working_copy import Checkout, copy, counted

MARK = "focusbench: error: "
FULL = re.compile("No space left|is the disk full")  # the system's words, or ours
SCORE = "results/defocus/scores/nuclei_test1/tilted_poisson/depth_variant_triangular-seed0.json"
TABLE = "results/tables/multifocus_table1.csv"
OVERLAY = {
    "tracks": {"multifocus": {"samples": ["cell"], "degradations": ["clean"], "methods": ["lbfgs"]}}
}


class Place(NamedTuple):
    """A file that is damaged, and what follows from it: removed, so that a job reads the file."""

    kind: str
    path: str
    after: tuple[str, ...]

    @property
    def target(self) -> str:
        return SCORE if "/defocus/" in self.path else TABLE


FIELD = "nuclei_test1/tilted_poisson"
LEVELS = f"results/defocus/levels/{FIELD}/delpnet-seed0.csv"
CELL = "results/multifocus"
REPORTED = ("results/tables",)
SCORED = (f"{CELL}/scores", *REPORTED)
MADE = (f"{CELL}/restored", *SCORED)
SHARP = ("results/defocus/restored", "results/defocus/scores")
PLACES = (
    Place("truth", f"{CELL}/truth/cell.ome.tif", (f"{CELL}/observed", *MADE)),
    Place("observed", f"{CELL}/observed/cell/clean.ome.tif", MADE),
    Place("observed json", f"{CELL}/observed/cell/clean.json", MADE),
    Place(
        "weights",
        "results/defocus/models/delpnet/levels-seed0/model.safetensors",
        (LEVELS, *SHARP),
    ),
    Place("levels", LEVELS, SHARP),
    Place("restored", f"{CELL}/restored/cell/clean/lbfgs-seed0.ome.tif", SCORED),
    Place("record", f"{CELL}/restored/cell/clean/lbfgs-seed0.json", SCORED),
    Place("score", f"{CELL}/scores/cell/clean/lbfgs-seed0.json", REPORTED),
)


class Campaign:
    """A finished run, copies of it to damage, and what came of that."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder = folder
        self.whole = copy(root, folder / "whole")
        for script in (self.whole.folder / "workflow/scripts").iterdir():
            os.utime(script, (0, 0))  # results that are dated back shall not be older
        self.overlay = self.whole.overlay(OVERLAY)
        done = self.run(self.whole)
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
        self.sums = sums(self.whole)
        self.bad = 0

    def run(self, checkout: Checkout, *targets: str, cores: int = 2) -> subprocess.CompletedProcess:
        """Ask for the targets of the campaign, or others."""
        command = checkout._snakemake(
            cores, (*(targets or (SCORE, TABLE)), "--rerun-incomplete", *self.options())
        )
        return checkout._run(command)

    def options(self) -> tuple[str, ...]:
        return "--configfile", self.overlay, "--max-jobs-per-timespan", "10000/15s"

    @contextlib.contextmanager
    def copied(self) -> Iterator[Checkout]:
        """A copy of the finished run, with all time stamps."""
        folder = self.folder / "copy"
        shutil.copytree(self.whole.folder, folder, symlinks=True)
        try:
            yield Checkout(folder)
        finally:
            shutil.rmtree(folder)

    def tell(self, fault: str, must: bool, *words: object) -> None:
        self.bad += not must
        print(f"{'ok ' if must else 'BAD'} {fault}:", *words, flush=True)

    def differing(self, checkout: Checkout) -> list[str]:
        """Tell of files of the undisturbed run that are missing or differ; cost left out."""
        now = sums(checkout)
        found = [path for path, one in self.sums.items() if now.get(path) != one]
        return [f"{len(found)} files, such as {found[0]}"] if found else []


def sums(checkout: Checkout) -> dict[str, str]:
    root = checkout.folder / "results"
    return {path: sha256(root / path) for path in present(root) if not tells_cost(path)}


def errors(done: subprocess.CompletedProcess) -> list[str]:
    return [line for line in done.stderr.splitlines() if line.startswith(MARK)]


def jobs(done: subprocess.CompletedProcess) -> str:
    found = counted(done.stdout + done.stderr)
    return ", ".join(f"{count} {rule}" for rule, count in found.items()) or "nothing"


# --- faults ---------------------------------------------------------------------------------------


def flip(path: Path) -> None:
    """Flip one bit in the middle of what counts: of JSON and CSV, of a digit."""
    content = bytearray(path.read_bytes())
    at = len(content) // 2
    if path.suffix in (".json", ".csv"):
        digits = [match.start() for match in re.finditer(rb"(?<=\d\.\d)[0-7]", content)]
        at = digits[len(digits) // 2] if digits else at
    content[at] ^= 1
    rewrite(path, bytes(content))


def cut(path: Path) -> None:
    """Cut off the second half."""
    rewrite(path, path.read_bytes()[: path.stat().st_size // 2])


def rewrite(path: Path, content: bytes) -> None:
    """Change a file as a disk does: its time stamps stay."""
    stamp = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


def damaged(campaign: Campaign) -> None:
    """Flip a bit of an intermediate, or cut it off, and let a job read it."""
    for place in PLACES:
        for damage in (flip, cut):
            with campaign.copied() as checkout:
                damage(checkout.folder / place.path)
                remove(checkout, place.after)
                first = campaign.run(checkout, place.target)
                named = [line for line in errors(first) if place.path in line]
                again = campaign.run(checkout, place.target)
                differing = campaign.differing(checkout)
                campaign.tell(
                    f"{damage.__name__} {place.kind}",
                    bool(named)
                    and first.returncode == 1
                    and not again.returncode
                    and not differing,
                    "named" if named else f"not named (status {first.returncode})",
                    f"| then {jobs(again)} | status {again.returncode} | differ: {differing}",
                )


def mended(campaign: Campaign) -> None:
    """Damage a truth that one job reads; make it anew alone: nothing else runs twice."""
    truth = PLACES[0].path
    score = f"{CELL}/scores/cell/clean/lbfgs-seed0.json"
    with campaign.copied() as checkout:
        flip(checkout.folder / truth)
        remove(checkout, [score])
        first = campaign.run(checkout, score, TABLE)
        alone = campaign.run(checkout, truth)
        again = campaign.run(checkout, score, TABLE)
        campaign.tell(
            "mended alone",
            jobs(again) == "1 score, 1 table" and not campaign.differing(checkout),
            f"{errors(first)[-1:]} | alone: {jobs(alone)} | then: {jobs(again)}",
        )


def vanished(campaign: Campaign) -> None:
    """Remove a file: with all that follows from it there, and with that gone."""
    for place in PLACES:
        with campaign.copied() as checkout:
            remove(checkout, [place.path])
            alone = campaign.run(checkout, place.target)
            remove(checkout, [place.path])
            remove(checkout, place.after)
            done = campaign.run(checkout, place.target)
            differing = campaign.differing(checkout)
            campaign.tell(
                f"vanished {place.kind}",
                not done.returncode and not differing,
                f"alone: {jobs(alone)} | with what follows: {jobs(done)} | differ: {differing}",
            )


def full(campaign: Campaign) -> None:
    """Fill the disk at several moments; then make room and go on."""
    for size in (16, 64, 200, 320, 600):  # KiB; the whole takes some 800
        folder = campaign.folder / "full"
        checkout = copy(campaign.whole.folder, folder)
        try:
            with tmpfs(folder / "results", f"size={size}k") as resize:
                first = campaign.run(checkout)
                told = [line for line in errors(first) if FULL.search(line)]
                half = list((folder / "results").rglob(".part*"))
                traces = (first.stdout + first.stderr).count("Traceback")
                resize("size=100m")
                again = campaign.run(checkout)
                differing = campaign.differing(checkout)
                campaign.tell(
                    f"full disk, {size} KiB",
                    bool(told and first.returncode and not half and not again.returncode)
                    and not differing
                    and not traces,
                    f"{len(told)} lines, such as {told[:1]} | {traces} tracebacks | half-written: "
                    f"{half} | then {jobs(again)} | differ: {differing}",
                )
        except PermissionError:
            print("--  full disk: skipped, no file system may be mounted here")
        finally:
            shutil.rmtree(folder)


def read_only(campaign: Campaign) -> None:
    """Ask for more where nothing can be written."""
    folder = campaign.folder / "read_only"
    checkout = copy(campaign.whole.folder, folder)
    try:
        with tmpfs(folder / "results", "size=100m") as remount:
            campaign.run(checkout, "results/multifocus/truth/cell.ome.tif")
            before = sums(checkout)
            remount("ro")
            nothing = campaign.run(checkout, "results/multifocus/truth/cell.ome.tif")
            done = campaign.run(checkout)
            told = errors(done)
            traces = (done.stdout + done.stderr).count("Traceback")
            campaign.tell(
                "read-only results",
                bool(done.returncode and told and not traces and sums(checkout) == before),
                f"nothing to do: status {nothing.returncode} | {told[-1:]} | {traces} tracebacks | "
                f"{(done.stdout + done.stderr).strip().splitlines()[-1:]}",
            )
            remount("rw")
            again = campaign.run(checkout)
            campaign.tell(
                "writable again", not again.returncode, jobs(again), campaign.differing(checkout)
            )
    except PermissionError:
        print("--  read-only results: skipped, no file system may be mounted here")
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def tmpfs(place: Path, options: str) -> Iterator[Callable[[str], None]]:
    """Mount a small file system; gives a function that mounts it anew with other options."""
    place.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        raise PermissionError
    try:
        yield lambda more: subprocess.run(["mount", "-o", f"remount,{more}", place], check=True)
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def clocks(campaign: Campaign) -> None:
    """Time stamps as nodes with other clocks leave them."""
    truth = "results/defocus/truth/nuclei_test1.ome.tif"
    observed = f"results/defocus/observed/{FIELD}.ome.tif"
    for name, paths, seconds in (
        ("all results an hour ahead", None, 3600),
        ("all results an hour behind", None, -3600),
        ("a truth an hour ahead", [truth], 3600),
        ("a truth an hour behind", [truth], -3600),
        ("an observation an hour ahead", [observed], 3600),
        ("weights an hour ahead", [PLACES[3].path], 3600),
    ):
        with campaign.copied() as checkout:
            chosen = paths or [f"results/{one}" for one in present(checkout.folder / "results")]
            for path in chosen:
                stamp = (checkout.folder / path).stat().st_mtime + seconds
                os.utime(checkout.folder / path, (stamp, stamp))
            campaign.tell(name, (done := planned(campaign, checkout)) == "nothing", done)
            # one job more, whose inputs have those stamps
            remove(checkout, [SCORE, TABLE])
            done = campaign.run(checkout)
            campaign.tell(
                f"{name}, score and table made",
                not done.returncode and not campaign.differing(checkout),
                f"status {done.returncode} | {jobs(done)}",
            )


def planned(campaign: Campaign, checkout: Checkout) -> str:
    return jobs(campaign.run(checkout, SCORE, TABLE, "--dry-run"))


def two_runs(campaign: Campaign) -> None:
    """Start a second run while a first one works."""
    folder = campaign.folder / "two"
    checkout = copy(campaign.whole.folder, folder)
    first = checkout.start(SCORE, TABLE, *campaign.options(), cores=1)
    while not list((folder / "results/logs").rglob("*.log")):
        assert first.poll() is None
        time.sleep(0.1)
    before = (folder / "said.txt").stat().st_size
    second = campaign.run(checkout)
    alive = first.poll() is None
    said = second.stdout + second.stderr
    first.wait()
    differing = campaign.differing(checkout)
    campaign.tell(
        "two runs in one directory",
        bool(alive and second.returncode and "lock" in said and not first.returncode)
        and not differing,
        f"second: status {second.returncode}, "
        f"{[line for line in said.splitlines() if 'lock' in line.lower()][:1]} | first: status "
        f"{first.returncode}, wrote on: {(folder / 'said.txt').stat().st_size > before} | "
        f"differ: {differing}",
    )
    shutil.rmtree(folder)


def remove(checkout: Checkout, paths: Iterable[str]) -> None:
    for path in (checkout.folder / one for one in paths):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


FAULTS = (damaged, mended, vanished, full, read_only, clocks, two_runs)


def main() -> int:
    """Run the campaign; see the head of this file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[2])
    parser.add_argument("--only", default="", help="a word of the names of the faults wanted")
    options = parser.parse_args()
    campaign = Campaign(options.root, options.folder)
    for fault in FAULTS:
        if options.only in fault.__name__:
            fault(campaign)
    print(f"{campaign.bad} not as they must be")
    return 1 if campaign.bad else 0


if __name__ == "__main__":
    sys.exit(main())
