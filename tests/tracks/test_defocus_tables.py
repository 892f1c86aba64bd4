"""Tables 1 and 2 of the defocus track, from made-up results."""

import io

import numpy as np
import pandas
import pytest
from defocus_table_results import (
    FIELDS,
    METHODS,
    PREDICTORS,
    MadeUp,
    described,
    judged,
    table_settings,
)
from table_texts import block, texts

from focusbench.evaluation import levels, published
from focusbench.evaluation.statistics import paired_interval
from focusbench.networks.keras_counts import counted
from focusbench.report.tables import DASH, as_csv, as_latex, as_markdown
from focusbench.tracks.defocus import table_accuracy, told
from focusbench.tracks.defocus.tables import table1, table2

REAL = ("bbbc006_a01_s1", "bbbc006_a02_s1")
MINUS = "accuracy minus delpnet"


def results(*extra, methods=tuple(PREDICTORS), **content):
    frames = [judged(method) for method in methods]
    known = {method: described(method) for method in [*methods, "delpnet_by_image"]}
    start = {"weights": known, **content}
    return MadeUp(accuracy=pandas.concat([*frames, *extra], ignore_index=True), **start)


@pytest.fixture(scope="module")
def run():
    noisy = [judged(method, "held_out_poisson") for method in PREDICTORS]
    real = [judged(m, "real", fields=REAL) for m in PREDICTORS if m != "delpnet_patch42"]
    fields = ("nuclei_train1", "nuclei_test1", "nuclei_test2", "nuclei_train2", "nuclei_train3")
    image = judged("delpnet_by_image", "image", fields=fields, wrong=0.02)
    timing = {"patches_per_second": 612.3, "device": "cpu", "threads": 1, "side": 84}
    return results(
        *noisy,
        *real,
        image,
        trainings=[
            {"method": "delpnet", "training": "levels-seed0", "seconds": 41.26, "steps": 210},
            {"method": "delpnet", "training": "levels-seed1", "seconds": 43.26, "steps": 210},
        ],
        predictor_timings={"delpnet": timing},
    )


@pytest.fixture(scope="module")
def first(run):
    return table1(run, table_settings())


@pytest.fixture(scope="module")
def second(run):
    return table2(run, table_settings())


def truth_and_prediction(run, method, name="held_out"):
    rows = run.accuracy()
    rows = rows[(rows["method"] == method) & (rows["set"] == name)]
    return [np.array([-1 if one == "bg" else int(one) for one in rows[c]]) for c in TWO], rows


TWO = ("truth", "predicted")


# --- what is computed -------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["delpnet", "delpnet_no_bg", "logistic_features"])
def test_statistics_are_those_of_the_patches(run, method):
    one = table_accuracy.read(run, table_settings())[method, "held_out"]
    (truth, predicted), rows = truth_and_prediction(run, method)
    expected = levels.score(truth, predicted)
    assert one.patches == expected.patches == len(rows)
    for name in set(table_accuracy.STATISTICS) - {table_accuracy.CONTENT}:
        wanted = getattr(expected, name)
        assert one.value(name) == pytest.approx(np.nan if wanted is None else wanted, nan_ok=True)
    (reference, _), _ = truth_and_prediction(run, "delpnet")
    shows = reference != -1  # the same places, whoever judges
    assert one.value(table_accuracy.CONTENT) == np.mean((truth == predicted)[shows])


def test_numbers_and_words_are_read_alike(run):
    told_as_numbers = run.accuracy().replace({"truth": {"bg": -1}, "predicted": {"bg": -1}})
    told_as_numbers[list(TWO)] = told_as_numbers[list(TWO)].astype(int)
    read = [
        table_accuracy.read(MadeUp(accuracy=rows), table_settings())["delpnet", "held_out"].counts
        for rows in (run.accuracy(), told_as_numbers)
    ]
    np.testing.assert_array_equal(*read)


