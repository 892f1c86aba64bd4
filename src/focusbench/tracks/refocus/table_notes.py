"""What stands above and beneath more than one table of the track."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from focusbench.evaluation import nuclear_absorbance
from focusbench.report.notes import BOLD, CSV, NOT_REPEATABLE, preset_reasons, set_parameters
from focusbench.report.results import Results
from focusbench.report.tables import fixed, plain, provenance, significant
from focusbench.tracks.refocus.degradations import HIGHRES, LOWRES, OFFMODEL, parse
from focusbench.tracks.refocus.field_slides import by_slide, means_by_slide
from focusbench.tracks.refocus.metrics import METRICS, OF_A_PLANE
from focusbench.tracks.refocus.table_cells import (
    MIDDLE,
    OTHERS,
    Scores,
    base,
    difference,
    listed,
)

if TYPE_CHECKING:
    from pandas import DataFrame

    from focusbench.evaluation.statistics import Interval

SYNTHETIC = "cytology"  # source of fields that this package draws
MFPINET, LINEAR, BICUBIC = "mfpinet", "linear_per_plane", "bicubic"
# degradation, metric, method: what a network must be above
BARS = (
    (LOWRES, "psnr", LINEAR),
    (LOWRES, f"psnr{MIDDLE}", BICUBIC),
    (HIGHRES, f"psnr{OTHERS}", BICUBIC),
)
LEAST = 0.3  # dB by which mfpinet is to be above the linear filters
PAPER_SIDE = 768  # px
PAPER_SLIDES = f"5,000 patches of {PAPER_SIDE} x {PAPER_SIDE} pixels of each of two scanned slides"
PAPERS_AVERAGE = (
    "Averages as the paper takes them: of every plane its value, over red, green and blue together "
    "(SSIM: the mean of the three), then the mean over planes and over fields. A mean of PSNRs is "
    "not the PSNR of the mean MSE."
)
PUBLISHED_JPEG = (
    "The published numbers are of images that went through JPEG on both sides: the patches were "
    "stored so, and scored from stored pictures. Ours did not, but in the table jpeg."
)
GIVEN = (
    "∞: the estimate is the truth, grey value by grey value. From the plane itself, bicubic gives "
    "back what it was given: at 0 µm that shows no work, so it is bold in no column of "
    "that plane and keeps no other from being bold there. Compare its PSNR by the other planes."
)


BOLD_PLANES = (
    f"Bold, plane by plane: {BOLD.removeprefix('Bold: ')}. Several seeds are averaged first."
)
CSV_DETAILS = "The CSV file holds full precision, every field, plane and seed."


def reasons(settings: Mapping[str, Any]) -> list[str]:
    """Say why this run's numbers cannot be set beside the paper's."""
    found = preset_reasons(settings, "has narrower networks and far fewer steps than the paper")
    sources, track = settings.get("sources") or {}, settings["track"]
    if SYNTHETIC in {sources.get(one) for one in track.get("samples") or []}:
        shape = (track.get("cytology") or {}).get("shape")
        if shape and list(shape) != [PAPER_SIDE] * 2:
            found.append(f"fields of {_times(shape)} pixels")
        found.append(f"our fields are drawn by a model, the paper's are {PAPER_SLIDES}")
    else:
        found.append(f"the fields are others than the paper's, {PAPER_SLIDES}")
    return found


def fields(samples: Sequence[str], settings: Mapping[str, Any]) -> list[str]:
    """Say which fields are restored and of which slides, and how a plane's z is meant."""
    if not samples:
        return []
    track, sources = settings["track"], settings.get("sources") or {}
    made = track.get("cytology") or {}
    own = [one for one in samples if sources.get(one, SYNTHETIC) != SYNTHETIC]
    slides = "; ".join(f"{name}: {listed(of)}" for name, of in by_slide(samples, settings).items())
    lines = [f"Fields: {slides}."]
    if len(own) < len(samples) and made:
        shape, step = made.get("shape"), made.get("z_step")
        size = f" {_times(shape)} pixels (y, x)" if shape else ""
        pixel = made.get("pixel_size")
        size += f" of {pixel:g} µm" if size and pixel else ""
        lines[0] = (
            lines[0][:-1]
            + f"; synthetic,{size}, {made.get('planes', 11)} planes"
            + (f" {step:g} µm apart." if step else ".")
        )
    if own:
        lines.append(
            f"Fields that are not synthetic: {listed(own)}; sizes, pixels and distances of planes "
            "are their own."
        )
    lines.append(
        "z: of a plane's focus over that of the middle plane, in µm, positive where the objective "
        "was focused higher. The middle plane, 0 µm, is what the input was made of."
    )
    return lines


