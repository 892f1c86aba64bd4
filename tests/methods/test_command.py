import stat
import sys
import time

import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.methods.command import Command
from focusbench.problem import Problem
from focusbench.training.run import quick_run

PROBLEM = Problem("multifocus", np.full((3, 4, 5), 0.5, np.float32), "ZYX", (1.0, 0.92, 0.92))


def tool(tmp_path, body):
    path = tmp_path / "tool with space.sh"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return f"'{path}'"


def restore(command, **parameters):
    return Command(command, **parameters).restore(PROBLEM, quick_run(seed=7, threads=2))


def test_a_shell_tool_restores(tmp_path):
    program = tool(tmp_path, f'cp "$1" "$2"; echo "$3 $4 $OMP_NUM_THREADS" > {tmp_path}/said')
    result = restore(f"{program} {{observed}} {{estimate}} {{voxel_size}} seed={{seed}}")
    np.testing.assert_array_equal(result.estimate, PROBLEM.observed)
    assert result.estimate.dtype == np.float32
    assert (tmp_path / "said").read_text() == "1,0.92,0.92 seed=7 2\n"


def test_no_shell_reads_the_command(tmp_path):
    with pytest.raises(InputError):
        restore(f"true {{observed}} {{estimate}} ; touch {tmp_path}/hacked")
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("echo out of luck >&2; exit 3", "ended with status 3: out of luck"),
        ("exit 0", "left no file"),
        ('echo nonsense > "$2"', "estimate.tif"),
    ],
)
def test_a_tool_that_fails_is_one_line(tmp_path, body, message):
    with pytest.raises(InputError, match=message) as caught:
        restore(f"{tool(tmp_path, body)} {{observed}} {{estimate}}")
    assert "\n" not in str(caught.value)


def test_a_missing_program_is_one_line():
    with pytest.raises(InputError, match="cannot be run: No such file"):
        restore("no-such-program {observed} {estimate}")


def test_an_estimate_of_another_shape_is_refused(tmp_path):
    script = tmp_path / "tool.py"
    script.write_text(
        "import sys, numpy, tifffile\n"
        "tifffile.imwrite(sys.argv[1], numpy.ones((2, 4, 5), 'float32'))\n"
    )
    with pytest.raises(InputError, match=r"shape \(2, 4, 5\); accepted: \(3, 4, 5\)"):
        restore(f"{sys.executable} {script} {{estimate}} {{observed}}")


def test_a_tool_that_hangs_is_stopped_with_its_children(tmp_path):
    alive = tmp_path / "alive"
    body = f"(while true; do date > {alive}; sleep 0.1; done) & wait"
    with pytest.raises(InputError, match="stopped after 0.5 s"):
        restore(f"{tool(tmp_path, body)} {{observed}} {{estimate}}", timeout_seconds=0.5)
    alive.unlink(missing_ok=True)
    time.sleep(0.4)
    assert not alive.exists()
