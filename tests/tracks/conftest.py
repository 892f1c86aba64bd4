"""A finished run of the multifocus track with made-up restorations, for tables and figures."""

import copy
import json
from collections.abc import Callable, Sequence
from functools import cache
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
QUALITY = {
    **{"start": 0.4, "iterative": 0.12, "lbfgs": 0.03, "dip": 0.06, "dip_es_wmv": 0.08},
    **{"dip_es_emv": 0.09, "dip_pretrain_1": 0.05, "dip_pretrain_2": 0.04, "neural_field": 0.07},
    **{"plug_and_play": 0.035},
}
STEPS = {
    **{"iterative": 400, "lbfgs": 120, "dip": 600, "dip_es_wmv": 450, "dip_es_emv": 400},
    **{"dip_pretrain_1": 600, "dip_pretrain_2": 600, "neural_field": 300, "plug_and_play": 150},
}
QUALITY |= {"dip_es_wmv": 0.05, "dip_es_emv": 0.055}
STEPS |= {"dip_es_wmv": 351, "dip_es_emv": 401}


@cache
def fake_truth(size: int, slices: int, seed: int) -> np.ndarray:
    """Ellipsoids in [0.7, 1]; not to be written to."""
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
    per_step = {"iterative": 0.1, "lbfgs": 0.11, "neural_field": 0.3, "plug_and_play": 0.5}.get(
        item.method, 0.9 if item.method.startswith("dip") else None
    )
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


# --- early stopping -----------------------------------------------------------------------------

NOISE_METHODS = ("transparent", "start", "iterative", "lbfgs", "dip", "dip_es_wmv", "dip_es_emv")
PRIOR = {"width": 16, "learning_rate": 0.01}  # parameters that decide the iterates
PEAK_STEP, KEPT = 201, {"es_wmv": 251, "es_emv": 301}
LOST = {"es_wmv": 0.2, "es_emv": 0.5}  # dB from the peak to the iterate that a rule keeps
DROP, NO_DROP = 1.5, 0.1  # dB from the peak to the last iterate of dip


def fake_noise(
    root: Path,
    samples: tuple[str, ...] = PAPER_SAMPLES,
    degradations: tuple[str, ...] = ("sigma0.01",),
    methods: tuple[str, ...] = NOISE_METHODS,
    overfits: Callable[[str], bool] = lambda sample: sample != "engine",
) -> Results:
    """Write the files of a study of early stopping, and return them as `Results`.

    `dip` loses `DROP` after its peak where a sample `overfits`, otherwise `NO_DROP`; the stopped
    runs pass through its iterates.
    """
    results = fake_run(root, samples, degradations, methods)
    for item in results.items:
        if item.method in ("dip", "dip_es_wmv", "dip_es_emv", "dip_pretrain_2"):
            _write_stopping(root, item, DROP if overfits(item.sample) else NO_DROP)
    return results


def _write_stopping(root: Path, item: Restored, drop: float) -> None:
    score = json.loads((root / paths.score(TRACK, item)).read_text())
    # one curve for all runs of a sample, degradation and seed; 30 dB and more at the last step
    last = 30 + 0.01 * (hash_of(item.sample + item.degradation) % 100) + 0.1 * item.seed
    peak, rule = last + drop, "es_emv" if item.method.endswith("emv") else "es_wmv"
    ends = item.method.startswith("dip_es")
    steps = KEPT[rule] + 100 if ends else STEPS["dip"]

    def metrics(psnr: float) -> dict:
        return score["metrics"] | {"psnr": psnr, "psnr_range0.3": psnr - 10.46, "ssim_paper": 0.95}

    kept = metrics(peak - LOST[rule])
    write_json(
        root / paths.score(TRACK, item), score | {"metrics": kept if ends else metrics(last)}
    )
    rows = []
    for step in range(1, steps + 1, 10):
        before, after = max(PEAK_STEP - step, 0), max(step - PEAK_STEP, 0)
        psnr = peak - 15 * (before / PEAK_STEP) ** 2 - drop * after / (STEPS["dip"] - PEAK_STEP)
        rows.append(f"{step},{1 / step!r},{psnr!r}")
    write_text(root / paths.trace(TRACK, item), "\n".join(["step,loss,psnr", *rows]) + "\n")
    seen = sorted({*range(20, steps + 1, 5), KEPT[rule]})
    record = json.loads((root / paths.record(TRACK, item)).read_text())
    record |= {
        "iterations": steps,
        "parameters": {**PRIOR, "steps": 600, "patience": 100},
        "oracle": {"step": PEAK_STEP, **metrics(peak)},
        "others": {} if ends else {"es_wmv": kept},
        "details": {
            "early_stopping": {
                "criterion": rule,
                **({"alpha": 0.1} if rule == "es_emv" else {"window": 20}),
                "patience": 100,
                "warm_up": 20 if rule == "es_emv" else 0,
                "step": KEPT[rule],
                "variance": 1e-6,
                "stopped_at": KEPT[rule] + 100,
                "steps": seen,
                "variances": [1e-6 * (1 + abs(s - KEPT[rule]) / 10) for s in seen],
            }
        },
    }
    write_json(root / paths.record(TRACK, item), record)
    timing = {
        "seconds_per_step": 0.5,
        "steps": steps,
        "seconds": 0.5 * steps + 40,  # phases before
        "device": "cpu",
        "threads": 2,
        "load_before": 0.1,
    }
    write_json(root / paths.timing(TRACK, item), timing)


