import re
import subprocess
import sys

import pytest

from focusbench import config as configuration
from focusbench import grids, plan, tracks
from focusbench.data import registry
from focusbench.errors import InputError
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
