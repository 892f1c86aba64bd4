"""All that is to be checked and timed on a GPU, and as many restorations as fit, resumably.

    python benchmarks/gpu_session.py --inputs FOLDER --output FOLDER [--minutes 9] [--work FOLDER]
    python benchmarks/gpu_session.py --track refocus --output FOLDER [--seconds 300] ...

For a machine that is at hand for some minutes only, without Snakemake: torch, triton, numba, scipy,
scikit-image, tifffile and safetensors are enough, with `src` on PYTHONPATH. Run it again, with the
same arguments, until it says that nothing is left; each run ends after `--minutes`.

Inputs, as the workflow leaves them in results/multifocus: `observed/{sample}/{degradation}.ome.tif`
and `truth/{sample}.ome.tif` (for scores only; no method sees it). The refocus track has none: its
fields are drawn here.

Stages, in order; one that is done is not repeated:
  device      what it is, and how fast it copies and multiplies
  check       rays against float64 loops: image, gradient, and equal bytes in three runs
  rays        seconds forward and backward, against plain torch; ways to cut up the work
  dip         the split of a step, by precision and by how it is launched
  beside      two restorations in one process, on a stream each
  precision   PSNR after some steps in float32 and less; the same parameters in float32
  restore     sample after sample, by the deep image prior
and of the refocus track, after `device`:
  networks    Table III: milliseconds of a pass of every network of the paper's size
  steps       seconds of a step of mfpinet's training at full width, by precision
  training    mfpinet for `--seconds`, then PSNR on slides that it did not see

Everything is noted in `--work` (record.json, estimates.safetensors, and the state of what was cut
off) and copied to `--output`, with a summary, record.md. On a new machine, give the last output as
`--earlier`: what was finished is then kept.
"""

import argparse
import time

import torch
from gpu import (
    hardware,
    precision_check,
    ray_check,
    ray_times,
    refocus,
    restorations,
    step_times,
    summary,
)
from gpu.session import Session, TimeUp

from focusbench.training import precision
from focusbench.training.run import apply_threads

STAGES = {
    "device": hardware.describe,
    "networks": refocus.networks,
    "steps": refocus.steps,
    "training": refocus.training,
    "check": ray_check.check,
    "rays": ray_times.measure,
    "dip": step_times.split,
    "beside": step_times.beside,
    "precision": precision_check.check,
    "restore": restorations.restore,
}
OF_TRACKS = {
    "multifocus": ("device", "check", "rays", "dip", "beside", "precision", "restore"),
    "refocus": ("device", "networks", "steps", "training"),
}
WITH_INPUTS = ("precision", "restore")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--track", choices=list(OF_TRACKS), default="multifocus")
    parser.add_argument("--inputs", help="folder with observed/ and truth/; of multifocus")
    parser.add_argument("--output", required=True, help="folder for the record, to be kept")
    parser.add_argument("--work", default="/tmp/focusbench-gpu-session", help="folder between runs")
    parser.add_argument("--earlier", help="output of an earlier machine")
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--margin", type=float, default=15.0, help="seconds kept for writing")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--stages", nargs="+", choices=list(STAGES), help="default: the track's")
    parser.add_argument("--samples", nargs="+", help="ids, in order; default: all")
    parser.add_argument("--degradation", default="clean")
    parser.add_argument("--precision", choices=["auto", *precision.PRECISIONS], default="auto")
    parser.add_argument("--steps", type=int, default=30_000, help="of a restoration")
    parser.add_argument("--constant-steps", type=int, default=500, help="of the fit before it")
    parser.add_argument("--precision-steps", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--size", type=int, default=128, help="of what is timed")
    parser.add_argument("--slices", type=int, default=11)
    parser.add_argument("--aperture-grid", type=int, default=25)
    parser.add_argument("--numerical-aperture", type=float, default=0.75)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--scales", type=int, default=3)
    refocus.add_arguments(parser.add_argument_group("refocus"))
    arguments = parser.parse_args()
    arguments.stages = arguments.stages or list(OF_TRACKS[arguments.track])
    refocus.check_arguments(parser, arguments)
    apply_threads(arguments.threads)
    if not arguments.inputs and not set(WITH_INPUTS).isdisjoint(arguments.stages):
        parser.error("--inputs is needed, the folder with observed/ and truth/")
    session = Session(arguments)
    if "restore" in arguments.stages and not session.samples():
        parser.error(f"{arguments.inputs}: no observed/*/{arguments.degradation}.ome.tif there")
    try:
        for name in arguments.stages:
            finished = name in session.record and name != "restore"
            if finished:
                continue
            if session.left < session.margin:
                raise TimeUp
            begin = time.monotonic()
            session.note(name, STAGES[name](session))
            print(f"{name}: {time.monotonic() - begin:.0f} s", flush=True)
    except TimeUp:
        print("the minutes are over; run it again with the same arguments", flush=True)
    else:
        print("nothing is left", flush=True)
    session.save()
    print("\n".join(summary.page(session.record)))


if __name__ == "__main__":
    main()
