"""What the figures of volumes show, where there is more than fits."""

from __future__ import annotations

from focusbench.report.figures import is_trivial
from focusbench.report.results import Results

MOST_SAMPLES = 4
MOST_METHODS = 6


def shown_degradation(results: Results) -> str:
    """The one that figures show: `clean`, or else the first."""
    found = results.degradations
    return "clean" if "clean" in found else found[0]


def shown_samples(results: Results, degradation: str) -> list[str]:
    """The first samples that have the degradation."""
    ran = {item.sample for item in results.items if item.degradation == degradation}
    return [sample for sample in results.samples if sample in ran][:MOST_SAMPLES]


def shown_methods(results: Results, degradation: str) -> list[str]:
    """At most `MOST_METHODS`, in the order of the results; trivial rows only if there is no other.

    Where there are more, variants (`dip_es_wmv` of `dip`: ids that begin with another's) wait until
    each kind has its place; those with the highest mean PSNR over the shown samples get what is
    left, or the first ones where no truth is known. So kinds come before PSNR, and a method of the
    paper does not drop out because it does badly.
    """
    found = [method for method in results.methods if not is_trivial(method)] or results.methods
    if len(found) <= MOST_METHODS:
        return found
    variants = [one for one in found if any(one.startswith(f"{other}_") for other in found)]
    kinds = [one for one in found if one not in variants]
    scores = results.scores()
    samples = shown_samples(results, degradation)
    scores = scores[(scores["degradation"] == degradation) & scores["sample"].isin(samples)]
    mean = scores.groupby("method")["psnr"].mean().dropna()
    # sorting is stable: those without a PSNR keep their order, after those with one
    variants.sort(key=lambda one: -mean.get(one, float("-inf")))
    chosen = [*kinds, *variants][:MOST_METHODS]
    return [one for one in found if one in chosen]


def left_out(results: Results, chosen: list[str]) -> str:
    """Say which methods are not shown, and why; nothing where all are."""
    missing = [method for method in results.methods if method not in chosen]
    if not missing:
        return ""
    many = any(not is_trivial(method) for method in missing)
    why = (
        f" Of more than {MOST_METHODS} methods, one of each kind is shown, then the variants with "
        "the highest mean PSNR (the first ones where no truth is known)."
        if many
        else ""
    )
    return f"{why} Not shown: {', '.join(missing)} (see the table)."
