"""ResNet-8, 20 and 32 for CIFAR in plain PyTorch, with the weights that `reproduce export` writes.

    reproduce export out/cifar10-lt/runs/ce.r100.s0.… --out model.safetensors
    reproduce evaluate --weights model.safetensors --out evaluation
    python load.py model.safetensors evaluation images.npz

computes the logits of the test images again and compares them with those in `evaluation/`. `images.npz` has `images`
[n, 32, 32, 3] uint8, such as `numpy.savez("images.npz", images=torchvision.datasets.CIFAR10("data", train=False).data)`.
"""

import json
import sys

import numpy
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

BLOCKS = {"resnet8": 1, "resnet20": 3, "resnet32": 5}  # of each of three stages


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.added = (outputs - inputs) // 2  # channels of zeros before and after: the shortcut has no parameters

    def forward(self, maps):
        inner = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(maps)))))
        if self.added:
            maps = F.pad(maps[:, :, ::2, ::2], (0, 0, 0, 0, self.added, self.added))
        return F.relu(inner + maps)


class CosineLinear(nn.Module):
    """Cosines of the feature with each column, times a scale."""

    def __init__(self, features, classes, scale=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(features, classes))
        self.factor = scale

    def forward(self, features):
        return self.factor * F.normalize(features, dim=1) @ F.normalize(self.weight, dim=0)


class ResNet(nn.Module):
    def __init__(self, blocks, head):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = self.stage(blocks, 16, 16, 1)
        self.layer2 = self.stage(blocks, 16, 32, 2)
        self.layer3 = self.stage(blocks, 32, 64, 2)
        self.linear = head

    @staticmethod
    def stage(blocks, inputs, outputs, stride):
        first = Block(inputs, outputs, stride)
        return nn.Sequential(first, *(Block(outputs, outputs, 1) for _ in range(blocks - 1)))

    def forward(self, images):
        maps = F.relu(self.bn1(self.conv1(images)))
        return self.linear(self.layer3(self.layer2(self.layer1(maps))).mean((2, 3)))


def load(path):
    """The network of the weights at `path`, and what is said of them beside it."""
    description = json.loads(open(path.removesuffix(".safetensors") + ".json").read())
    architecture = description["architecture"]
    assert architecture["backbone"] in BLOCKS and not architecture["experts"], f"not built here: {architecture}"
    features, classes, head = (architecture[key] for key in ("features", "classes", "head"))
    if head == "linear":
        head = nn.Linear(features, classes)
    else:
        assert head == "cosine" or "scaled-cosine" in head, f"not built here: {head}"
        scale = 1.0 if head == "cosine" else head["scaled-cosine"]["scale"]
        head = CosineLinear(features, classes, scale)
    network = ResNet(BLOCKS[architecture["backbone"]], head)
    network.load_state_dict(load_file(path))  # every name and shape has to agree
    return network.eval(), description


def logits(network, description, images):
    """Of images [n, 32, 32, 3] uint8."""
    mean, std = (torch.tensor(description["input"][key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
    with torch.no_grad():
        batches = [network((batch / 255 - mean) / std) for batch in pixels.split(500)]
    return torch.cat(batches)


if __name__ == "__main__":
    weights, evaluation, images = sys.argv[1:]
    network, description = load(weights)
    found = logits(network, description, numpy.load(images)["images"])
    expected = torch.from_numpy(numpy.load(f"{evaluation}/logits.npy"))
    predictions = numpy.load(f"{evaluation}/predictions.npz")
    labels = torch.from_numpy(predictions["label"])
    difference = (found - expected).abs().max().item()
    agreeing = (found.argmax(1).numpy() == predictions["prediction"]).sum()
    correct = (found.argmax(1) == labels).sum().item()
    print(f"largest difference of a logit {difference:.1e}; {agreeing} of {len(labels)} predictions agree")
    print(f"{correct} images are classified correctly, {(predictions['prediction'] == predictions['label']).sum()} by reproduce")
    assert difference < 1e-4 and agreeing == len(labels)
