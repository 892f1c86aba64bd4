"""Figures of what predictors say: what is drawn, and with which numbers."""

import numpy as np
import pandas
import pytest

from focusbench import paths
from focusbench.evaluation.levels import cumulative_match
from focusbench.files import write_json
from focusbench.images import write_volume
from focusbench.paths import Restored
from focusbench.report.figures import save
from focusbench.report.results import Results
from focusbench.solvers.patch_grid import PatchGrid
from focusbench.tracks.defocus import (
    confusion_counts,
    field_statistics,
    figures,
    levels,
    true_levels,
)
from focusbench.training.level_map import BG, LevelMap, class_of

LEVELS = 11
REAL = ("bbbc006_a01_s1", "bbbc006_a02_s1")
HELD_OUT = ("nuclei_test1", "nuclei_test2")
NAMES = ("fig2", "fig3", "fig4", "fig5", "fig6", "data", "stacks")


class Fake(Results):
    """Results of predictors that are held in memory."""

    def __init__(self, root=".", items=(), judged=(), records=(), kinds=None):
        super().__init__("defocus", items, root)
        self.tables, self.records, self.kinds = list(judged), list(records), dict(kinds or {})

    def accuracy(self):
        return pandas.concat(self.tables, ignore_index=True) if self.tables else pandas.DataFrame()

    def trainings(self):
        return pandas.DataFrame(self.records)

    def description(self, method, sample=None):
        kind = self.kinds.get(method)
        return None if kind is None else {"method": kind}


def settings(methods=None, **track):
    known = {
        "optics": {"levels": LEVELS, "step": 2.0, "pixel_size": 0.65},
        **{"predictors": list(methods or ()), "seeds": [0], "judged": [], "stacks": []},
    }
    return {
        **{"preset": "quick", "seed": 7, "differs": {}, "variants": [], "sources": {}},
        "track": {**known, **track},
        "methods": methods or {},
    }


def judged(method, name="held_out", samples=HELD_OUT, right=0.8, bg=True, seed=0, planes=None):
    """Patches, most of them told rightly and the others one level off.

    Of all levels, or of the planes of a stack whose plane 16 is in focus.
    """
    rng = np.random.default_rng([seed, sum(map(ord, method + name))])
    rows = []
    images = [(level, -1) for level in range(LEVELS)]
    if planes is not None:
        images = [(min(abs(plane - 16), LEVELS - 1), plane) for plane in planes]
    for sample in samples:
        for step, plane in images:
            for patch in range(6):
                truth = BG if bg and patch == 0 else step
                predicted = truth
                if rng.random() > right:
                    predicted = 5 if truth == BG else truth + (1 if truth < LEVELS - 1 else -1)
                chances = rng.random(LEVELS + bg)
                chances[class_of(np.array(predicted), LEVELS)] += 2
                given = dict(zip([*(f"p{i}" for i in range(LEVELS)), "pbg"], chances, strict=False))
                place = {"sample": sample, "level": step, "plane": plane, "y": 0, "x": patch}
                said = {"truth": truth, "predicted": predicted}
                rows.append({"method": method, "seed": seed, "set": name, **place, **said, **given})
    return pandas.DataFrame(rows)


def captioned(name, results, told):
    return getattr(figures, name)(results, told), getattr(figures, f"{name}_caption")(results, told)


def sentence(figure):
    return " ".join(text.get_text() for text in figure.texts)


def legend(figure):
    (one,) = figure.legends
    return dict(zip([t.get_text() for t in one.get_texts()], one.legend_handles, strict=True))


# --- all ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_what_is_missing_is_said(name, tmp_path):
    figure, caption = captioned(name, Fake(tmp_path), settings())
    assert figure.texts[0].get_text() in caption
    assert "Preset quick" in caption


# --- fig3: confusion ------------------------------------------------------------------------------


def panels(figure):
    return [axes for axes in figure.axes if axes.images]


