import csv
import subprocess
import sys
from importlib import import_module

import pytest

from focusbench import data
from focusbench.data import bbbc006, cytology_names, phantoms, registry, scivis
from focusbench.errors import InputError
from focusbench.files import sha256


def test_all_samples_of_the_multifocus_track_are_known():
    names = registry.names("multifocus")
    assert names[:5] == ["ellipsoids", "vessels", "cell", "gyroid", "text"]
    assert len(names) == 5 + 19


def test_microtubules_come_as_in_the_paper_but_for_five_to_test_on():
    names = registry.names("deconvolution")
    kinds = [name.rstrip("0123456789") for name in names]
    assert kinds.count("microtubules_train") == 18
    assert kinds.count("microtubules_validation") == 1
    assert kinds.count("microtubules_test") == 5
    assert not set(names) & set(registry.names("multifocus"))


def test_the_registry_and_the_sources_tell_of_the_same_samples():
    by_source = {
        "phantoms": list(phantoms.PHANTOMS),
        "scivis": list(scivis.table()),
        "bbbc006": bbbc006.names(),
    }
    for source, samples in by_source.items():
        listed = [name for name in registry.names() if registry.get(name).source == source]
        assert listed == samples


def test_get_tells_the_source():
    assert registry.get("teapot") == registry.Sample("teapot", "scivis", ("multifocus",))
    with pytest.raises(
        InputError, match=r"'teepot' \(did you mean 'teapot'\?\); known: ellipsoids, "
    ):
        registry.get("teepot")


def test_the_defocus_track_has_fields_to_learn_from_and_others_to_test_on():
    names = registry.names("defocus")
    kinds = [registry.told([name])[: len("nuclei_t")] for name in names]
    assert len(names) == 9 + 9 + 99 + 3 + 768
    assert (kinds.count("nuclei_t"), kinds.count("nuclei_v"), kinds.count("bbbc006_")) == (
        *(9 + 99, 9),
        768,
    )
    assert {registry.get(name).source for name in names} == {
        *("nuclei", "defocus_phantoms", "bbbc006")
    }


def test_the_refocus_track_has_fields_of_six_slides_and_those_of_bbbc006():
    names = registry.names("refocus")
    fields = [name for name in names if registry.get(name).source == "cytology"]
    assert len(fields) == 6 * 99
    assert {cytology_names.parse(name)[0] for name in fields} == {1, 2, 3, 4, 5, 6}
    assert set(names) - set(fields) == set(bbbc006.names())
    assert registry.get("bbbc006_a01_s1").tracks == ("defocus", "refocus")


def test_many_ids_are_told_shortly():
    assert registry.told(["a1", "a2", "a3"]) == "a1, a2, a3"
    assert registry.told(["x", *(f"a{n}" for n in range(4)), "y"]) == "x, a0 to a3, y"
    line = registry.told(registry.names("defocus"))
    assert line == (
        "nuclei_test1 to nuclei_test9, nuclei_validation1 to nuclei_validation9, nuclei_train1 to "
        "nuclei_train99, beads, ring, cells, bbbc006_a01_s1 to bbbc006_p24_s2"
    )
    assert len(registry.told(registry.names())) < 600


def test_reading_the_registry_loads_no_heavy_library():
    code = (
        "import sys; from focusbench.data import registry; registry.names();"
        "print([m for m in ('numpy', 'scipy', 'torch', 'tifffile', 'pandas') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_sources_are_built_by_id():
    assert data.names() == [
        *("phantoms", "scivis", "stack", "ellipsoids"),
        *("microtubules", "fluorescence"),
        *("nuclei", "bbbc006", "defocus_phantoms", "defocused"),
        *("cytology", "slides"),
    ]
    for name in data.names():
        module = {"slides": "slide_field"}.get(name, name)
        assert data.build(name) is import_module(f"focusbench.data.{module}")
    with pytest.raises(InputError, match="unknown data source 'nowhere'; known: phantoms"):
        data.build("nowhere")


def test_homes_are_built_by_id():
    for source in data.HOMES:
        assert source in data.names()
        assert callable(data.home(source).get)
    with pytest.raises(InputError, match="source 'phantoms' has no home; known: scivis, bbbc006"):
        data.home("phantoms")


def test_every_row_of_the_table_agrees_with_its_file_name():
    with open(registry.SCIVIS, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len({row["id"] for row in rows}) == 19
    for row in rows:
        told = scivis.NAME.fullmatch(row["file"])
        assert told is not None
        assert row["size_xyz"] == "x".join(told.groups()[:3])
        assert row["dtype"] == told[4]
        folder = row["file"].removesuffix(f"_{row['size_xyz']}_{row['dtype']}.raw")
        home = "https://klacansky.com/open-scivis-datasets"
        assert row["url"] == f"{home}/{folder}/{row['file']}"
        assert len(row["spacing_xyz"].split()) == 3
        assert bool(row["sha256"]) == (row["sha256_may_differ"] in ("yes", "no"))
        assert len(row["sha256"]) in (0, 64)


def test_checksums_are_those_of_the_real_files(real_data):
    folder = real_data / "scivis"
    known = {row["file"]: row["sha256"] for row in scivis.table().values() if row["sha256"]}
    present = [name for name in known if (folder / name).is_file()]
    if not present:
        pytest.skip("no SciVis volume there")
    for name in present:
        assert sha256(folder / name) == known[name]
