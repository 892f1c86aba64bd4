"""Bad input ends a run with one clear line, a non-zero status, and nothing half-written."""

import re

import numpy as np
import pytest
import tifffile

from focusbench import config as configuration
from focusbench import plan
from home_server import Home, running

MARK = "focusbench: error: "


def lines(done):
    return [line for line in done.stderr.splitlines() if line.startswith(MARK)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"tracks": {"multifocus": {"samples": ["cel"]}}}, "did you mean 'cell'"),
        # what else is refused: tests/test_config.py
        ({"methods": {"multifocus": {"m": {"module": "no.such:Thing"}}}}, "must be on PYTHONPATH"),
    ],
)
def test_a_mistake_in_the_configuration_is_the_only_line(checkout, content, message):
    done = checkout.snakemake("--configfile", checkout.overlay(content), fails=True)
    assert done.returncode == 1
    # the runner itself says which files it reads; that apart there is one line
    said = ("is extended by", "Using workflow specific profile")
    line, *others = [
        one for one in done.stderr.splitlines() if not any(words in one for words in said)
    ]
    assert not others
    assert line.startswith(f"{MARK}config: ")
    assert message in line
    assert not (checkout.folder / "results").exists()


def grey(*shape):
    return np.full(shape, 100, np.uint8)


def save(path, array, **options):
    tifffile.imwrite(path, array, **options)


def truncated(path):
    save(path, grey(6, 64, 64))
    path.write_bytes(path.read_bytes()[:5000])


def not_finite(path):
    images = np.full((6, 16, 16), 0.5, np.float32)
    images[2, 3, 4] = np.nan
    save(path, images)


def unequal(path):
    path.unlink(missing_ok=True)
    path.mkdir()
    save(path / "a.tif", grey(16, 16))
    save(path / "b.tif", grey(16, 17))


STACKS = {
    "empty": lambda path: path.write_bytes(b""),
    "truncated": truncated,
    "rgb": lambda path: save(path, grey(6, 16, 16, 3), photometric="rgb"),
    "nan": not_finite,
    "unequal": unequal,
    "text": lambda path: path.write_text("not an image"),
}


@pytest.fixture(scope="module")
def refused(copied, tmp_path_factory):
    """A run that was given all of these at once, and what it said."""
    checkout = copied(tmp_path_factory.mktemp("refused") / "checkout")
    entries = {}
    for kind, save_one in STACKS.items():
        save_one(checkout.folder / f"{kind}.tif")
        entries[f"bad_{kind}"] = {"path": f"{kind}.tif", "pixel_size": 0.9, "z_step": 1.0}
    overlay = checkout.overlay({"data": {"stack": entries}})
    targets = (
        f"results/multifocus/restored/{sample}/recorded/lbfgs-seed0.ome.tif" for sample in entries
    )
    # one at a time: what two say at once may come out in one line
    options = ("--keep-going", "--configfile", overlay)
    done = checkout.snakemake(*targets, *options, cores=1, fails=True)
    return checkout, done


@pytest.mark.parametrize("kind", list(STACKS))
def test_a_stack_that_cannot_be_used(refused, kind):
    checkout, done = refused
    said = [line for line in lines(done) if f"{kind}.tif" in line]
    assert said, done.stderr
    assert len(set(said)) == 1
    assert len(said) == 2  # where it happened, and once more at the end
    assert "Traceback" not in done.stderr
    assert not list((checkout.folder / "results").rglob("*.tif"))


def test_a_raw_file_of_the_wrong_size(checkout):
    folder = checkout.folder / "raw"
    folder.mkdir()
    (folder / "fuel_64x64x64_uint8.raw").write_bytes(b"\0" * 1000)
    config = {"data": {"scivis": {"directory": str(folder)}}}
    target = "results/multifocus/truth/fuel.ome.tif"
    done = checkout.snakemake(target, "--configfile", checkout.overlay(config), fails=True)
    assert "262144" in lines(done)[-1]
    assert not list((checkout.folder / "results").rglob("*.tif"))


def test_a_volume_that_is_not_at_its_home_says_what_else_to_do(checkout, monkeypatch):
    with running(Home(b"")) as home:
        monkeypatch.setenv("FOCUSBENCH_SCIVIS_URL", home.url)
        monkeypatch.setenv("no_proxy", "*")
        done = checkout.snakemake("results/multifocus/truth/teapot.ome.tif", fails=True)
    found = lines(done)
    assert len(found) == 2  # where it happened, and once more at the end
    assert "data.scivis.directory" in found[-1]
    assert f"{home.url}/boston_teapot/boston_teapot_256x256x178_uint8.raw: cannot" in found[-1]
    assert not list((checkout.folder / "data").rglob("*.raw*"))
    assert "Traceback" not in done.stderr


def test_a_sample_that_does_not_exist_is_refused(checkout):
    done = checkout.snakemake("results/multifocus/truth/nobody.ome.tif", fails=True)
    assert "MissingRuleException" in done.stderr


@pytest.mark.parametrize("sample", ["..%2Fx", "../x", "a/../../x"])
def test_an_id_does_not_lead_out_of_its_folder(sample):
    allowed = plan.wildcards(configuration.build({"preset": "test"}))["sample"]
    assert re.fullmatch(allowed, "cell")
    assert not re.fullmatch(allowed, sample)


def test_no_file_is_made_outside_the_results(checkout):
    checkout.snakemake("results/multifocus/truth/a/../../x.ome.tif", fails=True)
    assert not list(checkout.folder.parent.rglob("*.ome.tif"))
