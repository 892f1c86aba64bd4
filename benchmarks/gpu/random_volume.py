"""What the rays are checked and timed on."""

import torch


def random_volume(session, shape, seed=0):
    """Log-transmittance and an upstream gradient on the device."""
    generator = torch.Generator().manual_seed(seed)
    volume = torch.rand(shape, generator=generator).clamp(0.2).log()
    return volume.to(session.device), torch.randn(shape, generator=generator).to(session.device)
