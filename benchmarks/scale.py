"""What a plan of many restorations costs, and what a job costs beside its work.

    python benchmarks/scale.py [--restorations 1000 10000 30000] [--batched] [--no-bare]
        [--run 0] [--cores 4]

Plans a synthetic configuration of the track `defocus`: 20 methods on 100 fields in 5 degradations
with 3 seeds are 30,000 restorations (fewer seeds, then fewer fields, for fewer), with as many
scores, and the table of them all. The named reference, measured in the same run, is a bare
workflow of the same files: Snakemake's own price, without parameters, input functions, resources
or logs of ours. `--run N` also runs a configuration of N restorations, with methods that hand
their observation back on fields of 100 x 120 pixels, and tells seconds a job and files made.

One line a plan: restorations, jobs, seconds and MiB (of the process, at its largest) of ours and of
the bare workflow, and the ratio of the seconds.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
METHODS = 20
DEGRADATIONS = ("level01", "level02", "level03", "level04", "level05")
FIELDS = [f"nuclei_train{i}" for i in range(3, 100)] + [f"nuclei_test{i}" for i in range(1, 4)]
TABLE = "results/tables/defocus_restoration.csv"
MODULE = '''
from dataclasses import dataclass

from focusbench.problem import Restoration


@dataclass(frozen=True)
class Same:
    """Hands the observation back."""

    number: int = 0

    def restore(self, problem, run, weights=None):
        return Restoration(problem.observed)
'''
BARE = """
samples, degradations = {samples}, {degradations}
names = [f"{{method}}-seed{{seed}}" for method in {methods} for seed in {seeds}]
wildcard_constraints:
    **dict(sample="[a-z0-9_]+", degradation="[a-z0-9]+", name="[a-z0-9_-]+")
rule table:
    input:
        [f"scores/{{one}}/{{two}}/{{name}}.json"
         for one in samples for two in degradations for name in names]
    output:
        "{table}"
rule truth:
    output:
        "truth/{{sample}}.tif"
rule observed:
    input:
        "truth/{{sample}}.tif"
    output:
        "observed/{{sample}}/{{degradation}}.tif",
        "observed/{{sample}}/{{degradation}}.json"
rule restore:
    input:
        "observed/{{sample}}/{{degradation}}.tif",
        "truth/{{sample}}.tif"
    output:
        "restored/{{sample}}/{{degradation}}/{{name}}.tif",
        "restored/{{sample}}/{{degradation}}/{{name}}.csv",
        "restored/{{sample}}/{{degradation}}/{{name}}.json"
rule score:
    input:
        "restored/{{sample}}/{{degradation}}/{{name}}.tif",
        "restored/{{sample}}/{{degradation}}/{{name}}.json",
        "observed/{{sample}}/{{degradation}}.tif",
        "truth/{{sample}}.tif"
    output:
        "scores/{{sample}}/{{degradation}}/{{name}}.json"
