"""Shared by the scripts of this folder: how a fixture is written.

    pip install torch==2.11.0 safetensors==0.8.0
    python scripts/conformance/lade.py

A fixture is a file of f64 and i64 tensors: `in.<name>` an input, `hp.<name>` a hyper-parameter times 1e9, every other key a
value or a gradient that the crates must match.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file

torch.set_default_dtype(torch.float64)
DIRECTORY = Path(__file__).parents[2] / "tests" / "fixtures" / "conformance"


def write(name, inputs, hyper, expected):
    """Writes `name`.safetensors."""
    tensors = {f"in.{key}": torch.as_tensor(value) for key, value in inputs.items()}
    tensors |= {f"hp.{key}": torch.tensor([round(value * 1e9)]) for key, value in hyper.items()}
    tensors |= {key: torch.as_tensor(value) for key, value in expected.items()}
    DIRECTORY.mkdir(exist_ok=True)
    save_file({key: value.detach().contiguous().clone() for key, value in tensors.items()}, DIRECTORY / f"{name}.safetensors")


def value_and_gradients(value, **leaves):
    """The value and its gradient at every leaf, as the keys `value` and `grad.<leaf>`."""
    gradients = torch.autograd.grad(value, list(leaves.values()), allow_unused=True, materialize_grads=True)
    return {"value": value} | {f"grad.{name}": gradient for name, gradient in zip(leaves, gradients)}


def prefixed(prefix, expected):
    return {f"{prefix}.{key}": value for key, value in expected.items()}