def test_the_interval_of_accuracy_is_that_of_the_fields_means(run):
    by = table_accuracy.read(run, table_settings())
    pair = [by[method, "held_out"] for method in ("vgg16", "delpnet")]
    means = [
        rows.assign(right=rows["truth"] == rows["predicted"]).groupby("sample")["right"].mean()
        for _, rows in (truth_and_prediction(run, one.method) for one in pair)
    ]
    found = table_accuracy.difference(*pair, "accuracy", seed=5)
    expected = paired_interval(*(one.loc[list(FIELDS)].tolist() for one in means), seed=5)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("name", ["f1", "mae_um", "content_accuracy"])
def test_other_intervals_are_those_of_fields_drawn_whole(run, name):
    by = table_accuracy.read(run, table_settings())
    one, other = (by[method, "held_out"] for method in ("vgg16", "resnet18"))
    drawn = np.random.default_rng(3).integers(len(FIELDS), size=(25, len(FIELDS)))

    def value(method, fields):
        (truth, predicted), rows = truth_and_prediction(run, method)
        chosen = np.concatenate([np.flatnonzero(rows["sample"] == FIELDS[i]) for i in fields])
        truth, predicted = truth[chosen], predicted[chosen]
        if name == "content_accuracy":
            return np.mean((truth == predicted)[truth != -1])
        return getattr(levels.score(truth, predicted), name)

    differences = [value("vgg16", fields) - value("resnet18", fields) for fields in drawn]
    found = table_accuracy.difference(one, other, name, 3, resamples=25)
    assert found[1:] == pytest.approx(np.quantile(differences, [0.025, 0.975]))


def test_sets_of_other_fields_are_drawn_each_by_itself(run):
    by = table_accuracy.read(run, table_settings())
    one, other = by["delpnet_by_image", "image"], by["delpnet", "held_out"]
    rng = np.random.default_rng(4)
    means = []
    for judged_ in (one, other):  # of equally many patches a field
        _, rows = truth_and_prediction(run, judged_.method, judged_.name)
        right = rows.assign(right=rows["truth"] == rows["predicted"])
        fields = right.groupby("sample", sort=False)["right"].mean().to_numpy()
        means.append(fields[rng.integers(len(fields), size=(40, len(fields)))].mean(axis=1))
    found = table_accuracy.difference(one, other, "accuracy", 4, resamples=40)
    assert found[1:] == pytest.approx(np.quantile(means[0] - means[1], [0.025, 0.975]))


def test_patches_of_a_field_do_not_make_an_interval_narrow():
    """Ten times the patches of the same fields tell no more of other fields."""
    few, many = (
        table_accuracy.read(
            MadeUp(
                accuracy=pandas.concat(
                    [judged(m, per_image=n) for m in ("delpnet", "resnet18")], ignore_index=True
                )
            ),
            table_settings(),
        )
        for n in (3, 30)
    )
    widths = []
    for by in (few, many):
        # of a predictor that is right in some fields alone
        counts = by["resnet18", "held_out"].counts.copy()
        counts[:, ::2] = by["delpnet", "held_out"].counts[:, ::2]
        mixed = table_accuracy.Judged(
            "mixed", "held_out", FIELDS, counts, None, (0,), by["delpnet", "held_out"].step
        )
        found = table_accuracy.difference(mixed, by["delpnet", "held_out"], "accuracy", 0)
        widths.append(found.high - found.low)
    assert widths[1] > 0.6 * widths[0]


def test_seeds_are_averaged_and_spread():
    run = results(judged("vgg16", seed=1), methods=("delpnet", "vgg16"))
    one = table_accuracy.read(run, table_settings())["vgg16", "held_out"]
    each = [
        levels.score(
            *(np.array([-1 if v == "bg" else int(v) for v in rows[c]]) for c in TWO)
        ).accuracy
        for _, rows in run.accuracy()[run.accuracy()["method"] == "vgg16"].groupby("seed")
    ]
    assert one.seeds == (0, 1)
    assert one.value("accuracy") == pytest.approx(np.mean(each))
    table = table2(run, table_settings())
    shown = texts(block(table, "Held out by field:"))["vgg16"]["accuracy, %"]
    assert shown == f"{100 * np.mean(each):.1f}±{100 * np.std(each, ddof=1):.1f}"
    data = table.data[table.data["method"] == "vgg16"]
    assert list(data["accuracy"]) == pytest.approx([*each, np.mean(each)])
    assert list(data["seed"].isna()) == [False, False, True]
    assert "Several seeds of the training are averaged" in table.caption


