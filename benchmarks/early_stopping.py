"""Does early stopping find a good iterate of the deep image prior? A small study on phantoms.

    python benchmarks/early_stopping.py study.csv [--samples cell text] [--seeds 0] [--threads 2]

One run a sample and seed, of all its steps: `dip` on a focal stack with Gaussian noise, 8 bits.
ES-WMV and ES-EMV look on, and the truth gives the PSNR (range 1) of every iterate: at the peak, at
the iterate that each of them keeps, and at the end. Only a run that loses at least 0.5 dB from its
peak to its end can tell a good stop from a bad one; the others stand in the file but not in the
means.

A finished run is a line of the file. Started again, the script passes over the runs whose line is
there, with the same settings, and sums up all of them; a run that was cut off begins anew.
"""

import argparse
import csv
import statistics
import time
from pathlib import Path

import torch

from focusbench.data.phantoms import PHANTOMS
from focusbench.evaluation.psnr import psnr
from focusbench.methods.dip import Dip
from focusbench.tracks.multifocus import observe, problem, truth
from focusbench.training.early_stopping import EarlyStopping, MovingVariance
from focusbench.training.progress import Trace
from focusbench.training.run import quick_run

GEOMETRY = {"numerical_aperture": 0.75, "z_step": 1.0, "pixel_size": 0.92}
LOSS_DB = 0.5  # from peak to end: overfitting that is worth stopping
ROWS = 100  # of a workflow's trace, among which it looks for the best
SETTINGS = ("sigma", "size", "width", "learning_rate", "steps", "window", "patience", "grid")
RESULTS = (
    *("peak_step", "peak_db", "rows_db", "wmv_step", "wmv_stopped_at", "wmv_db"),
    *("emv_step", "emv_stopped_at", "emv_db", "final_db", "counts", "seconds"),
)


class Watch(Trace):
    """Scores every iterate, and lets ES-EMV see it; `dip` itself watches with ES-WMV."""

    def __init__(self, score, patience, warm_up, label):
        super().__init__(None, score, 1, label)
        self.stopping = EarlyStopping(MovingVariance(), patience, warm_up)

    def __call__(self, step, loss, estimate):
        super().__call__(step, loss, estimate)
        self.stopping.update(estimate())


def study(sample, seed, options):
    """One run; returns a row."""
    settings = {"size": options.size, "slices": 11, "antialias": False, "depth": "central"}
    settings |= {"geometry": GEOMETRY | {"aperture_grid": options.grid}, "data": {}}
    true = truth.truth(sample, "phantoms", settings)
    degradation = f"sigma{options.sigma}"
    observed, about = observe.observe(true, sample, "phantoms", degradation, 0, settings)
    stated = problem.problem(observed, degradation, settings["geometry"], about)

    def score(estimate):
        return psnr(true.array, estimate, data_range=1.0)

    method = Dip(
        steps=options.steps,
        width=options.width,
        learning_rate=options.learning_rate,
        constant_steps=50,
        constant_learning_rate=options.learning_rate,
        window=options.window,
        patience=options.patience,
    )
    watch = Watch(score, options.patience, options.window, f"{sample}, seed {seed}")
    begin = time.monotonic()
    result = method.restore(stated, quick_run(seed, threads=options.threads, monitor=watch))
    curve = [row.psnr for row in watch.rows]
    wmv, emv = result.details["early_stopping"], watch.stopping
    every = max(1, options.steps // ROWS)
    rows = [curve[0], *curve[every - 1 :: every], curve[-1]]
    return {
        "sample": sample,
        "seed": seed,
        "peak_step": watch.best["step"],
        "peak_db": watch.best["psnr"],
        "rows_db": max(rows),
        "wmv_step": wmv["step"],
        "wmv_stopped_at": wmv["stopped_at"],
        "wmv_db": score(result.others["es_wmv"]),
        "emv_step": emv.best_step,
        "emv_stopped_at": emv.stopped_at,
        "emv_db": score(emv.best.numpy()),
        "final_db": curve[-1],
        "counts": int(watch.best["psnr"] - curve[-1] >= LOSS_DB),
        "seconds": round(time.monotonic() - begin),
    }


def lines(path, options):
    """Rows of the file that were made with these settings."""
    if not path.exists():
        return []
    wanted = {name: str(getattr(options, name)) for name in SETTINGS}
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if wanted.items() <= row.items()]


def add(path, row):
    """Append a row; the heading first."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, ["sample", "seed", *SETTINGS, *RESULTS])
        if new:
            writer.writeheader()
        writer.writerow(row)


def tell(row):
    """Print a row of the file."""
    db = {name: float(row[name]) for name in RESULTS if name.endswith("_db")}
    print(
        f"{row['sample']:>10} seed {row['seed']}: peak {db['peak_db']:.2f} dB at "
        f"{row['peak_step']} (best of {ROWS} rows {db['rows_db']:.2f}); ES-WMV {db['wmv_db']:.2f} "
        f"at {row['wmv_step']}, stopped at {row['wmv_stopped_at'] or '-'}; ES-EMV "
        f"{db['emv_db']:.2f} at {row['emv_step']}, stopped at {row['emv_stopped_at'] or '-'}; "
        f"end {db['final_db']:.2f}{'' if int(row['counts']) else '; does not count'}",
        flush=True,
    )


def sum_up(rows):
    """Print the means over the runs that count."""
    counted = [row for row in rows if int(row["counts"])]
    print(f"{len(counted)} of {len(rows)} runs end at least {LOSS_DB} dB below their peak")
    for name, key in (("ES-WMV", "wmv_db"), ("ES-EMV", "emv_db"), ("the end", "final_db")):
        if counted:
            lost = [float(row["peak_db"]) - float(row[key]) for row in counted]
            ratio = [100 * float(row[key]) / float(row["peak_db"]) for row in counted]
            print(
                f"  {name}: {statistics.mean(lost):.2f} dB below the peak on average, "
                f"{max(lost):.2f} at most; ratio {statistics.mean(ratio):.2f} %"
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="CSV; made, or added to")
    parser.add_argument("--samples", nargs="+", default=list(PHANTOMS), choices=list(PHANTOMS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--sigma", type=float, default=0.05)
    parser.add_argument("--size", type=int, default=48)
    parser.add_argument("--grid", type=int, default=11, help="cells across the aperture")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=1e-2)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--window", type=int, default=20, help="also the warm-up of ES-EMV")
    parser.add_argument("--patience", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    settings = {name: getattr(options, name) for name in SETTINGS}
    for seed in options.seeds:
        for sample in options.samples:
            done = {(row["sample"], row["seed"]) for row in lines(options.file, options)}
            if (sample, str(seed)) not in done:
                add(options.file, study(sample, seed, options) | settings)
            tell(
                next(
                    r
                    for r in lines(options.file, options)
                    if r["sample"] == sample and r["seed"] == str(seed)
                )
            )
    sum_up(lines(options.file, options))


if __name__ == "__main__":
    main()