def test_fig3_writes_counts_and_shares_of_each_row():
    rows = judged("delpnet", right=0.7)
    figure, caption = captioned("fig3", Fake(judged=[rows]), settings({"delpnet": {}}))
    (axes,) = panels(figure)
    table = np.zeros((12, 12), int)
    for true, said in zip(rows["truth"], rows["predicted"], strict=True):
        table[true, said] += 1  # bg is -1: the last
    shares = axes.images[0].get_array()
    assert np.allclose(shares, table / table.sum(axis=1, keepdims=True))
    texts = [text.get_text() for text in axes.texts]
    assert texts[1::2] == [str(number) for number in table.ravel() if number]
    assert texts[::2] == [f"{100 * share:.0f}" for share in shares.ravel() if share]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [*map(str, range(11)), "bg"]
    right = 100 * np.trace(table) / table.sum()
    assert f"{right:.1f} % right" in axes.get_title()
    assert f"held-out fields (2 fields): {len(rows)} patches, {right:.1f} % right" in caption
    assert "Not judged: real fields, blurred by the model" in caption


def test_fig3_shows_each_set_and_the_first_seed_alone():
    rows = [
        judged("delpnet", "real_poisson", REAL),
        judged("delpnet", "real", REAL),
        judged("delpnet"),
        judged("delpnet", seed=1, right=0.0),
        judged("delpnet", "stack", REAL),
        judged("vgg16", right=0.0),
    ]
    figure, caption = captioned("fig3", Fake(judged=rows), settings({"vgg16": {}, "delpnet": {}}))
    titles = [axes.get_title().partition("\n")[0] for axes in panels(figure)]
    assert titles == [
        "Held-out fields",
        "Real fields, blurred by the model",
        "Real fields, blurred, with shot noise",
    ]
    assert panels(figure)[0].images[0].get_array().diagonal().mean() > 0.6
    assert "Not judged: held-out fields, with shot noise." in caption


def test_fig3_takes_another_predictor_and_other_fields_by_their_name():
    rows = [judged("mine"), judged("mine", "real", ("nuclei_test7",))]
    figure, caption = captioned("fig3", Fake(judged=rows), settings({"mine": {}}))
    assert "levels of mine" in caption
    assert panels(figure)[1].get_title().startswith("Further fields, blurred by the model")


def test_fig3_warns_of_the_split_that_leaks():
    rows = [judged("by_image", "image")]
    _, caption = captioned("fig3", Fake(judged=rows), settings({"by_image": {}}))
    assert "no measure of new fields" in caption


# --- fig4: loss -----------------------------------------------------------------------------------


def record(method, losses, seed=0):
    curve = [
        {"epoch": i + 1, "loss": 1.0, "validation_loss": loss} for i, loss in enumerate(losses)
    ]
    return {"method": method, "training": f"levels-seed{seed}", "details": {"curve": curve}}


def test_fig4_finds_momenta_by_parameters_not_by_ids():
    methods = {
        "delpnet": {"epochs": 4},
        "slow": {"epochs": 4, "keras_momentum": 0.99},
        "delpnet_bn040": {"epochs": 4, "keras_momentum": 0.4, "dropout": 0.0},  # two differences
        "resnet18": {"keras_momentum": 0.99},
    }
    records = [
        record("delpnet", [2.0, 1.0, 0.9, 0.8], seed=1),
        record("delpnet", [2.0, 1.5, 1.2, 1.1]),
        record("slow", [2.0, 4.0, 1.0, 3.0]),
        record("delpnet_bn040", [2.0, 1.0, 1.0, 1.0]),
        record("resnet18", [2.0, 1.0, 1.0, 1.0]),
    ]
    results = Fake(records=records, kinds={"slow": "delpnet", "delpnet_bn040": "delpnet"})
    figure, caption = captioned("fig4", results, settings(methods))
    (axes,) = figure.axes
    drawn = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
    assert drawn == {
        "momentum 0.99 (slow)": [2.0, 4.0, 1.0, 3.0],
        "momentum 0.60 (delpnet)": [2.0, 1.5, 1.2, 1.1],
    }
    assert all(list(line.get_xdata()) == [1, 2, 3, 4] for line in axes.lines)
    assert axes.get_yscale() == "linear"
    assert "Not trained: momentum 0.40" in caption
    assert "0.60 (delpnet): 1.1 after 4 epochs, least 1.1" in caption


def test_fig4_is_logarithmic_where_losses_lie_far_apart():
    results = Fake(records=[record("delpnet", [40.0, 2.0, 4.0, 2.0, 4.0, 2.0])])
    figure, caption = captioned("fig4", results, settings({"delpnet": {}}))
    assert figure.axes[0].get_yscale() == "log"
    assert "swing 2.00" in caption


