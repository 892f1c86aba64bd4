"""What the profiles ask a cluster for."""

import re

import pytest
import yaml

SCORE = "results/multifocus/scores/cell/clean/lbfgs-seed0.json"
MAY_DIFFER = {"slurm-partition-config", "slurm-status-command"}


def settings(root, profile):
    return yaml.safe_load((root / "profiles" / profile / "config.yaml").read_text())


def test_those_for_slurm_differ_in_accounting_alone(root):
    one, other = settings(root, "slurm"), settings(root, "slurm-noacct")
    assert set(one) == set(other)
    assert {key for key in one if one[key] != other[key]} == MAY_DIFFER


@pytest.mark.parametrize("profile", ["slurm", "slurm-noacct"])
def test_those_for_slurm_name_rules_and_groups_that_exist(root, profile):
    rules = "\n".join(path.read_text() for path in (root / "rules").glob("*.smk"))
    known = set(re.findall(r"^rule (\w+):", rules, re.M))
    mine = settings(root, profile)
    assert set(mine["groups"]) <= known
    # given on the command line, it replaces all that a profile says there
    assert "set-resources" not in mine
    assert set(mine["group-components"]) == set(mine["groups"].values())
    for name in mine["groups"]:
        assert re.search(rf"^rule {name}:(?:(?!^rule ).)*?^        packed=1,", rules, re.M | re.S)
    # whatever keeps all others off its machine does so on a node too
    alone = re.findall(r"^rule (\w+):(?:(?!^rule ).)*?threads: all_cores", rules, re.M | re.S)
    exclusive = re.findall(r"^rule (\w+):(?:(?!^rule ).)*?slurm_extra=", rules, re.M | re.S)
    assert alone
    assert sorted(alone) == sorted(exclusive)


@pytest.mark.parametrize("profile", ["local", "gpu", "slurm", "slurm-noacct"])
def test_every_line_says_what_it_is_for(root, profile):
    text = (root / "profiles" / profile / "config.yaml").read_text()
    for block in re.split(r"\n\s*\n", text):
        assert "#" in block


@pytest.mark.parametrize(("attempt", "mem_mb", "minutes"), [(1, 8000, 720), (3, 32000, 2160)])
def test_memory_doubles_and_time_grows_with_the_attempt(checkout, attempt, mem_mb, minutes):
    plan = checkout.plan("--attempt", attempt, SCORE)
    (line,) = re.findall(r"^rule restore:\n(?: .*\n)*?    resources: (.*)$", plan, re.M)
    assert f"mem_mb={mem_mb}," in line
    assert f"runtime={minutes}," in line


def test_whatever_the_command_what_was_cut_off_is_made_again(root):
    """Else a second run beside a first is told to call half-made files complete."""
    assert settings(root, "default")["rerun-incomplete"] is True
