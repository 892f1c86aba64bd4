"""What tests of tables share: rows as plain text, and scores that a test changes."""

import json

from focusbench import paths
from focusbench.files import write_json

TRACK = "deconvolution"
FITTED = "affine_input‡"


def texts(block):
    """Rows of a block as plain text, by their first cell."""
    rows = [[" / ".join(part.text for part in cell) for cell in row] for row in block.rows]
    return {row[0]: dict(zip(block.header, row, strict=True)) for row in rows}


def block(table, title):
    return next(b for b in table.blocks if b.title.startswith(title))


def rescore(results, item, **changed):
    path = results.root / paths.score(TRACK, item)
    content = json.loads(path.read_text())
    write_json(path, {**content, "metrics": {**content["metrics"], **changed}})
