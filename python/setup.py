"""Puts the built program and the grids into the wheel. LONGTAIL_PROGRAM names the program."""

import os
import pathlib
import re
import shutil
import subprocess

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

CHECKOUT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = pathlib.Path(os.environ["LONGTAIL_PROGRAM"])


class Build(build_py):
    def run(self):
        super().run()
        package = pathlib.Path(self.build_lib) / "longtail"
        program = package / "bin" / "reproduce"
        program.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROGRAM, program)
        subprocess.run(["strip", program], check=True)
        # It was linked for the libtorch of the checkout; the launcher says where that of the user is.
        subprocess.run(["patchelf", "--remove-rpath", program], check=True)
        shutil.copytree(CHECKOUT / "benchmarks", package / "benchmarks", dirs_exist_ok=True)


class Wheel(bdist_wheel):
    def finalize_options(self):
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self):
        # Any Python; a C library at least as new as the newest function that the program takes from it.
        versions = re.findall(rb"GLIBC_2\.(\d+)", PROGRAM.read_bytes())
        return "py3", "none", f"manylinux_2_{max(map(int, versions))}_x86_64"


manifest = (CHECKOUT / "Cargo.toml").read_text()
setup(
    version=re.search(r'^version = "(.*)"$', manifest, re.MULTILINE)[1],
    cmdclass={"build_py": Build, "bdist_wheel": Wheel},
)
