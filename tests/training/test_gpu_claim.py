"""Processes share GPUs out; the GPUs are pretended, the processes, locks and kills are not."""

import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from focusbench import running
from focusbench.errors import InputError
from focusbench.training import data_parallel, device, gpu_claim

TWO = {"0": "aa", "1": "bb"}
JOB = """
import logging, os, sys
logging.basicConfig(format="%(message)s", stream=sys.stdout)
from focusbench.training.gpu_claim import claim
print("starts", flush=True)
told = claim({count}, wait={wait}, visible=lambda: {visible})
print(told, os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def clean(tmp_path, monkeypatch):
    """Locks of one's own, nothing taken before or after."""
    monkeypatch.setenv(gpu_claim.FOLDER, str(tmp_path / "locks"))
    monkeypatch.setenv(gpu_claim.VISIBLE, "")  # what a claim sets is taken back with it
    monkeypatch.delenv(gpu_claim.VISIBLE)
    monkeypatch.setattr(gpu_claim, "POLL_SECONDS", 0.02)
    yield
    gpu_claim.release()


@pytest.fixture
def start():
    """Start a process that takes GPUs and keeps them until it is killed."""
    started = []

    def start(count=1, wait=False, visible=TWO):
        process = subprocess.Popen(
            [sys.executable, "-c", JOB.format(count=count, wait=wait, visible=visible)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "starts\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def told(process):
    return process.stdout.readline().strip()


def test_no_two_processes_have_the_same_gpu(start):
    jobs = [start() for _ in range(4)]
    assert sorted(map(told, jobs)) == ["False", "False", "True 0", "True 1"]


def test_a_killed_process_gives_its_gpu_free(start):
    first, second = start(), start()
    had = {told(first): first, told(second): second}
    waiting = start(wait=True)
    assert told(waiting) == "device: other jobs have the 2 GPUs of this process; waiting"
    had["True 1"].send_signal(signal.SIGKILL)
    assert told(waiting) == "True 1"
    assert told(start()) == "False"


@pytest.mark.parametrize(("free", "taken"), [(TWO | {"2": "cc"}, "0,1"), (TWO, "0,1")])
def test_several_for_one_process(free, taken, start):
    assert told(start(2, visible=free)) == f"True {taken}"
    rest = [name for name in free if name not in taken]
    assert told(start(2, visible=free)) == (f"True {rest[0]}" if rest else "False")


def test_fewer_where_fewer_are_free(start):
    assert told(start()) == "True 0"
    assert told(start(4)) == "True 1"


def test_one_gpu_by_two_names_is_one(start):
    """A batch system shows each job its own GPU as the first; or another one as the first."""
    assert told(start(visible={"GPU-bb": "bb"})) == "True GPU-bb"
    assert told(start(visible={"0": "bb"})) == "False"
    assert told(start(visible={"0": "aa"})) == "True 0"


def test_a_second_call_takes_no_more(monkeypatch):
    monkeypatch.setenv(gpu_claim.VISIBLE, "7,3")
    assert gpu_claim.claim(visible=lambda: {"7": "aa", "3": "bb"})
    assert os.environ[gpu_claim.VISIBLE] == "7"
    assert gpu_claim.claim(2, visible=lambda: pytest.fail("asked again"))
    assert os.environ[gpu_claim.VISIBLE] == "7"


def test_no_gpu_changes_nothing():
    assert gpu_claim.claim(visible=dict)
    assert gpu_claim.VISIBLE not in os.environ
    assert not Path(os.environ[gpu_claim.FOLDER]).exists()


@pytest.mark.parametrize("kind", ["open", "link", "file", "foreign"])
def test_a_folder_that_is_not_ones_own(kind, tmp_path):
    folder = tmp_path / "locks"
    if kind == "file":
        folder.touch()
    elif kind == "link":
        (tmp_path / "other").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "other")
    else:
        folder.mkdir()
        folder.chmod(0o777 if kind == "open" else 0o700)
        if kind == "foreign":
            if os.getuid():
                pytest.skip("needs root")
            os.chown(folder, 12345, 12345)
    with pytest.raises(InputError, match=r"locks: is for the locks .* \(another place: FOCUS"):
        gpu_claim.claim(visible=lambda: TWO)


def test_the_folder_is_the_same_whatever_the_session(monkeypatch):
    for name in ("TMPDIR", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, "/elsewhere")
    monkeypatch.delenv(gpu_claim.FOLDER)
    assert gpu_claim._folder() == Path(f"/tmp/focusbench-gpus-{os.getuid()}")


# --- the driver ----------------------------------------------------------------------------------

DRIVER = r"""
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
/* three GPUs, whose UUIDs are 16 bytes of 0xa1, 0xa2, 0xa3; as CUDA reads CUDA_VISIBLE_DEVICES */
static int shown[8], count;
int cuInit(unsigned flags) {
    char *given = getenv("CUDA_VISIBLE_DEVICES"), text[200], *end;
    if (!given) { for (; count < 3; count++) shown[count] = count; return 0; }
    snprintf(text, sizeof text, "%s", given);
    for (char *word = strtok(text, ","); word; word = strtok(0, ",")) {
        long which = -1;
        if (!strncmp(word, "GPU-a", 5)) which = word[5] - '1';
        else { which = strtol(word, &end, 10); if (end == word) which = -1; }
        if (which < 0 || which > 2) break;
        shown[count++] = which;
    }
    return count ? 0 : 100;
}
int cuDeviceGetCount(int *n) { *n = count; return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = shown[ordinal]; return 0; }
int cuDeviceGetUuid_v2(char *uuid, int device) { memset(uuid, 0xa1 + device, 16); return 0; }
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    folder = tmp_path_factory.mktemp("driver")
    (folder / "driver.c").write_text(DRIVER)
    command = [compiler, "-shared", "-fPIC", "-o", "libcuda.so.1", "driver.c"]
    subprocess.run(command, cwd=folder, check=True)
    return folder


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        (None, {"0": 1, "1": 2, "2": 3}),
        ("2,0", {"2": 3, "0": 1}),
        ("GPU-a2, GPU-a1", {"GPU-a2": 2}),  # CUDA does not know a name that begins with a space
        ("GPU-a2,GPU-a1", {"GPU-a2": 2, "GPU-a1": 1}),
        ("1,9,0", {"1": 2}),
        ("-1", {}),
        ("", {}),
    ],
)
def test_what_the_driver_shows(given, seen, driver, monkeypatch):
    monkeypatch.setenv("LD_LIBRARY_PATH", str(driver))
    if given is not None:
        monkeypatch.setenv(gpu_claim.VISIBLE, given)
    assert gpu_claim.visible() == {name: f"a{one}" * 16 for name, one in seen.items()}


def test_no_driver(monkeypatch, tmp_path):
    (tmp_path / "libcuda.so.1").touch()  # found first; and no library
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    assert gpu_claim.visible() == {}


# --- who asks ------------------------------------------------------------------------------------


@pytest.fixture
def pretended(monkeypatch):
    """A torch that was built for CUDA, on a machine with two GPUs."""
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(gpu_claim, "visible", lambda: TWO)


def test_a_run_takes_a_gpu_of_its_own(pretended, start):
    how = {"device": "auto", "threads": torch.get_num_threads(), "budget_seconds": None}
    assert running.make_run({**how, "device": "cpu"}, 0).device == "cpu"
    assert gpu_claim.VISIBLE not in os.environ
    assert told(start()) == "True 0"
    assert running.make_run(how, 0, gpus=2).device == "cuda"
    assert os.environ[gpu_claim.VISIBLE] == "1"
    assert told(start()) == "False"


def test_auto_goes_to_the_cpu_and_cuda_waits(pretended, start, caplog):
    other = start(2)
    assert told(other) == "True 0,1"
    with caplog.at_level(logging.WARNING):
        assert device.resolve("auto") == "cpu"
    assert [one.message for one in caplog.records] == [
        "device: other jobs have all GPUs; computing on the CPU"
    ]
    caplog.clear()
    later = threading.Timer(0.2, other.kill)
    later.start()
    with caplog.at_level(logging.WARNING):
        assert device.resolve("cuda") == "cuda"
    later.join()
    assert [one.message for one in caplog.records] == [
        "device: other jobs have the 2 GPUs of this process; waiting"
    ]
    assert os.environ[gpu_claim.VISIBLE] == "0"


@pytest.mark.parametrize(
    ("processes", "gpus", "made"), [(4, 4, 4), (4, 3, 2), (3, 2, 1), (2, 5, 2), (6, 3, 3)]
)
def test_a_training_has_a_gpu_for_each_of_its_processes(processes, gpus, made, monkeypatch, caplog):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert data_parallel._affordable("cuda", processes) == made
    said = [one.message for one in caplog.records]
    assert len(said) == (made < processes)
    for text in said:
        expected = f"processes is {processes}, GPUs of this job: {gpus}; training in {made}, with"
        assert text.startswith(expected)
    assert data_parallel._affordable("cpu", processes) == processes


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_real_driver():
    """In a process of its own: this one has asked CUDA already."""
    script = (
        "import torch\n"
        "from focusbench.training import device, gpu_claim\n"
        "seen = gpu_claim.visible()\n"
        "assert device.resolve('cuda') == 'cuda' and gpu_claim._held\n"
        "assert torch.cuda.device_count() == 1\n"
        "uuid = str(torch.cuda.get_device_properties(0).uuid).replace('-', '')\n"
        "assert seen[next(iter(gpu_claim._held))] == uuid, (seen, uuid)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
