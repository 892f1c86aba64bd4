"""Fields of procedural smears that the refocus track's training learns from and is judged on."""

import os
import subprocess
import sys
import time

import numpy as np

from focusbench.data import cytology, cytology_names
from focusbench.training.focal_fields import FocalFields
from gpu.session import TimeUp

SCRIPT = """
import sys
import numpy as np
from focusbench.data import cytology
sample, side, path = sys.argv[1:]
stack = cytology.stack(sample, {"shape": [int(side)] * 2})
with open(path + ".part", "wb") as file:
    np.save(file, stack)
"""


def names(session):
    """Role -> ids: of slides to learn from, to watch (one field) and to judge on."""
    counts = {
        "train": session.arguments.train_fields,
        "validation": 1,
        "test": session.arguments.test_fields,
    }
    return {
        role: [
            cytology_names.name(slide, field)
            for slide in cytology_names.SPLIT[role]
            for field in range(1, count + 1)
        ]
        for role, count in counts.items()
    }


def draw(session):
    """Draw what is not there yet, a process a field, as many at once as there are processors."""
    (session.work / "fields").mkdir(exist_ok=True)
    wanted = [one for ids in names(session).values() for one in ids]
    waiting = [one for one in wanted if not path(session, one).exists()]
    at_once = session.arguments.processes or os.cpu_count() or 1
    running = {}
    try:
        while waiting or running:
            if session.left < session.margin:
                raise TimeUp
            while waiting and len(running) < at_once:
                sample = waiting.pop(0)
                running[sample] = _started(session, sample)
            for sample in [one for one, process in running.items() if process.poll() is not None]:
                if running.pop(sample).returncode:
                    raise RuntimeError(f"{sample} could not be drawn")
                part = path(session, sample)
                part.with_name(f"{part.name}.part").replace(part)
            time.sleep(0.02)
    finally:
        for process in running.values():
            process.kill()


def path(session, sample):
    """Where a field lies between runs."""
    return session.work / "fields" / f"{sample}-{session.arguments.field}.npy"


def read(session, sample):
    """Focal stack, uint8 (planes, Y, X, 3)."""
    return np.load(path(session, sample))


def training_set(session):
    """What is learned from and watched."""
    ids = names(session)
    return FocalFields(
        {one: read(session, one) for one in ids["train"]},
        slides={one: str(cytology_names.parse(one)[0]) for one in ids["train"]},
        validation=read(session, ids["validation"][0]),
        z_step=cytology.RECIPE["z_step"],
        pixel_size=cytology.RECIPE["pixel_size"],
    )


def middles(session, side):
    """Middle parts, at most `side` x `side` pixels, of a field of each slide to learn from."""
    stacks = {}
    for sample in names(session)["train"]:
        slide = cytology_names.parse(sample)[0]
        if slide not in stacks:
            stack = read(session, sample)
            start = max(0, (stack.shape[1] - side) // 4 * 2)
            part = slice(start, start + side)
            stacks[slide] = stack[:, part, part]
    return FocalFields({str(slide): stack for slide, stack in stacks.items()})


def _started(session, sample):
    given = [sample, session.arguments.field, path(session, sample)]
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *map(str, given)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
    )
