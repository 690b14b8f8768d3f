"""Influence-balanced loss (Park et al. 2021), from Eq. 11 of the paper and the settings of its public code.

The influence of a sample is the L1 length of the gradient of its cross-entropy at the classifier's weights, which is
the outer product of (p - one-hot) and the feature. It is left to autograd here, sample by sample.
"""

import torch
from fixture import prefixed, value_and_gradients, write


def influence(logits, label, feature):
    weight = torch.zeros(len(logits), len(feature), requires_grad=True)  # moves no logit at 0
    loss = torch.nn.functional.cross_entropy((logits + weight @ feature)[None], label[None])
    (gradient,) = torch.autograd.grad(loss, weight, create_graph=True)
    return gradient.abs().sum()


def influence_balanced(logits, labels, features, alpha, weights):
    terms = []
    for z, y, h in zip(logits, labels, features):
        cross_entropy = torch.logsumexp(z, 0) - z[y]
        terms.append(weights[y] * cross_entropy * alpha / (influence(z, y, h) + 1e-3))
    return torch.stack(terms).mean()


def case(name, seed, counts, labels, alpha, start_epoch, weighted):
    torch.manual_seed(seed)
    counts, labels = torch.tensor(counts), torch.tensor(labels)
    logits = (2 * torch.randn(len(labels), len(counts))).requires_grad_()
    features = torch.randn(len(labels), 7).requires_grad_()  # of both signs, unlike those after a ReLU
    weights = 1 / counts
    weights = weights / weights.sum() * len(counts) if weighted else torch.ones_like(counts)
    plain = torch.nn.functional.cross_entropy(logits, labels)
    started = influence_balanced(logits, labels, features, alpha, weights)
    leaves = {"logits": logits, "features": features}
    expected = prefixed("before", value_and_gradients(plain, **leaves))
    expected |= prefixed("started", value_and_gradients(started, **leaves))
    inputs = leaves | {"labels": labels, "counts": counts}
    hyper = {"alpha": alpha, "start_epoch": start_epoch, "weighted": float(weighted)}
    write(f"influence-balanced_{name}", inputs, hyper, expected)


case("plain", 1, [900.0, 300.0, 100.0, 9.0], [0, 0, 1, 0, 2, 3, 1, 0, 2, 0], 10.0, 7, False)
case("weighted_absent", 2, [500.0, 80.0, 40.0, 12.0, 3.0], [0, 4, 0, 0, 4, 1, 1, 0], 37.5, 3, True)  # no 2, no 3
