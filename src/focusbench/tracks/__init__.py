"""Tracks, chosen by id: each is a folder with one module per stage of the workflow.

`truth`, `observe`, `problem` and `score` hold what their names say, `tables` and `figures` what is
made of the scores. They are separate so that a change of a figure's layout, say, reruns no
restoration. `TABLE` below tells the workflow of each track's tables and figures and of the files
that they read, without importing them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType

from focusbench.errors import InputError


@dataclass(frozen=True)
class Track:
    """What a workflow must know of a track without importing it."""

    package: str
    degradation: str  # regular expression of the ids of degradations
    degradation_help: str  # what the expression accepts, in words
    own: str  # section under `data` (and id of the source) whose entries are a user's own samples
    # keys of the track's section, with dots for inner ones, that each stage depends on
    truth_keys: tuple[str, ...]
    observe_keys: tuple[str, ...]
    problem_keys: tuple[str, ...]
    training_keys: tuple[str, ...] = ()
    own_problem_keys: tuple[str, ...] = ()  # keys of a user's own sample that state the problem
    from_source: str | None = None  # beginning of degradations made from the source, not the truth
    recorded: str = "recorded"  # degradation id of a user's own observations
    checked: bool = False  # whether the stage `checks` looks at a configuration before any work
    # name -> the kinds of file that it reads (see `plan.report_inputs`)
    tables: dict[str, tuple[str, ...]] = field(default_factory=dict)
    figures: dict[str, tuple[str, ...]] = field(default_factory=dict)


_MULTIFOCUS_TRUTH = ("size", "slices", "antialias", "depth", "geometry")
_DECONVOLUTION_MODELS = r"(?:(?:richards_wolf|offmodel)_)?"

TABLE: dict[str, Track] = {
    "multifocus": Track(
        "focusbench.tracks.multifocus",
        degradation=r"(?:clean|float|offmodel|(?:(?:offmodel|float)_)?sigma0\.[0-9]{1,4})",
        degradation_help="clean, float, offmodel, sigma0.01 (any standard deviation below 1), "
        "offmodel_sigma0.01, float_sigma0.01",
        own="stack",
        truth_keys=_MULTIFOCUS_TRUTH,
        observe_keys=(*_MULTIFOCUS_TRUTH, "offmodel_aperture_grid"),
        problem_keys=("geometry.numerical_aperture", "geometry.aperture_grid"),
        own_problem_keys=("numerical_aperture", "noise_sigma"),
        training_keys=("size", "slices"),
        from_source="offmodel",
        tables={"table1": ("scores", "records"), "cost": ("timings", "records", "trainings")},
        figures={
            "fig3": ("scores", "truths", "observations", "volumes"),
            "front": ("scores", "traces", "timings"),
        },
    ),
    "deconvolution": Track(
        "focusbench.tracks.deconvolution",
        degradation=rf"(?:offmodel|{_DECONVOLUTION_MODELS}(?:clean|snr(?:0|[1-9][0-9]?)(?:\.[0-9]{{1,3}})?))",
        degradation_help="clean, snr20 (average SNR in dB, such as snr1.25), offmodel; clean and "
        "snr20 also after richards_wolf_ and offmodel_",
        own="fluorescence",
        truth_keys=("shape", "voxel_size", "microtubules"),
        observe_keys=("optics", "boundary", "max_voxels", "gaussian_fraction", "aberration"),
        problem_keys=("optics", "boundary", "max_voxels"),
        own_problem_keys=(
            *("numerical_aperture", "refractive_index", "wavelength", "psf_model", "psf_shape"),
            *("boundary", "photons_per_count", "read_noise"),
        ),
        checked=True,
        tables={
            "table1": ("scores", "records", "observation_records"),
            "table2": ("scores", "records", "observation_records"),
            "cost": ("timings", "records", "trainings"),
        },
        figures={
            "fig5": (),
            "fig6": ("scores", "truths", "observations", "volumes"),
            "convergence": ("scores", "traces", "records"),
        },
    ),
}


def names() -> list[str]:
    """Ids of the tracks."""
    return list(TABLE)


def stage(track: str, name: str) -> ModuleType:
    """Import one stage of a track.

    Raises
    ------
    InputError
        Unknown track.
    """
    if track not in TABLE:
        raise InputError(f"unknown track {track!r}; known: {', '.join(TABLE)}")
    return import_module(f"{TABLE[track].package}.{name}")
