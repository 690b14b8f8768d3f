"""DisAlign (Zhang et al. 2021): a frozen classifier's logits, calibrated, under generalised re-weighting.

A logit z_k becomes (1 + c s_k) z_k + c b_k, where the confidence c is the sigmoid of a linear function of the feature (the
authors' code). The loss is the weighted mean of cross-entropies, w_k = pi_k^-rho, scaled to sum K.
"""

import torch
from fixture import value_and_gradients, write


def case(name, seed, counts, labels, rho):
    torch.manual_seed(seed)
    counts, labels = torch.tensor(counts), torch.tensor(labels)
    classes = len(counts)
    frozen = {"features": torch.randn(len(labels), 6), "weight": torch.randn(classes, 6), "bias": torch.randn(classes)}
    learning = {
        "scale": 1 + 0.4 * torch.randn(classes),
        "offset": torch.randn(classes),
        "confidence": 0.3 * torch.randn(1, 6),
        "confidence_bias": torch.randn(1),
    }
    leaves = {key: value.requires_grad_() for key, value in (frozen | learning).items()}
    weights = (counts / counts.sum()) ** -rho
    weights = weights * classes / weights.sum()
    total, logits = 0.0, []
    for x, y in zip(leaves["features"], labels):
        z = leaves["weight"] @ x + leaves["bias"]
        c = 1 / (1 + torch.exp(-(leaves["confidence"][0] @ x + leaves["confidence_bias"][0])))
        z = z + c * (leaves["scale"] * z + leaves["offset"])
        logits.append(z)
        total = total + weights[y] * (torch.log(torch.exp(z).sum()) - z[y])
    loss = total / sum(weights[y] for y in labels)
    expected = value_and_gradients(loss, **{key: leaves[key] for key in learning})
    expected |= {"logits": torch.stack(logits), "weights": weights}
    write(f"dis-align_{name}", leaves | {"labels": labels, "counts": counts}, {"rho": rho}, expected)


case("absent", 1, [700.0, 90.0, 30.0, 5.0], [0, 0, 3, 1, 0, 0, 1], 1.5)
case("mild", 2, [40.0, 30.0, 20.0, 10.0, 5.0], [4, 3, 2, 1, 0], 0.6)
