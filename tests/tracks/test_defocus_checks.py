"""What the defocus track refuses before any work starts, each with one line."""

import dataclasses

import numpy as np
import pytest
import tifffile
import yaml

from focusbench import config as configuration
from focusbench import methods, plan
from focusbench.errors import InputError
from focusbench.tracks.defocus import checks

TRACK = "defocus"
FAR = "z00_mcf-z-stacks-03212011_a01_s1_w1a571d43d-5554-47fd-bb54-5db68290e5a7.tif"
OWN = {"samples": ["mine"], "methods": ["depth_variant_field"]}


def build(section=None, methods=None, data=None):
    tracks = {"defocus": {"samples": ["nuclei_test1"], **(section or {})}}
    user = {"preset": "test", "tracks": tracks, "methods": {"defocus": methods or {}}}
    return configuration.build({**user, "data": data or {}})


def refused(*parts, **more):
    with pytest.raises(InputError) as caught:
        build(*parts, **more)
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 600
    return line.removeprefix("config: ")


@pytest.fixture
def image(tmp_path):
    """A field of 90 x 100 pixels."""
    counts = np.random.default_rng(0).integers(100, 4000, (90, 100)).astype(np.uint16)
    tifffile.imwrite(tmp_path / FAR, counts, photometric="minisblack")
    return tmp_path / FAR


def entry(image, **keys):
    return {"defocused": {"mine": {"path": str(image), "pixel_size": 0.65, **keys}}}


def test_the_presets_pass():
    for preset in configuration.PRESETS:
        configuration.build({"preset": preset})


def test_what_is_taken_for_a_default_is_one():
    for name in ("delpnet", "logistic_features"):
        fields = {one.name: one.default for one in dataclasses.fields(methods.load(TARGET[name]))}
        assert {key: fields[key] for key in checks.DEFAULTS if key in fields} == {
            key: value for key, value in checks.DEFAULTS.items() if key in fields
        }
        assert {"side", "n_levels"} <= set(fields)


TARGET = {name: entry.target for name, entry in methods.TABLE.items()}


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"optics": {"numerical_aperture": 1.0}}, "optics.numerical_aperture: 1.0 is not accepted"),
        ({"optics": {"side": 50}}, "optics.side: 50 is not accepted; an odd"),
        (
            {"samples": ["nuclei_tets1"]},
            "(did you mean 'nuclei_test1'?); accepted: nuclei_test1 to",
        ),
        ({"degradations": ["level11"]}, "'level11' is unknown; accepted: level00 to level10"),
        ({"degradations": ["tilted_na1.05"]}, "'tilted_na1.05' is unknown"),
        ({"tilted": {"highest": 11}, "degradations": ["tilted"]}, "tilted: level 11 is not"),
        ({"tilted": {"lowest": -12}, "degradations": ["tilted"]}, "tilted: level 12 is not"),
        ({"stepped": {"levels": [0, 11]}, "degradations": ["stepped"]}, "stepped: level 11 is"),
        ({"offmodel": {"level": 10.5}, "degradations": ["offmodel"]}, "offmodel: level 10.5 is"),
        ({"predictors": ["depth_invariant"]}, "predictors: unknown predictor 'depth_invariant'"),
        ({"methods": ["delpnet"]}, "methods: unknown method 'delpnet'"),
        ({"patch": 101}, "tracks.defocus.patch: 101 is not accepted; nuclei_train1 has 100 x 120"),
        ({"nuclei": {"shape": [84, 83]}}, "tracks.defocus.nuclei.shape.1: 83 is not accepted"),
        ({"judged": ["nuclei_tes"]}, "judged: unknown sample 'nuclei_tes' (did you mean"),
        ({"stacks": ["nuclei_test2"]}, "stacks: nuclei_test2 has no recorded planes"),
        ({"stacks": ["bbbc006_a01_s1"]}, "data.bbbc006.planes: None is not accepted"),
    ],
)
def test_the_section(section, said):
    assert said in refused(section)


def test_levels_that_the_optics_do_not_have():
    fewer = {"optics": {"levels": 6}, "predictors": [], "methods": ["depth_variant_field_oracle"]}
    oracle = {"depth_variant_field_oracle": {"uses": "depth_variant_field", "predictor": "oracle"}}
    line = refused({**fewer, "degradations": ["level06_poisson"]}, oracle)
    assert line.startswith("tracks.defocus.degradations: level 6 is not accepted; ")
    assert line.endswith("optics.levels is 6: 0 to 5")
    study = {"studies": {"levels": {"degradations": ["level05", "level07"]}}}
    line = refused({**fewer, **study, "degradations": ["level05"]}, oracle)
    assert line.startswith("tracks.defocus.studies.levels.degradations: level 7 is not")
    assert build({**fewer, "degradations": ["level05"]}, oracle)


