"""Whole small runs: what they leave, that they can be repeated, cut off and taken up."""

import hashlib
import json
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import scipy.signal
import tifffile
from safetensors import safe_open

from focusbench import config as configuration
from focusbench import plan
from focusbench.images import read_volume
from focusbench.tracks import TABLE


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_run_leaves_tables_figures_and_no_resume_state(finished):
    results = finished.folder / "results"
    config = configuration.build({"preset": "test"})
    for track in TABLE:
        for name in plan.reports(config, track, "tables"):
            for ending in ("csv", "md", "tex"):
                assert (results / f"tables/{track}_{name}.{ending}").stat().st_size > 100
        for name in plan.reports(config, track, "figures"):
            for ending in ("pdf", "png"):
                assert (results / f"figures/{track}_{name}.{ending}").stat().st_size > 1000
    assert not list((results / ".resume").glob("*"))
    assert not list(results.rglob(".part*"))


def test_the_table_says_what_made_it(finished):
    text = (finished.folder / "results/tables/multifocus_table1.md").read_text()
    assert "test" in text
    assert "not comparable" in text
    table = pandas.read_csv(finished.folder / "results/tables/multifocus_table1.csv")
    assert {"transparent", "start", "iterative", "lbfgs", "dip"} <= set(table["method"])


AGAIN = {
    "multifocus/{}/cell/clean": ("start", "iterative", "lbfgs", "dip", "dip_pretrain_2"),
    "deconvolution/{}/microtubules_test1/snr20": (
        *("affine_input", "richardson_lucy", "richardson_lucy_tv", "wiener"),
    ),
}
SCORED = ("lbfgs", "richardson_lucy_tv")  # of each track one: a score follows from the bytes


def test_a_second_run_gives_the_same_bytes_of_all_but_cost(finished, checkout):
    named = [(folder, method) for folder, methods in AGAIN.items() for method in methods]
    checkout.snakemake(
        *(f"results/{folder.format('restored')}/{one}-seed0.ome.tif" for folder, one in named),
        *(
            f"results/{folder.format('scores')}/{one}-seed0.json"
            for folder, one in named
            if one in SCORED
        ),
        cores=4,
    )
    for pattern in ("*.ome.tif", "*.trace.csv", "scores/**/*.json", "*.safetensors"):
        paths = list((checkout.folder / "results").rglob(pattern))
        assert paths, pattern
        for path in paths:
            other = finished.folder / path.relative_to(checkout.folder)
            assert digest(path) == digest(other), path


def test_one_file_alone_of_a_sample_that_is_not_selected(checkout):
    target = "results/multifocus/restored/gyroid/clean/lbfgs-seed0.ome.tif"
    checkout.snakemake(target)
    volume = read_volume(checkout.folder / target)
    assert volume.axes == "ZYX"
    assert volume.voxel_size == pytest.approx((1.0, 0.92, 0.92))
    record = json.loads((checkout.folder / target.replace(".ome.tif", ".json")).read_text())
    assert record["evaluations"] > 0
    assert record["seconds"] > 0


def saved_step(checkout):
    """Step of the one resume state that is there; None: there is none."""
    for path in (checkout.folder / "results/.resume").glob("*/state.safetensors"):
        with suppress(OSError), safe_open(path, framework="numpy") as file:
            return json.loads(json.loads(file.metadata()["focusbench"])["scalars"])["step"]
    return None


def cut_off(checkout, number, beyond, *arguments):
    """Start a run, send `number` to all its processes when it has saved a step, give that step.

    `beyond` is the last step that an earlier run saved.
    """
    process = checkout.start(*arguments, "--rerun-incomplete", cores=1)
    deadline = time.monotonic() + 120
    while (step := saved_step(checkout)) in (None, beyond):
        assert process.poll() is None, (checkout.folder / "said.txt").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert step > (beyond or 0)  # it did not begin anew
    os.killpg(process.pid, number)
    assert process.wait(timeout=60) != 0
    return saved_step(checkout)


