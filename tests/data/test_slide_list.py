"""Which windows of a folder are chosen, how slides are split, and what the command writes."""

import imagecodecs
import jsonschema
import numpy as np
import pytest
import tifffile
import yaml

from focusbench import __main__ as cli
from focusbench import config as configuration
from focusbench.data import foreground, slide_field, slide_list
from focusbench.errors import InputError

SIDE = 64


def plane(shape=(SIDE, SIDE), cells=True):
    image = np.full((*shape, 3), 240, np.uint8)
    if cells:
        image[4:60, 4:60] = 110
    return image


def tiff(path, shape, cells=True, planes=3):
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, np.stack([plane(shape, cells)] * planes), photometric="rgb")


def patch(root, slide, x, layers=(-1, 0, 1), shape=(SIDE, SIDE)):
    for layer in layers:
        path = root / slide / str(layer) / f"{slide}_{x}_5_{layer}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(imagecodecs.png_encode(plane(shape, cells=False)))


def folder(path, shape, layers=(-1, 0, 1)):
    path.mkdir(parents=True)
    for layer in layers:
        (path / f"z_{layer}.png").write_bytes(imagecodecs.png_encode(plane(shape)))


@pytest.fixture
def found(tmp_path):
    """Five slides in the three layouts."""
    root = tmp_path / "data"
    tiff(root / "s2 b.tif", (70, 90))
    tiff(root / "s10" / "one.tif", (SIDE, SIDE))
    tiff(root / "s10" / "empty.tif", (SIDE, SIDE), cells=False)
    tiff(root / "s10" / "two.tif", (SIDE, SIDE), planes=2)
    folder(root / "s3" / "f-1", (66, 66))
    for x in (100, 200, 300):
        patch(root, "101", x)
    patch(root, "102", 7, shape=(66, 66))
    patch(root, "102", 8)
    return root


def choose(root, count=2, seed=0):
    found = slide_list.find(root, 3)
    return slide_list.choose(found, list(found.slides), SIDE, count, seed)


def test_windows_of_each_slide(found):
    fields = slide_list.find(found, 3)
    assert list(fields.slides) == ["s2 b", "s3", "s10", "101", "102"]
    assert fields.count == 10
    assert fields.incomplete == ["s10.two"]
    listed = choose(found)
    named = {slide: [one.field.id for one in mine] for slide, mine in listed.slides.items()}
    assert named["s10"] == ["s10.one"]  # not where no cells are
    assert listed.slides["s10"][0].window is None  # all of it
    assert len(named["101"]) == len(set(named["101"])) == 2  # patches are taken as they are
    assert named["102"] == ["102_8_5"]
    for one in (*listed.slides["s2 b"], *listed.slides["s3"]):
        y, x, height, width = one.window
        assert (height, width) == (SIDE, SIDE)
        assert 0 <= y <= 6
        assert 0 <= x <= 26
    assert choose(found) == listed
    assert choose(found, seed=1).slides["s3"] != listed.slides["s3"]


def test_fields_with_a_gap_or_about_another_layer_than_0_are_left_out(tmp_path, capsys):
    folder(tmp_path / "s" / "gap", (SIDE, SIDE), (-1, 0, 2))
    folder(tmp_path / "s" / "shift", (SIDE, SIDE), (0, 1, -2))
    with pytest.raises(InputError, match="has all of 3 planes: field s.gap has no layer 1"):
        slide_list.find(tmp_path, 3)
    folder(tmp_path / "s" / "right", (SIDE, SIDE))
    assert slide_list.find(tmp_path, 3).incomplete == ["s.gap", "s.shift"]
    words = ("--side", SIDE, "--planes", 3, "--test", "s")
    assert run(tmp_path, "-o", tmp_path / "mine.yaml", *words) == 0
    assert "Left out, without all planes: 2 (s.gap, s.shift)." in capsys.readouterr().out


