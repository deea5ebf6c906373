"""The command line: `minigen doctor`, also as `python -m minigen doctor`."""

import argparse
import sys


def main(argv: list[str] | None = None) -> int:
    """Run a sub-command and return its exit status."""
    parser = argparse.ArgumentParser(prog="minigen", description="a deep-learning engine to read, and to train with")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("doctor", help="which backends and data this machine has, and why others are missing")
    parser.parse_args(argv)
    from .doctor import doctor  # not before --help

    return doctor()


if __name__ == "__main__":
    sys.exit(main())
