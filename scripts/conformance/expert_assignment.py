"""Expert assignment of RIDE (Wang et al. 2021, second stage): gates that say whether another expert is needed.

Gate i sees the largest mean logits of the experts up to i, in the scale of the loss, and relu(W u + b) of the unit feature
u of expert i; all gates share one output layer. It learns 1 where the sum of logits up to i is wrong and that up to some later
expert right, by binary cross-entropy with a weight on those; the loss is the mean over gates. An image goes on while sigmoids are
above 1/2. Gates learn by SGD with Nesterov momentum and weight decay.
"""

import torch
from fixture import value_and_gradients, write

STEPS, RATE, MOMENTUM, DECAY = 3, 0.05, 0.8, 0.02


def case(name, seed, *, experts, classes, images, dimension, hidden, top, positive_weight, logit_scale):
    torch.manual_seed(seed)
    labels = torch.randint(classes, (images,))
    logits = torch.randn(images, experts, classes)
    logits[range(images), :, labels] += 0.7  # so that some are right
    features = torch.randn(images, experts, dimension)
    leaves = {
        "hidden": torch.randn(experts - 1, dimension, hidden).requires_grad_(),
        "hidden_bias": (0.3 * torch.randn(experts - 1, 1, hidden)).requires_grad_(),
        "output": (0.3 * torch.randn(hidden + top, 1)).requires_grad_(),
        "output_bias": torch.randn(1).requires_grad_(),
    }

    def says(image, gate, leaves=leaves):
        mean = logits[image, : gate + 1].mean(0) * logit_scale
        largest = torch.tensor(sorted(mean.tolist(), reverse=True)[:top])
        feature = features[image, gate]
        seen = torch.relu((feature / feature.norm()) @ leaves["hidden"][gate] + leaves["hidden_bias"][gate, 0])
        answer = largest @ leaves["output"][:top, 0] + seen @ leaves["output"][top:, 0]
        return torch.sigmoid(answer + leaves["output_bias"][0])

    def right(image, last):
        return logits[image, : last + 1].sum(0).argmax() == labels[image]

    wanted = torch.zeros(images, experts - 1, dtype=torch.int64)
    for image in range(images):
        for gate in range(experts - 1):
            later = any(right(image, last) for last in range(gate + 1, experts))
            wanted[image, gate] = int(not right(image, gate) and later)

    def loss_of(leaves):
        total = 0.0
        for image in range(images):
            for gate in range(experts - 1):
                p = says(image, gate, leaves)
                total = total - (positive_weight * torch.log(p) if wanted[image, gate] else torch.log(1 - p))
        return total / images / (experts - 1)

    used, routed = [], []
    for image in range(images):
        count = 1
        while count < experts and says(image, count - 1) > 0.5:
            count += 1
        used.append(count)
        routed.append(logits[image, :count].mean(0))
    values = {key: leaf.detach() for key, leaf in leaves.items()}
    velocity = {key: torch.zeros_like(value) for key, value in values.items()}
    for _ in range(STEPS):
        learning = {key: value.clone().requires_grad_() for key, value in values.items()}
        gradients = torch.autograd.grad(loss_of(learning), list(learning.values()))
        for (key, value), gradient in zip(list(values.items()), gradients):
            gradient = gradient + DECAY * value
            velocity[key] = MOMENTUM * velocity[key] + gradient
            values[key] = value - RATE * (gradient + MOMENTUM * velocity[key])

    expected = value_and_gradients(loss_of(leaves), **leaves) | {f"trained.{key}": value for key, value in values.items()}
    expected |= {"wanted": wanted, "used": torch.tensor(used), "routed": torch.stack(routed)}
    hyper = {"top": top, "positive_weight": positive_weight, "logit_scale": logit_scale}
    hyper |= {"steps": STEPS, "rate": RATE, "momentum": MOMENTUM, "decay": DECAY}
    inputs = leaves | {"labels": labels, "logits": logits, "features": features}
    write(f"expert-assignment_{name}", inputs, hyper, expected)


case("three", 1, experts=3, classes=7, images=14, dimension=6, hidden=5, top=4, positive_weight=6.5, logit_scale=3.0)
case("four", 2, experts=4, classes=5, images=12, dimension=4, hidden=3, top=5, positive_weight=20.0, logit_scale=1.0)
