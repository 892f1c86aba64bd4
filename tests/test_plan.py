import re
import subprocess
import sys

import numpy as np
import pytest

from focusbench import config as configuration
from focusbench import grids, plan, tracks
from focusbench.data import registry
from focusbench.errors import InputError
from focusbench.images import write_volume
from focusbench.paths import Restored


def build(**user):
    return configuration.build({"preset": "test", **user})


def section(**keys):
    return build(tracks={"multifocus": keys})


def test_deterministic_methods_run_with_the_first_seed_only():
    config = section(
        samples=["cell"], degradations=["clean"], methods=["lbfgs", "dip"], seeds=[3, 4]
    )
    items = plan.restorations(config, "multifocus")
    assert Restored("cell", "clean", "dip", 4) in items
    assert [item.seed for item in items if item.method == "lbfgs"] == [3]


def test_trivial_rows_are_in_every_plan():
    items = plan.restorations(section(methods=["lbfgs"]), "multifocus")
    assert {"transparent", "start", "lbfgs"} == {item.method for item in items}


def test_a_stack_of_ones_own_has_no_truth_and_is_never_degraded(tmp_path):
    path = tmp_path / "mine.tif"
    path.write_bytes(b"")
    config = build(
        data={"stack": {"mine": {"path": str(path)}}},
        tracks={"multifocus": {"samples": ["cell", "mine"]}},
    )
    items = [item for item in plan.restorations(config, "multifocus") if item.sample == "mine"]
    assert {item.degradation for item in items} == {"recorded"}
    assert not plan.has_truth(config, "mine")
    assert "results/multifocus/truth/mine.ome.tif" not in plan.report_inputs(
        config, "multifocus", "fig3"
    )


def test_ids_of_the_whole_registry_are_accepted_as_wildcards():
    expression = plan.wildcards(build())
    for sample in registry.names("multifocus"):
        assert re.fullmatch(expression["sample"], sample)
        assert re.fullmatch(expression["sample"], f"{sample}.size50")
    for other in ("celly", "cell.size", "cell.size0", "cell.size50.size50"):
        assert not re.fullmatch(expression["sample"], other)


def test_every_method_is_timed_once():
    config = build()
    timed = plan.timed(config, "multifocus")
    methods = {item.method for item in grids.all_restorations(config, "multifocus")}
    assert sorted(item.method for item in timed) == sorted(methods)


def test_a_parameter_of_one_method_concerns_no_other():
    changed = {"multifocus": {"lbfgs": {"max_evaluations": 3}}}
    ids = ("multifocus", "cell", "clean")
    for method in ("lbfgs", "dip", "iterative"):
        before = plan.restore_parameters(build(), *ids, method)
        after = plan.restore_parameters(build(methods=changed), *ids, method)
        assert (before != after) == (method == "lbfgs")


def test_only_what_fit_reads_asks_for_new_weights():
    def train(**parameters):
        config = build(methods={"multifocus": {"dip_pretrain_2": parameters}})
        training = plan.training(config, "multifocus", "dip_pretrain_2", 0, "cell")
        return plan.train_parameters(config, "multifocus", "dip_pretrain_2", training)

    assert train(steps=3) == train()
    assert train(epochs=7) != train()


def test_noise_level_and_seed_concern_observations_alone():
    one, two = build(), build(seed=1)
    args = ("multifocus", "cell", "clean")
    assert plan.observed_parameters(one, *args) != plan.observed_parameters(two, *args)
    assert plan.truth_parameters(one, *args[:2]) == plan.truth_parameters(two, *args[:2])
    assert plan.restore_parameters(one, *args, "dip") == plan.restore_parameters(two, *args, "dip")


@pytest.mark.parametrize("track", tracks.names())
def test_every_table_and_figure_is_made_by_a_function_of_its_name(track):
    facts = tracks.TABLE[track]
    for stage, names in (("tables", facts.tables), ("figures", facts.figures)):
        assert names
        for name in names:
            assert callable(getattr(tracks.stage(track, stage), name))


