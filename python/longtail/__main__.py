"""Starts the program on the libtorch of the PyTorch that is installed in the same environment."""

import importlib.metadata
import importlib.util
import os
import pathlib
import sys

TORCH = "2.11.0"


def libtorch():
    """Folder of libtorch's libraries. PyTorch is not imported, which would take seconds."""
    try:
        found = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        sys.exit(f"error: this environment has no PyTorch, whose libtorch this program runs on; pip install torch=={TORCH}")
    if found.partition("+")[0] != TORCH:
        sys.exit(
            f"error: this program runs on the libtorch of torch {TORCH}, and this environment has torch {found}; "
            f"pip install torch=={TORCH}, here or in an environment of its own"
        )
    return pathlib.Path(importlib.util.find_spec("torch").origin).parent / "lib"


def main():
    program = pathlib.Path(__file__).parent / "bin" / "reproduce"
    others = os.environ.get("LD_LIBRARY_PATH")
    os.environ["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, [str(libtorch()), others]))
    os.execv(program, ["reproduce", *sys.argv[1:]])


if __name__ == "__main__":
    main()
