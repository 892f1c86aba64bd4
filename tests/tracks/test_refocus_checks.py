"""What the refocus track refuses before any work starts, each with one line."""

import os

import numpy as np
import pytest
import tifffile

from focusbench.data import cytology
from focusbench.errors import InputError
from focusbench.tracks.refocus import checks

SHAPE = (40, 48)


def field(path, planes=3, shape=SHAPE, dtype=np.uint8, colours=3):
    array = np.random.default_rng(0).integers(0, 256, (planes, *shape, colours)).astype(dtype)
    tifffile.imwrite(path, array, photometric="rgb")
    return str(path)


@pytest.fixture
def entries(tmp_path):
    """Own fields of slides a (two), b and c."""
    found = {}
    for name in ("a1", "a2", "b1", "c1"):
        path = field(tmp_path / f"{name}.tif")
        found[name] = {"path": path, "slide": name[0], "planes": 3}
        found[name] |= {"z_step": 2.7, "pixel_size": 0.243}
    return found


def config(slides=None, *, bbbc006=None, trains_on=None, methods=None, selected=None, **section):
    section = {
        "samples": ["cytology_s4_f1"],
        "training": {"samples": ["cytology_s1_f1"], "validation": ["cytology_s6_f1"]},
        **section,
        **({} if selected is None else {"methods": selected}),
        "cytology": {**cytology.RECIPE, "planes": 3, **section.get("cytology", {})},
    }
    return {
        "tracks": {"refocus": section},
        "data": {"slides": slides or {}, "bbbc006": bbbc006 or {"directory": None, "planes": None}},
        "methods": {"refocus": {"method": {"trains_on": trains_on}, **(methods or {})}},
    }


def learning(samples, validation=()):
    return {"samples": list(samples), "validation": list(validation)}


def refused(*given, **more):
    with pytest.raises(InputError) as caught:
        checks.check(config(*given, **more))
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith("config: ")
    return line.removeprefix("config: ")


def test_what_is_accepted(entries):
    checks.check(config())
    checks.check(config(entries))  # not used: not looked at
    checks.check(config(entries, samples=["a1", "a2"], training=learning(["b1"], ["c1"])))
    checks.check(config(entries, samples=["a1"], training=learning(["cytology_s4_f1"])))
    again = {"mismatch": {"samples": ["cytology_s4_f2"]}, "jpeg": {}}
    checks.check(config(studies=again))  # a slide may be tested on twice


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (
            {"samples": ["cytology_s1_f2"]},
            "tracks.refocus.samples: cytology_s1_f2 is of slide 1, and so is cytology_s1_f1 in "
            "tracks.refocus.training.samples; a slide may be learned from, chosen with or tested "
            "on, one of these",
        ),
        (
            {"training": learning(["cytology_s1_f1"], ["cytology_s1_f2"])},
            "tracks.refocus.training.validation: cytology_s1_f2 is of slide 1, and so is",
        ),
        (
            {"studies": {"jpeg": {"samples": ["cytology_s6_f9"]}}},
            "tracks.refocus.studies.jpeg.samples: cytology_s6_f9 is of slide 6, and so is "
            "cytology_s6_f1 in tracks.refocus.training.validation",
        ),
    ],
)
def test_a_slide_with_two_roles(section, said):
    assert refused(**section).startswith(said)


def test_own_slides_and_wells_with_two_roles(entries, tmp_path):
    line = refused(entries, samples=["a1"], training=learning(["a2"]))
    assert line.startswith("tracks.refocus.samples: a1 is of slide a, and so is a2 in ")
    wells = {"samples": ["bbbc006_a01_s1"], "training": learning(["bbbc006_a01_s2"])}
    assert "bbbc006_a01_s1 is of well a01, and so is bbbc006_a01_s2 in" in refused(**wells)
    entries["b1"]["path"] = entries["a1"]["path"]  # another name, the same file
    line = refused(entries, samples=["a1"], training=learning(["b1"]))
    assert line.startswith("data.slides.a1.slide: 'a' is not accepted; ")
    assert line.endswith("a1.tif is of slide 'b' in data.slides.b1")


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"shape": [384, 385]}, "tracks.refocus.cytology.shape: [384, 385] is not accepted; even"),
        ({"planes": 4}, "tracks.refocus.cytology: planes is 4; accepted: odd, from 1 to 99"),
        ({"pixel_size": 0}, "tracks.refocus.cytology: pixel_size is 0; accepted"),
    ],
)
def test_synthetic_fields(cells, said):
    assert refused(cytology=cells).startswith(said)


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_file_under_another_name_is_the_same_file(entries, tmp_path, link):
    link(entries["a1"]["path"], tmp_path / "elsewhere.tif")
    entries["b1"]["path"] = str(tmp_path / "elsewhere.tif")
    line = refused(entries, samples=["a1"], training=learning(["b1"]))
    assert line.endswith("a1.tif is of slide 'b' in data.slides.b1")


def test_a_file_by_a_longer_path_is_the_same_file(entries, tmp_path):
    entries["b1"]["path"] = f"{tmp_path}/../{tmp_path.name}/a1.tif"
    assert "is of slide 'b'" in refused(entries, samples=["a1"], training=learning(["b1"]))


