"""LADE (Hong et al. 2021): cross-entropy of the prior-compensated softmax plus alpha times the regularized
Donsker-Varadhan bound, class by class from Eq. 8, 10 and 11 of the paper.
"""

import torch
from fixture import value_and_gradients, write


def compensated_cross_entropy(logits, labels, priors):
    odds = priors * logits.exp()
    return -(odds.gather(1, labels[:, None])[:, 0] / odds.sum(1)).log().mean()


def distance(logits, labels, priors, regularization):
    total = 0.0
    for k, prior in enumerate(priors):
        own = logits[labels == k, k]
        mean = own.mean() if len(own) else torch.zeros(())  # their sum over no sample
        density_ratio = (1 / len(priors)) / prior  # of uniform to training labels
        spread = (logits[:, k].exp() * density_ratio).mean().log()
        total = total - prior * (mean - spread - regularization * spread**2)
    return total


def case(name, seed, counts, labels, alpha, regularization):
    torch.manual_seed(seed)
    counts, labels = torch.tensor(counts), torch.tensor(labels)
    logits = (1.5 * torch.randn(len(labels), len(counts))).requires_grad_()
    priors = counts / counts.sum()
    value = compensated_cross_entropy(logits, labels, priors) + alpha * distance(logits, labels, priors, regularization)
    inputs = {"logits": logits, "labels": labels, "counts": counts}
    write(f"lade_{name}", inputs, {"alpha": alpha, "lambda": regularization}, value_and_gradients(value, logits=logits))


case("present", 3, [60.0, 200.0, 11.0], [0, 1, 1, 2, 1, 0, 1], 0.35, 0.2)
case("absent", 4, [500.0, 80.0, 40.0, 12.0, 3.0], [0, 4, 0, 0, 0, 1, 1, 0], 0.05, 0.5)  # no 2, no 3
