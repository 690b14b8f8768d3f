"""DiVE (He et al. 2021): balanced softmax on the labels and virtual examples of a teacher.

A virtual example is the teacher's distribution at temperature T to the power p, made to sum to 1 again. The loss is
(1 - w) times that of the labels plus w T^2 times the divergence of the student's distribution at T from it, a mean over
samples. The teacher gets no gradient.
"""

import torch
from fixture import value_and_gradients, write


def distribution(logits):
    exponentials = torch.exp(logits - logits.max())
    return exponentials / exponentials.sum()


def divergence(student, teacher, temperature, power):
    virtual = distribution(teacher / temperature) ** power
    virtual = (virtual / virtual.sum()).detach()
    predicted = distribution(student / temperature)
    return sum(v * (torch.log(v) - torch.log(q)) for v, q in zip(virtual, predicted))


def case(name, seed, counts, labels, *, temperature, weight, power):
    torch.manual_seed(seed)
    counts, labels = torch.tensor(counts), torch.tensor(labels)
    student = (2 * torch.randn(len(labels), len(counts))).requires_grad_()
    teacher = (3 * torch.randn(len(labels), len(counts))).requires_grad_()
    of_labels = [-torch.log((counts * distribution(z))[y] / (counts * distribution(z)).sum()) for z, y in zip(student, labels)]
    of_teacher = [divergence(s, t, temperature, power) for s, t in zip(student, teacher)]
    mean = lambda terms: torch.stack(terms).mean()
    loss = (1 - weight) * mean(of_labels) + weight * temperature**2 * mean(of_teacher)
    inputs = {"student": student, "teacher": teacher, "labels": labels, "counts": counts}
    hyper = {"temperature": temperature, "weight": weight, "power": power}
    write(f"dive_{name}", inputs, hyper, value_and_gradients(loss, student=student, teacher=teacher))


case("flatter", 1, [400.0, 90.0, 25.0, 7.0], [0, 0, 1, 3, 0, 0], temperature=2.5, weight=0.3, power=0.7)
case("sharper", 2, [60.0, 50.0, 20.0, 10.0, 3.0], [4, 1, 0, 2], temperature=1.2, weight=0.8, power=1.6)