def test_fig4_without_validation_says_so():
    records = [record("delpnet", [None, None]), record("vgg16", [1.0])]
    figure, _ = captioned("fig4", Fake(records=records), settings({"delpnet": {}}))
    assert "validation loss" in sentence(figure)


# --- fig5, fig6: cumulative match -----------------------------------------------------------------

VARIANTS = {
    "delpnet": {"epochs": 4},
    "a": {"epochs": 4, "bg": False},
    "b": {"epochs": 4, "dropout": 0},
    "c": {"epochs": 4, "side": 42},
    "vgg16": {},
    "logistic_features": {},
    "own": {"module": "mine:Mine"},
}
KINDS = {"a": "delpnet", "b": "delpnet", "c": "delpnet"}


def predictions():
    return [judged(method, bg=method != "a") for method in VARIANTS]


def test_fig5_shows_ablations_by_their_parameters():
    rows = [*predictions(), judged("delpnet", "real", REAL)]
    figure, caption = captioned("fig5", Fake(judged=rows, kinds=KINDS), settings(VARIANTS))
    assert list(legend(figure)) == ["delpnet", 'without "bg"', "without dropout"]
    left, right = figure.axes
    assert [len(line.get_xdata()) for line in left.lines] == [12, 11, 12]
    assert len(right.lines) == 1
    first = rows[0]
    columns = [*(f"p{i}" for i in range(LEVELS)), "pbg"]
    wanted = cumulative_match(first["truth"].to_numpy(), first[columns].to_numpy())
    assert np.allclose(left.lines[0].get_ydata(), 100 * wanted)
    assert list(left.lines[0].get_xdata()) == list(range(1, 13))
    assert f"delpnet {100 * wanted[0]:.1f} %" in caption
    assert 'without "bg" (a)' in caption
    assert "Not judged: without BN." in caption


def test_fig5_says_with_where_delpnet_does_without():
    methods = {
        "delpnet": {"bg": False},
        "a": {"bg": True, "dropout": 0.5},
        "b": {"bg": False, "batch_norm": False},
    }
    rows = [judged(one, bg=one == "a") for one in methods]
    results = Fake(judged=rows, kinds={"a": "delpnet", "b": "delpnet"})
    figure, _ = captioned("fig5", results, settings(methods))
    assert list(legend(figure)) == ["delpnet", 'with "bg", dropout 0.5', "without BN"]


def test_fig5_needs_something_to_compare():
    rows = [judged("delpnet"), judged("vgg16")]
    figure, _ = captioned("fig5", Fake(judged=rows), settings({"delpnet": {}, "vgg16": {}}))
    assert "without any variant" in sentence(figure)


def test_fig6_shows_networks_and_names_variants():
    figure, caption = captioned("fig6", Fake(judged=predictions(), kinds=KINDS), settings(VARIANTS))
    assert list(legend(figure)) == ["delpnet", "vgg16", "logistic_features", "own"]
    assert "Variants are not shown: a, b, c." in caption
    assert "Not judged: inception_v3, resnet18, mobilenet_v2" not in caption.split("Variants")[0]
    for missing in ("inception_v3", "resnet18", "mobilenet_v2"):
        assert missing in caption
    assert "must beat" in caption


def test_a_predictor_looks_the_same_whoever_stands_beside_it():
    few = Fake(judged=[judged("vgg16"), judged("logistic_features")])
    many = Fake(judged=predictions(), kinds=KINDS)
    looks = [
        legend(captioned("fig6", results, settings(VARIANTS))[0])["logistic_features"]
        for results in (few, many)
    ]
    assert looks[0].get_color() == looks[1].get_color()
    assert looks[0].get_marker() == looks[1].get_marker()


# --- stacks ---------------------------------------------------------------------------------------


