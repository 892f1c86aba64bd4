"""Studies, sizes of their own, and observations that are derived from others."""

import pytest

from focusbench import config as configuration
from focusbench import grids, paths, plan, tracks
from focusbench.errors import InputError

NOISE = {"size": 12, "samples": ["cell"], "degradations": ["sigma0.05"], "methods": ["dip"]}


def build(**section):
    return configuration.build({"preset": "test", "tracks": {"multifocus": section}})


def test_a_study_takes_from_the_main_grid_what_it_does_not_set():
    config = build(seeds=[3], studies={"noise": {"degradations": ["sigma0.05"], "size": 12}})
    study, main = (grids.section(config, "multifocus", name) for name in ("noise", None))
    assert study["degradations"] == ["sigma0.05"]
    assert study["seeds"] == main["seeds"] == [3]
    assert study["size"] == 12
    assert "studies" not in main


def test_a_size_of_its_own_ends_the_samples_id():
    config = build(size=16, studies={"noise": NOISE})
    assert {item.sample for item in grids.restorations(config, "multifocus", "noise")} == {
        "cell.size12"
    }
    assert paths.split_size("cell.size12") == ("cell", 12)
    assert paths.split_size("cell") == ("cell", None)
    same = build(size=12, studies={"noise": NOISE})  # shares its files with the main grid
    assert {item.sample for item in grids.restorations(same, "multifocus", "noise")} == {"cell"}


def test_what_a_size_concerns():
    config = build(size=16)
    small = plan.truth_parameters(config, "multifocus", "cell.size12")
    whole = plan.truth_parameters(config, "multifocus", "cell")
    assert (small["settings"]["size"], whole["settings"]["size"]) == (12, 16)
    assert small["sample"] == whole["sample"] == "cell"
    args = (config, "multifocus", "dip_pretrain_2", 0)
    assert plan.training(*args, "cell.size12") == "ellipsoids-size12-seed0"
    assert plan.training(*args, "cell") == "ellipsoids-size16-seed0"
    trained = plan.train_parameters(*args[:3], "ellipsoids-size12-seed0")
    assert trained["settings"]["size"] == 12


@pytest.mark.parametrize(
    ("track", "sample", "words"),
    [
        ("multifocus", "cell.size7", "sizes from 8 to 1024 are accepted"),
        ("deconvolution", "microtubules_test1.size50", "a size of its own is for"),
        ("multifocus", "nothing.size50", "is no sample of track multifocus"),
    ],
)
def test_a_size_that_cannot_be(track, sample, words):
    with pytest.raises(InputError, match=words):
        plan.truth_parameters(configuration.build({"preset": "test"}), track, sample)


def test_reports_of_a_study_read_its_files_alone():
    config = build(studies={"noise": NOISE, "small": {"size": 10, "methods": ["lbfgs"]}})
    read = plan.report_inputs(config, "multifocus", "table2")
    assert read
    assert all("/cell.size12/sigma0.05/" in path for path in read)
    settings = plan.report_parameters(config, "multifocus", "table2")["settings"]
    assert settings["study"] == "noise"
    assert settings["track"]["size"] == 12
    assert settings["sources"] == {"cell.size12": "phantoms", "cell": "phantoms"}
    assert not any("small" in key for key in settings["differs"])
    assert any("studies.noise" in key for key in settings["differs"])


def test_every_figure_knows_all_methods_of_ones_own():
    own = {name: {"uses": "lbfgs"} for name in ("mine", "other")}
    config = configuration.build({"preset": "test", "methods": {"multifocus": own}})
    for name in plan.reports(config, "multifocus", "figures"):
        settings = plan.report_parameters(config, "multifocus", name)["settings"]
        assert settings["variants"] == ["mine", "other"]


def test_a_selection_of_ones_own_drops_the_presets_studies():
    assert grids.studies(build(), "multifocus")
    config = build(methods=["lbfgs"])
    assert grids.studies(config, "multifocus") == []
    assert not any("table2" in path for path in plan.targets(config, "multifocus"))
    with pytest.raises(InputError, match="studies.noise is missing"):
        plan.report_inputs(config, "multifocus", "table2")


def test_a_study_that_is_named_takes_ones_own_samples_and_methods():
    config = build(methods=["lbfgs"], samples=["text"], studies={"noise": {}})
    assert grids.studies(config, "multifocus") == ["noise"]
    study = grids.section(config, "multifocus", "noise")
    preset = configuration.preset("test")["tracks"]["multifocus"]["studies"]["noise"]
    assert study["degradations"] == preset["degradations"]
    assert (study["methods"], study["samples"]) == (["lbfgs"], [f"text.size{preset['size']}"])


@pytest.mark.parametrize(
    ("study", "words"),
    [
        ({"noise": {"degradations": ["sigma2"]}}, r"studies.noise.degradations: 'sigma2'"),
        ({"noise": {"methods": ["lbgfs"]}}, r"studies.noise.methods: .*did you mean 'lbfgs'"),
        ({"noise": {"samples": ["cel"]}}, r"studies.noise.samples: .*did you mean 'cell'"),
        ({"noise": {"size": 4}}, r"studies.noise.size: 4 is not accepted"),
        ({"nois": {}}, r"studies.nois: unknown key .*did you mean 'noise'"),
    ],
)
def test_a_mistake_in_a_study_is_named(study, words):
    with pytest.raises(InputError, match=words):
        build(studies=study)


