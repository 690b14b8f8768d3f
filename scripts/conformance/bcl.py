"""BCL (Zhu et al. 2022), Eq. 6 and 7: supervised contrast of two views in which every class has a prototype, projected from
its row of the classifier, and has equal weight in the denominator, by the mean over its keys.
"""

import torch
from fixture import value_and_gradients, write
from projection import parameter, project

WIDTH = 64


def case(name, seed, classes, labels, share, temperature, dimension):
    torch.manual_seed(seed)
    labels = torch.tensor(labels)
    views = torch.randn(2 * len(labels), WIDTH).requires_grad_()
    weight = parameter("linear.weight", WIDTH, classes).requires_grad_()  # of a cosine classifier, a column a class
    projected = project(views, "contrast.features", dimension)
    keys = torch.cat([projected, project(weight.T, "contrast.classes", dimension)])
    key_labels = torch.cat([labels, labels, torch.arange(classes)])
    of_anchors = []
    for i in range(len(views)):
        scores = keys @ projected[i] / temperature
        keys_of = [[j for j in range(len(keys)) if key_labels[j] == k and j != i] for k in range(classes)]
        denominator = sum(scores[own].exp().mean() for own in keys_of)
        of_anchors.append(-(scores[keys_of[key_labels[i]]].exp() / denominator).log().mean())
    value = share * torch.stack(of_anchors).mean()
    expected = value_and_gradients(value, views=views, weight=weight)
    hyper = {"weight": share, "temperature": temperature, "dimension": dimension}
    write(f"bcl_{name}", {"views": views, "labels": labels, "counts": torch.ones(classes)}, hyper, expected)


case("absent", 19, 5, [0, 0, 3, 0], 0.6, 0.3, 12)  # no 1, no 2, no 4
case("present", 20, 3, [1, 2, 0, 1, 1], 0.35, 0.12, 20)