def test_stacks_are_drawn_by_distance_with_what_is_beyond_the_last_level():
    planes = (16, 18, 12, 0)
    rows = [
        judged("delpnet", "stack", REAL, right=0.5, planes=planes),
        judged("vgg16", "stack", REAL, right=1.0, planes=planes),
        judged("delpnet"),
    ]
    told = settings({"delpnet": {}, "vgg16": {}}, stacks=list(REAL))
    figure, caption = captioned("stacks", Fake(judged=rows), told)
    right, near, mean = figure.axes
    stack = rows[0]
    stack = stack.assign(right=stack["truth"] == stack["predicted"])
    wanted = stack.groupby(["level", "sample"])["right"].mean().groupby("level").mean()
    assert stack["level"].max() == LEVELS - 1  # of the plane 32 um from focus
    assert np.allclose(right.lines[0].get_ydata(), 100 * wanted)
    assert list(right.lines[0].get_xdata()) == [0, 4, 8, 32]  # um
    levelled = stack[(stack["truth"] != BG) & (stack["predicted"] != BG)]
    told = levelled.groupby(["level", "sample"])["predicted"].mean().groupby("level").mean()
    assert np.allclose(mean.lines[0].get_ydata(), told)
    perfect = next(line for line in near.lines if line.get_color() != near.lines[0].get_color())
    assert np.allclose(perfect.get_ydata(), 100)
    assert right.collections  # from the least stack to the most
    names = list(legend(figure))
    assert names == ["delpnet", "vgg16", "delpnet, blurred by the model", "expected"]
    assert "2 real stacks" in caption
    assert "Band: least and most" in caption
    assert "taken for level 10" in caption


def test_stacks_leave_out_variants_before_those_that_know_noise():
    methods = ("a", "b", "delpnet", "vgg16", "inception_v3", "resnet18", "mobilenet_v2", "noisy")
    rows = [judged(one, "stack", REAL[:1], planes=(16, 12)) for one in methods]
    told = settings({**{one: {} for one in methods}, "noisy": {"poisson": 0.5}})
    figure, caption = captioned("stacks", Fake(judged=rows), told)
    shown = ["delpnet", "a", "vgg16", "inception_v3", "resnet18", "mobilenet_v2", "noisy"]
    assert list(legend(figure)) == [*shown, "expected"]
    assert "Not shown: b." in caption
    assert "Band:" not in caption  # of a single stack


def test_stacks_that_a_split_by_image_has_seen_are_told():
    rows = [
        judged("leaky", "stack", REAL[1:], planes=(16, 12)),
        judged("vgg16", "stack", REAL, planes=(16, 12)),
    ]
    methods = {"leaky": {"split": "image"}, "vgg16": {}}
    told = settings(methods, stacks=list(REAL))
    _, caption = captioned("stacks", Fake(judged=rows), told)
    left_out = f"Left out of leaky, split by image: {REAL[0]}, whose fields the training draws"
    assert left_out in caption
    assert f"2 real stacks ({', '.join(REAL)}; {len(rows[1])} patches)" in caption
    _, caption = captioned("stacks", Fake(judged=rows[1:]), settings({"vgg16": {}}, stacks=[*REAL]))
    assert "Left out" not in caption
    both = judged("leaky", "image")  # of no stack
    _, caption = captioned("stacks", Fake(judged=[both, rows[1]]), told)
    assert f"Left out of leaky, split by image: {', '.join(REAL)}, whose" in caption
    alone = settings({"leaky": {"split": "image"}}, stacks=list(REAL))
    figure, caption = captioned("stacks", Fake(judged=[both]), alone)
    for text in (sentence(figure).replace("\n", " "), caption):
        assert "No predictor was judged on real stacks. Left out of leaky" in text
        assert "none are configured" not in text


# --- fig2: levels of a field ----------------------------------------------------------------------

SIDE, SHAPE = 16, (40, 56)


def field(root, sample, degradation, about, said):
    """Files of an observation, and what predictors say of its patches."""
    rng = np.random.default_rng(1)
    truth = rng.integers(100, 900, SHAPE).astype(np.float32)
    write_volume(root / paths.truth("defocus", sample), truth, "YX", (0.65, 0.65))
    path = root / paths.observed("defocus", sample, degradation)
    write_volume(path, truth + 1, "YX", (0.65, 0.65))
    write_json(root / paths.observation_record("defocus", sample, degradation), about)
    grid = PatchGrid(SHAPE, SIDE, "triangular")
    corners = np.stack(np.meshgrid(*grid.starts, indexing="ij"), axis=-1).reshape(-1, 2)
    for predictor, told in said.items():
        given = np.zeros((len(corners), LEVELS + 1), np.float32)
        path = root / paths.levels("defocus", sample, degradation, predictor, 0)
        levels.write(path, LevelMap(SHAPE, SIDE, corners, told(grid).ravel(), given, bg=True))


