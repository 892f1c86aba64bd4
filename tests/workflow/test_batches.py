"""Cheap methods in one job: it makes what their own rules make, and nothing twice."""

import json

from working_copy import counted

METHODS = {
    "shifted": {"module": "shifting:Shifted", "amount": 1},
    "shifted_more": {"uses": "shifted", "amount": 2},
    "shifted_most": {"uses": "shifted", "amount": 9},
}
MODULE = """
import os
from dataclasses import dataclass
import numpy as np
from focusbench.problem import Restoration

@dataclass(frozen=True)
class Shifted:
    amount: int = 0
    def restore(self, problem, run, weights=None):
        if self.amount == 7:
            raise ValueError("not by 7")
        if self.amount == 8:
            os._exit(0)
        return Restoration(np.roll(problem.observed, self.amount, axis=-1))
"""
PLACE = "nuclei_test1/level02"
BATCH = f"results/defocus/batches/{PLACE}.json"
SINGLE = f"results/defocus/scores/{PLACE}/shifted-seed0.json"
SPOILED = f"results/defocus/restored/{PLACE}/input-seed0.ome.tif"


def overlay(checkout, batched, **changed):
    track = {
        "degradations": ["level01", "level02"],
        "methods": list(METHODS),
        "batched": batched,
        "predictors": [],
    }
    own = {name: {**entry, **changed.get(name, {})} for name, entry in METHODS.items()}
    return checkout.overlay({"tracks": {"defocus": track}, "methods": {"defocus": own}})


def made(checkout):
    """Time and bytes of what the restorations have left, by file."""
    parts = [checkout.folder / "results/defocus" / part / PLACE for part in ("restored", "scores")]
    files = sorted(path for folder in parts for path in folder.iterdir())
    return {
        f"{one.parts[-4]}/{one.name}": (one.stat().st_mtime_ns, one.read_bytes()) for one in files
    }


def methods_of(files):
    return {name.rpartition("/")[2].split("-")[0] for name in files}


def test_a_batch_makes_what_single_jobs_make_and_nothing_twice(checkout):
    (checkout.folder / "shifting.py").write_text(MODULE)
    some = overlay(checkout, ["input", "shifted_more", "shifted_most"])
    checkout.snakemake("--configfile", some, "--", SINGLE, BATCH, cores=1)
    first = made(checkout)
    assert len(first) == 4 * 4

    (checkout.folder / SPOILED).write_bytes(b"no image")
    more = overlay(checkout, ["input", *METHODS], shifted_more={"amount": 3})
    done = checkout.snakemake("--configfile", more, "--", BATCH, cores=1)
    assert counted(done.stdout + done.stderr) == {"batch": 1}
    second = made(checkout)
    again = {name for name in second if second[name][0] != first[name][0]}
    assert methods_of(again) == {"input", "shifted", "shifted_more"}
    assert len(again) == 3 * 4
    # what its own rules made, a batch makes to the byte; cost is told in the record
    for name in ("restored/input", "restored/shifted", "scores/shifted"):
        same = [one for one in first if one.startswith(f"{name}-seed0")]
        told = [one for one in same if one != f"restored/{name.rpartition('/')[2]}-seed0.json"]
        assert told
        assert all(first[one][1] == second[one][1] for one in told)
    members = json.loads((checkout.folder / BATCH).read_text())
    assert list(members) == [f"{PLACE}/{method}-seed0" for method in ("input", *METHODS)]

    # not batched any more, and one of them another: a job of its own makes it anew, once
    pair = [f"results/defocus/scores/{PLACE}/{one}-seed0.json" for one in list(METHODS)[1:]]
    alone = overlay(checkout, [], shifted_more={"amount": 3}, shifted_most={"amount": 5})
    done = checkout.snakemake("--configfile", alone, "--", *pair, cores=1)
    assert counted(done.stdout + done.stderr) == {"restore": 1, "score": 1}
    assert not checkout.jobs("--configfile", alone, "--", *pair)
    third = made(checkout)
    assert methods_of(one for one in third if third[one] != second[one]) == {"shifted_most"}

    # batched again, it stands; what fails leaves nothing of what it was, and stops no other
    changed = {"shifted": {"amount": 8}, "shifted_more": {"amount": 7}}
    together = overlay(checkout, ["input", *METHODS], **changed, shifted_most={"amount": 5})
    done = checkout.snakemake("--configfile", together, "--", BATCH, cores=1, fails=True)
    assert "2 of 4 restorations of a batch failed" in done.stderr
    assert "/shifted-seed0 (it ended without writing results/defocus/restored/" in done.stderr
    assert "/shifted_more-seed0 (status 1)" in done.stderr
    left = made(checkout)
    assert methods_of(third) - methods_of(left) == {"shifted", "shifted_more"}
    assert all(left[one] == third[one] for one in left)
    journal = json.loads((checkout.folder / BATCH).with_suffix(".journal").read_text())
    assert {name.rpartition("/")[2] for name in journal} == {"input-seed0", "shifted_most-seed0"}