def test_inputs_of_planes_that_are_not_there():
    line = refused(degradations=["lowres_up1", "highres_down2"])
    assert line == (
        "tracks.refocus.degradations: highres_down2 is not accepted; stacks of 3 planes have 1 "
        "above and below the middle"
    )
    studies = {"mismatch": {"degradations": ["lowres_up2_jpeg"]}}
    assert refused(studies=studies).startswith("tracks.refocus.studies.mismatch.degradations: ")


@pytest.mark.parametrize(
    ("method", "parameters", "said"),
    [
        ("mfpinet", {"patch": 33}, "mfpinet.patch: 33 is not accepted; an even number"),
        ("mfpinet", {"patch": 386}, "mfpinet.patch: 386 is not accepted; cytology_s1_f1, to be"),
        ("linear_per_plane", {"side": 14}, "linear_per_plane.side: 14 is not accepted; an odd"),
        ("srgan", {"perceptual_weights": "/no.st"}, "srgan.perceptual_weights: /no.st: there is"),
    ],
)
def test_parameters_of_selected_methods(method, parameters, said):
    known = {method: parameters, "wide": {"uses": method}}
    for selected in (method, "wide"):
        line = refused(methods=known, selected=[selected])
        assert line.startswith(f"methods.refocus.{said.replace(method, selected, 1)}")
    checks.check(config(methods=known))  # not selected: not looked at


def test_crops_are_for_the_smallest_field(entries):
    known = {"mfpinet": {"patch": 64}}
    given = {"samples": ["b1"], "training": learning(["a1", "a2"])}
    line = refused(entries, methods=known, selected=["mfpinet"], **given)
    assert line.startswith("methods.refocus.mfpinet.patch: 64 is not accepted; a1, to be learned")


def test_unknown_samples(entries):
    line = refused(training=learning(["cytology_s1_f100"]))
    assert line.startswith(
        "tracks.refocus.training.samples: unknown sample 'cytology_s1_f100' (did you mean"
    )
    assert "unknown sample 'd1'" in refused(entries, training=learning(["cytology_s1_f1"], ["d1"]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"z_step": 2.0}, "data.slides.b1.z_step: 2 is not accepted beside a1, which has 2.7; "),
        ({"pixel_size": 0.25}, "data.slides.b1.pixel_size: 0.25 is not accepted beside a1, which"),
        ({"planes": 5}, "data.slides.b1: field b1 has 3 planes; 5 are wanted"),
        ({"planes": 4}, "data.slides.b1: planes is 4; accepted is an odd number of planes"),
        ({"window": [0, 0, 40, 33]}, "data.slides.b1.window: has 33 x 40 pixels"),
        ({"window": [8, 0, 40, 40]}, "data.slides.b1.window: 40 x 40 pixels from row 8"),
    ],
)
def test_own_entries(entries, change, said):
    entries["b1"] |= change
    used = {"samples": ["b1"], "training": learning(["a1"])}
    assert refused(entries, **used).startswith(said)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"planes": 5}, "field x has 5 planes; 3 are wanted"),
        ({"dtype": np.uint16}, "x.tif: holds uint16 values; an RGB image of 8 bits a colour is"),
        ({"colours": 4}, "x.tif: is RGBA or CMYK; an RGB image of 8 bits a colour is wanted"),
        ({"shape": (41, 48)}, "data.slides.a1.window: the whole field has 48 x 41 pixels"),
    ],
)
def test_own_files(entries, tmp_path, made, said):
    entries["a1"]["path"] = field(tmp_path / "x.tif", **made)
    with pytest.raises(InputError) as caught:
        checks.check(config(entries, samples=["a1"]))
    assert said in str(caught.value)


def test_another_number_of_planes_than_the_tracks(entries, tmp_path):
    entries["a1"] |= {"path": field(tmp_path / "x.tif", planes=5), "planes": 5}
    line = refused(entries, samples=["a1"])
    assert line.startswith("data.slides.a1.planes: 5 is not accepted; tracks.refocus.cytology.plan")
    del entries["a1"]["planes"]  # eleven, then
    assert "field x has 5 planes; 11 are wanted" in refused(entries, samples=["a1"])


def test_planes_of_bbbc006(tmp_path):
    line = refused(samples=["bbbc006_a01_s1"])
    assert line.startswith("tracks.refocus.samples: bbbc006_a01_s1 needs planes 15 to 17, but data")
    named = {"directory": None, "planes": [14, 15, 16, 17]}
    checks.check(config(samples=["bbbc006_a01_s1"], bbbc006=named))


def test_restorations_that_a_files_name_asks_for(entries):
    def asked(sample, trains_on="lowres"):
        used = learning(["a1", "cytology_s1_f1"], ["bbbc006_a01_s1"])
        checks.check_restoration(
            config(entries, samples=["b1"], training=used, trains_on=trains_on), sample, "method"
        )

    for sample in ("b1", "cytology_s4_f1", "bbbc006_a02_s1"):
        asked(sample)
    for sample, said in (
        ("a1", "a1: method is not accepted; the field is in tracks.refocus.training.samples, and"),
        ("a2", "a2: method is not accepted; a1, of the same slide a, is in tracks.refocus.trai"),
        ("cytology_s1_f7", "cytology_s1_f1, of the same slide 1, is in"),
        ("bbbc006_a01_s2", "bbbc006_a01_s1, of the same well a01, is in tracks.refocus.training.v"),
    ):
        asked(sample, trains_on=None)
        with pytest.raises(InputError) as caught:
            asked(sample)
        assert said in str(caught.value)
