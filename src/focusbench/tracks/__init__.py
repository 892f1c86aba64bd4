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
class Report:
    """What a table or figure reads."""

    reads: tuple[str, ...] = ()  # the kinds of file (see `plan.report_inputs`)
    study: str | None = None  # the study whose restorations it shows; None: the main grid
    needs: str | None = None  # key of the track's section without which there is nothing to show


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
    axes: str = "ZYX"  # of truths, observations and estimates
    data_range: float = 1.0  # of the PSNR in a restoration's trace
    # keys of `observe_keys` that concern degradations of this beginning alone
    observe_only: dict[str, str] = field(default_factory=dict)
    training_keys: tuple[str, ...] = ()
    own_problem_keys: tuple[str, ...] = ()  # keys of a user's own sample that state the problem
    judge_keys: tuple[str, ...] = ()  # where predictors are judged: what that depends on
    score_keys: tuple[str, ...] = ()  # of a sample of this package: what a score reads besides
    from_source: str | None = None  # beginning of degradations made from the source, not the truth
    recorded: str = "recorded"  # degradation id of a user's own observations
    iterates: bool = False  # whether the stage `iterates` measures single iterates of a run
    own_truths: bool = False  # a user's own samples are truths, degraded as the package's are
    checked: bool = False  # whether the stage `checks` looks at a configuration before any work
    # ends of the ids of observations that are made from another one, {its id}_{end}, and whether
    # trivial rows say anything there
    derived: dict[str, bool] = field(default_factory=dict)
    tables: dict[str, Report] = field(default_factory=dict)
    figures: dict[str, Report] = field(default_factory=dict)

    @property
    def any_degradation(self) -> str:
        """Regular expression of all ids: made, recorded, and derived from either."""
        recorded = "" if self.own_truths else f"|{self.recorded}"
        whole = f"(?:{self.degradation}{recorded})"
        return f"(?:{whole}_(?:{'|'.join(self.derived)})|{whole})" if self.derived else whole


_MULTIFOCUS_TRUTH = ("size", "slices", "antialias", "depth", "geometry")
_ABOVE_0 = r"0\.(?=0*[1-9])[0-9]{1,4}"  # and below 1
_STEP = rf"(?:[1-9][0-9]{{0,2}}(?:\.[0-9]{{1,4}})?|{_ABOVE_0})"
_MULTIFOCUS_MODELS = rf"(?:offmodel|float|na{_ABOVE_0}|step{_STEP})"
_PICTURES = ("scores", "truths", "observations", "volumes")
_DEFOCUS_MODELS = (
    rf"(?:_na{_ABOVE_0}|_pixel(?:{_ABOVE_0}|[1-9](?:\.[0-9]{{1,4}})?)|_subsamples[1-9][0-9]?)?"
)
_DECONVOLUTION_MODELS = r"(?:(?:richards_wolf|offmodel)_)?"

