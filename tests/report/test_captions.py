"""Captions of the report: rendered as snakemake does, for every table and figure of every track."""

from types import SimpleNamespace

import pytest

from focusbench import tracks

jinja2 = pytest.importorskip("jinja2")
core = pytest.importorskip("docutils.core")

OUTPUTS = [
    (kind, track, name)
    for track, facts in tracks.TABLE.items()
    for kind, names in (("table", facts.tables), ("figure", facts.figures))
    for name in names
]


def render(root, file, **snakemake):
    source = (root / "workflow" / "report" / file).read_text(encoding="utf-8")
    text = jinja2.Environment().from_string(source).render(snakemake=SimpleNamespace(**snakemake))
    strict = {"halt_level": 2, "report_level": 2}  # a warning is an error
    return core.publish_parts(text, writer="html5", settings_overrides=strict)["body"]


def caption(root, kind, track, name, **settings):
    settings = {"preset": "quick", "seed": 7, "differs": {}, **settings}
    return render(
        root,
        f"{kind}.rst",
        wildcards=SimpleNamespace(track=track, **{kind: name}),
        params=SimpleNamespace(what={"settings": settings}),
    )


@pytest.mark.parametrize(("kind", "track", "name"), OUTPUTS)
def test_every_output_has_a_caption_of_its_own(root, kind, track, name):
    text = caption(root, kind, track, name)
    assert f"{kind.title()} {name} of the track" not in text
    assert "quick" in text
    assert "seed 7" in text
    assert "Keys that differ" not in text


@pytest.mark.parametrize(("kind", "track", "name"), OUTPUTS)
def test_changed_keys_are_named(root, kind, track, name):
    text = caption(root, kind, track, name, differs={"tracks.t.size": 24, "tracks.t.seeds": [0]})
    assert "tracks.t.size" in text
    assert "24" in text


@pytest.mark.parametrize(
    ("track", "table"),
    [("multifocus", "table1"), ("deconvolution", "table1"), ("deconvolution", "table2")],
)
def test_only_the_papers_settings_may_be_compared(root, track, table):
    def words(**settings):
        return caption(root, "table", track, table, **settings)

    assert "not comparable" in words()
    assert "not comparable" in words(preset="paper", differs={"a.b": 1})
    assert "not comparable" not in words(preset="paper")


def test_the_workflow_is_described(root):
    assert "quick" in render(root, "workflow.rst", config={})
    assert "paper" in render(root, "workflow.rst", config={"preset": "paper"})
