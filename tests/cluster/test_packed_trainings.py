"""Trainings share one allocation, one after another; a cut costs none that was finished."""

import itertools
import time

STEP = "            step += 1\n"
DIARY = "            print(run.seed, step, file=open('diary.txt', 'a'))\n"


def trainings(checkout, seeds, epochs):
    """Files that trainings make, each step of which is noted."""
    content = {
        "preset": "test",
        "tracks": {"multifocus": {"seeds": seeds, "methods": ["dip_pretrain_2"]}},
        "methods": {"multifocus": {"dip_pretrain_2": {"epochs": epochs}}},
    }
    checkout.overlay(content, "config.yaml")
    checkout.edit("src/focusbench/training/loop.py", STEP, STEP + DIARY)
    folder = "results/multifocus/models/dip_pretrain_2/ellipsoids-size16-seed{}/model.safetensors"
    return [folder.format(seed) for seed in seeds]


def steps(checkout):
    """(seed, step) in the order in which they were taken."""
    path = checkout.folder / "diary.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    return [tuple(map(int, line.split())) for line in lines]


def test_one_allocation_with_one_gpu_for_all_of_them(checkout):
    targets = trainings(checkout, [0, 1, 2], 2)
    before = set(checkout.cluster.jobs())
    checkout.submit(*targets).wait()
    (job,) = set(checkout.cluster.jobs()) - before
    show = checkout.cluster.show(job)
    assert show["JobState"] == "COMPLETED"
    assert show["TresPerJob"] == "gres:gpu:1"
    assert show["MinMemoryNode"] == "8000M"
    assert show["TimeLimit"] == "1-12:00:00"  # thrice the twelve hours of one
    order = [seed for seed, _ in steps(checkout)]
    assert sum(one != other for one, other in itertools.pairwise(order)) == 2
    assert all((checkout.folder / target).exists() for target in targets)
    assert not checkout.states_left()


def test_cut_in_the_second_it_does_not_repeat_the_first(checkout):
    targets = trainings(checkout, [0, 1], 100)
    checkout.edit("rules/train.smk", "minutes(720)", "minutes(2000)")
    checkout.variables["FOCUSBENCH_SAVE_SECONDS"] = "3600"
    before = set(checkout.cluster.jobs())
    run = checkout.submit(*targets)
    end = time.monotonic() + 240
    while len({seed for seed, _ in steps(checkout)}) < 2:
        assert time.monotonic() < end, run.said
        time.sleep(0.1)
    (job,) = set(checkout.cluster.jobs()) - before
    checkout.cluster.ask("scancel", str(job))
    run.wait()
    show = checkout.cluster.show(job)
    assert show["JobState"] == "CANCELLED"
    assert show["TimeLimit"] == "2-00:00:00"  # twice 2000 minutes are more than a partition gives
    assert len(steps(checkout)) == len(set(steps(checkout)))  # none twice
    assert all((checkout.folder / target).exists() for target in targets)
    assert not checkout.states_left()