def test_a_run_that_is_cut_off_continues_to_the_same_bytes(checkout, monkeypatch):
    monkeypatch.setenv("FOCUSBENCH_SAVE_SECONDS", "0")
    overlay = {
        "methods": {"multifocus": {"dip": {"steps": 200}}},
        "tracks": {"multifocus": {"samples": ["cell"]}},
    }
    target = "results/multifocus/restored/cell/clean/dip-seed0.ome.tif"
    names = (target, target.replace(".ome.tif", ".trace.csv"))
    options = (target, "--configfile", checkout.overlay(overlay))
    # as SLURM tells a job, its runner too, that its time is nearly up
    step = cut_off(checkout, signal.SIGUSR1, None, *options)
    said = (checkout.folder / "said.txt").read_text()
    assert (
        "Error in rule restore" in said
    )  # the runner has seen the end of it, and freed the folder
    step = cut_off(checkout, signal.SIGKILL, step, *options)
    assert 0 < step < 200
    assert not (checkout.folder / target).exists()
    monkeypatch.undo()
    checkout.snakemake("--unlock")
    checkout.snakemake("--rerun-incomplete", *options)
    continued = [digest(checkout.folder / name) for name in names]
    assert not checkout.states_left()
    # and once more from the beginning, undisturbed
    checkout.snakemake("--force", *options)
    assert [digest(checkout.folder / name) for name in names] == continued


@dataclass
class Strange:
    """A run with methods of one's own, and with a time budget."""

    checkout: Any
    overlay: tuple[str, str]
    package: Path
    tool: Path

    @property
    def results(self):
        return self.checkout.folder / "results/multifocus"


@pytest.fixture(scope="module")
def strange(copied, tmp_path_factory):
    checkout = copied(tmp_path_factory.mktemp("strange") / "checkout")
    package = checkout.folder / "strange"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "flat.py").write_text(
        "from dataclasses import dataclass\n"
        "import numpy as np\n"
        "from focusbench.problem import Restoration\n"
        "@dataclass(frozen=True)\n"
        "class Flat:\n"
        "    level: float = 0.9\n"
        "    def restore(self, problem, run, weights=None):\n"
        "        return Restoration(np.full_like(problem.observed, self.level))\n"
    )
    tool = checkout.folder / "tool.sh"
    tool.write_text('#!/bin/sh\ncp "$1" "$2"\n')
    tool.chmod(0o755)
    entries = {
        "flat": {"module": "strange.flat:Flat", "level": 0.8},
        "copied": {"command": f"{tool} {{observed}} {{estimate}}"},
        "iterative": {"steps": 100000},
    }
    section = {
        "samples": ["cell"],
        "degradations": ["clean"],
        "methods": ["flat", "copied", "iterative"],
        "budget_seconds": 0.5,
    }
    config = {"methods": {"multifocus": entries}, "tracks": {"multifocus": section}}
    overlay = ("--configfile", checkout.overlay(config))
    checkout.snakemake("results/tables/multifocus_table1.csv", *overlay)
    return Strange(checkout, overlay, package, tool)


def test_strangers_methods_and_a_shell_tool(strange):
    folder, checkout = strange.results, strange.checkout
    flat = read_volume(folder / "restored/cell/clean/flat-seed0.ome.tif").array
    assert flat == pytest.approx(0.8)
    copied = read_volume(folder / "restored/cell/clean/copied-seed0.ome.tif").array
    np.testing.assert_array_equal(copied, read_volume(folder / "observed/cell/clean.ome.tif").array)
    table = pandas.read_csv(checkout.folder / "results/tables/multifocus_table1.csv")
    assert {"flat", "copied"} <= set(table["method"])
    # an edit of the stranger's class, or of the tool, reruns its own method alone
    count = len(list((folder / "restored/cell").rglob("flat-seed0.ome.tif")))
    for edited in (strange.package / "flat.py", strange.tool):
        text = edited.read_text()
        edited.write_text(text + "\n# changed\n")
        jobs = checkout.jobs("results/tables/multifocus_table1.csv", *strange.overlay)
        assert jobs == {"restore": count, "score": count, "table": 1}
        edited.write_text(text)


def test_a_time_budget_marks_its_rows(strange):
    def repeatable(method):
        score = strange.results / f"scores/cell/clean/{method}-seed0.json"
        return json.loads(score.read_text())["repeatable"]

    assert repeatable("iterative") is False
    assert repeatable("flat") is True
    table = strange.checkout.folder / "results/tables/multifocus_table1.md"
    assert "not repeatable" in table.read_text()