def degraded(names: Sequence[str], settings: Mapping[str, Any]) -> list[str]:
    """Say how the inputs were made."""
    kinds = dict.fromkeys(parse(name).kind for name in names)
    track, texts = settings["track"], []
    if LOWRES in kinds:
        texts.append(
            "lowres: the middle plane, halved by bicubic interpolation without a filter against "
            "aliasing, then blurred by a Gaussian of 5 x 5 pixels and standard deviation 3, in "
            "whole grey values"
        )
    if HIGHRES in kinds:
        texts.append(
            "highres: the middle plane itself, so that at 0 µm there is nothing left to find; "
            "compare methods of one degradation with each other"
        )
    if OFFMODEL in kinds:
        told = track.get("offmodel") or {}
        words = ", ".join(f"{key} {plain(value)}" for key, value in sorted(told.items()))
        texts.append(f"offmodel: halved by means of 2 x 2 pixels, another blur, noise ({words})")
    if any(parse(name).planes_up for name in names):
        texts.append("_up1, _down1: made of a plane so many above or below the middle")
    if any(parse(name).jpeg for name in names):
        texts.append(
            "_jpeg: planes stored as JPEG of quality 95, once before the input is made of them and "
            "once more, as the estimate is, before both are compared"
        )
    return [f"Inputs. {'; '.join(texts)}."] if texts else []


def slides_note(samples: Sequence[str], settings: Mapping[str, Any]) -> list[str]:
    """Say what an interval over fields of few slides is worth."""
    groups = by_slide(samples, settings)
    if not 0 < len(groups) < len(samples):
        return []
    return [
        f"{len(samples)} fields of {len(groups)} slide{'s' * (len(groups) > 1)}: spreads and "
        "intervals are over fields, and fields of one slide look alike. They tell how a mean would "
        "vary over other fields of these slides, not over other slides; that is too few slides for "
        "an interval of their own, so the table of methods shows their means."
    ]


