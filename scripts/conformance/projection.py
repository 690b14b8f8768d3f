"""The two-layer projection of the contrastive methods, with parameters that both sides compute from their names."""

import math

import torch


def parameter(name, *shape):
    """sin(n + the sum of the name's bytes) / 8 at the n-th entry, and 1 more where a batch norm scales by it."""
    values = (torch.arange(math.prod(shape)) + sum(name.encode())).sin() / 8
    return (values + (1 if name.endswith(".1.weight") else 0)).reshape(shape)


def project(rows, name, outputs):
    """Linear, batch norm with the statistics of these rows, ReLU, linear, unit length."""
    width = rows.shape[1]
    hidden = rows @ parameter(f"{name}.0.weight", width, width).T + parameter(f"{name}.0.bias", width)
    deviation = (hidden.var(0, unbiased=False) + 1e-5).sqrt()
    hidden = (hidden - hidden.mean(0)) / deviation
    hidden = hidden * parameter(f"{name}.1.weight", width) + parameter(f"{name}.1.bias", width)
    projected = hidden.clamp(min=0) @ parameter(f"{name}.3.weight", outputs, width).T + parameter(f"{name}.3.bias", outputs)
    return projected / projected.norm(dim=1, keepdim=True)
