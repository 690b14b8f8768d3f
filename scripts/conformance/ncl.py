"""NCL (Li et al. 2022): individual and collaborative learning on all and on hard classes, Eq. 1 to 8, from pairs of
networks and samples one by one.
"""

import torch
from fixture import value_and_gradients, write


def surprise(logits, labels):
    return -torch.stack([(z[y].exp() / z.exp().sum()).log() for z, y in zip(logits, labels)]).mean()


def divergence(target, other):
    """Mean over samples of KL(softmax target || softmax other)."""
    p, q = target.softmax(1), other.softmax(1)
    return (p * (p / q).log()).sum(1).mean()


def among_hard(networks, labels, hard):
    """Logits with those of easy classes set to 0: all but the label and the largest others by the first network."""
    masks = []
    for z, y in zip(networks[0][0].detach(), labels):
        others = sorted((k for k in range(len(z)) if k != y), key=lambda k: -z[k].item())
        masks.append([float(k == y or k in others[: hard - 1]) for k in range(len(z))])
    return [adjusted * torch.tensor(masks) for _, adjusted in networks]


def case(name, seed, counts, labels, experts, hard, collaboration):
    torch.manual_seed(seed)
    counts, labels = torch.tensor(counts), torch.tensor(labels)
    logits = (2 * torch.randn(len(labels), experts, len(counts))).requires_grad_()
    networks = [(z, z + counts.log()) for z in logits.unbind(1)]
    value = 0.0
    for group in ([adjusted for _, adjusted in networks], among_hard(networks, labels, hard)):
        value = value + sum(surprise(z, labels) for z in group)
        pairs = [(i, j) for i in range(experts) for j in range(experts) if i != j]
        mutual = sum(divergence(group[j], group[i]) for i, j in pairs) / (experts - 1)
        value = value + collaboration * mutual
    inputs = {"logits": logits, "labels": labels, "counts": counts}
    hyper = {"experts": experts, "hard_share": hard / len(counts), "collaboration": collaboration}
    write(f"ncl_{name}", inputs, hyper, value_and_gradients(value, logits=logits))


case("three", 12, [50.0, 30.0, 20.0, 9.0, 5.0, 4.0, 2.0], [0, 0, 1, 4, 6, 2], 3, 3, 0.45)
case("two", 13, [900.0, 80.0, 40.0, 12.0, 3.0], [0, 0, 1, 0], 2, 2, 1.7)
