"""Builds minigen._cpu and lists what is packaged; the metadata stands in pyproject.toml.

Every kernel source is compiled once per instruction set, and the best one is chosen when the program runs: one wheel
serves every processor of an architecture. Without a C++17 compiler the installation still succeeds, on NumPy alone.
"""

from __future__ import annotations

import os
import platform
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext

CSRC = Path("csrc")
SOURCES = sorted(str(p.relative_to(CSRC)) for p in CSRC.rglob("*.cc"))
SHARED = [s for s in SOURCES if s.startswith(("bindings/", "support/")) or s in ("check.cc", "dispatch.cc")]  # portable
KERNELS = [s for s in SOURCES if s not in SHARED]

VARIANTS = {"baseline": []}
if platform.machine() in ("x86_64", "AMD64"):
    VARIANTS["avx2"] = ["-mavx2", "-mfma"]
    avx512 = [f"-mavx512{part}" for part in ("f", "dq", "vl", "bw")]
    VARIANTS["avx512"] = [*VARIANTS["avx2"], *avx512, "-mprefer-vector-width=512"]
if os.environ.get("MINIGEN_VARIANTS"):  # "avx512" alone builds in a third of the time, for whoever works on a kernel
    VARIANTS = {name: VARIANTS[name] for name in os.environ["MINIGEN_VARIANTS"].split(",")}

# Not -ffast-math: NaN and infinity must come out right. The last three flags change no result that a program can see,
# except that a * b + c may be rounded once: they let sqrt and comparisons become vector instructions.
FLAGS = ["-O3", "-std=c++17", "-fvisibility=hidden", "-Wall", "-Wno-ignored-attributes", "-Wno-psabi", "-pthread",
         "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"]  # fmt: skip

# `make sanitize` builds the kernels so that reading beside an array, or what C++ leaves undefined, stops the program.
SANITIZE = ["-fsanitize=address,undefined"] if os.environ.get("MINIGEN_SANITIZE") else []
if SANITIZE:
    FLAGS = [flag for flag in FLAGS if flag != "-O3"] + ["-O1", "-g", "-fno-sanitize-recover=undefined", *SANITIZE]


def included(rule: Path) -> list[Path]:
    """The files that an object was made from, as the compiler's -MMD has left them; none if it has not run."""
    return [Path(name) for name in rule.read_text().replace("\\\n", " ").split()[1:]] if rule.exists() else []


def is_newer(done: Path, than: list[Path]) -> bool:
    if not done.exists() or not than or not all(p.exists() for p in than):
        return False
    return done.stat().st_mtime > max(p.stat().st_mtime for p in [*than, Path(__file__)])


class BuildKernels(build_ext):
    """Compiles each kernel source once per variant, and only what has changed."""

    def run(self) -> None:
        try:
            super().run()
        except Exception as error:  # whatever a toolchain can raise: NumPy alone is a working installation
            reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
            self.announce_missing(reason)

    def announce_missing(self, reason: str) -> None:
        print(
            "\n*** minigen: the C++ backend was NOT built, minigen will run on NumPy alone (slower, same results).\n"
            f"*** Reason: {reason}\n"
            "*** To get it, install a C++17 compiler (for instance g++) and install minigen again.\n",
            file=sys.stderr,
        )

    def build_extension(self, ext: Extension) -> None:
        import pybind11

        self.include = [str(CSRC), pybind11.get_include(), *self.compiler.include_dirs]
        jobs = [(source, "shared", []) for source in SHARED]
        jobs += [(source, name, flags) for name, flags in VARIANTS.items() for source in KERNELS]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(lambda job: self.compile(*job), jobs))
        target = Path(self.get_ext_fullpath(ext.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        flags = ["-pthread", *SANITIZE] if SANITIZE else ["-pthread", "-Wl,--strip-debug"]
        self.compiler.link_shared_object(objects, str(target), extra_postargs=flags, target_lang="c++")

    def compile(self, source: str, variant: str, flags: list[str]) -> str:
        dispatches = source == "dispatch.cc"  # the one source that depends on which variants are built
        folder = Path(self.build_temp) / ("-".join([variant, *VARIANTS]) if dispatches else variant)
        path = CSRC / source
        done = folder / path.with_suffix(".o")
        if not self.force and is_newer(done, than=included(done.with_suffix(".d"))):
            return str(done)
        macros = [] if variant == "shared" else [("VARIANT", variant)]
        if dispatches:
            macros = [(f"HAS_{name}", "1") for name in VARIANTS]
        options = [*FLAGS, *flags, "-Werror=return-type", "-MMD"]
        (built,) = self.compiler.compile([str(path)], output_dir=str(folder), macros=macros, include_dirs=self.include,
                                         extra_postargs=options)  # fmt: skip
        return str(built)


def folders(root: str, package: str) -> list[str]:
    """`package` and the packages below it, read from the folder `root`."""
    return [package, *(f"{package}.{name}" for name in find_packages(root))] if Path(root).is_dir() else []


setup(
    ext_modules=[Extension("minigen._cpu", [str(CSRC / "bindings" / "module.cc")])],
    cmdclass={"build_ext": BuildKernels},
    packages=folders("minigen", "minigen") + folders("kernels", "minigen.kernels"),
    package_dir={"minigen": "minigen", "minigen.kernels": "kernels"},
    package_data={
        "minigen": ["py.typed", "**/*.npz", "**/*.safetensors", "**/*.json", "**/*.[gx]z", "**/NOTICE*"],
        "minigen.kernels": ["**/*.cu", "**/*.cuh", "**/*.json", "emulator/**/*.cc", "emulator/**/*.h"],
    },
)
