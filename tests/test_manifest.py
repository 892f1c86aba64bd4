import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from focusbench import __main__ as command_line
from focusbench import config as configuration
from focusbench import jobs, manifest, paths, plan
from focusbench.errors import InputError
from focusbench.files import sha256, write_json, write_text
from focusbench.paths import Restored
from focusbench.verify_verb import differences

ITEM = Restored("cell", "clean", "lbfgs", 0)
SCORE, RECORD = paths.score("multifocus", ITEM), paths.record("multifocus", ITEM)
TABLE = paths.table("multifocus", "table1", "csv")
CONFIG = {"preset": "test", "tracks": {}}
LIMIT = 200_000  # bytes of a manifest in tests


def work(path, content):
    with jobs.job(paths.log(path), writes=[path]):
        write_json(path, content)


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A folder with a few results and their manifest; it is the working directory."""
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.chdir(folder)
    work(SCORE, {"psnr": 31.25})
    work(RECORD, {"seconds": 100.5, "peak_memory_bytes": 7, "device": "GPU X"})
    work(TABLE, [1])
    write_text("results/README.md", "not listed")
    write_text("results/.resume/a/state.safetensors", "not listed")
    manifest.write(CONFIG, folder)
    return folder


def content():
    return json.loads(Path(paths.manifest()).read_text())


def test_it_lists_what_is_there_apart_from_what_holds_cost(made):
    found = content()
    assert found["files"] == {
        "multifocus/scores/cell/clean/lbfgs-seed0.json": sha256(SCORE),
        "tables/multifocus_table1.csv": sha256(TABLE),
    }
    assert found["cost"]["files"] == {
        "multifocus/restored/cell/clean/lbfgs-seed0.json": sha256(RECORD)
    }
    assert list(differences("results")) == []


def test_it_tells_what_each_job_cost(made):
    cost = content()["cost"]
    assert set(cost["jobs"]) == {
        "multifocus/scores/cell/clean/lbfgs-seed0",
        "multifocus/restored/cell/clean/lbfgs-seed0",
        "tables/multifocus_table1",
    }
    for one in cost["jobs"].values():
        assert set(one) == {*manifest.KEYS, "host"}
    # a restoration knows its cost over all attempts
    restored = cost["jobs"]["multifocus/restored/cell/clean/lbfgs-seed0"]
    assert (restored["seconds"], restored["peak_memory_bytes"]) == (100.5, 7)
    assert cost["devices"] == ["GPU X", "cpu"]
    assert cost["seconds"] == pytest.approx(sum(one["seconds"] for one in cost["jobs"].values()))
    assert cost["host"]["cores"] >= 1


def test_the_seconds_of_a_batch_are_those_of_its_members_and_count_once(made):
    before = content()["cost"]["seconds"]
    path = paths.batch("multifocus", "cell", "clean")
    with jobs.job(paths.log(path), writes=[path]):
        write_json(path, {ITEM.stem: "key"})
        time.sleep(0.05)
    manifest.write(CONFIG, made)
    cost = content()["cost"]
    assert cost["jobs"]["multifocus/batches/cell/clean"]["seconds"] >= 0.05
    assert cost["seconds"] == before


def test_equal_content_gives_equal_bytes_of_all_but_cost(made):
    first = content()
    shutil.rmtree("results")
    work(TABLE, [1])
    work(RECORD, {"seconds": 5.0})
    work(SCORE, {"psnr": 31.25})
    manifest.write(CONFIG, made)
    second = content()
    assert first.pop("cost") != second.pop("cost")
    assert json.dumps(first) == json.dumps(second)


def test_what_differs_is_named_a_line_each_and_nothing_is_written(made, capsys):
    assert command_line.main(["verify", "results/"]) == 0
    capsys.readouterr()
    write_text(SCORE, '{"psnr": 35.25}')
    (made / RECORD).unlink()
    write_text("results/multifocus/scores/new.json", "{}")
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    assert command_line.main(["verify", "results/"]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        f"missing: {RECORD}",
        f"changed: {SCORE}",
        "unlisted: results/multifocus/scores/new.json",
    ]
    assert err.startswith(f"{jobs.MARK}results/: 3 files do not match")
    assert "ask for what is missing by name" in err
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*")} == before


def test_a_file_with_a_name_of_another_encoding_or_a_pipe_is_named(made, capsys):
    open(os.fsencode("results/tables/") + b"\xff", "w").close()
    os.mkfifo("results/pipe")
    assert command_line.main(["verify"]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines() == ["unlisted: results/pipe", r"unlisted: results/tables/\xff"]
    assert err == f"{jobs.MARK}results: 2 files are not listed in manifest.json\n"
    manifest.write(CONFIG, made)  # which does not wait for the pipe
    assert list(differences("results")) == ["unlisted: results/pipe"]


def test_the_data_that_samples_were_prepared_from_is_listed(made, tmp_path):
    recording, gone = tmp_path / "my.tif", tmp_path / "gone.tif"
    recording.write_text("1")
    for sample in ("mine.1", "other"):
        work(paths.truth("multifocus", sample), {})

    def sources(sample):
        return [recording, gone] if sample == "mine.1" else []

    manifest.write(CONFIG, made, sources)
    first = sha256(recording)
    assert content()["data"] == {str(recording): first}
    recording.write_text("2")
    stamp = os.path.getmtime(paths.manifest())
    for age, digest in ((-10, first), (10, sha256(recording))):  # an old one is not read again
        os.utime(recording, (stamp + age, stamp + age))
        manifest.write(CONFIG, made, sources)
        assert content()["data"] == {str(recording): digest}


def test_the_results_may_be_moved(made, tmp_path):
    shutil.move(made / "results", tmp_path / "elsewhere")
    assert list(differences(tmp_path / "elsewhere")) == []
    (tmp_path / "elsewhere/tables/multifocus_table1.csv").unlink()
    assert list(differences(tmp_path / "elsewhere")) == [
        f"missing: {tmp_path}/elsewhere/tables/multifocus_table1.csv"
    ]


def test_what_is_damaged_does_not_become_right_by_a_new_manifest(made):
    (made / SCORE).write_text('{"psnr": 35.25}')
    manifest.write(CONFIG, made)
    assert list(differences("results")) == [f"changed: {SCORE}"]
    shutil.rmtree("results/logs")  # then the last manifest knows it
    (made / SCORE).write_text('{"psnr": 39.25}')
    stamp = (made / paths.manifest()).stat().st_mtime_ns
    os.utime(SCORE, ns=(stamp - 10**9, stamp - 10**9))
    manifest.write(CONFIG, made)
    assert list(differences("results")) == [f"changed: {SCORE}"]
    os.utime(SCORE)  # written on purpose, by no job
    os.utime(paths.manifest(), ns=(stamp - 10**9, stamp - 10**9))
    manifest.write(CONFIG, made)
    assert list(differences("results")) == []


def instead(make):
    """Have something else stand where a file was."""

    def change(path):
        path.unlink()
        make(path)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.unlink(), "no such file; a run that has made something writes it"),
        (lambda path: path.write_text(path.read_text()[:-9]), "damaged"),
        (lambda path: path.write_text("[]"), "damaged"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "damaged"),
        (instead(os.mkfifo), "cannot be read: Not a regular file"),
        (instead(lambda path: path.symlink_to("/dev/zero")), "cannot be read: Not a regular file"),
        (instead(os.mkdir), "cannot be read: Not a regular file"),
        (lambda path: path.write_text(path.read_text() + " " * LIMIT), "damaged"),
        (lambda path: path.write_text("[" * 100_000), "damaged"),
        *(
            (
                lambda path, name=name: path.write_text(path.read_text().replace("tables/", name)),
                "damaged",
            )
            for name in ("../x/", r"\u0000/", r"\ud800/")
        ),
    ],
)
def test_a_manifest_that_is_none(made, monkeypatch, change, message):
    monkeypatch.setattr(manifest, "LARGEST", LIMIT)
    change(made / paths.manifest())
    with pytest.raises(InputError, match=rf"results/manifest\.json: .*{message}"):
        list(differences("results"))


def test_a_run_does_not_wait_for_a_pipe_in_place_of_its_manifest_or_of_a_record(made):
    before = content()
    instead(os.mkfifo)(made / paths.manifest())
    instead(os.mkfifo)(made / RECORD)
    manifest.write(CONFIG, made, lambda sample: [])
    assert content()["files"] == before["files"]


def test_a_link_that_leads_back_is_followed_once(made):
    (made / "results/multifocus/again").symlink_to(made / "results")
    assert sorted(manifest.present("results")) == sorted(manifest.listed("results"))


def test_behind_a_link_only_what_jobs_made_is_listed(made, tmp_path):
    before = manifest.listed("results")
    shutil.move(made / "results/multifocus", tmp_path / "disk")  # a track on another disk
    (made / "results/multifocus").symlink_to(tmp_path / "disk")
    write_text(tmp_path / "elsewhere/raw.ome.tif", "1")
    (made / "results/mydata").symlink_to(tmp_path / "elsewhere")
    write_text("results/multifocus/scores/cell/clean/notes.txt", "2")
    (made / "results/multifocus/again").symlink_to(made / "results")
    manifest.write(CONFIG, made)
    assert manifest.listed("results") == before
    assert list(differences("results")) == []
    write_text(SCORE, '{"psnr": 35.25}')
    work("results/multifocus/scores/cell/clean/new.json", {})
    assert list(differences("results")) == [
        f"changed: {SCORE}",
        "unlisted: results/multifocus/scores/cell/clean/new.json",
    ]


def test_behind_a_link_what_a_training_or_a_batch_leaves_beside_others_is_listed(made, tmp_path):
    ids = ("multifocus", "cell", "clean")
    training = ("multifocus", "dip", "clean-seed0")
    (tmp_path / "disk").mkdir()
    shutil.rmtree("results")
    (made / "results").mkdir()
    (made / "results/multifocus").symlink_to(tmp_path / "disk")
    work(paths.batch(*ids), {})
    write_text(paths.journal(*ids), "{}")
    work(paths.model_record(*training), {"seconds": 1.0})
    write_text(paths.model(*training), "weights")
    assert {f"results/{one}" for one in manifest.present("results")} == {
        paths.batch(*ids),
        paths.journal(*ids),
        paths.model_record(*training),
        paths.model(*training),
    }


def test_a_link_to_a_folder_without_logs_is_not_walked_through(made, tmp_path, monkeypatch):
    write_text(tmp_path / "disk/deep/raw.tif", "1")
    (made / "results/mydata").symlink_to(tmp_path / "disk")
    walked = []
    real = os.path.realpath
    monkeypatch.setattr(os.path, "realpath", lambda path: walked.append(str(path)) or real(path))
    assert sorted(manifest.present("results")) == sorted(manifest.listed("results"))
    assert "results/mydata" in walked
    assert "results/mydata/deep" not in walked


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_commit_and_dirty_flag_of_the_code(made):
    def git(*words):
        identity = ("-c", "user.name=a", "-c", "user.email=a@b")
        done = subprocess.run(["git", *identity, *words], check=True, capture_output=True)
        return done.stdout.decode().strip()

    git("init", "-q")
    write_text("Snakefile", "")
    write_text("config.yaml", "")
    git("add", "Snakefile", "config.yaml")
    git("commit", "-qm", "first")
    commit = git("rev-parse", "HEAD")
    write_text("config.yaml", "preset: test\n")  # stands merged in the manifest, and is no code
    code = manifest.build(CONFIG, made)["code"]
    assert (code["commit"], code["dirty"]) == (commit, False)
    write_text("src/mine.py", "")
    assert manifest.build(CONFIG, made)["code"]["dirty"] is True
    (made / "copy").mkdir()  # of the checkout, inside another repository
    assert manifest.build(CONFIG, made / "copy")["code"]["commit"] is None


def test_without_git_the_commit_is_unknown(made, monkeypatch):
    monkeypatch.setenv("PATH", "")
    code = manifest.build(CONFIG, made)["code"]
    assert (code["commit"], code["dirty"]) == (None, None)


def test_lock_and_versions(made, root):
    found = manifest.build(CONFIG, root)
    assert found["code"]["lock_sha256"] == sha256(root / "requirements.lock")
    lock = (root / "requirements.lock").read_text()
    for name, version in found["versions"].items():
        if name not in ("focusbench", "python", "torch") and version:
            assert f"{name}=={version}\n" in lock
    assert {"numpy", "snakemake", "torch"} <= set(found["versions"])
    assert manifest.build(CONFIG, made)["code"]["lock_sha256"] is None


def test_the_merged_configuration_stands_in_it(made):
    config = configuration.build({"preset": "test"})
    found = manifest.build(config, made)["config"]
    assert found["methods"]["multifocus"]["lbfgs"]["parameters"]["max_evaluations"] > 0


def test_cost_and_content_are_told_apart():
    config = configuration.build({"preset": "test"})
    told = {
        path.rpartition("/")[2]: manifest.tells_cost(path.removeprefix("results/"))
        for track in config["tracks"]
        for path in plan.targets(config, track)
    }
    assert told["multifocus_cost.md"]
    assert told["refocus_table3.csv"]
    assert told["multifocus_front.pdf"]
    assert not told["multifocus_table1.csv"]
    assert not told["defocus_fig3.png"]
    assert manifest.tells_cost("multifocus/timing/cell/clean/lbfgs-seed0.json")
    assert manifest.tells_cost("multifocus/models/dip/x-seed0/model.json")
    assert not manifest.tells_cost("multifocus/models/dip/x-seed0/model.safetensors")
    assert not manifest.tells_cost("multifocus/observed/cell/clean.json")
