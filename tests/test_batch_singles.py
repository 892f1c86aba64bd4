"""Members of batches that are planned singly: which of them a job of their own makes anew."""

import os

import pytest

from focusbench import batch_journal, job_record, jobs, paths, plan
from focusbench import config as configuration
from focusbench.batch_journal import Journal
from focusbench.batch_singles import Singles
from focusbench.files import write_json, write_text

TRACK = "multifocus"
ITEM = paths.Restored("cell", "clean", "lbfgs", 0)
OTHER = paths.Restored("cell", "clean", "transparent", 0)
SCRIPTS = {"restore.py": "1", "score.py": "2"}
JOURNAL = paths.journal(TRACK, *ITEM[:2])


def build(**parameters):
    return configuration.build({"preset": "test", "methods": {TRACK: {"lbfgs": parameters}}})


def make(item=ITEM, text="", **parameters):
    """Files of a member, which a batch has just made."""
    what = plan.member_parameters(build(**parameters), TRACK, *item[:3])
    reads = plan.member_reads(build(), TRACK, item)
    key = batch_journal.member_key(TRACK, item, what, SCRIPTS, reads)
    with job_record.in_a_batch(key):
        files = write(item, text)
    Journal(JOURNAL).add(item.stem, key, files)


def write(item=ITEM, text=""):
    """Files of a restoration and its score, as their jobs leave them."""
    made = (paths.restored, paths.trace, paths.record), (paths.score,)
    for parts in made:
        files = [part(TRACK, item) for part in parts]
        with jobs.job(paths.log(files[0]), writes=files):
            for path in files:
                write_text(path, f"{text}{path}")
    return batch_journal.member_files(TRACK, item)


def stale(item=ITEM, scripts=SCRIPTS, **parameters):
    return Singles(build(**parameters), scripts).stale(TRACK, item)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in plan.member_reads(build(), TRACK, ITEM):
        write_text(path, path)


def test_what_a_batch_made_from_the_same_is_left_alone():
    assert stale() == []
    make()
    assert stale() == []
    assert stale(OTHER, memory=3) == []  # no batch knows of it


def test_what_a_batch_made_from_something_else_is_made_anew():
    make()
    volume = [paths.restored(TRACK, ITEM)]
    assert stale(memory=3) == volume
    assert stale(scripts={**SCRIPTS, "score.py": "3"}) == volume
    observed = paths.observed(TRACK, *ITEM[:2])
    write_text(observed, "another")
    assert stale() == volume
    os.unlink(observed)
    assert stale() == volume


def test_what_a_batch_did_not_finish_is_made_anew():
    write()
    volume = paths.restored(TRACK, ITEM)
    write_text(paths.log(paths.batch(TRACK, *ITEM[:2])), "")  # its job has begun
    with job_record.in_a_batch("key"), pytest.raises(SystemExit), jobs.job(paths.log(volume)):
        raise SystemExit(143)
    assert stale() == [volume]


@pytest.mark.parametrize("content", [None, "", "{", "{}"])
def test_what_a_batch_made_is_known_though_its_journal_is_gone_or_damaged(content):
    make()
    write_text(paths.log(paths.batch(TRACK, *ITEM[:2])), "")
    os.unlink(JOURNAL)
    if content is not None:
        write_text(JOURNAL, content)
    assert stale() == []
    assert stale(memory=3) == [paths.restored(TRACK, ITEM)]


def test_nothing_is_read_where_no_batch_was(monkeypatch):
    write()
    monkeypatch.setattr(job_record, "batch_key", pytest.fail)
    monkeypatch.setattr(plan, "checksum", pytest.fail)
    assert stale(memory=3) == []


def test_nothing_but_its_log_is_read_of_what_no_batch_made(monkeypatch):
    make()
    write(OTHER)
    monkeypatch.setattr(plan, "checksum", pytest.fail)
    assert stale(OTHER) == []


def test_what_a_job_of_its_own_made_is_left_to_the_engine_and_stands_for_a_batch():
    make()
    singles = Singles(build(memory=3), SCRIPTS)
    assert singles.stale(TRACK, ITEM)
    files = write(text="again ")
    begun = os.stat(files[0]).st_mtime + 10
    assert stale(memory=4) == []

    for path in files[1:]:
        os.utime(path, (begun, begun))
    singles.adopt(begun)  # not the score
    assert stale(memory=4) == []
    os.utime(files[0], (begun, begun))
    singles.adopt(begun)
    assert stale(memory=4) == []  # the engine knows from what it was made
    what = plan.member_parameters(build(memory=3), TRACK, *ITEM[:3])
    reads = plan.member_reads(build(), TRACK, ITEM)
    key = batch_journal.member_key(TRACK, ITEM, what, SCRIPTS, reads)
    assert Journal(JOURNAL).stands(ITEM.stem, key)


@pytest.mark.parametrize(("item", "marked"), [(ITEM, True), (OTHER, False)])
def test_a_batch_is_marked_when_a_member_of_it_is_made_singly(item, marked):
    batch_journal.set_aside(TRACK, item)  # no batch, no mark
    write_json(paths.batch(TRACK, *ITEM[:2]), {ITEM.stem: "key"})
    batch_journal.set_aside(TRACK, item)
    assert os.path.exists(paths.outdated(TRACK, *ITEM[:2])) == marked
