"""What stands above and beneath Table 2."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from focusbench.evaluation import published
from focusbench.report.notes import published_beside
from focusbench.report.results import Results
from focusbench.tracks.refocus import table_notes
from focusbench.tracks.refocus.plane_scores import PlaneScores
from focusbench.tracks.refocus.table1_notes import TWICE
from focusbench.tracks.refocus.table_cells import Scores

UNLIKE = (
    "The first block compares unlike inputs, as the paper does: deep_z starts from the plane at "
    "full resolution, which at 0 µm is the answer itself, and mfpinet from a quarter of its "
    "pixels. mfpinet_hr_input starts from what deep_z does."
)
MEANS = (
    "Last rows: means over planes. A PSNR that is infinite is in none of them, while the other "
    "metrics of that plane are; the published means are over all planes that are printed."
)
FAR = (
    "The paper says of planes 10 µm and more away that they are blurred on the whole and so score "
    "high: its numbers rise there. Drawn fields change more with focus than its slides seem to, so "
    "that ours may fall there."
)


def summary(settings: Mapping[str, Any], scores: Mapping[str, Scores]) -> str:
    """Say what is shown, and what it may be compared with; `scores`: empty where nothing is."""
    if not scores:
        return "No method that makes all planes was run from lowres or highres input."
    text = "All focal planes from one image of the middle one, each plane by itself."
    beside = published_beside(True, table_notes.reasons(settings), "")
    return " ".join([text, beside, *table_notes.learned_little(scores, settings)])


def notes(
    results: Results,
    settings: Mapping[str, Any],
    grids: Mapping[str, Mapping[float, PlaneScores]],
) -> list[str]:
    """Say how the table was made; `grids`: scores by degradation and z, um."""
    names = [name for name, planes in grids.items() if planes]
    single = [one for planes in grids.values() for one in planes.values()]
    samples = [sample for sample in results.samples if any(sample in of.samples for of in single)]
    lines = table_notes.common(results, settings, samples, names)
    if not names:
        return lines
    lines += [UNLIKE, MEANS, *_other_planes({z for planes in grids.values() for z in planes})]
    if table_notes.SYNTHETIC in {(settings.get("sources") or {}).get(one) for one in samples}:
        lines.append(FAR)
    lines += [*table_notes.definitions(("psnr", "ssim", "mse", "mae")), table_notes.PAPERS_AVERAGE]
    lines += [table_notes.PUBLISHED_JPEG, TWICE]
    if any(one.exact for one in single):
        lines.append(table_notes.GIVEN)
    left = [
        item.method
        for item in results.items
        if item.degradation in names
        and not any(item.method in one.methods for one in grids[item.degradation].values())
    ]
    if left:
        lines.append(
            f"Not shown, for they make the 0 µm plane alone: {', '.join(dict.fromkeys(left))}."
        )
    lines += table_notes.slides_note(samples, settings)
    return [*lines, table_notes.BOLD_PLANES, table_notes.CSV_DETAILS]


def _other_planes(heights: Collection[float]) -> list[str]:
    """Say where the planes are others than the paper's."""
    printed = set(published.values("refocus_table2")["focal_depth_um"])
    same = all(any(abs(z - one) < 0.05 for one in printed) for z in heights)
    if same and len(heights) == len(printed):
        return []
    return [
        "The paper has planes from −13.5 to +13.5 µm, 2.7 µm apart; a dash stands where it or we "
        "have none."
    ]
