"""ResNet-50 (He et al. 2016, Table 1) and ResNeXt-50 32x4d (Xie et al. 2017, Table 1) for 224x224 images: the features of small ones.

Parameters and images are filled by a formula of whole numbers, so that no weights are stored.
"""

import math

import torch
from fixture import write
from torch.nn.functional import batch_norm, conv2d, max_pool2d

DEPTHS = (3, 4, 6, 3)


def filled(name, *shape):
    """((n² + the sum of the name's bytes) mod 10007) / 10007 − 1/2 at the n-th entry."""
    n = torch.arange(math.prod(shape))
    return (((n * n + sum(name.encode())) % 10007) / 10007 - 0.5).reshape(shape)


def convolution(maps, name, norm, outputs, side, training, stride=1, groups=1):
    """A kernel of variance 2 / fan-in, then batch norm, by the statistics of these maps or by running ones."""
    inputs = maps.shape[1] // groups
    kernel = filled(f"{name}.weight", outputs, inputs, side, side) * math.sqrt(24 / (inputs * side * side))
    convolved = conv2d(maps, kernel, stride=stride, padding=side // 2, groups=groups)
    mean = filled(f"{norm}.running_mean", outputs)
    variance = 1 + filled(f"{norm}.running_var", outputs)
    weight, bias = 1 + filled(f"{norm}.weight", outputs), filled(f"{norm}.bias", outputs)
    return batch_norm(convolved, mean, variance, weight, bias, training=training, eps=1e-5)


def bottleneck(maps, name, width, inner, groups, stride, training):
    def of(maps, number, *shape, **options):
        return convolution(maps, f"{name}.conv{number}", f"{name}.bn{number}", *shape, training, **options)

    hidden = of(maps, 1, inner, 1).relu()
    hidden = of(hidden, 2, inner, 3, stride=stride, groups=groups).relu()
    residual = of(hidden, 3, 4 * width, 1)
    if maps.shape != residual.shape:
        maps = convolution(maps, f"{name}.downsample.0", f"{name}.downsample.1", 4 * width, 1, training, stride=stride)
    return (maps + residual).relu()


def features(images, groups, group_width, training):
    maps = convolution(images, "conv1", "bn1", 64, 7, training, stride=2).relu()
    maps = max_pool2d(maps, 3, stride=2, padding=1)
    for stage, depth in enumerate(DEPTHS):
        width, inner = 64 << stage, (groups * group_width) << stage
        for block in range(depth):
            stride = 2 if stage > 0 and block == 0 else 1
            maps = bottleneck(maps, f"layer{stage + 1}.{block}", width, inner, groups, stride, training)
    return maps.mean((2, 3))


for name, groups, group_width in (("resnet50", 1, 64), ("resnext50", 32, 4)):
    images = filled("images", 2, 3, 32, 41)
    expected = {"features": features(images, groups, group_width, False), "in_training": features(images, groups, group_width, True)}
    print(name, {key: (value.abs().mean().item(), (value == 0).double().mean().item()) for key, value in expected.items()})
    write(f"{name}_small", {}, {}, {key: value[:, ::16] for key, value in expected.items()})
