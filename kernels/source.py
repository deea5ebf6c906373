"""A kernel's text with its includes pasted in: one string, which CuPy compiles and caches are keyed on.

CuPy's cache looks at the text alone, not at the files that it includes; with everything in one string a changed helper
is a changed kernel. ``#line`` keeps every message at the line of the file where the text stands.
"""

from __future__ import annotations

import re
from pathlib import Path

KERNELS = Path(__file__).parent
CUDA = KERNELS / "cuda"
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"[^\n]*$', re.MULTILINE)


def inlined(path: str | Path, code: str | None = None) -> str:
    """The text of ``path`` (or ``code``, as if it stood there), each ``#include "..."`` replaced by the file's text.

    An included file is looked for beside the file that names it, then in ``kernels/cuda``; its text is pasted once, at
    its first mention. ``#include <...>`` stays. Raises FileNotFoundError with file and line where one is missing.
    """
    path = Path(path)
    return _paste(path, path.read_text(encoding="utf-8") if code is None else code, set())


def _paste(path: Path, text: str, done: set[Path]) -> str:
    done.add(path.resolve())
    parts, end = [f'#line 1 "{path.name}"\n'], 0
    for found in _INCLUDE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        target = _find(found[1], path, line)
        parts.append(text[end : found.start()])
        if target.resolve() not in done:
            parts.append(_paste(target, target.read_text(encoding="utf-8"), done))
        parts.append(f'\n#line {line + 1} "{path.name}"')  # that of the line after this one
        end = found.end()
    parts.append(text[end:])
    return "".join(parts).replace("#pragma once\n", "\n")


def _find(name: str, beside: Path, line: int) -> Path:
    for folder in (beside.parent, CUDA):
        if (target := folder / name).is_file():
            return target
    raise FileNotFoundError(f'{beside}:{line}: #include "{name}": no such file in {beside.parent} nor in {CUDA}')


_KERNEL = re.compile(
    r"(template\s*<[^>]*>\s*)?__global__([^;{}()]*(?:\([^()]*\))?[^;{}()]*?)\b(\w+)\s*\(([^{;]*?)\)\s*\{"
)


def kernels(text: str) -> dict[str, list[tuple[str, str]]]:
    """{name: its parameters as (type, name)} of every ``__global__`` function in ``text`` that is no template."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)
    return {
        found[3]: [_parameter(p) for p in found[4].split(",") if p.strip()]
        for found in _KERNEL.finditer(text)
        if not found[1]
    }


def _parameter(declaration: str) -> tuple[str, str]:
    found = re.fullmatch(r"\s*(.*?)\s*(\w+)\s*", declaration, re.DOTALL)
    return (" ".join(found[1].split()), found[2]) if found else (declaration.strip(), "")
