"""Counts and power of fields, against what is known of them; and those that are shipped."""

import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.tracks.defocus import field_statistics
from focusbench.tracks.defocus.field_statistics import EDGES, FREQUENCIES


def test_every_pixel_is_counted_once():
    field = np.array([[0.0, 100.0, 100.0, 101.0], [4095.0, 60000.0, 500.0, 499.0]])
    shares = field_statistics.histogram(field)
    assert shares.sum() == 1
    assert shares[0] == 1 / 8  # below the first bin
    assert shares[-1] == 2 / 8  # in the last, and beyond
    at = np.searchsorted(EDGES, 100) - 1
    assert shares[at] == 3 / 8  # 100 and 101 share a bin
    assert np.all(EDGES % 1 == 0.5)  # no whole number of counts lies on an edge


def test_power_of_white_noise_is_its_variance_whatever_the_size():
    rng = np.random.default_rng(3)
    for shape in ((200, 260), (128, 96)):
        power = field_statistics.spectrum(rng.normal(500, 7, shape))
        fine = power[FREQUENCIES[1:] > 0.1]
        assert np.allclose(fine, 49, rtol=0.15)


def test_power_of_a_wave_is_in_its_band():
    y, _ = np.mgrid[:128, :160]
    for frequency in (0.03, 0.2):
        power = field_statistics.spectrum(1000 + 50 * np.sin(2 * np.pi * frequency * y))
        band = np.searchsorted(FREQUENCIES, frequency) - 1
        assert np.nanargmax(power) == band


def test_a_level_leaves_no_power_and_low_bands_of_small_fields_are_unknown():
    power = field_statistics.spectrum(np.full((40, 50), 800.0))
    assert np.nanmax(power) < 1e-18
    assert np.isnan(power[0])
    assert np.isfinite(power[-1])
    told = field_statistics.quantiles([np.full((40, 50), 800.0)])
    assert np.isnan(told.power[:, 0]).all()


def test_quantiles_are_over_fields():
    fields = [np.full((32, 32), count) for count in (120.0, 120.0, 120.0, 120.0, 900.0)]
    told = field_statistics.quantiles(fields)
    low, high = (np.searchsorted(EDGES, count) - 1 for count in (120, 900))
    assert told.counts[:, low].tolist() == [0, 1, 1, 1, 1]
    assert told.counts[:, high].tolist() == [0, 0, 0, 0, 1]
    with pytest.raises(InputError, match="at least one"):
        field_statistics.quantiles([])


def test_what_is_shipped_names_its_source_and_makes_sense():
    told, source = field_statistics.shipped()
    assert "BBBC006v1" in source
    assert "Ljosa" in source
    assert told.counts.shape == (5, len(EDGES) - 1)
    assert told.power.shape == (5, len(FREQUENCIES) - 1)
    for values in told:
        assert np.all(np.diff(values, axis=0) >= 0)
    peak = EDGES[told.counts[2].argmax()]  # the background's counts, see data.nuclei
    assert 120 < peak < 140


def test_shipped_quantiles_are_those_of_the_real_fields(real_data, tmp_path):
    folder = real_data / "bbbc006"
    if not folder.is_dir():
        pytest.skip("no BBBC006 among the real data")
    field_statistics.write(tmp_path / "made.csv", folder)
    shipped = field_statistics.files("focusbench.data") / field_statistics.FILE
    made, known = ((tmp_path / "made.csv").read_text(), shipped.read_text(encoding="utf-8"))
    heading = made[: made.index("\ncounts")]
    assert known.startswith(heading)
    rows = [
        [[float(value) for value in line.split(",")[1:]] for line in text.splitlines()[5:]]
        for text in (made, known)
    ]
    assert np.allclose(*rows, rtol=2e-5, atol=1e-12)