def test_predictors():
    line = refused(None, {"depth_variant_field": {"predictor": "delpnte"}})
    assert line.startswith("methods.defocus.depth_variant_field.predictor: unknown predictor")
    assert "(did you mean 'delpnet'?); accepted: oracle, delpnet, vgg16" in line
    assert refused(None, {"blind": {"predictor": "blind"}})
    line = refused(None, {"delpnet": {"n_levels": 12}})
    assert line == (
        "methods.defocus.delpnet.n_levels: 12 is not accepted; 11, as "
        "tracks.defocus.optics.levels says"
    )
    large = {"large": {"uses": "delpnet", "side": 104}}
    assert build(None, large)  # nobody asks it
    chosen = {"predictors": [], "methods": ["depth_variant_field"]}
    line = refused(chosen, {**large, "depth_variant_field": {"predictor": "large"}})
    assert line.startswith("methods.defocus.large.side: 104 is not accepted; nuclei_train1 has")
    method, leaks = "depth_variant_triangular", {"predictor": "delpnet_by_image"}
    line = refused(None, {method: leaks})
    assert line.startswith(f"tracks.defocus.methods: {method} is not accepted; its predictor delp")
    assert build(None, {method: {**leaks, "level": 3}})


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"samples": ["nuclei_train2"]}, "training.samples: nuclei_train2 is tested on too (t"),
        ({"samples": ["nuclei_validation1"]}, "training.validation: nuclei_validation1 is tes"),
        ({"judged": ["nuclei_train1"]}, "training.samples: nuclei_train1 is tested on too (tr"),
        (
            {"studies": {"phantoms": {"samples": ["nuclei_train1"]}}},
            "nuclei_train1 is tested on too (tracks.defocus.studies.phantoms.samples)",
        ),
        (
            {"training": {"validation": ["nuclei_train2"]}},
            "training.validation: nuclei_train2 is in tracks.defocus.training.samples too",
        ),
        ({"training": {"samples": ["mine"]}}, "training.samples: unknown sample 'mine'; accept"),
    ],
)
def test_what_is_learned_from_is_never_tested_on(section, said):
    assert said in refused(section)


def test_stacks_want_planes(tmp_path):
    stacks = {"stacks": ["bbbc006_a01_s1"]}
    assert "planes: [15, 16] is" in refused(stacks, data={"bbbc006": {"planes": [15, 16]}})
    assert build(stacks, data={"bbbc006": {"planes": [15, 16, 17]}})
    assert build(stacks, data={"bbbc006": {"directory": str(tmp_path)}})
    line = refused(data={"bbbc006": {"directory": "/no/such/folder"}})
    assert line == "data.bbbc006.directory: there is no folder '/no/such/folder'"
    assert "planes.0: 34 is not accepted" in refused(data={"bbbc006": {"planes": [34]}})


# --- what is asked for by the name of a file ------------------------------------------------------

VARIANTS = {
    "told": {"uses": "depth_variant_field", "predictor": "oracle"},
    "fixed": {"uses": "depth_variant_field", "level": 10},
    "leaky": {"uses": "depth_variant_field", "predictor": "delpnet_by_image"},
    "leaky_level": {"uses": "depth_variant_field", "predictor": "delpnet_by_image", "level": 3},
    "own": {"module": "focusbench.methods.command:Command", "trains_on": "levels"},
}


@pytest.mark.parametrize("sample", ["nuclei_train1", "nuclei_validation1"])
def test_no_file_of_what_was_learned_from(sample):
    config = build(None, VARIANTS)
    role = {"nuclei_train1": "samples", "nuclei_validation1": "validation"}[sample]
    asked = (TRACK, sample, "level07_poisson")
    plan.observed_parameters(config, *asked)
    for method in ("told", "fixed", "leaky_level", "input"):
        plan.restore_parameters(config, *asked, method)
    for method, ask in (
        ("depth_variant_field", plan.restore_parameters),
        ("depth_variant_field", plan.timing_parameters),
        ("own", plan.restore_parameters),
        ("delpnet", plan.levels_parameters),
    ):
        with pytest.raises(InputError) as caught:
            ask(config, *asked, method)
        line = str(caught.value)
        assert line.startswith(f"{sample}: {method}")
        assert f"the field is in tracks.defocus.training.{role}, and" in line
        assert line.endswith("accepted: another field, an oracle or a `level`")
    for method in ("depth_variant_field", "own"):
        plan.restore_parameters(config, TRACK, "nuclei_test1", "level07_poisson", method)


def test_no_file_told_by_a_split_by_image():
    config = build(None, VARIANTS)
    asked = (TRACK, "nuclei_test1", "level07_poisson")
    plan.restore_parameters(config, *asked, "leaky_level")
    for method, ask in (
        ("leaky", plan.restore_parameters),
        ("delpnet_by_image", plan.levels_parameters),
    ):
        with pytest.raises(InputError) as caught:
            ask(config, *asked, method)
        line = str(caught.value)
        assert line.startswith(f"nuclei_test1: {method}")
        assert "learned from the test fields at other levels (split: image); accepted:" in line
        assert "\n" not in line