def numbers(axes):
    return [int(text.get_text()) for text in axes.texts if text.get_text().isdigit()]


def test_fig2_shows_true_and_predicted_levels_of_the_same_patches(tmp_path):
    wide = PatchGrid(SHAPE, SIDE, "triangular")
    grid = PatchGrid(SHAPE, SIDE)
    tilted = {"kind": "tilted", "lowest": 0, "highest": 10, "angle": 0}
    about = {"levels": {**tilted, "background": [0]}}
    one_off = {
        "delpnet": lambda grid: np.maximum(true_levels.patch_levels(about["levels"], grid), 1),
        "delpnet_poisson": lambda grid: np.full(grid.count, BG),
    }
    field(tmp_path, "nuclei_test1", "tilted_poisson", about, one_off)
    even = {"levels": {"kind": "even", "level": 4, "background": []}}
    field(tmp_path, "nuclei_test1", "level04", even, {"delpnet": lambda g: np.full(g.count, 4)})
    items = [
        Restored("nuclei_test1", name, "depth_variant_field", 0)
        for name in ("tilted_poisson", "level04", "stepped")
    ]
    told = settings({"delpnet": {}, "delpnet_poisson": {}})
    figure, caption = captioned("fig2", Fake(tmp_path, items), told)
    above = [axes for axes in figure.axes if axes.get_subplotspec() is not None][:10]
    titles = ["in focus", "observed", "true levels", "delpnet says", "delpnet_poisson says"]
    assert [axes.get_title() for axes in above[:5]] == titles
    true, said, other = (axes.collections[0].get_array() for axes in above[2:5])
    wanted = true_levels.patch_levels(about["levels"], grid)
    assert wanted[0, 0] == BG
    assert true.shape == grid.count
    assert np.array_equal(true.filled(BG), wanted)
    assert true.mask[0, 0]
    assert np.array_equal(said.filled(BG), np.maximum(wanted, 1))
    assert other.mask.all()
    # each full patch has its number; what is bg has hatching in its place
    inside = wanted[:-1, :-1]
    assert numbers(above[2]) == [int(one) for one in inside.ravel() if one != BG]
    assert len(above[4].patches) == grid.count[0] * grid.count[1]
    edges = above[2].collections[0].get_coordinates()
    assert edges[0, :, 0].tolist() == [-0.5, 15.5, 31.5, 47.5, 55.5]
    assert numbers(above[8])  # level04
    assert [text.get_text() for text in above[9].texts] == ["not known"]  # no such map
    right = int((wanted == np.maximum(wanted, 1)).sum())
    assert above[3].get_xlabel().startswith(f"{right} of {wanted.size} right")
    assert f"tilted_poisson, delpnet: of {wanted.size} patches {right} right" in caption
    assert "Not shown: stepped." in caption
    bar = figure.axes[-1]
    assert bar.get_xticklabels()[3].get_text() == "3\n6"  # level, um
    assert wide.count != grid.count


def test_fig2_has_no_empty_band_above_its_headings(tmp_path):
    def threes(grid):
        return np.full([len(starts) for starts in grid.starts], 3)

    for name in ("delpnet", "delpnet_with_a_long_name"):
        folder = tmp_path / name
        field(folder, "a", "level03", {"levels": None}, {name: threes})
        told = settings(methods={"mine": {"predictor": name}}, predictors=[name])
        figure, _ = captioned("fig2", Fake(folder, [Restored("a", "level03", "mine", 0)]), told)
        figure.draw_without_rendering()
        tops = [axes.title.get_window_extent().y1 for axes in figure.axes if axes.get_title()]
        free = (figure.bbox.height - max(tops)) / figure.dpi
        assert 0 <= free < 0.15  # inches