def test_windows_overlap_little():
    image = np.full((200, 200, 3), 240, np.uint8)
    image[::2] = 110
    read = lambda y, x: image[y : y + SIDE, x : x + SIDE]  # noqa: E731
    found = foreground.search(read, (200, 200), SIDE, 9, 0, least=20, overlap=0.25)
    assert 3 <= len(found) < 9
    for i, one in enumerate(found):
        for other in found[:i]:
            y, x = (max(0, SIDE - abs(a - b)) for a, b in zip(one, other, strict=True))
            assert y * x <= 0.25 * SIDE**2
    assert len(foreground.search(read, (200, 200), SIDE, 9, 0, least=20)) == 9


def test_small_windows_want_as_large_a_part_of_cells(tmp_path):
    image = plane((96, 96), cells=False)
    image[40:52, 40:52] = 110  # 144 px; 2000 of 412 x 412 are 109 of 96 x 96
    for name, stack in (("one", image), ("two", plane((96, 96), cells=False))):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.stack([stack] * 3), photometric="rgb")
    found = slide_list.find(tmp_path, 3)
    listed = slide_list.choose(found, ["one"], 96, 1)
    assert [one.field.id for one in listed.slides["one"]] == ["one"]
    with pytest.raises(InputError, match="'two' has no window of 96 x 96 pixels with cells"):
        slide_list.choose(found, ["two"], 96, 1)


def test_windows_are_spread_over_the_fields(tmp_path, monkeypatch):
    for name in "abc":
        tiff(tmp_path / "s" / f"{name}.tif", (400, 400))
    monkeypatch.setattr(foreground, "holds_cells", lambda *_: True)
    chosen = choose(tmp_path, count=4).slides["s"]
    counts = [[one.field.id for one in chosen].count(f"s.{name}") for name in "abc"]
    assert sorted(counts) == [1, 1, 2]


@pytest.mark.parametrize(
    ("names", "given", "wanted"),
    [
        ("ab", {}, ("a", "b", "")),
        ("abc", {}, ("a", "b", "c")),
        ("abcd", {}, ("ab", "c", "d")),
        ("abcde", {}, ("ab", "cd", "e")),
        ("abcdef", {}, ("abc", "de", "f")),
        ("abcde", {"validation": ["a"]}, ("bc", "de", "a")),
        ("abcde", {"train": ["e", "a"]}, ("ea", "bcd", "")),
        ("abc", {"test": ["a"]}, ("bc", "a", "")),
        ("abc", {"test": ["a"], "validation": ["b"]}, ("c", "a", "b")),
        ("abcd", {"test": ["a"], "train": ["b"]}, ("b", "a", "")),
        ("a", {"test": ["a"]}, ("", "a", "")),
    ],
)
def test_roles(names, given, wanted):
    found = slide_list.roles(list(names), given)
    assert tuple("".join(found[role]) for role in ("train", "test", "validation")) == wanted


@pytest.mark.parametrize(
    ("names", "given", "said"),
    [
        ("a", {}, "1 slide is left to learn from and to test on (a); two or more are wanted"),
        ("ab", {"validation": ["a"]}, "1 slide is left"),
        ("ab", {"train": ["ac"]}, "--train: there is no slide 'ac'"),
        ("ab", {"train": ["a"], "test": ["a"]}, "--train: slide 'a' is in --test too"),
        ("ab", {"test": ["a", "a"]}, "--test: slide 'a' is in --test twice too"),
        ("ab", {"train": ["a", "b"]}, "--train: no slide is left to test on"),
    ],
)
def test_roles_that_cannot_be(names, given, said):
    with pytest.raises(InputError) as caught:
        slide_list.roles(list(names), given)
    assert said in str(caught.value)


def run(*words):
    return cli.main(["slides", *map(str, words)])