def test_no_file_of_an_image_of_a_field_that_was_learned_from(image):
    learned = {"training": {"samples": ["bbbc006_a01_s1"]}}
    config = build(learned, VARIANTS, entry(image))  # nobody selects it
    asked = (TRACK, "mine", "recorded")
    plan.restore_parameters(config, *asked, "fixed")
    with pytest.raises(InputError, match=r"is of bbbc006_a01_s1, which is in"):
        plan.restore_parameters(config, *asked, "depth_variant_field")
    other = build(None, VARIANTS, entry(image))
    plan.restore_parameters(other, *asked, "depth_variant_field")


# --- images of a user's own -----------------------------------------------------------------------


def test_an_image_of_ones_own(image):
    assert build(OWN, data=entry(image))
    assert build(OWN, data=entry(image, level=16, numerical_aperture=0.5))


def test_images_that_cannot_be_used(image):
    for keys, said in (
        ({"truth": "none.tif"}, "data.defocused.mine.truth: there is no file 'none.tif'"),
        ({"numerical_aperture": 1.1}, "data.defocused.mine.numerical_aperture: 1.1 is not"),
        ({"level": -1}, "data.defocused.mine.level: -1 is not accepted; accepted: number >= 0"),
        ({"psf": "p.tif"}, "data.defocused.mine.psf: unknown key 'psf'"),
    ):
        assert refused(OWN, data=entry(image, **keys)).startswith(said)
    counts = tifffile.imread(image)
    for wrong, said in (
        (counts.astype(np.uint8), "a 16-bit grey image is wanted"),
        (counts[:80], "is 100 x 80 pixels; at least 84 x 84 are wanted"),
        (np.full_like(counts, 9), "is constant"),
        (np.minimum(counts, 2047), "is saturated"),
    ):
        tifffile.imwrite(image, wrong, photometric="minisblack")
        line = refused(OWN, data=entry(image))
        assert line.startswith(f"{image}: ")
        assert said in line
    assert build(data=entry(image))  # nobody asks for it


def test_an_oracle_needs_a_true_level(image):
    oracle = {"told": {"uses": "depth_variant_field", "predictor": "oracle"}}
    chosen = {"samples": ["mine"], "methods": ["told"]}
    line = refused(chosen, oracle, entry(image))
    assert line.startswith("data.defocused.mine.level: is missing; told is told the true level")
    assert build(chosen, oracle, entry(image, level=10))


@pytest.mark.parametrize(
    "keys", [{"wavelength": 0.6}, {"pixel_size": 0.325}, {"numerical_aperture": 0.4}]
)
def test_a_predictor_cannot_tell_the_levels_of_another_lens(image, keys):
    (key,) = keys
    line = refused(OWN, data=entry(image, **keys))
    assert line.startswith(f"data.defocused.mine.{key}: {keys[key]} is not accepted for depth_")
    assert build(OWN, {"depth_variant_field": {"level": 10}}, entry(image, **keys))
    assert build({**OWN, "optics": keys}, data=entry(image, **keys))


def test_an_image_smaller_than_the_patch_of_its_predictor(image):
    section = {**OWN, "predictors": [], "nuclei": {"shape": [200, 200]}}
    line = refused(section, {"delpnet": {"side": 92}}, entry(image))
    assert line.endswith("has 90 x 100 pixels (y, x), but a patch of delpnet 92 x 92")


@pytest.mark.parametrize("role", ["samples", "validation"])
@pytest.mark.parametrize("key", ["path", "truth"])
def test_an_image_of_a_field_that_is_learned_from(image, tmp_path, role, key):
    other = tmp_path / "other.tif"
    other.write_bytes(image.read_bytes())
    data = entry(other, **{key: str(image)})
    learned = {"training": {role: ["bbbc006_a01_s1"]}}
    line = refused({**OWN, **learned}, data=data)
    assert line.startswith(f"data.defocused.mine.{key}: {image} is of bbbc006_a01_s1, which is in")
    assert build({**OWN, "training": {role: ["bbbc006_a02_s1"]}}, data=data)


# --- the examples ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bbbc006", "bbbc006_unseen", "own_defocused"])
def test_examples(root, image, monkeypatch, name):
    (image.parent / "bbbc006").mkdir()
    for file in (FAR, "BBBC006_z_aligned__a01__s1__w1_10.png"):
        (image.parent / "bbbc006" / file).write_bytes(image.read_bytes())
    monkeypatch.chdir(root if name == "own_defocused" else image.parent)
    user = yaml.safe_load((root / f"examples/{name}.yaml").read_text(encoding="utf-8"))
    section = configuration.build(user)["tracks"]["defocus"]
    assert section["studies"].keys() == {"recordings"}
    if name == "bbbc006":
        chosen = section["training"]
        assert (len(section["samples"]), len(chosen["samples"])) == (3, 6)
    if name == "bbbc006_unseen":
        assert len(section["judged"]) == 9
