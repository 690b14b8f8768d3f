"""Second stage of MiSLAS (Zhong et al. 2021): label-aware smoothing, and steps of a classifier and its scales.

Smoothing of class k is that of Eq. 7 for the concave curve and its counterparts, at q = (n_k - n_K) / (n_1 - n_K). The loss
is the cross-entropy of the smoothed distribution, (1 - e) on the label and e / K on every class. A logit is
s_k (w_k h + b_k); classifier and scales learn by SGD with momentum and weight decay at rates of their own, along a cosine.
"""

import math

import torch
from fixture import prefixed, value_and_gradients, write

CURVES = {
    "concave": lambda q: math.sin(math.pi / 2 * q),
    "linear": lambda q: q,
    "convex": lambda q: 1 + math.sin(1.5 * math.pi + math.pi / 2 * q),
    "power": lambda q: q**1.7,
}


def smoothing_of(counts, head, tail, curve):
    largest, smallest = max(counts), min(counts)
    return torch.tensor([tail + (head - tail) * CURVES[curve]((n - smallest) / (largest - smallest)) for n in counts])


def loss_of(logits, labels, smoothing):
    classes = logits.shape[1]
    targets = torch.stack([smoothing[y] / classes + (1 - smoothing[y]) * torch.eye(classes)[y] for y in labels])
    probabilities = torch.exp(logits) / torch.exp(logits).sum(1, keepdim=True)
    return -(targets * torch.log(probabilities)).sum() / len(labels)


def case(name, seed, counts, labels, *, head, tail, rate, classifier_rate, momentum, decay, epochs):
    torch.manual_seed(seed)
    labels = torch.tensor(labels)
    features = torch.randn(len(labels), 5)
    inputs = {
        "features": features,
        "labels": labels,
        "counts": torch.tensor(counts),
        "weight": torch.randn(len(counts), 5),
        "bias": torch.randn(len(counts)),
        "scale": 1 + 0.3 * torch.randn(len(counts)),
    }

    def logits_of(weight, bias, scale):
        return scale * (features @ weight.T + bias)

    expected = {}
    names = ["weight", "bias", "scale"]
    for curve in CURVES:
        smoothing = smoothing_of(counts, head, tail, curve)
        leaves = {key: inputs[key].clone().requires_grad_() for key in names}
        loss = loss_of(logits_of(**leaves), labels, smoothing)
        expected |= prefixed(curve, value_and_gradients(loss, **leaves)) | {f"{curve}.smoothing": smoothing}

    smoothing = smoothing_of(counts, head, tail, "concave")
    values = [inputs[key] for key in names]
    velocity = [torch.zeros_like(value) for value in values]
    rates = []
    for epoch in range(epochs):
        rates.append(rate * 0.5 * (1 + math.cos(math.pi * epoch / epochs)))
        own = [classifier_rate * rates[-1], classifier_rate * rates[-1], rates[-1]]
        for half in (slice(0, len(labels) // 2), slice(len(labels) // 2, None)):
            leaves = [value.clone().requires_grad_() for value in values]
            logits = leaves[2] * (features[half] @ leaves[0].T + leaves[1])
            gradients = torch.autograd.grad(loss_of(logits, labels[half], smoothing), leaves)
            velocity = [momentum * v + g + decay * p.detach() for v, g, p in zip(velocity, gradients, leaves)]
            values = [value - r * v for value, r, v in zip(values, own, velocity)]
    expected |= {f"trained.{key}": value for key, value in zip(names, values)} | {"rates": torch.tensor(rates)}
    hyper = {"head": head, "tail": tail, "rate": rate, "classifier_rate": classifier_rate, "momentum": momentum,
             "decay": decay, "epochs": epochs}
    write(f"mislas_{name}", inputs, hyper, expected)


case("absent", 1, [900.0, 220.0, 60.0, 11.0], [0, 3, 1, 0, 0, 1, 3, 0], head=0.35, tail=0.05, rate=0.3,
     classifier_rate=0.4, momentum=0.8, decay=1e-2, epochs=4)
case("to_zero", 2, [50.0, 90.0, 20.0, 4.0, 8.0], [4, 2, 1, 0, 3, 3], head=0.5, tail=0.0, rate=0.1, classifier_rate=0.1,
     momentum=0.9, decay=3e-3, epochs=3)
