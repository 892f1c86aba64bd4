import os
import textwrap
import time

import pytest

from focusbench.dependencies import code_hash, modules
from focusbench.errors import InputError


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A stranger's package that must never be executed."""
    files = {
        "__init__.py": "raise RuntimeError('executed')",
        "method.py": """
            import numpy
            from . import helper
            from .deep import inner
            class Mine:
                def restore(self):
                    from strange.late import thing
                    from focusbench import networks
                    return networks.build("skip_3d")
        """,
        "helper.py": "x = 1",
        "late.py": "thing = 1",
        "unused.py": "y = 1",
        "deep/__init__.py": "",
        "deep/inner.py": "from ..helper import x",
    }
    for name, text in files.items():
        path = tmp_path / "strange" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path / "strange"


def test_imports_are_followed_without_running_them(package):
    names = set(modules("strange.method:Mine"))
    assert {"strange.method", "strange.helper", "strange.late", "strange.deep.inner"} <= names
    assert "strange.unused" not in names
    assert "numpy" not in names


def test_folders_without_an_init_file_are_followed(package):
    (package / "plain/inner").mkdir(parents=True)
    (package / "plain/inner/most.py").write_text("from . import other")
    (package / "plain/inner/other.py").write_text("")
    assert {"strange.plain.inner.other"} < set(modules("strange.plain.inner.most:Mine"))


def test_a_network_built_by_its_literal_id_counts(package):
    names = set(modules("strange.method"))
    assert "focusbench.networks.skip_3d" in names
    assert "focusbench.networks" not in names  # the id table concerns no one


@pytest.mark.parametrize("edited", ["method.py", "helper.py", "late.py", "deep/inner.py"])
def test_an_edit_changes_the_hash(package, edited):
    before = code_hash("strange.method")
    path = package / edited
    path.write_text(path.read_text() + "\nz = 1\n")
    assert code_hash("strange.method") != before


def test_neither_a_touch_nor_a_foreign_edit_changes_the_hash(package):
    before = code_hash("strange.method")
    os.utime(package / "helper.py", (time.time() + 60,) * 2)
    (package / "unused.py").write_text("y = 2")
    assert code_hash("strange.method") == before


def test_methods_depend_on_their_own_network_alone():
    assert "focusbench.networks.skip_3d" in modules("focusbench.methods.dip:Dip")
    lbfgs = modules("focusbench.methods.lbfgs:Lbfgs")
    assert not [name for name in lbfgs if name.startswith("focusbench.networks")]
    assert "focusbench.optics.rays" in modules("focusbench.tracks.multifocus.problem")


def test_restoring_does_not_depend_on_how_results_are_judged():
    for method in ("dip:Dip", "lbfgs:Lbfgs"):
        names = modules(
            f"focusbench.methods.{method}",
            "focusbench.tracks.multifocus.problem",
            "focusbench.running",
        )
        judged = (
            "focusbench.evaluation.metrics",
            "focusbench.report",
            "focusbench.tracks.multifocus.score",
        )
        assert not [name for name in names if name.startswith(judged)]


def test_no_method_imports_another():
    from focusbench import methods

    for entry in methods.TABLE.values():
        own = entry.target.partition(":")[0]
        others = [n for n in modules(own) if n.startswith("focusbench.methods.") and n != own]
        assert not others, f"{own} imports {others}"


def test_a_missing_module_is_one_line():
    with pytest.raises(InputError, match="no such Python module"):
        code_hash("nowhere.at_all:Thing")
