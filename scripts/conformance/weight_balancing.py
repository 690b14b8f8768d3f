"""Second stage of weight balancing (Alshammari et al. 2022): its loss and its projected steps.

The loss is the `softmax` type of the class-balanced loss in the authors' demo: binary cross-entropies of the softmax's
probabilities with a sample's weight on all of its terms, averaged over samples and classes. A step is SGD with momentum
and weight decay on weight and bias, after which rows longer than the radius are shortened to it; the radius lies at
`threshold` between the shortest and the longest row at the start.
"""

import torch
from fixture import prefixed, value_and_gradients, write


def class_balanced_weights(counts, beta):
    weights = torch.stack([(1 - beta) / (1 - beta**n) for n in counts])
    return len(counts) * weights / weights.sum()


def loss_of(logits, labels, weights):
    total = 0.0
    for z, y in zip(logits, labels):
        p = torch.exp(z) / torch.exp(z).sum()
        for k, probability in enumerate(p):
            likelihood = probability if k == y else 1 - probability
            total = total - weights[y] * torch.log(likelihood)
    return total / logits.numel()


def shortened(rows, radius):
    return torch.stack([row * min(1.0, (radius / row.norm()).item()) for row in rows])


def case(name, seed, counts, labels, *, beta, threshold, rate, momentum, decay, steps):
    torch.manual_seed(seed)
    counts, labels = torch.tensor(counts), torch.tensor(labels)
    features = torch.randn(len(labels), 6)
    weight = torch.randn(len(counts), 6) * torch.linspace(1.5, 0.2, len(counts))[:, None]
    bias = torch.randn(len(counts))
    weights = class_balanced_weights(counts, beta)
    inputs = {"features": features, "weight": weight, "bias": bias, "labels": labels, "counts": counts}

    logits = (features @ weight.T + bias).requires_grad_()
    expected = prefixed("loss", value_and_gradients(loss_of(logits, labels, weights), logits=logits))
    plain = loss_of(logits, labels, torch.ones_like(weights))
    expected |= prefixed("unweighted", value_and_gradients(plain, logits=logits)) | {"weights": weights}

    lengths = torch.stack([row.norm() for row in weight])
    radius = lengths.min() + threshold * (lengths.max() - lengths.min())
    velocity = [torch.zeros_like(weight), torch.zeros_like(bias)]
    for _ in range(steps):
        leaves = [weight.clone().requires_grad_(), bias.clone().requires_grad_()]
        loss = loss_of(features @ leaves[0].T + leaves[1], labels, weights)
        gradients = torch.autograd.grad(loss, leaves)
        velocity = [momentum * v + g + decay * p.detach() for v, g, p in zip(velocity, gradients, leaves)]
        weight = shortened(weight - rate * velocity[0], radius)
        bias = bias - rate * velocity[1]
    expected |= {"trained.weight": weight, "trained.bias": bias}
    hyper = {"beta": beta, "threshold": threshold, "rate": rate, "momentum": momentum, "decay": decay, "steps": steps}
    write(f"weight-balancing_{name}", inputs, hyper, expected)


case("absent", 1, [600.0, 150.0, 40.0, 6.0], [0, 0, 1, 0, 3, 0, 1], beta=0.99, threshold=0.3, rate=0.2, momentum=0.8,
     decay=0.05, steps=4)
case("strict", 2, [80.0, 30.0, 9.0, 4.0, 2.0], [4, 0, 1, 2, 3, 0], beta=0.9, threshold=0.0, rate=0.5, momentum=0.5,
     decay=0.2, steps=3)
