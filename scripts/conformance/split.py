#!/usr/bin/env python3
"""Chooses a long-tailed split of CIFAR as Cao et al. 2019 describe it, and compares it with that of `reproduce split`.

    reproduce split cifar100-lt --imbalance 100 --out split
    python scripts/conformance/split.py split data/cifar-100-binary

The second folder has the official binary files.
"""

import json
import pathlib
import sys

import numpy

split, files = map(pathlib.Path, sys.argv[1:])
description = json.loads((split / "split.json").read_text())
hundred = description["dataset"] == "cifar100"
names = ["train.bin"] if hundred else [f"data_batch_{number}.bin" for number in range(1, 6)]
records = numpy.concatenate([numpy.fromfile(files / name, numpy.uint8) for name in names])
labels = records.reshape(50_000, -1)[:, 1 if hundred else 0]  # the fine label follows the coarse one

classes = 100 if hundred else 10
largest = len(labels) / classes
((shape, ratio),) = ((shape, settings["ratio"]) for shape, settings in description["imbalance"].items())
if shape == "exponential":
    counts = [int(largest * (1 / ratio) ** (label / (classes - 1.0))) for label in range(classes)]
else:
    counts = [int(largest if label < classes / 2 else largest * (1 / ratio)) for label in range(classes)]
numpy.random.seed(description["selection"]["ldam"]["seed"])
chosen = []
for label, count in enumerate(counts):
    members = numpy.where(labels == label)[0]
    numpy.random.shuffle(members)
    chosen.extend(members[:count])

ours = numpy.load(split / "train.npy")
assert counts == description["class_counts"], (counts, description["class_counts"])
assert (ours == numpy.array(chosen)).all(), "other images"
assert (numpy.load(split / "train_labels.npy") == labels[ours]).all(), "other labels"
print(f"{description['dataset']}, {shape} {ratio:g}: the same {len(ours)} images in the same order")
