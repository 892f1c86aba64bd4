"""What holds of every figure that is saved."""

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from focusbench.report.figures import save


def check_saved(draw: Callable[[], Figure], folder: Path) -> None:
    """Save a figure twice: its bytes repeat, and nothing of it is cut off at the edges."""
    files = [folder / "one.png", folder / "two.png"]
    for file in files:
        figure = draw()
        save(figure, file)
    assert files[0].read_bytes() == files[1].read_bytes()
    inner, outer = figure.get_tightbbox(), figure.bbox_inches
    assert min(inner.x0, inner.y0) >= -0.01
    assert inner.x1 <= outer.x1 + 0.01
    assert inner.y1 <= outer.y1 + 0.01
