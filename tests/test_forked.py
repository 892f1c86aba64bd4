import os
import subprocess
import sys
import time

import pytest

from focusbench import forked


def script(tmp_path, text):
    path = tmp_path / "script.py"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("pass", 0),
        ("import sys; sys.exit(3)", 3),
        ("import sys; sys.exit('a line')", 1),
        ("import sys; sys.exit()", 0),
        ("1 / 0", 1),
        ("import os; os._exit(5)", 5),
        ("import os; os.kill(os.getpid(), 9)", 137),
    ],
)
def test_status(tmp_path, text, status):
    assert forked.run(script(tmp_path, text), {}) == status


def test_names_are_given_and_nothing_comes_back(tmp_path):
    given, here = {"path": tmp_path / "said", "value": [1]}, os.getpid()
    text = "value.append(2); path.write_text(f'{value} {__name__}'); import os; os.chdir('/')"
    before = os.getcwd()
    assert forked.run(script(tmp_path, text), given) == 0
    assert (tmp_path / "said").read_text() == "[1, 2] __main__"
    assert given["value"] == [1]
    assert (os.getpid(), os.getcwd()) == (here, before)


def test_the_next_child_has_what_the_first_has_loaded(tmp_path):
    (tmp_path / "loaded_once.py").write_text("import os; PROCESS = os.getpid()\n")
    sys.path.insert(0, str(tmp_path))
    try:
        text = "import loaded_once; path.write_text(str(loaded_once.PROCESS))"
        for _ in range(2):
            assert forked.run(script(tmp_path, text), {"path": tmp_path / "said"}) == 0
        assert int((tmp_path / "said").read_text()) == os.getpid()
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("loaded_once", None)


@pytest.mark.parametrize("stop", forked.STOPS)
def test_a_termination_signal_reaches_the_child(tmp_path, root, stop):
    """It saves what it saves, and the parent ends as it did."""
    path = script(
        tmp_path,
        "import pathlib, signal, sys, time\n"
        f"here = pathlib.Path({str(tmp_path)!r})\n"
        "def stop(*_):\n"
        "    (here / 'saved').touch()\n"
        "    sys.exit(143)\n"
        f"signal.signal({stop.value}, stop)\n"
        "(here / 'ready').touch()\n"
        "time.sleep(60)\n",
    )
    text = f"from focusbench import forked; forked.run({str(path)!r}, {{}}); print('went on')"
    parent = subprocess.Popen(
        [sys.executable, "-c", text],
        env={**os.environ, "PYTHONPATH": str(root / "src")},
        stdout=subprocess.PIPE,
    )
    while not (tmp_path / "ready").exists():
        assert parent.poll() is None
        time.sleep(0.01)
    parent.send_signal(stop)
    said, _ = parent.communicate(timeout=30)
    assert (parent.returncode, said) == (143, b"")
    assert (tmp_path / "saved").exists()
