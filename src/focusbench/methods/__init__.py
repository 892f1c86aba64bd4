"""Methods, chosen by id. Importing this loads none of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from focusbench.errors import InputError


@dataclass(frozen=True)
class Entry:
    """What a workflow must know of a method without importing it."""

    target: str  # "module:attribute"
    track: str
    trivial: bool = False  # a row that a reader gets for nothing; in every table
    stochastic: bool = False  # depends on the seed; otherwise only the first seed is run
    gpu: bool = False  # gains from a GPU
    trains_on: str | None = None  # id of the training set of its `fit`; None: it does not train
    # those that `fit` reads: others do not ask for new weights; None: any of them
    fit_parameters: tuple[str, ...] | None = ()
    predicts: bool = False  # tells defocus levels to those that restore; does not restore itself
    predictor: str | None = None  # whose levels it is told, unless a parameter names another
    fitted: str | None = None  # "gain" or "affine": scored after that fit to the truth (an oracle)
    also: tuple[str, ...] = ()  # further tracks that have it
    sees: str | None = None  # expression of the degradations that it can start from; None: any

    def serves(self, track: str) -> bool:
        """Whether a track has this method."""
        return track == self.track or track in self.also


def _predictor(target: str, *, stochastic: bool = True) -> Entry:
    """One that learns to tell defocus levels; all its parameters shape what it learns."""
    return Entry(
        f"focusbench.methods.{target}",
        "defocus",
        stochastic=stochastic,
        gpu=stochastic,
        trains_on="levels",
        fit_parameters=None,
        predicts=True,
    )


def _refocuser(target: str, sees: str = "lowres", *, stochastic: bool = True) -> Entry:
    """One that learns the focal planes of one image; all its parameters shape what it learns."""
    return Entry(
        f"focusbench.methods.{target}",
        "refocus",
        stochastic=stochastic,
        gpu=stochastic,
        trains_on=sees,
        fit_parameters=None,
        sees={"lowres": "(?:lowres|offmodel).*", "highres": "highres.*"}[sees],
    )


# What `fit` of the learners of a U-Net reads.
_SHARPENING = (
    *("steps", "width", "crop", "batch_size", "learning_rate", "beta1", "decay"),
    *("initial_sigma", "start_at_mean", "precision"),
)
_CYCLE = (*_SHARPENING, "gamma", "history", "discriminator_width", "plus_minus")

TABLE: dict[str, Entry] = {
    "transparent": Entry("focusbench.methods.transparent:Transparent", "multifocus", trivial=True),
    "start": Entry("focusbench.methods.start:Start", "multifocus", trivial=True),
    "iterative": Entry("focusbench.methods.iterative:Iterative", "multifocus", gpu=True),
    "lbfgs": Entry("focusbench.methods.lbfgs:Lbfgs", "multifocus", gpu=True),
    "dip": Entry("focusbench.methods.dip:Dip", "multifocus", stochastic=True, gpu=True),
    "dip_es_wmv": Entry(
        "focusbench.methods.dip_es_wmv:DipEsWmv", "multifocus", stochastic=True, gpu=True
    ),
    "dip_es_emv": Entry(
        "focusbench.methods.dip_es_emv:DipEsEmv", "multifocus", stochastic=True, gpu=True
    ),
    "dip_pretrain_1": Entry(
        "focusbench.methods.dip_pretrain_1:DipPretrain1", "multifocus", stochastic=True, gpu=True
    ),
    "dip_pretrain_2": Entry(
        "focusbench.methods.dip_pretrain_2:DipPretrain2",
        "multifocus",
        stochastic=True,
        gpu=True,
        trains_on="ellipsoids",
        fit_parameters=(
            *("samples", "epochs", "batch_size", "pretrain_learning_rate"),
            *("width", "scales", "skip", "precision"),
        ),
    ),
    "neural_field": Entry(
        "focusbench.methods.neural_field:NeuralField", "multifocus", stochastic=True, gpu=True
    ),
    "plug_and_play": Entry("focusbench.methods.plug_and_play:PlugAndPlay", "multifocus", gpu=True),
    "zeros": Entry("focusbench.methods.zeros:Zeros", "deconvolution", trivial=True),
    "input": Entry(
        "focusbench.methods.input:Input", "deconvolution", trivial=True, also=("defocus",)
    ),
    "affine_input": Entry(
        "focusbench.methods.input:Input", "deconvolution", trivial=True, fitted="affine"
    ),
    "richardson_lucy": Entry(
        "focusbench.methods.richardson_lucy:RichardsonLucy", "deconvolution", gpu=True
    ),
    "richardson_lucy_tv": Entry(
        "focusbench.methods.richardson_lucy_tv:RichardsonLucyTv", "deconvolution", gpu=True
    ),
    "wiener": Entry("focusbench.methods.wiener:Wiener", "deconvolution", gpu=True),
    "blind_pupil": Entry("focusbench.methods.blind_pupil:BlindPupil", "deconvolution", gpu=True),
    "supervised_mse": Entry(
        "focusbench.methods.supervised_mse:SupervisedMse",
        "deconvolution",
        stochastic=True,
        gpu=True,
        trains_on="pairs",
        fit_parameters=_SHARPENING,
    ),
    "supervised_gan": Entry(
        "focusbench.methods.supervised_gan:SupervisedGan",
        "deconvolution",
        stochastic=True,
        gpu=True,
        trains_on="pairs",
        fit_parameters=(
            *_SHARPENING,
            *("fidelity_weight", "conditional", "history", "discriminator_width", "plus_minus"),
        ),
    ),
    "cyclegan": Entry(
        "focusbench.methods.cyclegan:Cyclegan",
        "deconvolution",
        stochastic=True,
        gpu=True,
        trains_on="unpaired",
        fit_parameters=_CYCLE,
    ),
    "cyclegan_blur_kernel": Entry(
        "focusbench.methods.cyclegan_blur_kernel:CycleganBlurKernel",
        "deconvolution",
        stochastic=True,
        gpu=True,
        trains_on="unpaired",
        fit_parameters=(
            *_CYCLE,
            *("border", "kernel_size", "kernel_constraint", "kernel_learning_rate"),
        ),
    ),
    "cyclegan_blur_kernel_nonblind": Entry(
        "focusbench.methods.cyclegan_blur_kernel_nonblind:CycleganBlurKernelNonblind",
        "deconvolution",
        stochastic=True,
        gpu=True,
        trains_on="unpaired",
        fit_parameters=(*_CYCLE, "border"),
    ),
    "delpnet": _predictor("delpnet:Delpnet"),
    "vgg16": _predictor("vgg16:Vgg16"),
    "inception_v3": _predictor("inception_v3:InceptionV3"),
    "resnet18": _predictor("resnet18:Resnet18"),
    "mobilenet_v2": _predictor("mobilenet_v2:MobilenetV2"),
    "logistic_features": _predictor("logistic_features:LogisticFeatures", stochastic=False),
    "depth_variant_rectangular": Entry(
        "focusbench.methods.depth_variant_rectangular:DepthVariantRectangular",
        "defocus",
        gpu=True,
        predictor="delpnet",
    ),
    "depth_variant_triangular": Entry(
        "focusbench.methods.depth_variant_triangular:DepthVariantTriangular",
        "defocus",
        gpu=True,
        predictor="delpnet",
    ),
    "depth_invariant": Entry(
        "focusbench.methods.depth_invariant:DepthInvariant",
        "defocus",
        gpu=True,
        predictor="delpnet",
    ),
    "blind": Entry("focusbench.methods.blind:Blind", "defocus", gpu=True, predictor="delpnet"),
    "depth_variant_field": Entry(
        "focusbench.methods.depth_variant_field:DepthVariantField",
        "defocus",
        gpu=True,
        predictor="delpnet",
    ),
    "bicubic": Entry("focusbench.methods.bicubic:Bicubic", "refocus", trivial=True),
    "linear_per_plane": _refocuser("linear_per_plane:LinearPerPlane", stochastic=False),
    "mfpinet": _refocuser("mfpinet:Mfpinet"),
    "mfpinet_hr_input": _refocuser("mfpinet_hr_input:MfpinetHrInput", "highres"),
    "refocus_naf": _refocuser("refocus_naf:RefocusNaf"),
    "deep_z": _refocuser("deep_z:DeepZ", "highres"),
    "srgan": _refocuser("srgan:Srgan"),
}


def names(track: str | None = None) -> list[str]:
    """Ids of the methods, of one track or of all."""
    return [name for name, entry in TABLE.items() if track is None or entry.serves(track)]


def load(target: str) -> Any:
    """Return the object at "module:attribute".

    Raises
    ------
    InputError
        There is no such module or attribute.
    """
    module, _, attribute = target.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise InputError(f"{target}: no module {error.name!r} can be imported") from None
    except AttributeError:
        raise InputError(f"{target}: module {module!r} has no {attribute!r}") from None


def build(method: str, parameters: Mapping[str, Any] | None = None) -> Any:
    """Build a method by its id or by a "module:attribute" of one's own.

    Raises
    ------
    InputError
        Unknown id, or a parameter that the method does not have or refuses.
    """
    if method in TABLE:
        target = TABLE[method].target
    elif ":" in method:
        target = method
    else:
        raise InputError(f"unknown method {method!r}; known: {', '.join(TABLE)}")
    chosen = load(target)
    for field in getattr(chosen, "__dataclass_fields__", {}).values():
        value = (parameters or {}).get(field.name, field.default)
        if type(field.default) in (int, float) and type(value) not in (int, float):
            raise InputError(f"method {method}: {field.name} is {value!r}; accepted: a number")
    try:
        return chosen(**(parameters or {}))
    except (TypeError, ValueError) as error:
        raise InputError(f"method {method}: {error}") from None