TABLE: dict[str, Track] = {
    "multifocus": Track(
        "focusbench.tracks.multifocus",
        degradation=rf"(?:clean|sigma{_ABOVE_0}|{_MULTIFOCUS_MODELS}(?:_sigma{_ABOVE_0})?)",
        degradation_help="clean, float, offmodel, sigma0.01 (any standard deviation below 1), "
        "na0.70 (the light's NA), step1.10 (um between planes); all but clean also with noise, "
        "such as offmodel_sigma0.01; all also with _heldout, _planes_odd, _planes_even, "
        "_rays_odd, _rays_even",
        own="stack",
        truth_keys=_MULTIFOCUS_TRUTH,
        observe_keys=(*_MULTIFOCUS_TRUTH, "offmodel_aperture_grid"),
        problem_keys=("geometry.numerical_aperture", "geometry.aperture_grid"),
        own_problem_keys=("numerical_aperture", "noise_sigma"),
        training_keys=("size", "slices"),
        from_source="offmodel",
        iterates=True,
        derived={
            "heldout": True,
            **dict.fromkeys(("planes_odd", "planes_even", "rays_odd", "rays_even"), False),
        },
        tables={
            "table1": Report(("scores", "records")),
            "table2": Report(("scores", "records"), study="noise"),
            "table3": Report(("scores", "records", "timings"), study="noise"),
            "tableS1": Report(("scores", "records"), study="small"),
            "recordings": Report(("scores", "records", "volumes", "truths"), study="recordings"),
            "cost": Report(("timings", "timed_records", "trainings")),
        },
        figures={
            "fig3": Report(("scores", "truths", "observations", "volumes")),
            "front": Report(("scores", "traces", "timings")),
            "spectrum": Report(("scores", "truths", "volumes")),
            "stopping": Report(("scores", "records", "traces"), study="noise"),
            "fig4": Report(("scores", "truths", "observations", "volumes"), study="recordings"),
            "fsc": Report(("scores", "volumes"), study="recordings"),
            "mismatch": Report(("scores",), study="mismatch"),
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
        observe_only={"aberration": "offmodel"},
        training_keys=("training.degradation", "training.watched", "optics"),
        score_keys=("shape", "voxel_size", "microtubules"),
        own_problem_keys=(
            *("numerical_aperture", "refractive_index", "wavelength", "psf_model", "psf_shape"),
            *("boundary", "photons_per_count", "read_noise"),
        ),
        checked=True,
        tables={
            "table1": Report(("scores", "records", "observation_records", "trainings")),
            "table2": Report(
                ("scores", "records", "observation_records", "trainings"), study="psf"
            ),
            "table3": Report(("scores", "records", "observation_records", "trainings")),
            "networks": Report(("timings", "timed_records", "trainings")),
            "recordings": Report(
                ("scores", "records", "observation_records", "trainings"), study="recordings"
            ),
            "cost": Report(("timings", "timed_records", "trainings")),
        },
        figures={
            "fig5": Report(),
            "fig6": Report(_PICTURES),
            "fig7": Report(_PICTURES, study="noise"),
            "fig8": Report(("scores", "truths", "observations"), study="noise"),
            "fig9": Report(_PICTURES, study="psf"),
            "fig10": Report(_PICTURES),
            "fig11": Report(("models", "records", "scores", "observations")),
            "fig12": Report(_PICTURES, study="recordings"),
            "convergence": Report(("scores", "traces", "records")),
        },
    ),
    "defocus": Track(
        "focusbench.tracks.defocus",
        degradation=rf"(?:level(?:0[0-9]|10)|tilted|stepped|offmodel){_DEFOCUS_MODELS}(?:_poisson)?",
        degradation_help="level00 to level10, tilted, stepped, offmodel; all also with _na0.45 "
        "(the light's NA), _pixel0.60 (um) or _subsamples1 (of the true kernel), and with _poisson",
        own="defocused",
        axes="YX",
        data_range=65535.0,
        truth_keys=("nuclei", "optics.pixel_size"),
        observe_keys=("optics", "patch", "tilted", "stepped", "offmodel"),
        observe_only={"tilted": "tilted", "stepped": "stepped", "offmodel": "offmodel"},
        problem_keys=("optics", "patch"),
        own_problem_keys=(
            *("numerical_aperture", "refractive_index", "wavelength", "pixel_size", "level"),
        ),
        training_keys=("optics",),
        judge_keys=("optics", "judged_patches"),
        iterates=True,
        checked=True,
        tables={
            "table1": Report(("accuracies", "trainings", "models")),
            "table2": Report(("accuracies", "trainings", "models", "predictor_timings")),
            "restoration": Report(
                ("scores", "records", "observation_records", "trainings", "levels")
            ),
            "recordings": Report(
                ("scores", "records", "observation_records", "trainings", "levels"),
                study="recordings",
            ),
            "cost": Report(("timings", "timed_records", "trainings", "predictor_timings")),
        },
        figures={
            "fig2": Report(("truths", "observations", "observation_records", "levels")),
            "fig3": Report(("accuracies",)),
            "fig4": Report(("trainings", "models")),
            "fig5": Report(("accuracies", "models")),
            "fig6": Report(("accuracies", "models")),
            "fig7": Report((*_PICTURES, "records", "levels"), study="phantoms"),
            "fig8": Report(("scores",), study="levels"),
            "fig9": Report((*_PICTURES, "observation_records", "levels")),
            "data": Report(("truths", "judged_truths")),
            "mismatch": Report(("scores", "records"), study="mismatch"),
            "stacks": Report(("accuracies",), needs="stacks"),
            "recordings": Report((*_PICTURES, "levels"), study="recordings"),
        },
    ),
    "refocus": Track(
        "focusbench.tracks.refocus",
        degradation=r"(?:(?:lowres|highres)(?:_(?:up|down)[1-9])?|offmodel)(?:_jpeg)?",
        degradation_help="lowres (half the size, blurred), highres (the middle plane itself), both "
        "also with _up1, _down1 (an input that many planes beside the middle), offmodel (half the "
        "size, made another way); all also with _jpeg",
        own="slides",
        own_truths=True,
        axes="ZYXC",
        data_range=255.0,
        truth_keys=("cytology",),
        observe_keys=("offmodel",),
        observe_only={"offmodel": "offmodel"},
        problem_keys=(),
        checked=True,
        tables={
            "table1": Report(("scores", "records", "trainings")),
            "table2": Report(("scores", "records", "trainings")),
            "table3": Report(("network_times",)),
            "methods": Report(("scores", "records", "trainings")),
            "jpeg": Report(("scores", "records", "trainings"), study="jpeg"),
            "cost": Report(("timings", "timed_records", "trainings")),
        },
        figures={
            "fig2": Report((*_PICTURES, "trainings")),
            "fig3": Report((*_PICTURES, "trainings")),
            "fig4": Report((*_PICTURES, "trainings")),
            "planes": Report(("scores", "trainings")),
            "spectra": Report((*_PICTURES, "trainings")),
            "mismatch": Report(("scores", "trainings"), study="mismatch"),
            "budget": Report(("scores", "trainings", "training_traces", "training_truths")),
            "slides": Report(("truths", "observations", "training_truths")),
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
