"""A change reruns what it concerns and nothing else: jobs of a dry run after a finished one."""

import os
import time
from contextlib import ExitStack, contextmanager

from focusbench.tracks import TABLE


@contextmanager
def edited(path, change):
    """Change a file's text for a while; its time stamp is put back as well."""
    text, stamp = path.read_text(), path.stat()
    changed = change(text)
    assert changed != text
    path.write_text(changed)
    try:
        yield
    finally:
        path.write_text(text)
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


@contextmanager
def touched(path):
    stamp = path.stat()
    os.utime(path, (time.time() + 5,) * 2)
    try:
        yield
    finally:
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


def restorations(finished, *methods):
    """How many restorations of a method the finished run has made."""
    found = (finished.folder / "results/multifocus/restored").rglob("*.ome.tif")
    return sum(path.name.rpartition("-seed")[0] in methods for path in found)


FACTS = TABLE["multifocus"]
REPORTS = {"table": len(FACTS.tables), "figure": len(FACTS.figures)}  # of the track


def reports(study=None):
    """Count the tables and figures that show a grid."""
    return {
        kind: sum(one.study == study for one in shown.values())
        for kind, shown in (("table", FACTS.tables), ("figure", FACTS.figures))
    }


def test_a_finished_run_has_nothing_to_do(finished):
    assert finished.jobs() == {}


def test_a_parameter_reruns_its_method_alone(finished):
    overlay = finished.overlay({"methods": {"multifocus": {"lbfgs": {"max_evaluations": 3}}}})
    count = restorations(finished, "lbfgs")
    assert count
    by_track = finished.jobs_by_track("--configfile", overlay)
    assert set(by_track) == {"multifocus"}
    jobs = by_track["multifocus"]
    shown = {kind: jobs.pop(kind) for kind in REPORTS}
    assert jobs == {"restore": count, "score": count, "timing": 1}
    # the noise study has no lbfgs; Table S1 neither
    noise, small = reports("noise"), reports("small")
    assert shown == {kind: REPORTS[kind] - noise[kind] - small[kind] for kind in REPORTS}


def test_an_edit_of_a_network_reruns_the_methods_that_build_it(finished):
    count = restorations(finished, *DEEP)
    path = finished.folder / "src/focusbench/networks/skip_3d.py"
    with edited(path, lambda text: text + "\nUNUSED = 1\n"):
        jobs = finished.jobs()
    shown, noise = reports(), reports("noise")
    assert jobs == {
        **{"train": 1, "restore": count, "score": count, "timing": len(DEEP)},
        **{kind: shown[kind] + noise[kind] for kind in shown},
    }


def test_an_edit_of_a_figure_reruns_no_restoration(finished):
    path = finished.folder / "src/focusbench/tracks/multifocus/figures.py"
    with edited(path, lambda text: text + "\nUNUSED = 1\n"):
        assert finished.jobs() == {"figure": REPORTS["figure"]}


def test_an_edit_of_a_metric_reruns_no_restoration(finished):
    count = len(list((finished.folder / "results/multifocus/scores").rglob("*.json")))
    assert count
    path = finished.folder / "src/focusbench/evaluation/metrics.py"
    with edited(path, lambda text: text + "\nUNUSED = 1\n"):
        jobs = finished.jobs("multifocus")
    assert jobs == {"score": count, **REPORTS}


def test_an_edit_of_the_psf_concerns_the_tracks_that_blur_with_it(finished):
    path = finished.folder / "src/focusbench/optics/psf.py"
    with edited(path, lambda text: text + "\nUNUSED = 1\n"):
        by_track = finished.jobs_by_track()
    assert set(by_track) == {"deconvolution", "defocus"}
    jobs = by_track["deconvolution"]
    restored = list((finished.folder / "results/deconvolution/restored").rglob("*.ome.tif"))
    assert "truth" not in jobs
    assert "table" in jobs or "figure" in jobs
    assert jobs["restore"] == len(restored)


def test_one_more_sample_reruns_nothing_that_was_there(finished):
    config = finished.overlay({"tracks": {"multifocus": {"samples": [*SAMPLES, "gyroid"]}}})
    vessels = finished.folder / "results/multifocus/restored/vessels"  # in the main grid alone
    per_sample = len(list(vessels.rglob("*.ome.tif")))
    jobs = finished.jobs("multifocus", "--configfile", config)
    degradations = jobs["observed"]
    assert jobs == {
        "truth": 1,
        "observed": degradations,
        "restore": per_sample,
        "score": per_sample,
        **reports(),
    }


TOUCHED = (
    "src/focusbench/networks/skip_3d.py",
    "src/focusbench/optics/rays.py",
    "config.yaml",
    "results/multifocus/truth/cell.ome.tif",
)


def test_neither_a_touch_nor_a_comment_nor_another_source_reruns_anything(finished):
    rule = finished.folder / "rules/restore.smk"
    source = finished.folder / "src/focusbench/data/scivis.py"  # of no sample of this run
    with ExitStack() as changes:
        for path in TOUCHED:
            changes.enter_context(touched(finished.folder / path))
        comment = edited(rule, lambda text: text.replace("    input:", "    # why\n    input:", 1))
        changes.enter_context(comment)
        changes.enter_context(edited(source, lambda text: text + "\nUNUSED = 1\n"))
        assert finished.jobs() == {}


def test_a_touched_script_reruns_its_own_rule(finished):
    with touched(finished.folder / "workflow/scripts/table.py"):
        assert finished.jobs("multifocus") == {"table": REPORTS["table"]}


SAMPLES = ["cell", "vessels"]
DEEP = ("dip", "dip_es_wmv", "dip_es_emv", "dip_pretrain_1", "dip_pretrain_2")