def test_the_command(found, tmp_path, capsys):
    output = tmp_path / "mine.yaml"
    words = (found, "-o", output, "--side", SIDE, "--count", 2, "--planes", 3, "--z-step", 2.0)
    assert run(*words, "--train", "101, s3", "--test", "s2 b,102") == 0
    told = capsys.readouterr().out
    assert "Learned from: 101 (2), s3 (1)." in told
    text = output.read_text()
    assert text.startswith(f"# Focal stacks of {found}, written by\n#     focusbench slides ")
    assert "# Not used: s10." in text
    assert "# Left out, without all planes: 1 (s10.two)." in text
    mine = yaml.safe_load(text)
    entries, section = mine["data"]["slides"], mine["tracks"]["refocus"]
    assert section["cytology"] == {"planes": 3}
    assert section["training"]["validation"] == []
    slides = {name: one["slide"] for name, one in entries.items()}
    assert {slides[one] for one in section["training"]["samples"]} == {"101", "s3"}
    assert {slides[one] for one in section["samples"]} == {"s2_b", "102"}
    assert {type(one["slide"]) for one in entries.values()} == {str}
    rules = jsonschema.Draft202012Validator(configuration.schema("config")["$defs"]["slides"])
    for one in entries.values():
        rules.validate(one)
        slide_field.check(one, "x")
        assert slide_field.read(one).shape == (3, SIDE, SIDE, 3)
        assert one["z_step"] == 2.0
    first = text
    assert run(*words, "--train", "101, s3", "--test", "s2 b,102") == 0
    assert output.read_text() == first


def test_the_configuration_is_accepted(found, tmp_path):
    output = tmp_path / "mine.yaml"
    assert run(found, "-o", output, "--side", SIDE, "--count", 2, "--planes", 3) == 0
    mine = yaml.safe_load(output.read_text())
    built = configuration.build({"preset": "test", **mine})
    section = built["tracks"]["refocus"]
    assert len(section["training"]["samples"]) >= 2
    assert built["data"]["slides"] == mine["data"]["slides"]
    for name, one in mine["data"]["slides"].items():
        assert slide_field.shape(one) == (SIDE, SIDE), name


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"--side": 63}, "--side: 63 is not accepted; an even number from 32"),
        ({"--count": 0}, "--count: 0 is not accepted; 1 or more"),
        ({"--planes": 4}, "--planes: 4 is not accepted; an odd number from 3"),
        (
            {"--planes": 5},
            "none of its 10 fields has all of 5 planes: field 101_100_5 has 3",
        ),
        ({"--seed": -1}, "--seed: -1 is not accepted"),
        ({"--z-step": 0}, "--z-step: 0.0 is not accepted; um above 0"),
        ({"--side": 66}, "slide 's10' has no window of 66 x 66 pixels with cells"),
        ({"--test": "s4"}, "--test: there is no slide 's4'"),
        ({"-o": "mine.txt"}, "--output: 'mine.txt' is not accepted; a name that ends in .yaml"),
    ],
)
def test_what_the_command_refuses(found, tmp_path, capsys, change, said):
    options = {"-o": tmp_path / "mine.yaml", "--side": SIDE, "--planes": 3, **change}
    assert run(found, *(word for pair in options.items() for word in pair)) == 1
    line = [one for one in capsys.readouterr().err.splitlines() if said in one]
    assert len(line) == 1
    assert not (tmp_path / "mine.yaml").exists()


def test_a_chosen_field_that_is_grey(tmp_path, capsys):
    (tmp_path / "a").mkdir()
    grey = np.stack([plane()[..., 0]] * 3)
    tifffile.imwrite(tmp_path / "a" / "g.tif", grey, photometric="minisblack")
    words = ("--side", SIDE, "--planes", 3, "--test", "a")
    assert run(tmp_path, "-o", tmp_path / "mine.yaml", *words) == 1
    assert "g.tif: is grey; an RGB image of 8 bits a colour" in capsys.readouterr().err


def test_names_of_samples(tmp_path):
    for name in ("cytology_s4_f1", "a-b", "a_b"):
        tiff(tmp_path / "s" / f"{name}" / "p.tif", (SIDE, SIDE))
    folder(tmp_path / "s" / "x" / "size64", (SIDE, SIDE))
    tiff(tmp_path / "cytology_s4_f1.tif", (SIDE, SIDE))
    found, listed = slide_list.find(tmp_path, 3), choose(tmp_path, count=9)
    split = {"train": [], "test": list(listed.slides), "validation": []}
    names = set(slide_list.overlay(found, listed, split, 3)["data"]["slides"])
    assert names == {
        "cytology_s4_f1_2",
        "s.cytology_s4_f1.p",
        "s.a_b.p",
        "s.a_b.p_2",
        "s.x_size64",
    }
