"""`python -m minigen.data pack TEXT CORPUS.npy`: tokenises a text of any size, for training from a memory map."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .corpus import pack
from .tokens import KINDS


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m minigen.data", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add = commands.add_parser("pack", help="tokenise a UTF-8 file, block by block").add_argument
    add("text", type=Path)
    add("corpus", type=Path, metavar="CORPUS.npy")
    add("--tokens", choices=sorted(KINDS), default="char", help="what a token is (default %(default)s)")
    add("--vocabulary", type=int, default=10_000, help="how many words or byte pairs (default %(default)s)")
    args = parser.parse_args(argv)
    try:
        n = pack(args.text, args.corpus, args.tokens, args.vocabulary)
    except (OSError, ValueError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{n:,} tokens in {args.corpus}; train with --data {args.corpus}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