# --- what a variant is ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "kind", "words"),
    [
        ({"bg": False}, "bg", "without bg"),
        ({"dropout": 0}, "dropout", "without dropout"),
        ({"batch_norm": False, "keras_momentum": 0.5}, "batch_norm", "without batch normalisation"),
        ({"keras_momentum": 0.99}, "keras_momentum", "momentum 0.99"),
        ({"side": 168, "epochs": 2}, "side", "patches of 168 x 168, epochs 2"),
        ({"bg": False, "dropout": 0.0}, told.OTHER, "without bg, without dropout"),
        ({"epochs": 9}, told.OTHER, "epochs 9"),
        ({"dropout": 0.25, "side": 84}, told.BASE, ""),  # the defaults
        ({"split": "image"}, "split", "split by image"),
        ({"poisson": 0.5}, "poisson", "shot noise on 50 % of the training patches"),
    ],
)
def test_parameters_not_ids_tell_what_a_variant_is(changed, kind, words):
    known = {"delpnet": {"epochs": 4}, "odd_name": {"epochs": 4, **changed}}
    run = MadeUp(weights={"odd_name": described("odd_name")})
    base, one = told.variants(["odd_name", "delpnet"], run, {"methods": known})
    assert (base.method, base.kind, base.label) == ("delpnet", told.BASE, "delpnet")
    assert (one.kind, one.words) == (kind, words)
    assert one.bg == changed.get("bg", True)


def test_another_network_is_no_variant():
    run = MadeUp(weights={"wide": {"method": "vgg16"}})
    assert told.variants(["wide", "vgg16"], run, {"methods": {"wide": {}}}) == []


@pytest.mark.parametrize(
    ("method", "parameters", "source"),
    [
        ("input", {}, None),
        ("depth_variant_triangular", {}, "delpnet"),
        ("depth_variant_triangular", {"predictor": None}, None),
        ("inheriting", {}, "delpnet_poisson"),
        ("mine", {}, None),  # a module of one's own
        ("mine", {"predictor": "oracle"}, "oracle"),
        ("mine", {"predictor": "oracle", "level": 16}, "level 16"),
        ("mine", {"command": "deblur {observed} {estimate}"}, None),
    ],
)
def test_who_tells_a_restorer_the_levels(method, parameters, source):
    settings = {"methods": {method: parameters}, "predictors": {"inheriting": "delpnet_poisson"}}
    assert told.levels_from(method, settings) == source


# --- Table 1 ----------------------------------------------------------------------------------


def test_the_label_has_the_papers_values_beside(first, run):
    rows = texts(block(first, "The label bg: held out by field, 6 fields, 198 patches"))
    assert list(rows) == ["without bg (delpnet_no_bg)", "with bg (delpnet)"]
    column = "published accuracy / precision / recall / F1, %"
    assert rows["without bg (delpnet_no_bg)"][column] == "96.8 / 96.6 / 96.9 / 96.7"
    assert rows["with bg (delpnet)"][column] == "98.2 / 98.2 / 98.3 / 98.3"
    for method, row in zip(("delpnet_no_bg", "delpnet"), rows.values(), strict=True):
        (truth, predicted), _ = truth_and_prediction(run, method)
        expected = levels.score(truth, predicted)
        shown = [row[f"{name}, %"] for name in ("accuracy", "precision", "recall", "F1")]
        assert shown == [
            f"{100 * value:.1f}"
            for value in (expected.accuracy, expected.precision, expected.recall, expected.f1)
        ]
    assert rows["with bg (delpnet)"][MINUS] == ""
    assert "two tasks" in first.caption
    assert "not comparable: preset quick" in first.summary


def test_other_choices_have_blocks_of_their_own(first):
    rows = texts(block(first, "Dropout and batch normalisation"))
    assert list(rows) == [
        "dropout 0.25, momentum 0.60 (delpnet)",
        "without dropout (delpnet_no_dropout)",
        "momentum 0.40 (delpnet_bn040)",
    ]
    assert list(texts(block(first, "Size of the patches"))) == [
        "patches of 84 x 84 (delpnet)",
        "patches of 42 x 42, epochs 2 (delpnet_patch42)",
    ]
    rows = texts(block(first, "Shot noise in training"))
    assert next(iter(rows)) == "no shot noise in training (delpnet)"


