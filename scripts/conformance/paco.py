"""PaCo (Cui et al. 2021), Eq. 4 of the paper: the first view of each image is an anchor; keys are the classes, by their
logits plus the logarithm of their share, and all other views. Positives are its class, of weight 1, and views of its class,
of weight alpha.
"""

import torch
from fixture import value_and_gradients, write
from projection import parameter, project

WIDTH = 64


def case(name, seed, counts, labels, alpha, temperature, dimension):
    torch.manual_seed(seed)
    counts, labels = torch.tensor(counts), torch.tensor(labels)
    classes = len(counts)
    features = torch.randn(len(labels), WIDTH).requires_grad_()
    views = torch.randn(len(labels), WIDTH).requires_grad_()
    weight = parameter("linear.weight", classes, WIDTH).requires_grad_()
    logits = features @ weight.T + parameter("linear.bias", classes) + (counts / counts.sum()).log()
    projected = project(torch.cat([features, views]), "contrast.features", dimension)
    key_labels = torch.cat([labels, labels])
    of_anchors = []
    for i, label in enumerate(labels):
        keys = [(logits[i, k], float(k == label)) for k in range(classes)]
        others = [j for j in range(len(key_labels)) if j != i]
        keys += [(projected[i] @ projected[j] / temperature, alpha * (key_labels[j] == label)) for j in others]
        scores = torch.stack([score for score, _ in keys])
        weights = torch.tensor([float(weight) for _, weight in keys])
        of_anchors.append(-(weights * (scores - scores.logsumexp(0))).sum() / weights.sum())
    value = torch.stack(of_anchors).mean()
    expected = value_and_gradients(value, features=features, views=views, weight=weight)
    inputs = {"features": features, "views": views, "labels": labels, "counts": counts}
    write(f"paco_{name}", inputs, {"alpha": alpha, "temperature": temperature, "dimension": dimension}, expected)


case("absent", 17, [300.0, 50.0, 20.0, 4.0], [0, 0, 3, 0, 0], 0.2, 0.3, 12)  # no 1, no 2
case("present", 18, [9.0, 70.0, 30.0], [1, 2, 0, 1], 0.07, 0.12, 20)
