import json

import pytest

from focusbench import batch_journal, jobs, paths
from focusbench.batch_journal import Journal
from focusbench.errors import InputError
from focusbench.files import write_json


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
    ("content", "told"),
    [
        *((one, True) for one in ("", "[]", "{", "[" * 100_000, '{"a": 1}', "\0")),
        ('{"a": {"key": "key"}}', False),
    ],
)
def test_a_damaged_journal_is_an_empty_one_and_named(made, caplog, content, told):
    (made / "journal").write_text(content)
    assert not stands(made)
    assert (f"{made / 'journal'}: is damaged" in caplog.text) == told
    Journal(made / "journal").add("b", "key", [str(made / "a.json")])
    assert stands(made, "b")


def test_other_members_are_forgotten_once_their_files_are_others(made):
    journal = Journal(made / "journal")
    (made / "b.json").write_text("1")
    journal.add("b", "key", [str(made / "b.json")])
    journal.keep(["b"])
    assert stands(made)
    (made / "a.json").write_text("2")
    journal.keep(["b"])
    assert list(json.loads((made / "journal").read_text())) == ["b"]


def test_what_is_discarded_is_gone_and_forgotten(made):
    journal = Journal(made / "journal")
    journal.discard("a", [str(made / "a.json"), str(made / "never.json")])
    assert not (made / "a.json").exists()
    assert json.loads((made / "journal").read_text()) == {}


@pytest.mark.parametrize(
    ("content", "said"), [('{"a": 2}', "damaged: not what was"), (None, "no such file")]
)
def test_a_batch_is_asked_for_again_where_a_file_of_it_is_not_what_was_written(
    tmp_path, monkeypatch, content, said
):
    monkeypatch.chdir(tmp_path)
    items = [paths.Restored("a.b", "level01", method, 3) for method in ("wiener_like", "input")]
    scores, batch = [paths.score("defocus", one) for one in items], paths.batch("defocus", "a", "b")
    for score in scores:
        with jobs.job(paths.log(score), writes=[score]):
            write_json(score, {"a": 1})
    write_json(batch, {one.stem: "" for one in items})
    batch_journal.check([batch, "results/defocus/truth/a.ome.tif"], ("scores", "truths"))
    path = tmp_path / scores[1]
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=rf"{scores[1]}: .*{said}"):
        batch_journal.check([batch], ("scores",))
    assert not (tmp_path / batch).exists()
    assert (tmp_path / scores[0]).exists()
