"""What the subcommands' options share: names are checked with words, defaults depend on what is installed."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path

from minigen import backend


def names(kind: str, known: Sequence[str], none: bool = False) -> Callable[[str], list[str]]:
    """A parser of "a,b": names from ``known``, in any case; "none" is the empty list where ``none`` allows it."""
    spelling = {name.lower(): name for name in known}

    def parse(text: str) -> list[str]:
        if none and text == "none":
            return []
        for name in text.split(","):
            if name.lower() not in spelling:
                hint = " (or none)" if none else ""
                raise argparse.ArgumentTypeError(f"{kind} {name!r} is unknown; choose from {', '.join(known)}{hint}")
        return list(dict.fromkeys(spelling[name.lower()] for name in text.split(",")))

    return parse


def at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be an integer of at least 1, got {text!r}")
    return int(text)


def sizes(text: str) -> list[tuple[int, ...]]:
    """A parser of "64,32x784x256": one number, or several with x between them."""
    found = []
    for part in text.split(","):
        numbers = part.lower().split("x")
        if len(numbers) not in (1, 3) or not all(n.isdecimal() and int(n) > 0 for n in numbers):
            raise argparse.ArgumentTypeError(f"size {part!r} must be 512, or 32x784x256: rows x inner x columns")
        found.append(tuple(map(int, numbers)) if len(numbers) == 3 else (int(part),) * 3)
    return found


def usable_backends(text: str) -> list[str]:
    chosen = names("backend", list(backend.available()))(text)
    for name in chosen:
        if reason := backend.available()[name]:
            raise argparse.ArgumentTypeError(f"backend {name!r} is not available: {reason}")
    return chosen


def usable_peers(known: Sequence[str]) -> Callable[[str], list[str]]:
    """A parser of peers' names, which must be installed."""

    def parse(text: str) -> list[str]:
        chosen = names("peer", known, none=True)(text)
        for name in chosen:
            if not installed(name):
                raise argparse.ArgumentTypeError(
                    f"peer {name} is not installed; install it with pip install {INSTALL[package(name)]}, or pass "
                    "--peers none"
                )
        return chosen

    return parse


INSTALL = {"torch": "torch==2.13.0", "jax": "jax", "numpy": "numpy"}


def package(peer: str) -> str:
    return {"openblas": "numpy", "numpy": "numpy", "jax": "jax"}.get(peer, "torch")


def installed(peer: str) -> bool:
    return importlib.util.find_spec(package(peer)) is not None


def absent(peers: Sequence[str]) -> list[str]:
    """The peers that could be measured if they were installed."""
    return [peer for peer in peers if not installed(peer)]


def fastest_backend() -> str:
    return "numpy" if backend.available()["cpp"] else "cpp"


def shared(parser: argparse.ArgumentParser, peers: Sequence[str], usual: Sequence[str], plot: bool = True) -> None:
    """--backends, --peers, --threads, --json and, where there is a picture, --plot."""
    usual, fastest = [name for name in usual if installed(name)], fastest_backend()
    parser.add_argument("--backends", type=usable_backends, default=[fastest], help=f"of minigen (default {fastest})")
    parser.add_argument(
        "--peers", type=usable_peers(peers), default=usual, help=f"from {','.join(peers)}; none for minigen alone"
    )
    parser.add_argument("--threads", type=at_least_one, default=1, help="for every side (default 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there")
    if plot:
        parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the result into this PNG")