"""


def shape(restorations):
    """Fields and seeds of about so many restorations."""
    each = METHODS * len(DEGRADATIONS)
    seeds = 3 if restorations >= each * len(FIELDS) * 3 else 1
    return FIELDS[: max(1, restorations // (each * seeds))], list(range(seeds))


def configuration(fields, seeds, batched):
    """The overlay, as a person would write it."""
    names = [f"same{i}" for i in range(METHODS)]
    own = {names[0]: {"module": "same:Same", "stochastic": True}}
    own |= {one: {"uses": names[0], "number": i} for i, one in enumerate(names) if i}
    track = {
        "samples": fields,
        "degradations": list(DEGRADATIONS),
        "methods": names,
        "seeds": seeds,
        **({"batched": ["input", *names]} if batched else {}),
        "predictors": [],
        "training": {"samples": ["nuclei_train1"], "validation": ["nuclei_validation1"]},
    }
    return {"preset": "test", "tracks": {"defocus": track}, "methods": {"defocus": own}}


def lay_out(folder, restorations, batched):
    """Write both workflows of a size."""
    fields, seeds = shape(restorations)
    (folder / "same.py").write_text(MODULE)
    (folder / "config.yaml").write_text(yaml.safe_dump(configuration(fields, seeds, batched)))
    bare = {"samples": fields, "degradations": list(DEGRADATIONS), "table": TABLE}
    bare |= {"methods": [f"same{i}" for i in range(METHODS)], "seeds": seeds}
    (folder / "bare").mkdir(exist_ok=True)
    (folder / "bare/Snakefile").write_text(BARE.format(**bare))
    return len(fields) * len(DEGRADATIONS) * METHODS * len(seeds)


def snakemake(folder, *arguments, snakefile=ROOT / "Snakefile", cores=1):
    """Run Snakemake; what it said, seconds, seconds of the CPU and bytes at its largest."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", snakefile, "--directory", folder]
    command += ["--workflow-profile", "none", "--cores", cores, *arguments]
    path = os.pathsep.join([str(ROOT / "src"), str(folder)])
    with tempfile.TemporaryFile("w+") as said:
        start = time.perf_counter()
        process = subprocess.Popen(
            list(map(str, command)),
            stdout=said,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": path},
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        said.seek(0)
        text = said.read()
    if status:
        sys.exit(f"{' '.join(map(str, command))}\n{text[-3000:]}")
    return text, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024


def counted(text):
    """Jobs that a plan has."""
    found = re.findall(r"^total +(\d+)", text, re.M)
    return int(found[0]) if found else 0


def plan(folder, restorations, batched, bare):
    """Print the row of one size."""
    there = lay_out(folder, restorations, batched)
    arguments = ("--dry-run", "--quiet", "rules", "--", TABLE)
    text, ours, work, memory = snakemake(folder, *arguments)
    row = f"{there:>8} restorations, {counted(text):>6} jobs: {ours:7.1f} s ({work:.1f} s of CPU), "
    row += f"{memory / 2**20:6.0f} MiB"
    if bare:
        text, theirs, work, memory = snakemake(
            folder / "bare", *arguments, snakefile=folder / "bare/Snakefile"
        )
        row += f"; bare: {counted(text)} jobs, {theirs:.1f} s ({work:.1f} s of CPU), "
        row += f"{memory / 2**20:.0f} MiB; ratio {ours / theirs:.2f}"
    print(row, flush=True)


def run(folder, restorations, batched, cores):
    """Print what jobs cost that do next to nothing."""
    there = lay_out(folder, restorations, batched)
    plain = ("--quiet", "all", "--", TABLE)
    jobs = counted(snakemake(folder, "--dry-run", "--quiet", "rules", "--", TABLE)[0])
    _, planned, *_ = snakemake(folder, "--dry-run", *plain)
    _, seconds, *_ = snakemake(folder, *plain, cores=cores)
    files = sum(path.is_file() for path in (folder / "results").rglob("*"))
    hidden = sum(path.is_file() for path in (folder / ".snakemake").rglob("*"))
    pieces = 2 * len(list((folder / "results/defocus/scores").rglob("*.json")))
    print(
        f"{there} restorations ({pieces} with trivial rows and scores), {jobs} jobs on {cores} "
        f"cores: {seconds:.0f} s, of which {planned:.1f} s plan; "
        f"{cores * (seconds - planned) / pieces:.3f} s of a core a restoration or score, "
        f"{pieces / (seconds - planned):.1f} of them a second; {files} files in results, {hidden} "
        "in .snakemake"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--restorations", type=int, nargs="*", default=[1000, 10_000, 30_000])
    parser.add_argument("--batched", action="store_true", help="one job an observation")
    parser.add_argument("--no-bare", dest="bare", action="store_false", help="without reference")
    parser.add_argument("--run", type=int, default=0, help="restorations to run")
    parser.add_argument("--cores", type=int, default=4, help="of the run; a plan has one")
    arguments = parser.parse_args()
    for restorations in arguments.restorations:
        with tempfile.TemporaryDirectory() as name:
            plan(Path(name), restorations, arguments.batched, arguments.bare)
    if arguments.run:
        with tempfile.TemporaryDirectory() as name:
            run(Path(name), arguments.run, arguments.batched, arguments.cores)


if __name__ == "__main__":
    main()
