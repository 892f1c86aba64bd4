"""The preset `test` from one end to the other, every job a job of SLURM."""

import os

from focusbench.tracks import TABLE

TRACKS = os.environ.get("FOCUSBENCH_CLUSTER_TRACKS", "").split()
"""Those to run; none: all."""


def test_the_preset_from_one_end_to_the_other(checkout):
    before = set(checkout.cluster.jobs())
    said = checkout.submit(*TRACKS).wait(seconds=3600)
    states = checkout.cluster.jobs()
    assert {states[job] for job in set(states) - before} == {"COMPLETED"}
    assert "Trying to restart" not in said
    assert not checkout.jobs(*TRACKS)  # nothing is left to do
    assert not checkout.states_left()
    scores = [
        min((checkout.folder / "results" / track / "scores").rglob("*.json"))
        for track in TRACKS or TABLE
    ]
    for path in (str(one.relative_to(checkout.folder)) for one in scores):
        assert checkout.made(path) == checkout.undisturbed(path)


def test_one_sample_is_run_again_alone(checkout):
    checkout.walk(steps=3)
    scores = [
        f"results/multifocus/scores/{sample}/clean/walk-seed0.json"
        for sample in ("cell", "vessels")
    ]
    checkout.submit(*scores).wait()
    walks = [checkout.folder / path.replace("scores", "restored") for path in scores]
    written = [path.stat().st_mtime_ns for path in walks]
    before = set(checkout.cluster.jobs())
    checkout.submit("--forcerun", "restore", "--", scores[0]).wait()
    assert len(set(checkout.cluster.jobs()) - before) == 2  # restore, score
    again = [path.stat().st_mtime_ns for path in walks]
    assert again[0] > written[0]
    assert again[1] == written[1]
