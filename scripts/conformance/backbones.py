"""torchvision's ResNets and ResNeXts for 224x224 images: values and gradients of small ones, and the names of all parameters.

Parameters, statistics and images are filled by a recipe of whole numbers, so that no weights are stored. Needs torchvision 0.26.0 too.
"""

import math

import numpy
import torch
from fixture import DIRECTORY, write
from torch.nn.functional import cross_entropy
from torchvision.models import resnet
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

CLASSES = 10
BITS = (1 << 64) - 1


def fnv_1a(text):
    digest = 0xCBF29CE484222325
    for byte in text.encode():
        digest = (digest ^ byte) * 0x100000001B3 & BITS
    return digest


def filled(name, *shape):
    """Numbers in [-1/2, 1/2): the n-th is made of the upper 24 bits of the n-th output of SplitMix64, seeded with the name's FNV-1a hash."""
    state = numpy.uint64(fnv_1a(name)) + numpy.arange(1, math.prod(shape) + 1, dtype=numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    state ^= state >> numpy.uint64(31)
    return torch.from_numpy((state >> numpy.uint64(40)).astype(numpy.float64) / 2**24 - 0.5).reshape(shape)


def parameter(name, shape):
    """Kernels of variance 2 / fan-in, rows of the classifier of variance 1 / fan-in. Batch norms scale by about a half, so that maps do not
    grow much from block to block; variances are positive."""
    values = filled(name, *shape)
    if len(shape) > 1:
        return values * math.sqrt((24 if len(shape) == 4 else 12) / math.prod(shape[1:]))
    if name.endswith("running_var"):
        return 1 + values
    return (1 + values) / 2 if name.endswith(".weight") else values


def is_counter(name):
    return name.endswith("num_batches_tracked")


def fill(network, renamed=lambda name: name):
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if not is_counter(name):
                tensor.copy_(parameter(renamed(name), tensor.shape))


def by_name(tensors):
    return [tensor for _, tensor in sorted(tensors.items())]


def norms(tensors):
    return torch.stack([tensor.norm() for tensor in tensors])


def pass_through(network, images, training):
    """What one pass makes of the images, and the gradients of its loss."""
    fill(network)
    network.train(training)
    features = []
    hook = network.avgpool.register_forward_hook(lambda module, inputs, output: features.append(output.flatten(1)))
    logits = network(images)
    hook.remove()
    loss = cross_entropy(logits, torch.tensor([3, 7]))
    gradients = torch.autograd.grad(loss, by_name(dict(network.named_parameters())))
    expected = {
        "features": features[0][:, ::16],
        "logits": logits,
        "loss": loss,
        "gradient_norms": norms(gradients),
        "gradient_entries": torch.stack([gradient.flatten()[[0, gradient.numel() // 2, -1]] for gradient in gradients]),
    }
    if training:
        expected["statistics"] = norms(by_name({name: tensor for name, tensor in network.named_buffers() if not is_counter(name)}))
    return expected


def expert(number, images, training):
    """One expert of ResNeXt-50 in the public code of Wang et al. 2021 with `reduce_dimension`: the planes of its own stages are 192 and 384."""
    network = ResNet(Bottleneck, [3, 4, 6, 3], groups=32, width_per_group=4)
    network.inplanes = 512
    network.layer3 = network._make_layer(Bottleneck, 192, 6, stride=2)
    network.layer4 = network._make_layer(Bottleneck, 384, 3, stride=2)
    network.fc = torch.nn.Identity()
    fill(network, lambda name: name.replace("layer3", f"layer3s.{number}").replace("layer4", f"layer4s.{number}"))
    return network.train(training)(images)


torch.set_num_threads(1)
images = filled("images", 2, 3, 64, 64)
for name, build in (("resnet18-large", resnet.resnet18), ("resnet50", resnet.resnet50), ("resnext50", resnet.resnext50_32x4d)):
    network = build(num_classes=CLASSES)
    expected = {}
    for mode, training in (("eval", False), ("train", True)):
        expected |= {f"{mode}.{key}": value for key, value in pass_through(network, images, training).items()}
    print(name, {mode: expected[f"{mode}.loss"].item() for mode in ("eval", "train")})
    write(f"{name}_small", {}, {}, expected)

features = {
    mode: torch.stack([expert(number, images, training) for number in range(2)], 1)[:, :, ::16]
    for mode, training in (("eval", False), ("train", True))
}
write("experts-resnext50_small", {}, {}, features)

with torch.device("meta"):
    networks = {
        "resnet10": ResNet(BasicBlock, [1, 1, 1, 1]),
        "resnet18-large": resnet.resnet18(),
        "resnet34": resnet.resnet34(),
        "resnet50": resnet.resnet50(),
        "resnext50": resnet.resnext50_32x4d(),
        "resnet101": resnet.resnet101(),
        "resnext101-32x4d": ResNet(Bottleneck, [3, 4, 23, 3], groups=32, width_per_group=4),
        "resnext101-32x8d": resnet.resnext101_32x8d(),
        "resnet152": resnet.resnet152(),
    }
with open(DIRECTORY / "backbones.txt", "w") as out:
    for name, network in networks.items():
        tensors = {name: list(tensor.shape) for name, tensor in network.state_dict().items() if not is_counter(name) and not name.startswith("fc.")}
        lines = "\n".join(f"{name} {shape}" for name, shape in sorted(tensors.items()))
        print(name, len(tensors), f"{fnv_1a(lines):016x}", file=out)
