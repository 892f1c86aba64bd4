"""What stands above and beneath Table 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from focusbench.report.notes import published_beside
from focusbench.report.results import Results
from focusbench.tracks.refocus import table_notes
from focusbench.tracks.refocus.degradations import LOWRES
from focusbench.tracks.refocus.table_cells import MIDDLE, Scores

TWICE = (
    "The paper prints 38.63 dB here and 38.64 dB in its Table II for one and the same: MFPINet's "
    "plane at 0 µm."
)
ONE_PLANE = "srgan learns this plane alone, the others all planes at once."
BLOCKS = 16  # of SRGAN's original


def srgan(methods: Sequence[str], settings: Mapping[str, Any]) -> list[str]:
    """Say how many blocks the rows of SRGAN have, and the paper's."""
    known = settings.get("methods") or {}
    told = [
        f"{method} {(known.get(method) or {}).get('blocks', BLOCKS)}"
        for method in methods
        if method == "srgan" or method.startswith("srgan_")
    ]
    ours = f" Here: {', '.join(told)}." if told else ""
    return [
        f"SRGAN has {BLOCKS} residual blocks in the original, 5 in the code that the paper's "
        f"authors published; which of the two its row is, the paper does not say.{ours}"
    ]


def summary(settings: Mapping[str, Any], scores: Scores) -> str:
    """Say what is shown, and what it may be compared with."""
    if not scores.has(f"psnr{MIDDLE}"):
        return "No method was run from low-resolution input (degradation lowres)."
    text = (
        "What a method makes of the plane that its input shows, halved and blurred: super "
        "resolution alone, no other focus."
    )
    reasons = table_notes.reasons(settings)
    weak = table_notes.learned_little({LOWRES: scores}, settings)
    return " ".join([text, published_beside(True, reasons, ""), *weak])


def notes(results: Results, settings: Mapping[str, Any], scores: Scores) -> list[str]:
    """Say how the table was made, and what its columns mean."""
    shown = [f"{key}{MIDDLE}" for key in ("ssim", "psnr", "mse", "mae")]
    samples = scores.whole.samples
    lines = table_notes.common(results, settings, samples, [LOWRES])
    if not samples:
        return lines
    lines += [*table_notes.definitions(shown), table_notes.PAPERS_AVERAGE]
    lines += [table_notes.PUBLISHED_JPEG, TWICE, *srgan(scores.whole.methods, settings)]
    if any(method.startswith("srgan") for method in scores.whole.methods):
        lines.append(ONE_PLANE)
    lines += table_notes.margins({LOWRES: scores}, settings)
    lines += table_notes.lacking({LOWRES: scores}, shown)
    lines += [*table_notes.slides_note(samples, settings), *table_notes.ends([scores.whole.rows])]
    return lines
