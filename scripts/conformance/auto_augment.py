"""AutoAugment's policy for CIFAR-10, as torchvision publishes it: `pip install --no-deps torchvision` beside torch.

Magnitudes are those of its ten levels, translations as a share of the side. Its thresholds of `Solarize` go from 255 to 0; the
code that long-tailed methods share (`autoaug.py` of PaCo, ProCo, CMO) has 256 to 0, which is taken here.
"""

import torch
from fixture import write
from torchvision.transforms.autoaugment import AutoAugment, AutoAugmentPolicy

NAMES = ["AutoContrast", "Brightness", "Color", "Contrast", "Equalize", "Invert", "Posterize", "Rotate", "Sharpness", "ShearX",
         "ShearY", "Solarize", "TranslateX", "TranslateY"]
AROUND_ONE = ["Brightness", "Color", "Contrast", "Sharpness"]  # factors 1 + magnitude

policy = AutoAugment(AutoAugmentPolicy.CIFAR10)
space = policy._augmentation_space(10, (1, 1))


def centre_and_spread(name, level):
    magnitudes, signed = space[name]
    if level is None:
        return 0.0, 0.0
    magnitude = 256 * (1 - level / 9) if name == "Solarize" else magnitudes.double()[level].item()
    if name in AROUND_ONE:
        return 1.0, magnitude
    return (0.0, magnitude) if signed else (magnitude, 0.0)


steps = [step for pair in policy.policies for step in pair]
magnitudes = [centre_and_spread(name, level) for name, _, level in steps]
write(
    "auto-augment_cifar10",
    {},
    {},
    {
        "operation": torch.tensor([NAMES.index(name) for name, _, _ in steps]).view(-1, 2),
        "probability": torch.tensor([probability for _, probability, _ in steps]).view(-1, 2),
        "centre": torch.tensor([centre for centre, _ in magnitudes]).view(-1, 2),
        "spread": torch.tensor([spread for _, spread in magnitudes]).view(-1, 2),
    },
)
