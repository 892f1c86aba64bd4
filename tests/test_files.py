import json
import os

import pytest

from focusbench.errors import InputError
from focusbench.files import inside, replacing, sha256, write_json, write_text


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a" / "volume.ome.tif"
    write_text(path, "old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [one.name for one in path.parent.iterdir()] == ["volume.ome.tif"]


def test_what_a_killed_write_left_is_cleared_away(tmp_path):
    (tmp_path / ".part1-a.csv").write_text("half")
    (tmp_path / ".part1-b-a.csv").write_text("of another file")
    write_text(tmp_path / "a.csv", "whole")
    assert sorted(one.name for one in tmp_path.iterdir()) == [".part1-b-a.csv", "a.csv"]


def test_the_temporary_name_keeps_the_endings(tmp_path):
    with replacing(tmp_path / "volume.ome.tif") as temporary:
        assert temporary.name.endswith(".ome.tif")
        temporary.write_text("")


def test_json_is_sorted_and_refuses_nan(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"b": 1, "a": 2})
    assert list(json.loads(path.read_text())) == ["a", "b"]
    with pytest.raises(ValueError):
        write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text())["b"] == 1


def test_sha256_of_a_known_text(tmp_path):
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../secret", "link/secret"])
def test_paths_stay_inside_their_folder(tmp_path, name):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(InputError, match="leaves the folder"):
        inside(folder, name)
    assert inside(folder, "a/b.raw") == folder / "a" / "b.raw"


def test_a_pipe_has_no_checksum_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="regular"):
        sha256(tmp_path / "pipe")
