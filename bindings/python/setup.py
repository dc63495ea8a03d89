"""Build hook: puts the built libscrl.so.0 into the wheel, and tags the wheel for its platform."""

import os
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70.1
    from wheel.bdist_wheel import bdist_wheel

REPOSITORY = Path(__file__).resolve().parents[2]


def built_library() -> Path:
    """The library to ship: SCRL_LIBRARY, or what `make build` left in build/lib."""
    named = os.environ.get("SCRL_LIBRARY")
    path = Path(named) if named else REPOSITORY / "build" / "lib" / "libscrl.so.0"
    if not path.is_file():
        raise SystemExit(
            f"scrl: {path} is not there. Build the library first: run `make build` in the "
            "repository (or set SCRL_LIBRARY to a built libscrl.so.0), then install again."
        )
    return path.resolve()


class BuildWithLibrary(build_py):
    """build_py, then the library as package data scrl/_lib/libscrl.so.0."""

    def run(self) -> None:
        library = built_library()
        super().run()
        if getattr(self, "editable_mode", False):
            return  # an editable install finds build/lib by itself
        folder = Path(self.build_lib) / "scrl" / "_lib"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy2(library, folder / "libscrl.so.0")


class PlatformWheel(bdist_wheel):
    """Any Python 3, this platform only: the wheel holds a shared library but no extension."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


setup(cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel})
