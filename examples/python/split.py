"""A long-tailed CIFAR-100 for PyTorch, of the images that `reproduce` trains on.

    reproduce split cifar100-lt --imbalance 100
    python split.py data
"""

import sys

import numpy
import torch
import torchvision

everything = torchvision.datasets.CIFAR100(sys.argv[1], train=True, download=True)
indices = numpy.load("split/train.npy")
train = torch.utils.data.Subset(everything, indices.tolist())

labels = numpy.array(everything.targets)[indices]
assert (labels == numpy.load("split/train_labels.npy")).all(), "these are the images of another data set"
counts = numpy.bincount(labels)
print(f"{len(train)} images, {counts.max()} to {counts.min()} of a class")