def trained(results: Results, settings: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Say what was learned from what, how long, and what was chosen with what.

    `names`: of the degradations whose methods are meant.
    """
    told = settings["track"].get("training") or {}
    shown = {item.method for item in results.items if item.degradation in names}
    methods = list(dict.fromkeys(method for method, _ in results.trained if method in shown))
    if not methods or not told.get("samples"):
        return []
    known: dict[str, list[str]] = {}
    for method, training in results.trained:
        if method in methods:
            known.setdefault(training.partition("-")[0], []).append(method)
    on = "; ".join(f"{kind}: {', '.join(dict.fromkeys(m))}" for kind, m in known.items())
    watched = told.get("validation") or []
    learned_from = "; ".join(
        f"{name}: {listed(of)}" for name, of in by_slide(told["samples"], settings).items()
    )
    text = f"Learned from {learned_from}"
    if watched:
        text += f"; watched {listed(watched)}"
    lines = [
        f"{text}: other slides than those of the fields shown. By input: {on}. The model after the "
        "last step is what is used; nothing was chosen with the fields shown."
    ]
    return [*lines, *_lengths(results, methods), *_chosen(settings, watched)]


def _lengths(results: Results, methods: Sequence[str]) -> list[str]:
    trainings, texts = results.trainings(), []
    for method in methods:
        own = trainings[trainings["method"] == method] if len(trainings) else trainings
        parts = []
        for column, unit in (("steps", "steps"), ("seconds", "s")):
            value = _mean(own[column]) if column in own else math.nan
            if value > 0:
                shown = fixed(value, 0) if column == "steps" else significant(value)
                parts.append("1 step" if (shown, unit) == ("1", "steps") else f"{shown} {unit}")
        if parts:
            texts.append(f"{method} {', '.join(parts)}")
    return [f"Length of a training: {'; '.join(texts)}."] if texts else []


def _chosen(settings: Mapping[str, Any], watched: Sequence[str]) -> list[str]:
    if settings["preset"] == "paper" or not watched:
        return []
    return [
        f"What the preset {settings['preset']} sets otherwise than the paper (width, epochs, rates "
        "and the like) was chosen on fields of training and validation slides alone; one setting "
        "serves all fields."
    ]


def common(
    results: Results, settings: Mapping[str, Any], samples: Sequence[str], names: Sequence[str]
) -> list[str]:
    """Notes of every table of scores; `samples`, `names`: of the fields and degradations shown."""
    version, differs = provenance(settings)
    return [
        version,
        *fields(samples, settings),
        *degraded(names, settings),
        *trained(results, settings, names),
        *set_parameters(results, settings),
        differs,
    ]


def definitions(keys: Sequence[str]) -> list[str]:
    """Settings of the metrics that are in a table; `keys`: with or without the end for planes."""
    known = {**METRICS, **OF_A_PLANE}
    told = [known[key] for key in dict.fromkeys(map(base, keys))]
    common = f"; {nuclear_absorbance.SETTINGS}"  # is told once, by those who show them
    return [f"{one.label}: {one.settings.removesuffix(common)}." for one in told]


def ends(scores: Sequence[DataFrame]) -> list[str]:
    """Say what bold means, what the CSV file holds, and mark runs that a time budget ended."""
    lines = [f"{BOLD}. Several seeds are averaged first.", CSV]
    if not all(rows["repeatable"].all() for rows in scores):
        lines.append(NOT_REPEATABLE)
    return lines


def margins(scores: Mapping[str, Scores], settings: Mapping[str, Any]) -> list[str]:
    """Say how far MFPINet is above what needs no network, the linear filters slide by slide."""
    texts = []
    for degradation, key, bar in BARS:
        one = scores.get(degradation)
        values = one.compared(key) if one else {}
        if degradation == LOWRES and {MFPINET, bar} <= set(values):
            found = difference(values[MFPINET], values[bar], one.seed)
            slides = _by_slide(one, settings) if bar == LINEAR else ""
            texts.append(f"{_shown(found)} above {bar} {_where(key)}{slides}")
    return [f"mfpinet from lowres, by PSNR: {'; '.join(texts)}."] if texts else []


def margin(scores: Mapping[str, Scores], settings: Mapping[str, Any]) -> list[str]:
    """Say in a summary what MFPINet gains over the linear filters, slide by slide."""
    one = scores.get(LOWRES)
    values = one.compared("psnr") if one else {}
    if not {MFPINET, LINEAR} <= set(values):
        return []
    gain = difference(values[MFPINET], values[LINEAR], one.seed).mean
    return [
        f"{MFPINET} against {LINEAR} from {LOWRES}, PSNR {_where('psnr')}: {_gain(gain)}"
        f"{_by_slide(one, settings)}."
    ]


def _by_slide(one: Scores, settings: Mapping[str, Any]) -> str:
    """Mean gain of MFPINet over the linear filters on each slide, where there are some."""
    values, samples = one.compared("psnr"), one.grid("psnr").complete("psnr")
    pairs = zip(values[MFPINET], values[LINEAR], strict=True)
    gains = dict(zip(samples, (own - bar for own, bar in pairs), strict=True))
    told = [f"{name}: {_gain(gain)}" for name, gain in means_by_slide(gains, settings).items()]
    return f" ({', '.join(told)})" if told else ""


def _gain(value: float) -> str:
    return f"{'+' if value > 0 else ''}{fixed(value, 2)} dB"


def learned_little(scores: Mapping[str, Scores], settings: Mapping[str, Any]) -> list[str]:
    """Name methods that were learned and do no better than what needs no network; maybe nothing."""
    texts = []
    for degradation, key, bar in BARS:
        one = scores.get(degradation)
        values = one.compared(key) if one else {}
        for method, own in values.items() if bar in values else ():
            missed = sum(values[bar]) / len(own) - sum(own) / len(own)
            least = LEAST if (method, bar) == (MFPINET, LINEAR) else 0.0
            if method not in (LINEAR, BICUBIC) and missed > -least:
                by = f"{fixed(abs(missed), 2)} dB {'below' if missed > 0 else 'above'}"
                texts.append(f"{method} {by} {bar} {_where(key)} ({degradation})")
    if not texts:
        return []
    text = (
        "What did not learn enough to be worth its network (below what needs none, or, mfpinet, "
        f"less than {LEAST:g} dB above {LINEAR}), by mean PSNR: {'; '.join(texts)}."
    )
    if settings["preset"] != "paper":
        text += (
            f" The preset {settings['preset']} trains narrow networks for a short time; the "
            "figure budget shows what more of it does."
        )
    return [text]


def _shown(found: Interval) -> str:
    mean, low, high = (fixed(value, 2) for value in found)
    return f"{mean} dB" if math.isnan(found.low) else f"{mean} dB [95 %: {low}, {high}]"


def _where(key: str) -> str:
    if key.endswith(MIDDLE):
        return "at 0 µm"
    return "over the other planes" if key.endswith(OTHERS) else "over all planes"


def given(scores: Mapping[str, Scores]) -> list[str]:
    """Explain ∞, where it stands."""
    exact = any(one.given(f"psnr{MIDDLE}") for one in scores.values())
    return [GIVEN] if exact else []


def lacking(scores: Mapping[str, Scores], keys: Sequence[str]) -> list[str]:
    """Name methods without a score that others have, and those that make one plane alone."""
    texts, single = [], []
    for degradation, one in scores.items():
        for key in keys:
            grid = one.grid(key)
            for method, names in grid.lacking([key]).items() if grid.methods else ():
                texts.append(f"{method} on {', '.join(names)} ({degradation})")
        if not all(key.endswith(MIDDLE) for key in keys):
            every = one.grid("psnr").methods
            single += [m for m in one.grid(f"psnr{MIDDLE}").methods if m not in every]
    lines = []
    if single:
        lines.append(
            f"Of the 0 µm plane alone, so without a mean over planes: "
            f"{', '.join(dict.fromkeys(single))}."
        )
    if texts:
        lines.append(
            "Without a score that others have, so no mean is over it: "
            f"{'; '.join(dict.fromkeys(texts))}."
        )
    return lines


def _mean(column: Any) -> float:
    values = column.dropna()
    return float(values.astype(float).mean()) if len(values) else math.nan


def _times(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
