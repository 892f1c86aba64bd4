"""dB against evaluations of classical multifocus solvers, on the same focal stacks.

    python benchmarks/multifocus_solvers.py [--samples teapot engine] [--scivis FOLDER] [--size 64]
        [--aperture-grid 13] [--degradations clean sigma0.01] [--evaluations 400] [--threads 2]
        [--variants plain lbfgs ...]

An evaluation is one forward pass of the ray model with its gradient. Products with the linearised
model are none: they show in the seconds. Volumes are prepared and observed as the workflow does,
with seed 0. PSNR has range 1; a dash means that the run had ended before. Variants:

plain           L-BFGS (15 pairs) on least squares + total variation with the same weight, in the
                box: the named reference
lbfgs           the method as it stands
no_pairs        without the pairs that correct the model's curvature
no_decay        with the final weight from the start
few_products    a third of the products with the linearised model
power_1         the penalty is the total variation (power 1, gradients without their neighbours), so
                that the objective is that of plain
gradient        the variation of the gradient of power 0.85, which the method once had
gradient_0.3    the same of power 0.3
structure_0.3   the method with power 0.3
"""

import argparse
import time

import torch

from focusbench.evaluation.psnr import psnr
from focusbench.methods.lbfgs import Lbfgs, LbfgsStepper
from focusbench.optics.ray_paths import Geometry
from focusbench.optics.rays import RayForward
from focusbench.problem import Problem
from focusbench.solvers import quasi_newton
from focusbench.tracks.multifocus import observe, truth
from focusbench.tracks.multifocus.degradations import parse

MARKS = (20, 60, 100, 200, 400, 1000, 2000)
TOTAL_VARIATION = {"power": 1.0, "share": 0.0, "weight_factor": 4.0}
VARIANTS = {
    "lbfgs": {},
    "no_pairs": {"memory": 0},
    "no_decay": {"first_weight": 0.0},
    "few_products": {"rounds": 2, "products": 4},
    "power_1": TOTAL_VARIATION,
    "gradient": {"power": 0.85, "share": 0.0, "weight_factor": 4.0},
    "gradient_0.3": {"power": 0.3, "share": 0.0, "weight_factor": 2.0},
    "structure_0.3": {"power": 0.3, "weight_factor": 1.2},
}


class Plain:
    """L-BFGS in the box on the very objective, total variation, of the method."""

    def __init__(self, method, problem):
        self.method = LbfgsStepper(method, problem, "cpu")
        self.settings = quasi_newton.Settings(
            lower=self.method.settings.lower,
            upper=0.0,
            max_evaluations=method.max_evaluations,
            value_tolerance=method.tolerance,
        )
        start = self.method.estimate().log()
        self.minimum = quasi_newton.begin(start, self.function, self.settings)

    def function(self, point):
        found = self.method.objective.evaluate(point)
        penalty, gradient = self.method.objective.penalty(point)
        weight = self.method.settings.weight
        return found.misfit + weight * penalty, found.gradient + weight * gradient

    @property
    def finished(self):
        return self.minimum.finished

    def step(self):
        self.minimum = quasi_newton.iterate(self.minimum, self.function, self.settings)

    def estimate(self):
        return self.minimum.point.exp()


def prepare(sample, degradation, arguments):
    """Truth, and the problem that a method is given."""
    geometry = {
        "numerical_aperture": 0.75,
        "z_step": 1.0,
        "pixel_size": 0.92,
        "aperture_grid": arguments.aperture_grid,
    }
    source = "scivis" if arguments.scivis else "phantoms"
    settings = {
        "size": arguments.size,
        "slices": 11,
        "antialias": False,
        "depth": "central",
        "geometry": geometry,
        "offmodel_aperture_grid": 31,
        "data": {"directory": arguments.scivis} if arguments.scivis else {"seed": 0},
    }
    volume = truth.truth(sample, source, settings)
    observed, _ = observe.observe(volume, sample, source, degradation, 0, settings)
    forward = RayForward(Geometry(**geometry, n_slices=11))
    size = truth.voxel_size(settings)
    noise = parse(degradation).noise
    return volume.array, Problem("multifocus", observed.array, "ZYX", size, forward, noise)


def front(stepper, wanted):
    """PSNR of the estimate that each number of evaluations has reached, and of the last one."""
    begun, rows = time.perf_counter(), {}
    while not stepper.finished:
        estimate, minimum = stepper.estimate(), stepper.minimum
        before = minimum.evaluations if minimum else 0
        stepper.step()
        for mark in MARKS:
            if before <= mark < stepper.minimum.evaluations:
                rows[mark] = psnr(wanted, estimate.numpy(), 1.0)
    seconds = time.perf_counter() - begun
    count = stepper.minimum.evaluations
    return rows, psnr(wanted, stepper.estimate().numpy(), 1.0), count, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", nargs="+", default=["cell", "vessels"])
    parser.add_argument("--scivis", help="folder of raw files; without it, samples are phantoms")
    parser.add_argument("--size", type=int, default=48)
    parser.add_argument("--aperture-grid", type=int, default=13)
    parser.add_argument("--degradations", nargs="+", default=["clean", "sigma0.01"])
    parser.add_argument("--evaluations", type=int, default=400)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    names = ["plain", *VARIANTS]
    parser.add_argument("--variants", nargs="+", default=names, choices=names)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    marks = [mark for mark in MARKS if mark <= arguments.evaluations]
    print(f"{arguments.threads} threads, torch {torch.__version__}, size {arguments.size}")
    print("sample degradation variant | dB at " + " ".join(map(str, marks)) + " | end")
    for sample in arguments.samples:
        for degradation in arguments.degradations:
            wanted, problem = prepare(sample, degradation, arguments)
            for name in arguments.variants:
                changes = VARIANTS.get(name, TOTAL_VARIATION)
                method = Lbfgs(max_evaluations=arguments.evaluations, **changes)
                stepper = (
                    Plain(method, problem)
                    if name == "plain"
                    else LbfgsStepper(method, problem, "cpu")
                )
                rows, last, count, seconds = front(stepper, wanted)
                shown = " ".join(f"{rows[m]:.2f}" if m in rows else "-" for m in marks)
                print(
                    f"{sample} {degradation} {name} | {shown} | {last:.2f} dB after {count}"
                    f" evaluations, {seconds:.1f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
