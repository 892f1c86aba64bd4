import pytest
import torch


@pytest.fixture
def draw():
    """Normal numbers of a shape, float64; others at each call."""
    generator = torch.Generator().manual_seed(3)
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)
