"""Runs of `refocus` in processes of their own; see test_refocusing.py.

    python refocusing_runs.py FOLDER

First a low image, then a tall one of the same width: how much more memory the second one takes.
Then one image undisturbed, and again with kills at chosen places. Prints what was found as JSON.
"""

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import tifffile
import torch
from torch.nn import functional

from focusbench import pyramid, refocusing

WIDTH, LOW, TALL = 240, 512, 3072
PLANES = 3
KILLS = [("append", 2), ("append", 6), ("append", 9), ("link", 1)]


def peak():
    """Most bytes that this process held; `getrusage` also counts the process that started it."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024


def repeated(images):
    """In place of a network that doubles the size."""
    return functional.interpolate(images, scale_factor=2, mode="nearest").repeat(1, PLANES, 1, 1)


def memory(folder):
    found = []
    for height in (LOW, LOW, TALL):  # the first one for what is loaded and kept once
        image = np.broadcast_to(
            np.arange(height, dtype=np.uint8)[:, None, None], (height, WIDTH, 3)
        )
        tifffile.imwrite(folder / "image.tif", image, photometric="rgb", rowsperstrip=64)
        output = folder / "planes.ome.tif"
        refocusing.refocus(
            repeated,
            folder / "image.tif",
            output,
            fingerprint="",
            planes=PLANES,
            block=256,
            quiet=True,
        )
        found.append(peak())
        output.unlink()
    return {"growth": found[2] - found[1], "pixels": (TALL - LOW) * WIDTH * 3 * (1 + 4 * PLANES)}


def attempt(folder, place=None, patience=0):
    """Refocus in a child that kills itself at a place; (exit code, blocks that it computed)."""
    pipe, end = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            passed = iter(range(patience - 1))

            def deadly(function):
                def call(*arguments):
                    if next(passed, None) is None:
                        os.kill(os.getpid(), signal.SIGKILL)
                    return function(*arguments)

                return call

            if place == "append":
                pyramid.PyramidWriter._append = deadly(pyramid.PyramidWriter._append)
            if place == "link":
                pyramid.link_directories = deadly(pyramid.link_directories)

            def network(images):
                os.write(end, b".")
                return repeated(images)

            refocusing.refocus(
                network,
                folder / "image.tif",
                folder / "planes.ome.tif",
                fingerprint="",
                planes=PLANES,
                block=64,
                passage=8,
                halo=8,
                quiet=True,
            )
            code = 0
        finally:
            os._exit(code)
    os.close(end)
    blocks = b""
    while told := os.read(pipe, 100):
        blocks += told
    os.close(pipe)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), len(blocks)


def kills(folder):
    pyramid.SIDE = 32
    image = np.random.default_rng(0).integers(0, 256, (75, 43, 3), dtype=np.uint8)
    tifffile.imwrite(folder / "image.tif", image, photometric="rgb")
    output, found = folder / "planes.ome.tif", []
    whole = attempt(folder)
    expected = output.read_bytes()
    for place, patience in KILLS:
        output.unlink(missing_ok=True)
        killed = attempt(folder, place, patience)
        early = output.exists()
        resumed = attempt(folder)
        found.append(
            {
                "place": [place, patience],
                "killed": killed,
                "resumed": resumed,
                "early": early,
                "same": output.read_bytes() == expected,
                "left": sorted(path.name for path in folder.iterdir()),
            }
        )
    return {"whole": whole, "kills": found}


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    print(json.dumps({"memory": memory(folder), **kills(folder)}))