def test_planning_loads_neither_torch_nor_pandas():
    code = (
        "import sys\n"
        "from focusbench import config, jobs, paths, plan\n"
        "known = config.build({'preset': 'test'})\n"
        "for track in known['tracks']:\n"
        "    assert plan.targets(known, track)\n"
        "    for item in plan.restorations(known, track):\n"
        "        assert plan.restore_parameters(known, track, *item[:3])['code']\n"
        "heavy = {'torch', 'pandas', 'numba', 'matplotlib', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("track", tracks.names())
def test_ids_of_another_track_are_refused(track):
    config = build()
    other = next(name for name in tracks.names() if name != track)
    sample, mine = registry.names(other)[0], registry.names(track)[0]
    for parameters in (plan.truth_parameters, lambda *a: plan.observed_parameters(*a, "clean")):
        with pytest.raises(InputError, match=f"{sample} is no sample of track {track}; known: "):
            parameters(config, track, sample)
    method = next(iter(config["methods"][other]))
    with pytest.raises(InputError, match=f"{method} is no method of track {track}; known: "):
        plan.restore_parameters(config, track, mine, "clean", method)


def turned(value):
    """The same with the keys of every map in the other order."""
    if isinstance(value, dict):
        return {key: turned(value[key]) for key in reversed(value)}
    return [turned(one) for one in value] if isinstance(value, list) else value


def told(config, track):
    """What each kind of job of a track is told, as Snakemake compares it: as text."""
    found = {}
    for item in plan.restorations(config, track):
        ids = (config, track, item.sample)
        methods = (item.degradation, item.method)
        if plan.has_truth(config, item.sample):
            found["truth", item] = plan.truth_parameters(*ids)
        found["observed", item] = plan.observed_parameters(*ids, item.degradation)
        found["restore", item] = plan.restore_parameters(*ids, *methods)
        found["timing", item] = plan.timing_parameters(*ids, *methods)
        found["score", item] = plan.score_parameters(*ids, item.method)
        for name, _ in plan.predictors(config, track):
            found["levels", item] = plan.levels_parameters(*ids, item.degradation, name)
    for method, training in plan.trainings(config, track):
        found["train", method, training] = plan.train_parameters(config, track, method, training)
    for method, _ in plan.predictors(config, track):
        found["accuracy", method] = plan.accuracy_parameters(config, track, method)
        found["predictors"] = plan.predictor_timing_parameters(config, track)
    for kind in ("tables", "figures"):
        for name in plan.reports(config, track, kind):
            found[kind, name] = plan.report_parameters(config, track, name)
    return {key: repr(value) for key, value in found.items()}


def test_another_order_of_keys_is_no_change_to_any_job(tmp_path):
    """Of keys that no preset has: those that one has come in its order."""
    stack, photo = str(tmp_path / "mine.ome.tif"), str(tmp_path / "photo.ome.tif")
    write_volume(stack, np.ones((16, 24, 32), np.float32), "ZYX", (0.3, 0.1, 0.1))
    counts = np.arange(12000, dtype=np.float32).reshape(1, 100, 120)
    write_volume(photo, counts, "ZYX", (1.0, 0.5, 0.5))
    lens = {"wavelength": 0.6, "refractive_index": 1.33, "numerical_aperture": 1.2}
    entry = {"path": stack, **lens, "z_step": 0.3, "pixel_size": 0.1}
    user = {
        "tracks": {
            "deconvolution": {
                "samples": ["microtubules_test1", "mine"],
                "methods": ["wiener", "richardson_lucy", "own", "supervised_mse"],
            },
            "defocus": {
                "samples": ["nuclei_test1", "photo"],
                "methods": ["own", "depth_invariant"],
                "predictors": ["delpnet", "mine"],
                "timing": {"warm_up": 2, "steps": 2},
            },
        },
        "methods": {
            "deconvolution": {
                "supervised_mse": {"start_at_mean": True, "learning_rate": 0.01},
                "own": {"module": "json:Own", "sigma": 1, "label": {"b": [{"d": 1, "c": 2}]}},
            },
            "defocus": {
                "mine": {"uses": "delpnet", "side": 84, "offset": 1, "bg": False},
                "own": {"module": "json:Own", "sigma": 1, "label": {"b": 1, "a": 2}},
            },
        },
        "data": {
            "fluorescence": {"mine": entry},
            "defocused": {"photo": {"pixel_size": 0.65, "path": photo, "level": 1.0}},
        },
    }
    for track in ("deconvolution", "defocus"):
        mixed = turned(user)
        entries = user["methods"][track].items()
        mixed["methods"][track] = {name: turned(entry) for name, entry in entries}
        first, second = told(build(**user), track), told(build(**mixed), track)
        assert {"restore", "score", "train", "tables"} <= {key[0] for key in first}
        assert {key for key in first if first[key] != second[key]} == set()


def test_the_order_of_lists_and_of_methods_ids_stays():
    own = {"b": {"module": "json:B"}, "a": {"module": "json:A"}}
    config = build(
        tracks={"multifocus": {"samples": ["vessels", "cell"], "methods": ["b", "a"]}},
        methods={"multifocus": own},
    )
    items = plan.restorations(config, "multifocus")
    assert list(dict.fromkeys(item.sample for item in items)) == ["vessels", "cell"]
    assert list(dict.fromkeys(item.method for item in items))[-2:] == ["b", "a"]
    shown = plan.report_parameters(config, "multifocus", "table1")["settings"]
    assert shown["variants"][-2:] == ["b", "a"]
