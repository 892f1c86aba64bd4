"""The stored tables against sums and cells of the printed ones."""

import pytest

from focusbench import methods
from focusbench.errors import InputError
from focusbench.evaluation import published


def test_table1_has_thirteen_volumes_and_their_average():
    table = published.values("multifocus_table1")
    assert list(table.columns) == ["sample", "method", "psnr_db", "ssim"]
    assert table["sample"].nunique() == 14
    assert set(table["method"]) == {"iterative", "dip", "dip_pretrain_1", "dip_pretrain_2"}
    assert len(table) == 14 * 4


@pytest.mark.parametrize(
    ("sample", "method", "psnr", "ssim"),
    [
        ("aneurism", "iterative", 37.80, 0.9863),
        ("teapot", "dip_pretrain_2", 46.57, 0.9972),
        ("pancreas", "dip", 44.59, 0.9947),
        ("average", "dip_pretrain_1", 44.24, 0.9922),
    ],
)
def test_table1_cells(sample, method, psnr, ssim):
    table = published.values("multifocus_table1").set_index(["sample", "method"])
    assert tuple(table.loc[(sample, method)]) == (psnr, ssim)


def test_averages_are_those_of_the_rows_but_for_the_known_slip():
    table = published.values("multifocus_table1")
    rows = table[table["sample"] != published.AVERAGE].groupby("method")
    printed = table[table["sample"] == published.AVERAGE].set_index("method")
    for method, mean in rows["psnr_db"].mean().items():
        assert mean == pytest.approx(printed.at[method, "psnr_db"], abs=0.006)
    off = {
        method
        for method, mean in rows["ssim"].mean().items()
        if abs(mean - printed.at[method, "ssim"]) > 0.00006
    }
    assert off == {"iterative"}  # the slip that published/README.md names


def test_table2_repeats_the_best_iterate_of_table3():
    table3 = published.values("multifocus_table3")
    rows = table3[table3["sample"] != published.AVERAGE]
    best = (rows["psnr_db"] / (rows["psnr_ratio_percent"] / 100)).mean()
    table2 = published.values("multifocus_table2").set_index(["noise_sigma", "method"])
    assert best == pytest.approx(table2.at[(0.01, "dip"), "psnr_db"], abs=0.01)


def test_reproduced_methods_bear_the_published_ids():
    table = published.values("multifocus_table1")
    assert {"iterative", "dip", "dip_pretrain_2"} <= set(table["method"]) & set(methods.TABLE)


def test_deconvolution_tables_repeat_each_others_rows():
    tables = [published.values(f"deconvolution_table{i}") for i in (1, 2, 3)]
    assert [len(table) for table in tables] == [5, 6, 3]
    for table in tables:
        rows = table[table["method"] == "input"]
        if "psf_model" in rows:
            rows = rows[rows["psf_model"] == "born_wolf"]
        assert list(rows[["psnr_db", "ssim"]].iloc[0]) == [22.3020, 0.7275]


def test_the_other_model_of_the_psf_makes_the_input_better():
    table = published.values("deconvolution_table2").set_index(["method", "psf_model"])
    born, richards = table.loc[("input", "born_wolf")], table.loc[("input", "richards_wolf")]
    assert richards["psnr_db"] - born["psnr_db"] == pytest.approx(0.2182)
    assert richards["ssim"] - born["ssim"] == pytest.approx(0.0073)


def test_an_unknown_table_is_refused():
    with pytest.raises(InputError, match="multifocus_table1"):
        published.values("multifocus_table9")
    assert {"multifocus_claims", "deconvolution_claims"} <= set(published.names())
