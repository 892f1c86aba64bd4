"""States of finished trainings stay until what they made is safe."""

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


def test_an_empty_folder_goes_too(tmp_path):
    (tmp_path / "states").mkdir()
    kept_states.sweep(tmp_path / "states")
    assert not (tmp_path / "states").exists()


def test_there_may_be_no_states(tmp_path):
    kept_states.sweep(tmp_path / "none")


def test_what_was_learned_in_one_go_has_none_to_keep(tmp_path):
    kept_states.keep(tmp_path / "states" / "none", tmp_path / "made")
    assert not (tmp_path / "states").exists()
