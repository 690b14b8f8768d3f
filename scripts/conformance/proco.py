"""ProCo (Du et al. 2024): contrast with classes as von Mises-Fisher distributions.

The mean of a class is that of all its unit views in the last epoch and in this one so far. kappa is p R / (1 - R^2) of
its length R, at most 1e5. The logit of class k is ln C(kappa_k) - ln C(|kappa_k mu_k + z / tau|), to which the logarithm of its prior is
added; the two views of a batch enter one after the other, each before it is compared, and their losses are averaged.
ln C(kappa) is nu ln kappa - ln I_nu(kappa) up to a constant, here by the power series of the Bessel function.
"""

import torch
from fixture import prefixed, value_and_gradients, write


def log_bessel_over_power(nu, kappa):
    """ln (I_nu(kappa) / kappa^nu), up to a constant."""
    terms = int(kappa.max().item()) + 400
    m = torch.arange(terms).double()
    half = torch.log(kappa.reshape(-1, 1) / 2)
    series = 2 * m * half - torch.lgamma(m + 1) - torch.lgamma(m + nu + 1)
    return torch.logsumexp(series, 1).reshape(kappa.shape)


def unit(rows):
    return rows / rows.norm(dim=1, keepdim=True)


class Classes:
    def __init__(self, unseen):
        self.unseen, self.views = unseen, [[[] for _ in unseen] for _ in range(2)]  # of the last epoch and of this one

    def next_epoch(self):
        self.views = [self.views[1], [[] for _ in self.unseen]]

    def see(self, views, labels):
        for view, label in zip(views.detach(), labels):
            self.views[1][label].append(view)

    def means(self):
        seen = [last + this for last, this in zip(*self.views)]
        return torch.stack([torch.stack(views).mean(0) if views else empty for views, empty in zip(seen, self.unseen)])

    def logits(self, views, temperature):
        means, dimension = self.means(), views.shape[1]
        lengths = means.norm(dim=1)
        kappa = torch.stack([dimension * r / (1 - r**2) if r**2 < 1 - 1e-12 else torch.tensor(1e5) for r in lengths])
        kappa = kappa.clamp(max=1e5)
        joint = torch.stack([(kappa[:, None] * unit(means) + view / temperature).norm(dim=1) for view in views])
        nu = dimension / 2 - 1
        return log_bessel_over_power(nu, joint) - log_bessel_over_power(nu, kappa)


def case(name, seed, counts, batches, *, dimension, temperature, spread):
    """`batches` holds the labels of each batch of each epoch."""
    torch.manual_seed(seed)
    counts = torch.tensor(counts)
    axes = unit(torch.randn(len(counts), dimension))
    classes = Classes(0.9 * unit(torch.randn(len(counts), dimension)))
    inputs, expected, step = {"counts": counts, "unseen": classes.unseen}, {}, 0
    for epoch in batches:
        classes.next_epoch()
        for labels in map(torch.tensor, epoch):
            raw = [(axes[labels] + spread * torch.randn(len(labels), dimension)).requires_grad_() for _ in range(2)]
            losses = []
            for view in map(unit, raw):
                classes.see(view, labels)
                shifted = classes.logits(view, temperature) + torch.log(counts / counts.sum())
                own = shifted[range(len(labels)), labels]
                losses.append((torch.logsumexp(shifted, 1) - own).mean())
            expected |= prefixed(f"step{step}", value_and_gradients(sum(losses) / 2, first=raw[0], second=raw[1]))
            inputs |= {f"labels{step}": labels, f"first{step}": raw[0], f"second{step}": raw[1]}
            step += 1
    hyper = {"temperature": temperature, "steps": step, "per_epoch": len(batches[0])}
    write(f"proco_{name}", inputs, hyper, expected)


case("unseen", 1, [40.0, 20.0, 6.0, 2.0], [[[0, 0, 1, 0], [0, 1, 2, 0]], [[1, 0, 0, 2], [0, 0, 0, 1]], [[1, 0, 0, 2]]],
     dimension=20, temperature=0.25, spread=0.4)
case("wide", 2, [9.0, 5.0, 3.0], [[[0, 1, 2, 0, 1]], [[0, 0, 1, 1, 0]], [[2, 0, 1, 0, 2]]], dimension=24, temperature=0.1,
     spread=1.5)