@pytest.fixture
def make_noise() -> Callable[..., Results]:
    """Write a made-up study of early stopping: see `fake_noise`."""
    return fake_noise


@pytest.fixture(scope="session")
def noisy(tmp_path_factory) -> Results:
    """A study of five of the paper's samples at one of its noise levels."""
    return fake_noise(tmp_path_factory.mktemp("noisy"))


# --- the deconvolution track --------------------------------------------------------------------

DECONVOLUTION = "deconvolution"
MICROTUBULES = tuple(f"microtubules_test{i}" for i in range(1, 6))
DECONVOLVERS = ("zeros", "input", "affine_input", "richardson_lucy", "richardson_lucy_tv", "wiener")
FLUORESCENT = (20, 28, 36)  # a finished run's volumes
# share of the blur that a method leaves: made up, but in an order that a reader would expect
LEFT = {
    "richardson_lucy": 0.45,
    "richardson_lucy_tv": 0.3,
    "wiener": 0.6,
    "blind_pupil": 0.4,
    "supervised_mse": 0.25,
    "supervised_gan": 0.28,
    "cyclegan": 1.3,  # worse than the input
    "cyclegan_blur_kernel": 0.5,
    "cyclegan_blur_kernel_nonblind": 0.35,
    "of_recordings": 0.5,  # a variant of one's own
}
# numbers of parameters that were trained, by network, in round numbers
NETWORKS = {
    "supervised_mse": {"generator": 7000},
    "supervised_gan": {"generator": 7000, "discriminator": 2100},
    "cyclegan": {
        "generator": 7000,
        "blur": 7000,
        "sharp_discriminator": 2000,
        "blurred_discriminator": 2000,
    },
    "cyclegan_blur_kernel": {
        "generator": 7000,
        "blur": 30,
        "sharp_discriminator": 2000,
        "blurred_discriminator": 2000,
    },
    "cyclegan_blur_kernel_nonblind": {"generator": 7000, "blur": 0, "sharp_discriminator": 2000},
}
NETWORKS["of_recordings"] = {**NETWORKS["cyclegan_blur_kernel"], "blur": 8}


