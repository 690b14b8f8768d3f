"""BBN (Zhou et al. 2020): Eq. 1 to 3 of the paper and the parabolic decay of alpha, with one classifier without bias on
the two branches' features side by side. In the branches' own logits that is z = 2 (alpha z_c + (1 - alpha) z_r).
"""

import torch
from fixture import prefixed, value_and_gradients, write


def case(name, seed, classes, conventional_labels, rebalancing_labels, length, epochs):
    torch.manual_seed(seed)
    labels = [torch.tensor(conventional_labels), torch.tensor(rebalancing_labels)]
    images = len(labels[0])
    logits = (2 * torch.randn(2 * images, 2, classes)).requires_grad_()
    own = [logits[:images, 0], logits[images:, 1]]  # of each branch on the images that it learns on
    expected = {}
    for epoch in epochs:
        alpha = 1 - min(epoch / length, 1) ** 2
        mixed = 2 * (alpha * own[0] + (1 - alpha) * own[1])
        log_shares = mixed - mixed.logsumexp(1, keepdim=True)
        surprise = [-log_shares[torch.arange(images), own_labels].mean() for own_labels in labels]
        value = alpha * surprise[0] + (1 - alpha) * surprise[1]
        expected |= prefixed(f"epoch-{epoch}", value_and_gradients(value, logits=logits))
    inputs = {"logits": logits, "labels": torch.cat(labels), "epochs": torch.tensor(epochs)}
    write(f"bilateral_{name}", inputs, {"length": length}, expected)


case("seven", 10, 4, [0, 0, 1, 0, 2], [3, 2, 0, 3, 1], 7, [0, 1, 4, 6, 7, 9])
case("absent", 11, 5, [0, 0, 0], [4, 4, 1], 90, [45, 89])