def test_fig2_of_a_recording_knows_no_true_levels(tmp_path):
    seen = {"delpnet": lambda grid: np.full(grid.count, 3)}
    field(tmp_path, "mine", "recorded", {"levels": None}, seen)
    (tmp_path / paths.truth("defocus", "mine")).unlink()
    items = [Restored("mine", "recorded", "depth_variant_field", 0)]
    figure, caption = captioned("fig2", Fake(tmp_path, items), settings({"delpnet": {}}))
    missing = [axes for axes in figure.axes if "not known" in [t.get_text() for t in axes.texts]]
    assert len(missing) == 2
    assert "true levels not known" in caption
    save(figure, tmp_path / "fig2.png", caption=caption)
    assert (tmp_path / "fig2.png").stat().st_size > 5000


def test_fig2_asks_those_who_tell_restorers(tmp_path):
    about = {"levels": {"kind": "even", "level": 2, "background": []}}
    field(tmp_path, "a", "level02", about, {"mine": lambda grid: np.full(grid.count, 2)})
    items = [Restored("a", "level02", "restorer", 0)]
    told = settings({"restorer": {"predictor": "mine"}})
    _, caption = captioned("fig2", Fake(tmp_path, items), told)
    assert "said of each by mine" in caption


# --- data -----------------------------------------------------------------------------------------


def prepare(root, samples, offset=0.0):
    rng = np.random.default_rng(2)
    made = {}
    for number, sample in enumerate(samples):
        array = (rng.poisson(300, (48, 64)) * (1 + number) + offset).astype(np.float32)
        write_volume(root / paths.truth("defocus", sample), array, "YX", (0.65, 0.65))
        made[sample] = array
    return made


def test_data_shows_statistics_of_synthetic_and_real_fields(tmp_path):
    synthetic = prepare(tmp_path, [*HELD_OUT, "nuclei_test3"])
    real = prepare(tmp_path, REAL, 200)
    items = [Restored(sample, "tilted", "input", 0) for sample in synthetic]
    told = settings(judged=list(REAL))
    told["sources"] = dict.fromkeys(synthetic, "nuclei")
    figure, caption = captioned("data", Fake(tmp_path, items), told)
    left, right = [axes for axes in figure.axes if axes.get_xscale() == "log"][:2]
    names = [text.get_text() for text in left.get_legend().get_texts()]
    assert names == [
        "synthetic, 3 fields",
        "real (BBBC006), 2 fields",
        "real (BBBC006), 9 fields measured before",
    ]
    for line, fields in zip(right.lines, (synthetic, real), strict=False):
        powers = [field_statistics.spectrum(one) for one in fields.values()]
        with np.errstate(all="ignore"):
            assert np.allclose(line.get_ydata(), np.median(powers, axis=0), equal_nan=True)
    shown = [axes for axes in figure.axes if axes.images and axes.get_title()]
    assert [axes.get_title() for axes in shown] == [
        "synthetic: nuclei_test2",  # of three, the one in the middle
        "real (BBBC006): bbbc006_a01_s1",
    ]
    assert "bbbc006_a01_s1, bbbc006_a02_s1" in caption
    assert "too few of which are configured" in caption


def test_data_without_real_fields_takes_what_is_shipped(tmp_path):
    samples = prepare(tmp_path, HELD_OUT)
    items = [Restored(sample, "tilted", "input", 0) for sample in samples]
    told = settings()
    told["sources"] = dict.fromkeys(samples, "nuclei")
    figure, caption = captioned("data", Fake(tmp_path, items), told)
    _, right = [axes for axes in figure.axes if axes.get_xscale() == "log"][:2]
    known, source = field_statistics.shipped()
    assert np.allclose(right.lines[1].get_ydata(), known.power[2])
    shown = [axes.get_title() for axes in figure.axes if axes.images and axes.get_title()]
    assert sorted(shown) == [f"synthetic: {sample}" for sample in sorted(HELD_OUT)]
    assert "No real field is configured, so none is shown" in caption
    assert "come with the package" in caption
    assert source[1:40] in caption


# --- what they share ------------------------------------------------------------------------------


def test_levels_are_read_as_words_or_numbers():
    rows = judged("delpnet")
    words = rows.assign(truth=rows["truth"].astype(str).replace("-1", "bg"))
    found = [
        confusion_counts.judged(
            confusion_counts.table(Fake(judged=[one])), "delpnet", "held_out", LEVELS
        )
        for one in (rows, words)
    ]
    assert np.array_equal(found[0].truth, found[1].truth)
    assert found[0].probabilities.shape[1] == LEVELS + 1