def test_a_stack_of_ones_own(checkout, finished):
    source = finished.folder / "results/multifocus/observed/cell/clean.ome.tif"
    grey = np.round(read_volume(source).array * 255).astype(np.uint8)
    tifffile.imwrite(checkout.folder / "mine.tif", grey)
    mine = {"path": "mine.tif", "pixel_size": 0.92, "z_step": 1.0, "background": 255}
    config = {
        "data": {"stack": {"mine": mine}},
        "tracks": {"multifocus": {"samples": ["mine"], "methods": ["lbfgs"]}},
    }
    checkout.snakemake("multifocus", "--configfile", checkout.overlay(config))
    observed = checkout.folder / "results/multifocus/observed/mine/recorded.ome.tif"
    np.testing.assert_allclose(read_volume(observed).array, grey / 255, atol=1e-6)
    score = checkout.folder / "results/multifocus/scores/mine/recorded/lbfgs-seed0.json"
    metrics = json.loads(score.read_text())["metrics"]
    assert metrics["psnr"] is None
    assert metrics["rms_residual"] < 0.1


def test_a_fluorescence_stack_of_ones_own(checkout):
    from focusbench.optics import psf

    kernel = psf.born_wolf((7, 7, 7), (0.1, 0.1, 0.1), 0.5, 1.2, 1.5)
    truth = np.zeros((16, 18, 20), np.float32)
    truth[8, 5:14, 10] = 3000
    blurred = scipy.signal.fftconvolve(truth, kernel, "same").clip(0)
    counts = np.random.default_rng(0).poisson(blurred + 50)
    tifffile.imwrite(checkout.folder / "mine.tif", counts.astype(np.uint16))
    tifffile.imwrite(checkout.folder / "truth.tif", truth)
    tifffile.imwrite(checkout.folder / "psf.tif", kernel.astype(np.float32))
    mine = {"path": "mine.tif", "psf": "psf.tif", "truth": "truth.tif", "offset": 50}
    mine |= {"pixel_size": 0.1, "z_step": 0.1}
    tool = checkout.folder / "tool.sh"
    tool.write_text('#!/bin/sh\ncp "$2" "$3"\n')
    tool.chmod(0o755)
    config = {
        "data": {"fluorescence": {"mine": mine}},
        "tracks": {"deconvolution": {"samples": ["mine"], "methods": ["richardson_lucy", "tool"]}},
        "methods": {
            "deconvolution": {"tool": {"command": f"{tool} {{observed}} {{psf}} {{estimate}}"}}
        },
    }
    overlay = checkout.overlay(config)
    fails = checkout.snakemake("deconvolution", "--configfile", overlay, fails=True)
    assert "left an estimate of shape (7, 7, 7)" in fails.stderr  # the tool was given the PSF
    tool.write_text('#!/bin/sh\ncp "$1" "$3"\n')
    checkout.snakemake("deconvolution", "--configfile", overlay)
    folder = checkout.folder / "results/deconvolution"
    np.testing.assert_array_equal(
        read_volume(folder / "observed/mine/recorded.ome.tif").array, counts - 50.0
    )

    def score(method):
        path = folder / f"scores/mine/recorded/{method}-seed0.json"
        return json.loads(path.read_text())["metrics"]

    assert score("richardson_lucy")["psnr_volume"] > score("input")["psnr_volume"] + 0.5
    assert score("tool")["psnr_volume"] == score("input")["psnr_volume"]
    assert score("input")["gain"] > 0
    assert "fitted" in (checkout.folder / "results/tables/deconvolution_table1.md").read_text()
    # another PSF under the same name is another problem
    tifffile.imwrite(checkout.folder / "psf.tif", (kernel**2).astype(np.float32))
    assert checkout.jobs("deconvolution", "--configfile", overlay)["restore"] >= 2


def test_a_bad_psf_ends_before_any_work(checkout):  # other kinds: tests/data/test_fluorescence.py
    counts = np.random.default_rng(0).poisson(50, (12, 14, 16)).astype(np.uint16)
    tifffile.imwrite(checkout.folder / "mine.tif", counts)
    tifffile.imwrite(checkout.folder / "psf.tif", np.ones((31, 5, 5), np.float32))
    mine = {"path": "mine.tif", "psf": "psf.tif", "pixel_size": 0.1, "z_step": 0.1}
    config = {
        "data": {"fluorescence": {"mine": mine}},
        "tracks": {"deconvolution": {"samples": ["mine"]}},
    }
    done = checkout.snakemake("deconvolution", "--configfile", checkout.overlay(config), fails=True)
    # the runner says that it read an overlay and a profile, on lines of their own
    said = ("Config file", "Using workflow specific profile")
    lines = [line for line in done.stderr.splitlines() if not line.startswith(said)]
    assert len(lines) == 1
    assert lines[0].startswith("focusbench: error: ")
    assert "31" in lines[0]
    assert not (checkout.folder / "results").exists()
