"""CMO (Park et al. 2022): positions and classes of the foregrounds' boxes, and the loss of a mixed batch.

With probability P a batch is mixed: lambda ~ Beta(a, a), a box of int(sqrt(1 - lambda) side) pixels, halved and rounded
down on either side of a uniform pixel and clipped. A foreground is an image of the split with weight n_y^-q. The loss is
lambda L(background) + (1 - lambda) L(foreground), each a weighted mean of its own, with lambda the share of pixels that
stay. Probabilities are exact here: for a = 2 the distribution function of lambda is 3 x^2 - 2 x^3.
"""

import torch
from fixture import value_and_gradients, write


def covered(length, half):
    """Probability that a clipped span around a uniformly drawn pixel contains each pixel."""
    return torch.tensor([sum(c - half <= x < c + half for c in range(length)) / length for x in range(length)])


def coverage(height, width, probability):
    cumulative = lambda x: 3 * x**2 - 2 * x**3
    edges = sorted({i / height for i in range(height + 1)} | {j / width for j in range(width + 1)})
    total = torch.zeros(height, width)
    for low, high in zip(edges, edges[1:]):
        middle = (low + high) / 2  # of the ratio sqrt(1 - lambda), where both sides of the box are constant
        chance = cumulative(1 - low**2) - cumulative(1 - high**2)
        rows, columns = (covered(side, int(middle * side) // 2) for side in (height, width))
        total += chance * rows[:, None] * columns[None, :]
    return probability * total


def weighted_mean(logits, labels, weights):
    losses = torch.logsumexp(logits, 1) - logits[range(len(labels)), labels]
    return (weights[labels] * losses).sum() / weights[labels].sum()


def case(name, seed, counts, *, size, probability, power, share):
    torch.manual_seed(seed)
    counts = torch.tensor(counts)
    backgrounds, foregrounds = torch.randint(len(counts), (2, 6))
    logits = torch.randn(6, len(counts)).requires_grad_()
    weights = torch.rand(len(counts)) + 0.2
    loss = share * weighted_mean(logits, backgrounds, weights) + (1 - share) * weighted_mean(logits, foregrounds, weights)
    classes = counts * counts**-power
    expected = {"coverage": coverage(*size, probability), "classes": classes / classes.sum()}
    expected |= value_and_gradients(loss, logits=logits)
    inputs = {"counts": counts, "logits": logits, "weights": weights, "backgrounds": backgrounds, "foregrounds": foregrounds}
    hyper = {"probability": probability, "power": power, "share": share}
    write(f"cmo_{name}", inputs, hyper, expected)


case("inverse", 1, [12.0, 6.0, 2.0], size=(6, 10), probability=0.8, power=1.5, share=0.35)
case("square_root", 2, [8.0, 4.0, 2.0, 1.0], size=(8, 8), probability=0.6, power=0.5, share=0.9)
