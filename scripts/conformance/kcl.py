"""KCL (Kang et al. 2021), Eq. 3: every view of a batch is an anchor, its positives are the other view of its image and so
many views of other images of its class, all other views are keys.

Positives are drawn where a class has more than enough of them. A loss is linear in which of them are drawn, so that the
mean over draws is that of all, the other view at its own weight: the key `mean`, beside the deviation of one draw.
"""

import itertools

import torch
from fixture import value_and_gradients, write
from projection import project

WIDTH = 64


def surprises(views, temperature):
    """-ln of the share of key j for anchor i, [n, n]; an anchor is not its own key."""
    scores = views @ views.T / temperature
    others = scores.exp().sum(1) - scores.exp().diagonal()
    return others.log()[:, None] - scores


def positives(labels):
    """Each anchor's other view, and the views of other images of its class."""
    images = len(labels) // 2
    for i in range(len(labels)):
        other = (i + images) % len(labels)
        yield other, [j for j in range(len(labels)) if labels[j] == labels[i] and j not in (i, other)]


def case(name, seed, classes, labels, count, temperature, dimension, drawn=False):
    torch.manual_seed(seed)
    labels = torch.tensor(labels)
    features = torch.randn(len(labels), WIDTH).requires_grad_()
    views = torch.randn(len(labels), WIDTH).requires_grad_()
    terms = surprises(project(torch.cat([features, views]), "contrast.features", dimension), temperature)
    of_anchors, variance = [], 0.0
    for i, (other, same) in enumerate(positives(torch.cat([labels, labels]).tolist())):
        assert drawn or count == 0 or len(same) <= count
        taken = min(count, len(same))
        draws = [[terms[i, j] for j in (other, *chosen)] for chosen in itertools.combinations(same, taken)]
        of_draws = torch.stack([torch.stack(draw).mean() for draw in draws])
        of_anchors.append(of_draws.mean())
        variance += of_draws.var(unbiased=False).item() / (2 * len(labels)) ** 2
    value = torch.stack(of_anchors).mean()
    expected = {"mean": value, "deviation": variance**0.5}
    expected = expected if drawn else value_and_gradients(value, features=features, views=views)
    inputs = {"features": features, "views": views, "labels": labels, "counts": torch.ones(classes)}
    write(f"kcl_{name}", inputs, {"positives": count, "temperature": temperature, "dimension": dimension}, expected)


case("all", 14, 5, [0, 0, 3, 0, 4], 5, 0.3, 12)  # no 1, no 2
case("none", 15, 3, [2, 2, 2, 0], 0, 0.11, 20)
case("drawn", 16, 3, [1, 1, 1, 1, 0, 2], 2, 0.3, 12, drawn=True)