def test_differences_are_bold_where_their_interval_excludes_0(first):
    data = first.data[first.data["seed"].isna() & (first.data["set"] == "held_out")]
    data = data.set_index("method")
    seen = set()
    for one in first.blocks[:-1]:
        for row in one.rows:
            if "delpnet)" in row[0][0].text:
                continue
            method = row[0][0].text.rpartition("(")[2].rstrip(")")
            part = row[one.header.index(MINUS)][0]
            low, high = data.loc[method, [f"accuracy_minus_delpnet_{e}" for e in ("low", "high")]]
            assert part.bold == (low > 0 or high < 0)
            mean = data.loc[method, "accuracy_minus_delpnet"]
            assert mean == pytest.approx(
                data.loc[method, "accuracy"] - data.loc["delpnet", "accuracy"]
            )
            ends = f"{100 * mean:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
            assert part.text == ends.replace("-", "−")
            seen.add(part.bold)
    assert seen == {True, False}


def test_all_sets_stand_side_by_side(first):
    rows = texts(block(first, "Accuracy on all sets"))
    row = rows["patches of 42 x 42, epochs 2 (delpnet_patch42)"]
    assert row["real fields, blurred by the model"] == DASH
    # two fields give a difference and no interval
    assert "[" not in rows["without bg (delpnet_no_bg)"]["real fields, blurred by the model"]
    assert "[" in rows["without bg (delpnet_no_bg)"]["held out by field, with shot noise"]
    assert "vgg16" not in " ".join(rows)
    assert "delpnet_by_image" not in " ".join(rows)


def test_patches_that_nobody_knows_of_have_a_dash():
    run = results(methods=("delpnet_no_bg",))
    table = table1(run, table_settings())
    rows = texts(block(table, "The label bg"))
    assert rows["without bg (delpnet_no_bg)"]["accuracy where something shows, %"] == DASH
    assert rows["with bg (published alone)"]["accuracy, %"] == ""
    assert "is not known which of them show nothing" in table.caption
    assert MINUS not in block(table, "The label bg").header


def test_where_no_patch_is_empty_all_show_something():
    rows = judged("delpnet")
    rows = rows[rows["truth"] != "bg"].assign(pbg=0.1)
    table = table1(MadeUp(accuracy=rows.reset_index(drop=True)), table_settings())
    row = texts(block(table, "The label bg"))["with bg (delpnet)"]
    assert row["accuracy where something shows, %"] == row["accuracy, %"]


def test_few_fields_have_no_interval_and_nothing_is_bold():
    frames = [judged(m, fields=FIELDS[:4]) for m in ("delpnet", "delpnet_no_dropout")]
    run = MadeUp(
        accuracy=pandas.concat(frames, ignore_index=True),
        weights={"delpnet_no_dropout": described("delpnet_no_dropout")},
    )
    table = table1(run, table_settings())
    assert "**" not in as_markdown(table)
    assert table.data["accuracy_minus_delpnet_low"].isna().all()
    assert table.data["accuracy_minus_delpnet"].notna().sum() == 1


@pytest.mark.parametrize("make", [table1, table2])
def test_without_predictors_the_papers_values_stand_alone(make):
    table = make(MadeUp(), table_settings())
    assert "published values stand alone" in table.caption
    assert "published alone" in as_markdown(table)
    assert len(table.data) == 0
    as_latex(table)


@pytest.mark.parametrize("name", ["first", "second"])
def test_every_form_can_be_written(name, request):
    table = request.getfixturevalue(name)
    back = pandas.read_csv(io.StringIO(as_csv(table)))
    assert len(back) == len(table.data)
    assert r"\end{itemize}" in as_latex(table)
    for words in ("Level 0 is the field as it is", "Each predictor was trained once", "230 counts"):
        assert words in table.caption


# --- Table 2 ----------------------------------------------------------------------------------


