"""A finished run of the multifocus track with made-up restorations, for tables and figures."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from focusbench import paths
from focusbench.evaluation.metrics import psnr, ssim, ssim_fits
from focusbench.files import write_json, write_text
from focusbench.images import write_volume
from focusbench.paths import Restored
from focusbench.report.results import Results

TRACK = "multifocus"
PAPER_SAMPLES = ("aneurism", "teapot", "engine", "lobster", "heptane")
METHODS = ("transparent", "start", "iterative", "lbfgs", "dip", "dip_pretrain_2")
VOXEL = (1.0, 0.92, 0.92)
# error of the final estimate, and steps: made up, but in an order that a reader would expect
QUALITY = {"start": 0.4, "iterative": 0.12, "lbfgs": 0.03, "dip": 0.06, "dip_pretrain_2": 0.04}
STEPS = {"iterative": 400, "lbfgs": 120, "dip": 600, "dip_pretrain_2": 600}


def fake_truth(size: int, slices: int, seed: int) -> np.ndarray:
    """Ellipsoids in [0.7, 1]."""
    rng = np.random.default_rng(seed)
    z, y, x = np.meshgrid(
        np.linspace(-0.3, 0.3, slices),
        np.linspace(-1, 1, size),
        np.linspace(-1, 1, size),
        indexing="ij",
    )
    density = np.zeros((slices, size, size))
    for _ in range(7):
        cz, cy, cx = rng.uniform(-0.2, 0.2), *rng.uniform(-0.6, 0.6, 2)
        rz, ry, rx = rng.uniform(0.1, 0.3), *rng.uniform(0.1, 0.45, 2)
        inside = ((z - cz) / rz) ** 2 + ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 < 1
        density += inside * rng.uniform(0.2, 0.6)
    return (1 - 0.3 * np.clip(density, 0, 1)).astype(np.float32)


def fake_run(
    root: Path,
    samples: tuple[str, ...] = PAPER_SAMPLES,
    degradations: tuple[str, ...] = ("clean", "sigma0.01"),
    methods: tuple[str, ...] = METHODS,
    size: int = 24,
    slices: int = 11,
    truth_of: Callable[[str], bool] = lambda sample: True,
) -> Results:
    """Write the files that a run leaves, and return them as `Results`."""
    items = [
        Restored(sample, degradation, method, seed)
        for sample in samples
        for degradation in degradations
        for method in methods
        for seed in ((0, 1) if method.startswith("dip") else (0,))
    ]
    for number, item in enumerate(items):
        _write_item(root, item, number, fake_truth(size, slices, hash_of(item.sample)), truth_of)
    trained = [("dip_pretrain_2", "ellipsoids-size24-seed0")] if "dip_pretrain_2" in methods else []
    for method, training in trained:
        record = {"seconds": 41.5, "steps": 250, "device": "cpu", "threads": 2}
        write_json(root / paths.model_record(TRACK, method, training), record)
    timed = [item for item in items if item.sample == samples[0] and item.seed == 0]
    return Results(TRACK, items, root, timed=timed, trainings=trained)


def hash_of(text: str) -> int:
    return sum(map(ord, text))


def _write_item(root, item, number, truth, truth_of):
    rng = np.random.default_rng(number)
    has_truth = truth_of(item.sample)
    blurred = sum(np.roll(truth, shift, axis=(1, 2)) for shift in range(-2, 3)) / 5
    observed = np.clip(blurred, 0, 1).astype(np.float32)
    if item.method == "transparent":
        estimate = np.ones_like(truth)
    else:
        share = QUALITY[item.method] * (1 if item.degradation == "clean" else 1.6)
        estimate = truth + share * (blurred - truth) + 0.1 * share * rng.normal(size=truth.shape)
        estimate = np.clip(estimate, 1e-4, 1).astype(np.float32)
    if has_truth:
        write_volume(root / paths.truth(TRACK, item.sample), truth, "ZYX", VOXEL)
    write_volume(
        root / paths.observed(TRACK, item.sample, item.degradation), observed, "ZYX", VOXEL
    )
    write_volume(root / paths.restored(TRACK, item), estimate, "ZYX", VOXEL)
    final = psnr(truth, estimate, 1.0)
    metrics = {
        "psnr": final,
        "psnr_range0.3": psnr(truth, estimate, 0.3),
        "ssim_wang_2d": ssim(truth, estimate, 1.0, "wang_2d"),
        "ssim_wang_3d": None,
        "ssim_paper": ssim(truth, estimate, 2.0, "paper"),
        "rms_residual_truth": 0.0011,
        "chi_square_truth": 0.94,
    }
    if ssim_fits(truth.shape, "wang_3d"):
        metrics["ssim_wang_3d"] = ssim(truth, estimate, 1.0, "wang_3d")
    if not has_truth:
        metrics = dict.fromkeys(metrics)
    metrics |= {"rms_residual": 0.0012, "chi_square": 1.1 + 0.01 * number}
    score = {
        **item._asdict(),
        "metrics": metrics,
        "repeatable": not (item.method == "dip" and item.sample == "engine"),
        "observed_sha256": "0" * 64,
        "truth_sha256": "1" * 64,
        "restoration_code": "abc1234",
        "score_code": "def5678",
    }
    write_json(root / paths.score(TRACK, item), score)
    steps = STEPS.get(item.method, 0)
    taken = range(1, steps + 1, 10)
    rows = [
        f"{step},{1 / step!r},{final - 12 * (1 - step / steps) ** 3!r}"
        if has_truth
        else f"{step},0.5,"
        for step in taken
    ]
    write_text(root / paths.trace(TRACK, item), "\n".join(["step,loss,psnr", *rows]) + "\n")
    record = {
        "iterations": steps,
        "evaluations": steps + (9 if item.method == "lbfgs" else 0),
        "seconds": 12.0,
        "peak_memory_bytes": 400 * 2**20,
        "device": "cpu",
        "threads": 2,
    }
    write_json(root / paths.record(TRACK, item), record)
    per_step = {"iterative": 0.1, "lbfgs": 0.11, "dip": 0.9, "dip_pretrain_2": 0.9}.get(item.method)
    timing = {
        "seconds_per_step": per_step,
        "steps": steps,
        "seconds": (per_step or 0.02) * max(steps, 1),
        "cpu_seconds_per_step": None if per_step is None else 1.9 * per_step,
        "device": "cpu",
        "threads": 2,
        "load_before": 0.1,
        "measured_steps": 20,
    }
    write_json(root / paths.timing(TRACK, item), timing)


@pytest.fixture
def settings() -> dict:
    """Settings as table and figure functions take them."""
    return {
        "preset": "quick",
        "seed": 0,
        "differs": {"tracks.multifocus.size": 24},
        "track": {
            "size": 24,
            "slices": 11,
            "seeds": [0, 1],
            "geometry": {
                "numerical_aperture": 0.75,
                "z_step": 1.0,
                "pixel_size": 0.92,
                "aperture_grid": 25,
            },
        },
        "methods": {"lbfgs": {"max_evaluations": 130}},
        "sources": dict.fromkeys(PAPER_SAMPLES, "scivis"),
    }


@pytest.fixture
def make_run() -> Callable[..., Results]:
    """Write a made-up run: see `fake_run`."""
    return fake_run


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Results:
    """A run of five of the paper's samples and six methods."""
    return fake_run(tmp_path_factory.mktemp("finished"))
