"""Attraction-repulsion-balanced loss (Xie et al. 2023), from its definition: in a sample's softmax each class k weighs
n_k / n_y, n the label counts of the batch.
"""

import torch
from fixture import value_and_gradients, write


def attraction_repulsion(logits, labels):
    terms = []
    for z, y in zip(logits, labels):
        ratios = torch.stack([(labels == k).sum() / (labels == y).sum() for k in range(len(z))])
        terms.append(-(z[y].exp() / (ratios * z.exp()).sum()).log())
    return torch.stack(terms).mean()


def case(name, seed, classes, labels):
    torch.manual_seed(seed)
    labels = torch.tensor(labels)
    logits = (2 * torch.randn(len(labels), classes)).requires_grad_()
    expected = value_and_gradients(attraction_repulsion(logits, labels), logits=logits)
    write(f"attraction-repulsion_{name}", {"logits": logits, "labels": labels}, {}, expected)


case("present", 5, 4, [0, 1, 1, 2, 1, 3, 1, 0])
case("absent", 6, 6, [0, 5, 0, 0, 2, 2, 0])  # no 1, no 3, no 4
