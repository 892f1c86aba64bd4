import dataclasses
import json

import pytest

from focusbench import config as configuration
from focusbench import methods, tracks
from focusbench.errors import InputError


def build(**user):
    return configuration.build({"preset": "test", **user})


def multifocus(**section):
    return {"tracks": {"multifocus": section}}


@pytest.mark.parametrize("preset", configuration.PRESETS)
def test_every_preset_is_complete_by_itself(preset):
    result = configuration.build({"preset": preset})
    assert result["differs"] == {}
    assert set(result["tracks"]) == set(tracks.names())


def test_maps_merge_and_lists_replace():
    base = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    over = {"a": {"c": [3]}, "d": {"e": 1}}
    assert configuration.merge(base, over) == {"a": {"b": 1, "c": [3]}, "d": {"e": 1}}
    assert base == {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    assert configuration.merge(base, {"a": None}) == base  # a section with all lines commented out


def test_differences_are_told_but_places_are_not(tmp_path):
    result = build(
        data={"scivis": {"directory": str(tmp_path)}},
        **multifocus(size=20),
        methods={"multifocus": {"lbfgs": {"max_evaluations": 7}}},
    )
    assert result["differs"] == {
        "tracks.multifocus.size": 20,
        "methods.multifocus.lbfgs.max_evaluations": 7,
    }


def test_a_variant_takes_over_what_its_base_was_given():
    result = build(
        methods={
            "multifocus": {
                "dip": {"steps": 11},
                "dip_narrow": {"uses": "dip", "width": 8},
                "dip_narrower": {"uses": "dip_narrow", "width": 4},
            }
        }
    )["methods"]["multifocus"]
    base = result["dip"]["parameters"]
    assert result["dip_narrower"]["parameters"] == {**base, "steps": 11, "width": 4}
    assert result["dip_narrow"]["parameters"]["width"] == 8
    assert result["dip_narrow"]["target"] == methods.TABLE["dip"].target
    assert result["dip_narrow"]["stochastic"]


def test_a_module_of_ones_own_keeps_its_parameters_apart_from_its_facts():
    entry = {"module": "my.module:Mine", "stochastic": True, "strength": 3}
    mine = build(methods={"multifocus": {"mine": entry}})["methods"]["multifocus"]["mine"]
    assert mine["target"] == "my.module:Mine"
    assert mine["parameters"] == {"strength": 3}
    assert mine["stochastic"]
    assert not mine["gpu"]


WRONG = [
    ({"presets": "quick"}, r"config: presets: unknown key 'presets' \(did you mean 'preset'\?\)"),
    ({"preset": "fast"}, "config: preset: 'fast' is not accepted; one of test, quick, paper"),
    ({"seed": "zero"}, "config: seed: 'zero' is not accepted; accepted: integer >= 0"),
    ({"device": "gpu"}, "config: device: 'gpu' .* auto, cpu, cuda"),
    (
        multifocus(sizes=3),
        r"config: tracks.multifocus.sizes: unknown key 'sizes' \(did you mean 'size'\?\)",
    ),
    (multifocus(size="50"), "config: tracks.multifocus.size: '50' is not accepted"),
    (multifocus(size=100000), "config: tracks.multifocus.size: 100000 .* <= 1024"),
    (multifocus(size=16.0), "config: tracks.multifocus.size: 16.0 is not accepted"),
    (multifocus(samples=[]), "with at least 1"),
    (multifocus(geometry={"z_step": float("nan")}), "geometry.z_step: nan"),
    ({"methods": {"multifocus": {"a": {"uses": ["lbfgs"]}}}}, "is not the id of a method"),
    ({"data": {"stack": {1: {"path": "/"}}}}, "put 1 in quotes"),
    ({"methods": {"multifocus": {"a": {"command": "x {observed} {estimate} 'y"}}}}, "quotation"),
    (multifocus(size=True), "config: tracks.multifocus.size: True"),
    (multifocus(samples=["cel"]), r"unknown sample 'cel' \(did you mean 'cell'\?\)"),
    (multifocus(samples=["../cell"]), "an id holds letters, digits|is not accepted"),
    (
        multifocus(samples="cell"),
        "config: tracks.multifocus.samples: 'cell' is not accepted; accepted: a list of ids",
    ),
    (multifocus(degradations=["sigma"]), "degradations: 'sigma' is unknown; accepted: clean"),
    (multifocus(degradations=["recorded"]), "degradations: 'recorded' is unknown"),
    (multifocus(degradations=[]), "at least 1"),
    (multifocus(methods=["lbgfs"]), r"unknown method 'lbgfs' \(did you mean 'lbfgs'\?\)"),
    (multifocus(seeds=[0, 0]), "without repetition"),
    (multifocus(geometry={"numerical_aperture": 1.4}), "geometry.numerical_aperture: 1.4 .* < 1"),
    (multifocus(budget_seconds=0), "budget_seconds: 0"),
    ({"tracks": {"multifokus": {}}}, r"unknown track 'multifokus' \(did you mean 'multifocus'\?\)"),
    ({"tracks": {"multifocus": 3}}, "tracks.multifocus"),
    ({"methods": {"multifocus": {"iterative": {"learning_rate": "1e-3"}}}}, "write 1.0e-3"),
    ({"methods": {"multifocus": {"iterative": {"mue": 1}}}}, r"did you mean 'mu'\?"),
    ({"methods": {"multifocus": {"lbfgz": {"memory": 1}}}}, r"did you mean 'lbfgs'\?"),
    ({"methods": {"multifocus": {"Mine": {"uses": "dip"}}}}, "a-z, 0-9 and _ alone"),
    ({"methods": {"multifocus": {"a": {"uses": "b"}, "b": {"uses": "a"}}}}, "circle"),
    (
        {"methods": {"multifocus": {f"m{i}": {"uses": f"m{i + 1}"} for i in range(3000)}}},
        "m0: uses: leads through more than 40 entries",
    ),
    (
        multifocus(
            samples=["cell", "text"],
            degradations=[f"sigma0.{i:04d}" for i in range(1, 2000)],
            methods=["dip"],
            seeds=list(range(501)),
        ),
        "tracks.multifocus: its samples, .* are 2002998 restorations",
    ),
    ({"methods": {"multifocus": {"a": {"uses": "dop"}}}}, r"did you mean 'dip'\?"),
    ({"methods": {"multifocus": {"a": {"uses": "dip", "widht": 3}}}}, r"did you mean 'width'\?"),
    ({"methods": {"multifocus": {"dip": {"uses": "lbfgs"}}}}, "give the entry another id"),
    ({"methods": {"multifocus": {"a": {"module": "os.system"}}}}, "a.module: 'os.system'"),
    ({"methods": {"multifocus": {"a": {"command": "cp {observed}"}}}}, r"has no \{estimate\}"),
    (
        {"methods": {"multifocus": {"a": {"command": "x {observed} {estimat}"}}}},
        r"did you mean 'estimate'\?",
    ),
    (
        {"data": {"scivis": {"directory": "/no/such/folder"}}},
        "there is no folder '/no/such/folder'",
    ),
    ({"data": {"stack": {"mine": {"path": "/no/such.tif"}}}}, "there is no file or folder"),
    ({"data": {"stack": {"cell": {"path": "/"}}}}, "choose another id"),
    ({"data": {"stack": {"a/b": {"path": "/"}}}}, "a/b: an id holds letters"),
    ({"data": {"stack": {"..": {"path": "/"}}}}, "an id holds letters"),
    ({"data": {"stack": {"mine": {}}}}, "config: data.stack.mine.path: is missing"),
]


@pytest.mark.parametrize(("user", "message"), WRONG)
def test_a_mistake_is_one_line_that_says_where_and_what_is_accepted(user, message):
    with pytest.raises(InputError, match=message) as caught:
        configuration.build({"preset": "test", **user})
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("config: ")


@pytest.mark.parametrize("method", list(methods.TABLE))
def test_the_schema_describes_every_parameter_of_a_method(method):
    track = methods.TABLE[method].track
    described = configuration.schema(track)["methods"][method]
    assert described["additionalProperties"] is False
    fields = dataclasses.fields(methods.load(methods.TABLE[method].target))
    assert set(described["properties"]) == {field.name for field in fields}
    for field in fields:
        default = described["properties"][field.name]["default"]
        assert default == json.loads(json.dumps(field.default))  # JSON knows lists alone
    fit = set(methods.TABLE[method].fit_parameters or ())
    assert fit <= {field.name for field in fields}


def as_json(built):
    return json.dumps(dataclasses.asdict(built), sort_keys=True)


def described_keys(part, at=""):
    for key, value in part.get("properties", {}).items():
        yield f"{at}.{key}", value
        yield from described_keys(value, f"{at}.{key}")


@pytest.mark.parametrize("name", ["config", *tracks.names()])
def test_every_key_has_a_description(name):
    schema = configuration.schema(name)
    parts = [schema] if name == "config" else [schema["track"], *schema["methods"].values()]
    keys = [entry for part in parts for entry in described_keys(part)]
    assert keys
    assert not [key for key, value in keys if not value.get("description")]


def test_the_paper_preset_holds_the_published_constants_in_full():
    resolved = configuration.build({"preset": "paper"})
    for track, section in resolved["tracks"].items():
        for method in [*section["methods"], *section.get("predictors", [])]:
            if method not in methods.TABLE:  # a variant
                continue
            known = resolved["methods"][track][method]
            built = methods.build(method, known["parameters"])
            assert set(known["parameters"]) == {f.name for f in dataclasses.fields(built)}
            assert as_json(built) == as_json(methods.build(method))
