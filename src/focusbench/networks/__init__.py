"""Networks, chosen by id: architectures only. Importing this loads none of them."""

from importlib import import_module
from typing import Any

from focusbench.errors import InputError

TABLE: dict[str, str] = {
    "skip_3d": "focusbench.networks.skip_3d:Skip3d",
    "neural_field": "focusbench.networks.neural_field:NeuralField",
    "unet_3d": "focusbench.networks.unet_3d:Unet3d",
    "patchgan_3d": "focusbench.networks.patchgan_3d:Patchgan3d",
    "multi_scale_patchgan_3d": "focusbench.networks.patchgan_3d:MultiScalePatchgan",
    "blur_kernel": "focusbench.networks.blur_kernel:BlurKernel",
    "delpnet": "focusbench.networks.delpnet:Delpnet",
    "vgg16": "focusbench.networks.vgg16:Vgg16",
    "inception_v3": "focusbench.networks.inception_v3:InceptionV3",
    "resnet18": "focusbench.networks.resnet18:Resnet18",
    "mobilenet_v2": "focusbench.networks.mobilenet_v2:MobilenetV2",
    "mfpinet": "focusbench.networks.mfpinet:Mfpinet",
    "mfpinet_discriminator": "focusbench.networks.mfpinet_discriminator:MfpinetDiscriminator",
    "deep_z": "focusbench.networks.deep_z:DeepZ",
    "deep_z_discriminator": "focusbench.networks.deep_z_discriminator:DeepZDiscriminator",
    "srgan": "focusbench.networks.srgan:Srgan",
    "srgan_discriminator": "focusbench.networks.srgan_discriminator:SrganDiscriminator",
    "refocus_naf": "focusbench.networks.refocus_naf:RefocusNaf",
}


def names() -> list[str]:
    """Ids of the networks."""
    return list(TABLE)


def build(name: str, **parameters: Any) -> Any:
    """Build a network (torch.nn.Module) by id; of the paper's size unless `parameters` say else.

    Raises
    ------
    InputError
        Unknown id.
    """
    if name not in TABLE:
        raise InputError(f"unknown network {name!r}; known: {', '.join(TABLE)}")
    module, _, attribute = TABLE[name].partition(":")
    return getattr(import_module(module), attribute)(**parameters)