def test_sizes_as_trained_at_full_width_and_printed(second):
    rows = texts(block(second, "Parameters"))
    assert rows["vgg16"]["trainable"] == "500"
    assert rows["vgg16"]["Keras total"] == "508"
    assert rows["inception_v3 (not trained here)"]["trainable"] == ""
    printed = published.values("defocus_table2").set_index("network")["params_million"]
    for label, row in rows.items():
        name = label.split(" ")[0]
        if name in printed:
            total = int(row["Keras total at full width"].replace(",", ""))
            assert round(total / 1e6, 1) == printed[name] == float(row["published, million"])
    assert set(printed.index) <= {label.split(" ")[0] for label in rows}
    assert rows["delpnet"]["trainable at full width"] == "2,333,388"
    data = second.data[second.data["method"] == "vgg16"]
    assert set(data["keras_parameters"]) == {508}


def test_counts_come_from_the_weights(run):
    from focusbench.methods.delpnet import Delpnet

    counts = counted(Delpnet(width=0.1).network())._asdict()
    known = {"delpnet": described("delpnet", parameters=counts)}
    table = table2(results(methods=("delpnet",), weights=known), table_settings())
    row = texts(block(table, "Parameters"))["delpnet"]
    shown = [int(row[name].replace(",", "")) for name in ("trainable", "Keras total")]
    assert shown == list(counts.values())


def test_a_network_has_its_scores_speed_and_the_papers(second, run):
    rows = texts(block(second, "Held out by field: 6 fields, 198 patches"))
    assert list(rows)[:4] == ["vgg16", "resnet18", "delpnet", "logistic_features"]
    (truth, predicted), _ = truth_and_prediction(run, "resnet18")
    expected = levels.score(truth, predicted)
    row = rows["resnet18"]
    assert row["within 1 level, %"] == f"{100 * expected.within_one:.1f}"
    assert row["mean error, µm"] == f"{expected.mae_um:.2f}"
    assert row["called bg, %"] == f"{100 * expected.missed:.1f}"
    assert row["published accuracy / recall / F1, %"] == "88.7 / 89.1 / 88.8"
    assert rows["delpnet"]["patches a second"] == "612"
    assert rows["delpnet"]["training, s"] == "42.3"  # mean of two seeds
    assert rows["resnet18"]["training, s"] == DASH
    assert rows["mobilenet_v2 (published alone)"]["accuracy, %"] == ""
    noisy = block(second, "Held out by field, with shot noise")
    assert "patches a second" not in noisy.header
    # a variant that learned from noise stands beside the networks, others in Table 1
    assert set(texts(noisy)) == {*list(rows)[:4], "delpnet_poisson"}
    assert block(second, "Real fields, blurred by the model: 2 fields")


def test_networks_that_the_baseline_beats_are_named(second):
    note = next(note for note in second.notes if "no more accurate" in note)
    assert "held out by field: resnet18" in note
    assert "vgg16" not in note


def test_the_leak_is_counted_and_explained(second, run):
    row = texts(block(second, "Split by image"))["delpnet_by_image"]
    assert row["images tested"] == "55"
    assert row["of them of fields learned from"] == "11"  # of nuclei_train1
    assert row["the same by field"] == "delpnet"
    assert row["published accuracy (by image), %"] == "98.2"
    values = []
    for method, name in (("delpnet_by_image", "image"), ("delpnet", "held_out")):
        (truth, predicted), _ = truth_and_prediction(run, method, name)
        values.append(100 * np.mean(truth == predicted))
    assert row["accuracy by image, %"] == f"{values[0]:.1f}"
    minus = row["by image minus by field"]
    assert minus.startswith(f"{values[0] - values[1]:.1f} [")
    note = next(note for note in second.notes if note.startswith("delpnet_by_image"))
    assert "55 images were tested after 44 to learn from, 11 of them of fields" in note
    assert f"{values[0]:.1f} %" in note
    assert f"{values[1]:.1f} %" in note
    assert "62,865" in second.caption


