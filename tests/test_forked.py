import os
import subprocess
import sys
import tempfile
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


@pytest.mark.parametrize("shared", [True, False])
def test_the_next_child_has_what_the_first_has_loaded(tmp_path, monkeypatch, shared):
    """Of the packages that start nothing when they are imported: of others nobody knows."""
    (tmp_path / "loaded_once.py").write_text("import os; PROCESS = os.getpid()\n")
    if shared:
        monkeypatch.setattr(forked, "SHARED", ("loaded_once",))
    sys.path.insert(0, str(tmp_path))
    try:
        text = "import loaded_once; path.write_text(str(loaded_once.PROCESS))"
        for _ in range(2):
            assert forked.run(script(tmp_path, text), {"path": tmp_path / "said"}) == 0
        assert (int((tmp_path / "said").read_text()) == os.getpid()) == shared
        assert ("loaded_once" in sys.modules) == shared
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("loaded_once", None)


@pytest.mark.parametrize("end", ["", "raise SystemExit(3)"])
def test_a_child_ends_as_a_program_does(tmp_path, end):
    """Its pool of processes ends with it, and what it has registered for its exit is done."""
    text = (
        "import atexit, concurrent.futures, tempfile\n"
        "pool = concurrent.futures.ProcessPoolExecutor(2)\n"
        "workers = pool.submit(abs, -1).result() and list(pool._processes)\n"
        "folder = tempfile.TemporaryDirectory(dir=here)\n"
        "atexit.register((here / 'exited').write_text, ' '.join(map(str, workers)))\n"
    )
    status = forked.run(script(tmp_path, text + end), {"here": tmp_path})
    assert status == (3 if end else 0)
    for worker in (tmp_path / "exited").read_text().split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(worker), 0)
    assert sorted(os.listdir(tmp_path)) == ["exited", "script.py"]


def test_what_the_parent_does_at_its_exit_no_child_does(tmp_path):
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        assert forked.run(script(tmp_path, "pass"), {}) == 0
        assert os.path.isdir(folder)


def test_what_a_child_leaves_running_holds_nobody_up(tmp_path):
    text = "import subprocess; left.write_text(str(subprocess.Popen(['sleep', '60']).pid))"
    left = tmp_path / "left"
    assert forked.run(script(tmp_path, text), {"left": left}) == 0
    os.kill(int(left.read_text()), 9)


def test_a_child_computes_with_threads_though_another_did_at_its_import(tmp_path, root):
    """A fork has no threads of OpenMP, and waits for ever for those that its parent had."""
    (tmp_path / "computing.py").write_text(
        "import torch\ntorch.set_num_threads(2)\ntorch.ones(512, 512) @ torch.ones(512, 512)\n"
    )
    path = script(tmp_path, "import computing, torch; torch.ones(512, 512) @ torch.ones(512, 512)")
    text = f"from focusbench import forked; print([forked.run({str(path)!r}, {{}}) for _ in 'ab'])"
    done = subprocess.run(
        [sys.executable, "-c", text],
        env={**os.environ, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{tmp_path}"},
        stdout=subprocess.PIPE,
        timeout=120,
        check=True,
    )
    assert done.stdout == b"[0, 0]\n"


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
