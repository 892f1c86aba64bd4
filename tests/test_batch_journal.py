import json

import pytest

from focusbench import paths
from focusbench.batch_journal import Journal, members
from focusbench.paths import Restored


@pytest.fixture
def made(tmp_path):
    """A file that a member has left, and the journal that says so."""
    (tmp_path / "a.json").write_text("1")
    Journal(tmp_path / "journal").add("a", "key", [str(tmp_path / "a.json")])
    return tmp_path


def stands(folder, name="a", key="key"):
    return Journal(folder / "journal").stands(name, key)


def test_what_was_made_stands(made):
    assert stands(made)
    assert not stands(made, key="another")
    assert not stands(made, name="b")


@pytest.mark.parametrize("change", ["2", "", None])
def test_a_file_that_changed_does_not_stand(made, change):
    path = made / "a.json"
    path.unlink()
    if change is not None:
        path.write_text(change)
    assert not stands(made)


@pytest.mark.parametrize(
    "content", ["", "[]", "{", "[" * 100_000, '{"a": 1}', '{"a": {"key": "key"}}', "\0"]
)
def test_a_damaged_journal_is_an_empty_one(made, content):
    (made / "journal").write_text(content)
    assert not stands(made)
    Journal(made / "journal").add("b", "key", [str(made / "a.json")])
    assert stands(made, "b")


def test_other_members_are_forgotten(made):
    journal = Journal(made / "journal")
    journal.add("b", "key", [str(made / "a.json")])
    journal.keep(["b"])
    assert list(json.loads((made / "journal").read_text())) == ["b"]
    assert not stands(made)


def test_what_a_report_reads_of_members():
    one, other = Restored("cell", "clean", "dip", 0), Restored("cell", "sigma0.01", "dip", 0)
    batch = paths.batch("multifocus", "cell", "sigma0.01")
    own = paths.score("multifocus", one)
    kinds = ("scores", "volumes", "truths")
    found = members("multifocus", [list(one), list(other)], kinds, [own, batch])
    made = (paths.score("multifocus", other), paths.restored("multifocus", other))
    assert found == dict.fromkeys(made, batch)
    assert members("multifocus", [one], kinds, [own]) == {}