def test_a_leak_that_does_not_show_is_called_so():
    image = judged("delpnet_by_image", "image", fields=FIELDS, wrong=0.6)
    poor = table2(results(image), table_settings())
    note = next(note for note in poor.notes if note.startswith("delpnet_by_image"))
    assert note.count(" % ") == 2
    assert "this run shows no leak" in note
    good = judged("delpnet_by_image", "image", fields=FIELDS, wrong=-0.1)
    fine = table2(results(good), table_settings())
    assert "this run shows no leak" not in fine.caption


def test_what_the_partner_is_called_is_no_matter_for_the_published_value():
    methods = {**METHODS, "brief": METHODS["delpnet"], "delpnet": {"epochs": 9}}
    own = {one: described(one) for one in ("brief", "delpnet", "delpnet_by_image")}
    rows = [judged("brief"), judged("delpnet"), judged("delpnet_by_image", "image")]
    run = MadeUp(accuracy=pandas.concat(rows, ignore_index=True), weights=own)
    table = table2(run, {**table_settings(), "methods": methods})
    row = texts(block(table, "Split by image"))["delpnet_by_image"]
    assert row["the same by field"] == "brief"
    assert row["published accuracy (by image), %"] == "98.2"


def test_unequal_trainings_and_what_learned_nothing_are_named():
    lengths = {"delpnet": (600, 50.0), "vgg16": (300, 14.0), "resnet18": (550, 20.0)}
    records = [
        {"method": method, "training": "levels-seed0", "steps": steps, "seconds": seconds}
        for method, (steps, seconds) in lengths.items()
    ]
    rows = [judged(one) for one in ("delpnet", "vgg16")]
    lost = judged("resnet18")
    lost["predicted"] = "10"  # of every patch: no more often right than the commonest class
    run = MadeUp(
        accuracy=pandas.concat([*rows, lost], ignore_index=True),
        weights={method: described(method) for method in lengths},
        trainings=records,
    )
    caption = table2(run, table_settings()).caption
    assert "300 steps (vgg16) to 600 steps (delpnet)" in caption
    assert "nor for equally long: 14.0 s (vgg16) to 50.0 s (delpnet)" in caption
    assert "holds there: held out by field: resnet18." in caption
    alike = [{**one, "seconds": 20.0} for one in records]
    run.content["trainings"] = alike
    assert "(delpnet); but about as long." in table2(run, table_settings()).caption
    run.content["trainings"] = [{**one, "steps": 500} for one in alike]
    assert "equally many" not in table2(run, table_settings()).caption.replace("from equally", "")


def test_without_a_by_field_partner_the_leak_has_dashes():
    image = judged("delpnet_by_image", "image", fields=FIELDS[:2])
    table = table2(MadeUp(accuracy=image), table_settings())
    row = texts(block(table, "Split by image"))["delpnet_by_image"]
    assert row["of them of fields learned from"] == DASH
    assert row["accuracy by field, %"] == DASH


def test_what_is_not_reproduced_is_said(second):
    assert "ImageNet" in second.caption
    assert "model hub" in second.caption


def test_real_planes_are_explained():
    run = results(judged("delpnet", "stack", fields=REAL), methods=("delpnet",))
    table = table2(run, table_settings())
    assert block(table, "Real planes of focal stacks: 2 fields")
    assert "what lies beyond the last level counts as the last" in table.caption


def test_variants_differ_in_the_made_up_configuration():
    kinds = {
        one.method: one.kind
        for one in told.variants(
            [name for name in METHODS if name.startswith("delpnet")],
            MadeUp(weights={name: described(name) for name in METHODS}),
            table_settings(),
        )
    }
    assert kinds["delpnet_patch42"] == "side"
    assert kinds["delpnet_by_image"] == "split"


# --- published values -------------------------------------------------------------------------


def test_the_papers_two_tables_share_a_row():
    one = published.values("defocus_table1").set_index("setting").loc["with_bg"]
    other = published.values("defocus_table2").set_index("network").loc["delpnet"]
    for column in ("accuracy_percent", "recall_percent", "f1_percent"):
        assert one[column] == other[column]
    assert len(published.values("defocus_table2")) == 5
    claims = published.values("defocus_claims").set_index("claim")["value"]
    assert claims["depth_variant_psnr_gain_max"] == 6.6
    assert claims["patches_per_second_gtx1060"] == 500
