"""Resolution and filaments in the tables of the deconvolution track, from made-up results."""

import json
from statistics import mean, stdev

import pytest
from table_texts import TRACK, block, rescore, texts

from focusbench import paths
from focusbench.evaluation import published
from focusbench.files import write_json
from focusbench.report.tables import DASH
from focusbench.tracks.deconvolution.structure_block import SHOWN
from focusbench.tracks.deconvolution.tables import table1

LATERAL = "lateral FSC period, nm"


@pytest.fixture
def settings(deconvolution_settings):
    return deconvolution_settings


def values(results, method, metric):
    scores = results.scores()
    return scores[scores["method"] == method][metric].to_list()


def test_every_metric_has_a_column(learned, settings):
    table = table1(learned, settings)
    rows = texts(block(table, "snr20: structure"))
    nanometres = [1000 * value for value in values(learned, "wiener", "fsc_lateral")]
    assert rows["wiener"][LATERAL] == f"{mean(nanometres):.0f}±{stdev(nanometres):.0f}"
    recall = values(learned, "wiener", "filament_recall")
    assert rows["wiener"]["recall"] == f"{mean(recall):.3f}±{stdev(recall):.3f}"
    assert list(rows["wiener"])[3:] == ["filament F1", "precision", "recall"]
    assert "Fourier shell correlation" in table.caption


def test_what_shows_nothing_keeps_no_other_from_a_mean(learned, settings):
    table = table1(learned, settings)
    rows = texts(block(table, "snr20: structure"))
    assert rows["zeros"][LATERAL] == DASH
    assert rows["zeros"]["filament F1"].startswith("0.000")
    (note,) = [note for note in table.notes if note.startswith("A dash among")]
    assert note.endswith("zeros (snr20).")
    data = table.data[table.data["sample"] == published.AVERAGE].set_index("method")
    expected = mean(values(learned, "wiener", "fsc_axial"))
    assert data.loc["wiener", "fsc_axial"] == pytest.approx(expected)
    assert data["fsc_axial"].isna()["zeros"]


def test_the_best_is_bold_in_either_direction(make_deconvolution, settings, tmp_path):
    results = make_deconvolution(tmp_path, degradations=("snr20",))
    for item in results.items:
        if item.method == "affine_input":  # blind to scale: as good as the best, and no rival
            best = results.find(item.sample, item.degradation, "richardson_lucy_tv")
            content = json.loads((tmp_path / paths.score(TRACK, best)).read_text())["metrics"]
            rescore(results, item, **{key: content[key] for key in SHOWN})
        if item.method == "input":
            rescore(results, item, fsc_lateral="inf")
    rows = {row[0][0].text: row for row in block(table1(results, settings), "snr20: struc").rows}
    assert [part[0].bold for part in rows["richardson_lucy_tv"][1:]] == [
        *(True, True, True),
        False,  # all have the same precision
        True,
    ]
    assert not any(part[0].bold for part in rows["affine_input‡"])
    assert rows["input"][1][0].text == "∞"


def test_a_value_missing_on_one_sample_takes_the_method_out(make_deconvolution, settings, tmp_path):
    results = make_deconvolution(tmp_path, degradations=("snr20",))
    rescore(results, results.find("microtubules_test3", "snr20", "wiener"), fsc_lateral=None)
    table = table1(results, settings)
    rows = texts(block(table, "snr20: structure, mean ± standard deviation over 5 samples"))
    assert rows["wiener"][LATERAL] == DASH
    assert DASH not in rows["wiener"]["axial FSC period, nm"]
    assert "zeros, wiener (snr20)" in table.caption


def test_old_scores_have_no_such_block(make_deconvolution, settings, tmp_path):
    results = make_deconvolution(tmp_path, degradations=("snr20",))
    for item in results.items:
        path = tmp_path / paths.score(TRACK, item)
        content = json.loads(path.read_text())
        content["metrics"] = {k: v for k, v in content["metrics"].items() if k not in SHOWN}
        write_json(path, content)
    table = table1(results, settings)
    assert not any("structure" in one.title for one in table.blocks)
    assert not any("FSC" in note for note in table.notes)
