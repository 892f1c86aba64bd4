import torch

from focusbench.networks.mirroring import extended


def test_repeats_the_last_voxel_first():
    volume = torch.tensor([1.0, 2, 3])
    assert extended(volume, [8]).tolist() == [1, 2, 3, 3, 2, 1, 1, 2]
    assert extended(torch.tensor([5.0]), [3]).tolist() == [5, 5, 5]
    assert extended(volume, [3]) is volume
    assert extended(volume, [2]) is volume  # never cut


def test_last_axes():
    volume = torch.arange(12.0).reshape(2, 2, 3)
    longer = extended(volume, [3, 4])
    assert longer.shape == (2, 3, 4)
    assert torch.equal(longer[:, 2], longer[:, 1])
    assert torch.equal(longer[..., 3], longer[..., 2])


def test_gradients_add_up():
    volume = torch.rand(2, 3, requires_grad=True)
    extended(volume, [4, 4]).sum().backward()
    assert volume.grad.tolist() == [[2, 2, 4], [2, 2, 4]]