def test_a_recording_is_recorded_and_what_is_derived_from_it(tmp_path):
    path = tmp_path / "mine.tif"
    path.write_bytes(b"")
    config = configuration.build(
        {
            "preset": "test",
            "data": {"stack": {"mine": {"path": str(path)}}},
            "tracks": {
                "multifocus": {
                    "samples": ["mine", "cell"],
                    "degradations": ["recorded", "recorded_heldout", "clean"],
                }
            },
        }
    )
    assert grids.degradations(config, "multifocus", "mine") == ["recorded", "recorded_heldout"]
    assert grids.degradations(config, "multifocus", "cell") == ["clean"]
    ids = ("multifocus", "mine")
    assert plan.needs_source(config, *ids, "recorded")
    assert not plan.needs_source(config, *ids, "recorded_heldout")
    assert not plan.needs_truth(config, "multifocus", "cell", "clean_heldout")
    assert plan.needs_source(config, "multifocus", "cell", "offmodel")
    assert not plan.needs_source(config, "multifocus", "cell", "offmodel_rays_odd")


@pytest.mark.parametrize(
    ("samples", "words"),
    [(["cell"], "'recorded' is unknown"), (["cell", "mine"], "none is for cell")],
)
def test_recorded_is_for_recordings(tmp_path, samples, words):
    path = tmp_path / "mine.tif"
    path.write_bytes(b"")
    section = {"samples": samples, "degradations": ["recorded"]}
    user = {"preset": "test", "tracks": {"multifocus": section}}
    user["data"] = {"stack": {"mine": {"path": str(path)}}}
    with pytest.raises(InputError, match=words):
        configuration.build(user)


def test_halves_of_an_observation_have_no_trivial_rows():
    degradations = ["clean", "clean_heldout", "clean_planes_odd"]
    config = build(degradations=degradations, methods=["lbfgs"])
    made = {one: set() for one in degradations}
    for item in grids.restorations(config, "multifocus"):
        made[item.degradation].add(item.method)
    assert made["clean"] == made["clean_heldout"] == {"transparent", "start", "lbfgs"}
    assert made["clean_planes_odd"] == {"lbfgs"}


def test_every_study_of_a_report_is_in_the_schema():
    for track, facts in tracks.TABLE.items():
        section = configuration.schema(track)["track"]["properties"]
        known = section.get("studies", {}).get("properties", {})
        wanted = {one.study for one in [*facts.tables.values(), *facts.figures.values()]} - {None}
        assert wanted == set(known)


def test_trivial_rows_are_in_every_grid_of_a_table():
    config = build()
    for study, expected in ((None, True), ("noise", True), ("small", True), ("mismatch", False)):
        made = {item.method for item in grids.restorations(config, "multifocus", study)}
        assert ("start" in made) == expected


@pytest.mark.parametrize("degradation", ["recorded", "recorded_heldout"])
def test_a_phantom_was_never_recorded(degradation):
    for parameters in (plan.observed_parameters, plan.restore_parameters):
        args = (build(), "multifocus", "cell", degradation)
        with pytest.raises(InputError, match=f"cell is no recording.*{degradation}"):
            parameters(*args, *(["lbfgs"] if parameters is plan.restore_parameters else []))


def test_a_recording_is_not_degraded(tmp_path):
    path = tmp_path / "mine.tif"
    path.write_bytes(b"")
    config = configuration.build(
        {"preset": "test", "data": {"stack": {"mine": {"path": str(path)}}}}
    )
    with pytest.raises(InputError, match="mine is a recording.*accepted: recorded"):
        plan.observed_parameters(config, "multifocus", "mine", "clean")


def test_batches_hold_what_no_other_job_reads():
    """Every method is timed on the first sample that it meets: that restoration is by itself."""
    config = build(
        samples=["cell", "text"],
        degradations=["clean", "sigma0.05"],
        methods=["lbfgs", "dip"],
        batched=["lbfgs", "transparent"],
        seeds=[0, 1],
    )
    found = grids.batches(config, "multifocus")
    assert list(found) == [("cell", "sigma0.05"), ("text", "clean"), ("text", "sigma0.05")]
    assert {item.method for items in found.values() for item in items} == {"lbfgs", "transparent"}
    assert not {item for items in found.values() for item in items} & set(
        grids.timed(config, "multifocus")
    )
    assert grids.batches(build(methods=["lbfgs"]), "multifocus") == {}


def test_tables_read_a_batch_in_place_of_its_members():
    section = {"samples": ["cell"], "degradations": ["clean", "sigma0.05"], "methods": ["lbfgs"]}
    plain, batched = (
        plan.report_inputs(build(**section, **more), "multifocus", "table1")
        for more in ({}, {"batched": ["lbfgs"]})
    )
    gone = [one for one in plain if "sigma0.05/lbfgs" in one]
    assert len(gone) == 2  # the score and the record
    assert set(plain) - set(batched) == set(gone)
    assert set(batched) - set(plain) == {"results/multifocus/batches/cell/sigma0.05.json"}


def test_tables_do_not_tell_which_methods_were_batched():
    differs = [
        plan.report_parameters(build(**more), "multifocus", "table1")["settings"]["differs"]
        for more in ({"seeds": [5]}, {"seeds": [5], "batched": ["lbfgs"]})
    ]
    assert differs[0] == differs[1]
    assert "tracks.multifocus.seeds" in differs[0]


def test_only_methods_that_restore_are_batched():
    for method in ("lbfgz", "delpnet"):
        with pytest.raises(InputError, match=rf"tracks\.multifocus\.batched: unknown.*{method}"):
            build(batched=[method])
    config = build(batched=[])
    with pytest.raises(InputError, match=r"no method of tracks\.multifocus\.batched"):
        plan.batch_parameters(config, "multifocus", "cell", "clean", [])
