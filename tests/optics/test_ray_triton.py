"""The Triton kernels of the rays: run by Triton's interpreter, compiled for an H100, chosen."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from focusbench.optics import ray_gather, ray_loops, rays
from focusbench.optics.ray_paths import steps_of
from focusbench.optics.rays import Geometry

triton_module = pytest.importorskip("triton")
KERNELS = ("_image_kernel", "_light_kernel", "_gather_kernel")


@pytest.mark.skipif(
    tuple(map(int, triton_module.__version__.split(".")[:2])) < (3, 7),
    reason="the interpreter of this triton knows no loop with numpy 2.4 and later",
)
def test_interpreted():
    """In a process of its own: the variable must be set before triton is imported."""
    tests = Path(__file__).with_name("ray_triton_interpreted.py")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)],
        env=os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "passed" in result.stdout
    assert "skipped" not in result.stdout


@pytest.mark.parametrize("name", KERNELS)
def test_compiles_for_an_h100(name, tmp_path, monkeypatch):
    """No device is needed. A warp must read places side by side (see UNALIGNED)."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from focusbench.optics import ray_triton

    kernel = getattr(ray_triton, name)
    constants = {"n_slices": 11, "splits": 8, "block": ray_triton.Launch().block}
    types = {"offset": "*i32", "start": "*i32", "weight": "*fp32"}
    types |= dict.fromkeys(ray_triton.UNALIGNED, "*fp32")
    signature, values, aligned = {}, {}, {}
    for at, parameter in enumerate(kernel.params):
        signature[parameter.name] = types.get(parameter.name, "i32")
        if parameter.name in constants:
            signature[parameter.name] = "constexpr"
            values[(at,)] = constants[parameter.name]
        elif not parameter.do_not_specialize_on_alignment:  # as a call finds them, at worst
            aligned[(at,)] = [["tt.divisibility", 16]]
    source = ASTSource(kernel, signature, constexprs=values, attrs=aligned)
    warps = getattr(ray_triton.Launch(), name.strip("_").replace("kernel", "warps"))
    compiled = triton.compile(source, GPUTarget("cuda", 90, 32), options={"num_warps": warps})
    assert len(compiled.asm["cubin"]) > 1000
    layouts = [line for line in compiled.asm["ttgir"].splitlines() if "sizePerThread" in line]
    assert layouts
    assert all("sizePerThread = [1]" in line for line in layouts)
    assert "convert_layout" not in compiled.asm["ttgir"]
    assert "atom" not in compiled.asm["ptx"]


@pytest.mark.parametrize("grid", [1, 2, 5, 25])
def test_rays_that_share_their_reads(grid):
    from focusbench.optics import ray_triton

    geometry = Geometry(aperture_grid=grid)
    steps = steps_of(geometry)
    order = ray_triton.grouped(steps, geometry)
    np.testing.assert_array_equal(np.sort(order), np.arange(steps.n_rays))
    flat = ray_triton.Flat(40, 30, steps.reach, 64)
    together, alone = ray_triton._tables(geometry, flat, torch.device("cpu"))
    assert len(alone.offset) == len(steps.weight)
    rows = together.weight.reshape(-1, ray_triton.TOGETHER)
    assert (rows > 0).any(dim=1).all()
    assert rows.sum().item() == pytest.approx(steps.weight.sum(), rel=1e-6)
    assert alone.weight.sum().item() == pytest.approx(steps.weight.sum(), rel=1e-6)
    reads = []
    for table in (together, alone):
        start = table.start.reshape(-1, 22)
        reads.append(
            sum((start[:, 21 - focus] - start[:, 10 - focus]).sum() for focus in range(11))
        )
    assert reads[1] == (11 - np.abs(steps.depth)).sum()
    if grid == 25:
        assert reads[0] / reads[1] == pytest.approx(0.45, abs=0.01)


def test_which_form_is_chosen(monkeypatch, caplog):
    volume = SimpleNamespace(device=torch.device("cuda", 0), dtype=torch.float32)
    monkeypatch.setattr(rays, "_kernels", lambda device: ray_loops)
    assert rays._form(volume) is ray_loops
    volume.dtype = torch.float64
    assert rays._form(volume) is ray_gather
    monkeypatch.undo()
    if not torch.cuda.is_available():  # what cannot run is tried once, then named in one line
        volume.dtype = torch.float32
        rays._kernels.cache_clear()
        assert rays._form(volume) is ray_gather
        assert rays._form(volume) is ray_gather
        (record,) = [r for r in caplog.records if r.name == "focusbench.optics.rays"]
        assert "triton cannot be used" in record.message
        assert "\n" not in record.message


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("shape", [(11, 128, 128), (11, 50, 50), (11, 33, 70)])
def test_on_a_device(shape):
    from focusbench.optics import ray_triton

    geometry = Geometry()
    random = torch.Generator().manual_seed(0)
    x = torch.rand(shape, generator=random).clamp(0.3).log()
    upstream = torch.randn(shape, generator=random)
    on_device = x.cuda(), upstream.cuda()
    runs = [
        (ray_triton.image(on_device[0], geometry), ray_triton.gradient(*on_device, geometry))
        for _ in range(3)
    ]
    image, gradient = (value.cpu() for value in runs[0])
    np.testing.assert_allclose(image, ray_loops.image(x.numpy(), geometry), atol=2e-6)
    expected = ray_loops.gradient(x.double().numpy(), upstream.double().numpy(), geometry)
    np.testing.assert_allclose(gradient, expected, atol=1e-5 * np.abs(expected).max())
    for other in runs[1:]:
        assert torch.equal(other[0], runs[0][0])
        assert torch.equal(other[1], runs[0][1])
