"""What a finished run tells of itself, and that nothing disturbs a run that is under way."""

import json

from focusbench import job_record, manifest, paths
from focusbench.verify_verb import differences


def test_a_run_ends_with_a_manifest_that_matches_what_is_there(finished):
    results = finished.folder / "results"
    assert list(differences(results)) == []
    listed = manifest.listed(results)
    endings = {path.rpartition(".")[2] for path in listed}
    assert endings == {"tif", "json", "csv", "safetensors", "md", "tex", "pdf", "png"}
    content = json.loads((results / "manifest.json").read_text())
    assert content["config"]["preset"] == "test"
    assert content["versions"]["snakemake"]


def test_every_file_was_recorded_by_its_job(finished, monkeypatch):
    monkeypatch.chdir(finished.folder)
    for path, digest in manifest.listed("results").items():
        assert job_record.recorded(f"results/{path}") == digest, path


def test_every_job_tells_its_seconds_and_memory(finished):
    jobs = json.loads((finished.folder / paths.manifest()).read_text())["cost"]["jobs"]
    logs = list((finished.folder / "results/logs").rglob("*.log"))
    assert len(jobs) == len(logs) > 50
    for name, one in jobs.items():
        assert one["seconds"] >= 0, name
        assert one["peak_memory_bytes"] > 10**7, name


def test_every_table_names_the_manifest(finished):
    tables = list((finished.folder / "results/tables").glob("*.md"))
    assert tables
    for path in tables:
        assert paths.manifest() in path.read_text(), path


def test_a_second_run_in_the_same_directory_is_locked_out(checkout):
    """The first is played by the lock that it holds; two in earnest: tests/faults/campaign.py."""
    target = "results/multifocus/truth/cell.ome.tif"
    locks = checkout.folder / ".snakemake/locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").write_text(f"{target}\n")
    done = checkout.snakemake(target, fails=True)
    assert "LockException" in done.stderr
    assert "--unlock" in done.stderr
    assert not (checkout.folder / "results").exists()