@cache
def fake_filaments(seed: int) -> np.ndarray:
    """Straight soft rods in [0, 1]; not to be written to."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*map(np.arange, FLUORESCENT), indexing="ij"), axis=-1)
    volume = np.zeros(FLUORESCENT)
    for _ in range(4):
        point = rng.uniform(0.2, 0.8, 3) * FLUORESCENT
        direction = rng.normal(size=3) * (0.3, 1, 1)
        direction /= np.linalg.norm(direction)
        offset = grid - point
        along = offset @ direction
        distance = np.sqrt(np.maximum((offset**2).sum(-1) - along**2, 0))
        volume = np.maximum(volume, np.clip(2 - distance, 0, 1))
    volume[-1] = 0  # nothing to see in the last slice
    return volume.astype(np.float32)


@cache
def _blurred(seed: int, wide: float) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(fake_filaments(seed).astype(np.float64), (2 * wide, wide, wide))


def fake_deconvolution(
    root: Path,
    samples: tuple[str, ...] = MICROTUBULES,
    degradations: tuple[str, ...] = ("snr20", "richards_wolf_snr20", "offmodel"),
    methods: tuple[str, ...] = DECONVOLVERS,
    truth_of: Callable[[str], bool] = lambda sample: True,
) -> Results:
    """Write the files that a run leaves, and return them as `Results`."""
    items = [
        Restored(sample, degradation, method, 0)
        for degradation in degradations
        for sample in samples
        for method in methods
    ]
    for item in items:
        _write_deconvolved(root, item, truth_of(item.sample))
    timed = [item for item in items if item[:2] == items[0][:2]]
    return Results(DECONVOLUTION, items, root, timed=timed)


def _write_deconvolved(root: Path, item: Restored, has_truth: bool) -> None:
    rng = np.random.default_rng(hash_of(item.stem))
    truth = fake_filaments(hash_of(item.sample))
    wide = {"snr20": 1.5, "richards_wolf_snr20": 1.45}.get(item.degradation, 1.6)
    blurred = _blurred(hash_of(item.sample), wide)
    noisy = "snr" in item.degradation
    observed = np.maximum(blurred + noisy * 0.01 * rng.normal(size=truth.shape), 0)
    recorded = item.degradation == "recorded"
    gain, offset = (1 / 300, 0.0) if recorded else (1.0, 0.0)
    estimate = observed
    if item.method == "zeros":
        estimate = np.zeros_like(observed)
    elif item.method in LEFT:
        estimate = truth + LEFT[item.method] * (observed - truth)
    elif item.method == "affine_input":
        gain, offset = gain * 1.7, -0.01
    compared = estimate * (1 if recorded else gain) + offset
    unit = 300.0 if recorded else 1.0
    for path, array in (
        (paths.observed(DECONVOLUTION, *item[:2]), unit * observed),
        (paths.restored(DECONVOLUTION, item), unit * estimate),
        *([(paths.truth(DECONVOLUTION, item.sample), truth)] if has_truth else []),
    ):
        write_volume(root / path, array.astype(np.float32), "ZYX", (0.1, 0.1, 0.1))
    final = psnr(truth, compared, 1.0)
    metrics = {
        "psnr_volume": final,
        "psnr_mean_xy_slices": final + 0.4,
        "ssim_uniform_3d": ssim(truth, compared, 1.0, "uniform_3d"),
        "ssim_wang_3d": ssim(truth, compared, 1.0, "wang_3d"),
        "psnr_volume_interior": None,
        "ssim_uniform_3d_interior": None,
        **_structure(item.method, final),
        "gain": gain,
        "offset": offset,
        "rms_residual_truth": 0.0101 * unit,
        "chi_square_truth": 1.01 if noisy else None,
    }
    if not has_truth:
        metrics = dict.fromkeys(metrics)
    metrics |= {"rms_residual": 0.012 * unit, "chi_square": 1.2 if noisy else None}
    score = {
        **item._asdict(),
        "metrics": metrics,
        "repeatable": True,
        "observed_sha256": "0" * 64,
        "truth_sha256": "1" * 64 if has_truth else None,
        "restoration_code": "abc1234",
        "score_code": "def5678",
    }
    write_json(root / paths.score(DECONVOLUTION, item), score)
    _write_deconvolution_cost(root, item, final if has_truth else None)
    about = {"degradation": item.degradation, "noise": None}
    if not recorded:
        model = item.degradation.rpartition("_")[0] if noisy else item.degradation
        square, mean = float(np.square(blurred).mean()), float(blurred.mean())
        about |= {
            "psf_model": model or "born_wolf",
            "boundary": "linear",
            "snr_db": 20.01 if noisy else None,
            "peak_snr_db": 29.5 if noisy else None,
            "noise_free": {"peak": float(blurred.max()), "mean": mean, "mean_square": square},
        }
    if noisy:
        about["noise"] = {"gaussian_sigma": 0.007, "photons": 3000.0, "power": 1e-4}
    write_json(root / paths.observation_record(DECONVOLUTION, *item[:2]), about)


def _structure(method: str, psnr: float) -> dict:
    """Made-up resolution, um, and filaments found: the better, the higher the PSNR."""
    if method == "zeros":
        nothing = dict.fromkeys(("fsc_lateral", "fsc_axial", "filament_precision"))
        return nothing | {"filament_f1": 0.0, "filament_recall": 0.0}
    blind_to_scale = 20.0 if method == "affine_input" else psnr
    recall = min(1.0, blind_to_scale / 50)
    return {
        "fsc_lateral": 8 / blind_to_scale,
        "fsc_axial": 20 / blind_to_scale,
        "filament_precision": 0.9,
        "filament_recall": recall,
        "filament_f1": 1.8 * recall / (0.9 + recall),
    }


def _write_deconvolution_cost(root: Path, item: Restored, final: float | None) -> None:
    steps = {"richardson_lucy": 80, "richardson_lucy_tv": 50}.get(item.method, 0)
    rows = [
        f"{step},{1e-4 * (1 + 40 / step)!r},"
        + ("" if final is None else repr(final - 6 * (1 - step / steps) ** 2))
        for step in [1, *range(5, steps + 1, 5)][: 99 if steps else 0]
    ]
    write_text(root / paths.trace(DECONVOLUTION, item), "\n".join(["step,loss,psnr", *rows]) + "\n")
    record = {
        "iterations": steps,
        "evaluations": 2 * steps,
        "seconds": 3.0,
        "peak_memory_bytes": 500 * 2**20,
        "device": "cpu",
        "threads": 1,
    }
    write_json(root / paths.record(DECONVOLUTION, item), record)
    per_step = 0.05 if steps else None
    timing = {
        "seconds_per_step": per_step,
        "steps": steps,
        "seconds": (per_step or 0.01) * max(steps, 1),
        "cpu_seconds_per_step": per_step,
        "device": "cpu",
        "threads": 1,
        "load_before": 0.1,
        "measured_steps": 5,
    }
    write_json(root / paths.timing(DECONVOLUTION, item), timing)


def fake_trainings(results: Results, trainings: Sequence[tuple[str, str]], **changed) -> Results:
    """Write records of (method, training id); return the results with them as trained."""
    for method, training in trainings:
        networks = NETWORKS.get(method)
        record = {
            "steps": 300,
            "parameters": {"width": 8},
            "details": {"loading_share": 0.042, **({"networks": networks} if networks else {})},
            "seconds": 126.0,
            "peak_memory_bytes": 800 * 2**20,
            "peak_device_memory_bytes": None,
            "device": "cpu",
            "threads": 1,
            **changed,
        }
        write_json(results.root / paths.model_record(DECONVOLUTION, method, training), record)
    learned = copy.copy(results)
    learned.trained = list(trainings)
    return learned


@pytest.fixture
def make_trainings() -> Callable[..., Results]:
    """Write made-up records of trainings: see `fake_trainings`."""
    return fake_trainings


@pytest.fixture(scope="session")
def learned(tmp_path_factory) -> Results:
    """A run of five samples with 20 dB of SNR and all methods, learned ones with records."""
    methods = [*DECONVOLVERS, *(name for name in LEFT if name not in DECONVOLVERS)]
    methods.remove("of_recordings")
    results = fake_deconvolution(
        tmp_path_factory.mktemp("learned"), degradations=("snr20",), methods=tuple(methods)
    )
    trained = [name for name in methods if name in NETWORKS]
    return fake_trainings(results, [(name, "snr20-seed0") for name in trained])


@pytest.fixture
def deconvolution_settings() -> dict:
    """Settings as table and figure functions of the deconvolution track take them."""
    return {
        "preset": "quick",
        "seed": 0,
        "differs": {"tracks.deconvolution.shape": list(FLUORESCENT)},
        "track": {
            "samples": list(MICROTUBULES),
            "shape": list(FLUORESCENT),
            "voxel_size": [0.1, 0.1, 0.1],
            "microtubules": {
                "filaments": 15,
                "radius": 0.15,
                "persistence_length": 20.0,
                "planar_factor": 0.3,
            },
            "optics": {
                "numerical_aperture": 1.4,
                "refractive_index": 1.5,
                "wavelength": 0.5,
                "convention": "standard",
                "subsamples": 1,
                "shape": [31, 31, 31],
            },
            "boundary": "linear",
            "gaussian_fraction": 0.5,
            "aberration": {"sample_index": 1.45, "particle_depth": 3.0},
            "seeds": [0],
            "training": {
                "samples": ["train1", "train2"],
                "validation": ["validation1"],
                "degradation": "snr20",
                "recordings": {"samples": [], "references": "richardson_lucy", "blocks": 2},
            },
        },
        "methods": {"richardson_lucy": {"iterations": 80}},
        "sources": dict.fromkeys(MICROTUBULES, "microtubules"),
    }


@pytest.fixture
def make_deconvolution() -> Callable[..., Results]:
    """Write a made-up run: see `fake_deconvolution`."""
    return fake_deconvolution


@pytest.fixture(scope="session")
def deconvolved(tmp_path_factory) -> Results:
    """A run of five samples, three degradations and six methods."""
    return fake_deconvolution(tmp_path_factory.mktemp("deconvolved"))


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> Results:
    """A run of five samples, with 20 dB of SNR after each of three PSFs."""
    return fake_deconvolution(
        tmp_path_factory.mktemp("models"),
        degradations=("snr20", "richards_wolf_snr20", "offmodel_snr20"),
    )
