"""Rotation as a pretext task (Gidaris et al. 2018; pre-training of Yang & Xu 2020): pixels of quarter turns.

A quarter turn is counter-clockwise, as numpy's and torch's `rot90` have it over (row, column): pixel (i, j) of the turned image
is pixel (j, s - 1 - i) of the image. Image i of a batch is turned i mod 4 times.
"""

import torch
from fixture import write


def quarter_turn(image):
    side = image.shape[-1]
    turned = torch.empty_like(image)
    for i in range(side):
        for j in range(side):
            turned[:, i, j] = image[:, j, side - 1 - i]
    return turned


def case(name, seed, images, side):
    torch.manual_seed(seed)
    inputs = torch.randint(256, (images, 3, side, side))
    posed, labels = [], []
    for turns in range(4):
        for image in inputs[turns::4]:
            for _ in range(turns):
                image = quarter_turn(image)
            posed.append(image)
            labels.append(turns)
    write(f"rotation_{name}", {"images": inputs}, {}, {"posed": torch.stack(posed), "labels": torch.tensor(labels)})


case("ten", 1, 10, 5)
case("three", 2, 3, 4)
