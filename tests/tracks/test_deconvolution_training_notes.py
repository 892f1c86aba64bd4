"""What tables of the deconvolution track say of trainings, from made-up results."""

import copy

import pytest
from table_texts import rescore

from focusbench.tracks.deconvolution.learned import read
from focusbench.tracks.deconvolution.tables import recordings, table1, table2, table3
from focusbench.tracks.deconvolution.training_notes import CHOSEN, duration

LITTLE = "Learned methods whose mean PSNR is below"


@pytest.fixture
def settings(deconvolution_settings):
    return deconvolution_settings


@pytest.mark.parametrize("make", [table1, table2, table3])
def test_what_was_trained_on_is_said(learned, deconvolved, settings, make):
    assert "Trained: " not in make(deconvolved, settings).caption
    caption = make(learned, settings).caption
    assert "on train1, train2 as snr20 and on nothing else" in caption
    assert "watched on validation1" in caption
    assert "does not print how many steps" in caption
    assert "sharp crops of one place: supervised_mse, supervised_gan." in caption
    assert (
        "that are no pairs: cyclegan, cyclegan_blur_kernel, cyclegan_blur_kernel_nonblind."
        in caption
    )
    assert "supervised_mse 300 steps, 2.1 min, 4.2 % of it loading crops" in caption
    assert CHOSEN["quick"] in caption
    assert CHOSEN["quick"] not in make(learned, {**settings, "preset": "paper"}).caption


def test_who_learned_little_is_named(learned, settings):
    (note,) = [note for note in table1(learned, settings).notes if note.startswith(LITTLE)]
    scores = learned.scores().groupby("method")["psnr_volume"].mean()
    lost = scores["affine_input"] - scores["cyclegan"]
    assert f"affine_input: cyclegan by {lost:.2f} dB (snr20)." in note
    assert "cyclegan_blur_kernel" not in note
    assert "the paper trained 7 million parameters for 10 hours on a GPU" in note
    paper = {**settings, "preset": "paper"}
    (note,) = [note for note in table1(learned, paper).notes if note.startswith(LITTLE)]
    assert "10 hours" not in note
    # the conventional cycleGAN is not in that table
    assert LITTLE not in table3(learned, settings).caption


def test_methods_keep_the_order_of_the_tables(learned):
    shuffled = copy.copy(learned)
    shuffled.trained = sorted(learned.trained)
    assert [one.method for one in read(shuffled)] == [one.method for one in read(learned)]


def test_nothing_is_said_where_all_learned(make_deconvolution, make_trainings, settings, tmp_path):
    methods = ("affine_input", "cyclegan", "wiener")
    results = make_deconvolution(tmp_path, degradations=("snr20",), methods=methods)
    results = make_trainings(results, [("cyclegan", "snr20-seed0")])
    assert LITTLE in table1(results, settings).caption
    for item in results.items:
        if item.method == "cyclegan":
            rescore(results, item, psnr_volume=40.0)
        if item.method == "wiener":  # below, but nothing that learns
            rescore(results, item, psnr_volume=1.0)
    assert LITTLE not in table1(results, settings).caption


def test_a_record_of_its_own_kind_breaks_nothing(
    make_deconvolution, make_trainings, settings, tmp_path
):
    results = make_deconvolution(tmp_path, degradations=("snr20",), methods=("input", "mine"))
    training = [("mine", "snr20-seed0")]
    results = make_trainings(results, training, details=None, seconds=None, steps=None)
    caption = table1(results, settings).caption
    assert "Trained: mine" in caption
    assert "Length of a training" not in caption


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0.40 s"), (52.3, "52 s"), (126, "2.1 min"), (5400, "90 min"), (36000, "10 h")],
)
def test_a_time_is_written_in_the_unit_that_suits_it(seconds, text):
    assert duration(seconds) == text


NO_BETTER = "Learned methods that, by RMS residual, explain the recording no better than a trivial"
ELSEWHERE = "Trained on made volumes, not on recordings: "


@pytest.fixture
def recorded(make_deconvolution, make_trainings, settings, tmp_path):
    """Recordings, one with a truth; residuals of pollen: 9 of nothing, 4 of itself blurred."""
    methods = ("zeros", "input", "affine_input", "wiener", "supervised_mse", "of_recordings")
    results = make_deconvolution(
        tmp_path,
        samples=("bars", "pollen"),
        degradations=("recorded",),
        methods=methods,
        truth_of=lambda sample: sample != "pollen",
    )
    residuals = {"zeros": 9.0, "input": 4.0, "wiener": 99.0, "supervised_mse": 9.0}
    for item in results.items:
        if item.sample == "pollen":
            rescore(results, item, rms_residual=residuals.get(item.method, 3.9))
        elif item.method == "of_recordings":
            rescore(results, item, psnr_volume=1.0, rms_residual=99.0)
    settings["sources"] = dict.fromkeys(("bars", "pollen"), "fluorescence")
    return make_trainings(
        results, [("supervised_mse", "snr20-seed0"), ("of_recordings", "recorded-seed0")]
    )


@pytest.mark.parametrize("make", [table1, recordings])
def test_recordings_are_judged_by_what_is_known(recorded, settings, make):
    notes = make(recorded, settings).notes
    (little,) = [note for note in notes if note.startswith(LITTLE)]
    scores = recorded.scores().set_index(["sample", "method"])["psnr_volume"]
    lost = scores["bars", "affine_input"] - 1
    assert f"affine_input: of_recordings by {lost:.2f} dB (recorded bars)." in little
    (residual,) = [note for note in notes if note.startswith(NO_BETTER)]
    # as large as that of nothing is not below it; those with a truth are judged by it
    assert residual.endswith("supervised_mse than zeros and input (pollen).")
    for item in recorded.items:
        if item.sample == "pollen" and item.method == "supervised_mse":
            rescore(recorded, item, rms_residual=5.0)
    assert "supervised_mse than input (pollen)." in make(recorded, settings).caption
    for item in recorded.items:
        if item.sample == "pollen" and item.method == "supervised_mse":
            rescore(recorded, item, rms_residual=3.0)
    assert NO_BETTER not in make(recorded, settings).caption


@pytest.mark.parametrize("make", [table1, recordings])
def test_weights_of_made_volumes_have_their_unit(recorded, learned, settings, make):
    (note,) = [note for note in make(recorded, settings).notes if note.startswith(ELSEWHERE)]
    assert note.startswith(f"{ELSEWHERE}supervised_mse. ")
    assert "in the training's unit of intensity, [0, 1] for made volumes" in note
    assert "residual tells nothing of its shape" in note
    assert ELSEWHERE not in make(learned, settings).caption


def test_what_the_user_set_was_not_chosen(learned, recorded, settings):
    simulated = "chosen on simulated volumes, not on recordings"
    caption = table1(learned, settings).caption
    assert CHOSEN["quick"] in caption
    assert "stand in the preset" not in caption
    assert simulated not in caption
    settings["differs"]["methods.deconvolution.cyclegan.steps"] = 50
    assert (
        f"{CHOSEN['quick']} This is said of parameters that stand in the preset, so not of "
        "cyclegan.steps." in table1(learned, settings).caption
    )
    assert simulated in recordings(recorded, settings).caption
    assert simulated in table1(recorded, settings).caption
