"""SADE (Zhang et al. 2022): the three experts' losses, Eq. 2 to 4 of the paper, and its test-time aggregation, Eq. 6."""

import torch
from fixture import value_and_gradients, write


def reversed_by_size(priors):
    """The share of rank r goes to the class of rank k + 1 - r; of equal shares the lower class has the lower rank."""
    ranking = sorted(range(len(priors)), key=lambda k: (priors[k].item(), k))
    reversed_priors = torch.empty_like(priors)
    for rank, k in enumerate(ranking):
        reversed_priors[k] = priors[ranking[len(ranking) - 1 - rank]]
    return reversed_priors


def negative_log_likelihood(odds, labels):
    return -(odds.gather(1, labels[:, None])[:, 0] / odds.sum(1)).log().mean()


def loss(name, seed, counts, labels, tau):
    torch.manual_seed(seed)
    counts, labels = torch.tensor(counts), torch.tensor(labels)
    priors = counts / counts.sum()
    logits = (2 * torch.randn(len(labels), 3, len(counts))).requires_grad_()
    odds = logits.exp().unbind(1)
    factors = [torch.ones_like(priors), priors, priors / reversed_by_size(priors) ** tau]
    value = sum(negative_log_likelihood(odds[e] * factors[e], labels) for e in range(3))
    inputs = {"logits": logits, "labels": labels, "counts": counts}
    write(f"sade_{name}", inputs, {"tau": tau}, value_and_gradients(value, logits=logits))


def aggregation(name, first, second, repeats):
    """Images `repeats` times: with one image, batches are equal in any order."""
    scores = torch.full((3,), 1 / 3, requires_grad=True)
    optimizer = torch.optim.SGD([scores], lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
    steps = -(-len(first) * repeats // 128)
    assert steps == 1 or len(first) == 1
    epochs = 0
    while epochs < 5 and (epochs == 0 or scores.softmax(0).min().item() >= 0.045):  # 0.05 when rounded to hundredths
        for _ in range(steps):
            weights = scores.softmax(0)[None, :, None]
            shares = [(weights * view).sum(1).softmax(1) for view in (first, second)]
            cosines = (shares[0] * shares[1]).sum(1) / (shares[0].norm(dim=1) * shares[1].norm(dim=1))
            optimizer.zero_grad()
            (-cosines.mean()).backward()
            optimizer.step()
        epochs += 1
    print(f"{name}: {epochs} epochs, weights {scores.softmax(0).tolist()}")
    write(f"sade-aggregation_{name}", {"first": first, "second": second}, {"repeats": repeats}, {"weights": scores.softmax(0)})


loss("ties", 7, [12.0, 500.0, 80.0, 80.0, 3.0], [1, 1, 2, 3, 1, 1, 0, 2], 1.3)  # no 4
loss("distinct", 8, [40.0, 7.0, 300.0, 90.0], [2, 2, 0, 3, 2, 1, 3], 0.7)

torch.manual_seed(9)
views = 3 * torch.randn(40, 3, 5)
noise = torch.tensor([1.5, 0.1, 0.6])[None, :, None]
aggregation("one-batch", views, views + noise * torch.randn(40, 3, 5), 1)
image = torch.tensor([[[8.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.5], [3.0, 0.0, 1.0, 0.0]]])
other = torch.tensor([[[0.0, 0.0, 8.0, 0.0], [0.0, 2.0, 0.0, 0.4], [0.0, 3.0, 0.0, 0.0]]])
aggregation("stopped", image, other, 128 * 60)
