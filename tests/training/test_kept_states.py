"""States of finished trainings stay until what they made is safe."""

import os
from pathlib import Path

import pytest

from focusbench.training import kept_states


def state(folder, name):
    (folder / name).mkdir(parents=True)
    (folder / name / "state.safetensors").touch()
    return folder / name


def test_only_those_go_that_are_finished_and_whose_file_is_there(tmp_path):
    made = tmp_path / "model.safetensors"
    made.touch()
    finished, deleted, at_work = (state(tmp_path / "states", name) for name in "abc")
    kept_states.keep(finished, made)
    kept_states.keep(deleted, tmp_path / "deleted.safetensors")
    kept_states.sweep(tmp_path / "states")
    assert not finished.exists()
    assert (deleted / "state.safetensors").exists()
    assert (at_work / "state.safetensors").exists()


@pytest.mark.parametrize("note", [b"\xff\xfe", b"", b".", b"a\0b", None])
def test_a_damaged_note_ends_no_run_and_its_state_stays(tmp_path, note):
    """None: a pipe, which nothing writes into."""
    made = tmp_path / "model.safetensors"
    made.touch()
    damaged, finished = (state(tmp_path / "states", name) for name in "ab")
    kept_states.keep(finished, made)
    if note is None:
        os.mkfifo(damaged / kept_states.NOTE)
    else:
        (damaged / kept_states.NOTE).write_bytes(note)
    kept_states.sweep(tmp_path / "states")
    assert (damaged / "state.safetensors").exists()
    assert not finished.exists()


def test_what_cannot_be_removed_ends_no_run(tmp_path):
    made = tmp_path / "model.safetensors"
    made.touch()
    kept_states.keep(state(tmp_path / "states", "a"), made)
    (tmp_path / "states/b").symlink_to(tmp_path / "states/a")  # rmtree takes no link
    kept_states.sweep(tmp_path / "states")
    assert not (tmp_path / "states/a").exists()


def test_a_note_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    def cut_off(path, text, **options):
        path.write_bytes(text[:3].encode())
        raise OSError(28, "No space left on device")

    folder = state(tmp_path / "states", "a")
    monkeypatch.setattr(Path, "write_text", cut_off)
    with pytest.raises(OSError, match="No space"):
        kept_states.keep(folder, "results/model.safetensors")
    assert [path.name for path in folder.iterdir()] == ["state.safetensors"]


def test_an_empty_folder_goes_too(tmp_path):
    (tmp_path / "states").mkdir()
    kept_states.sweep(tmp_path / "states")
    assert not (tmp_path / "states").exists()


def test_there_may_be_no_states(tmp_path):
    kept_states.sweep(tmp_path / "none")


def test_what_was_learned_in_one_go_has_none_to_keep(tmp_path):
    kept_states.keep(tmp_path / "states" / "none", tmp_path / "made")
    assert not (tmp_path / "states").exists()
