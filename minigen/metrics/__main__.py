"""`python -m minigen.metrics mnist SAMPLES.npz`: judges anybody's digits, prints a table, draws a sheet.
`python -m minigen.metrics ngram TEXT`: how many nats a character counting alone needs."""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ..backend import set_num_threads
from ..data.arrays import read_arrays
from ..files import write_json
from . import mnist, ngram, sheet, table
from .calibrate import calibrate, kinds


def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    try:
        if args.threads:
            set_num_threads(args.threads)
        return args.run(args)
    except (OSError, ValueError, TypeError, KeyError) as error:
        print(f"error: {error.args[0] if isinstance(error, KeyError) else error}", file=sys.stderr)
        return 1


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m minigen.metrics", description="How good models are.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    judged = commands.add_parser("mnist", help="judge samples that were drawn by a model of MNIST")
    add = judged.add_argument
    add("samples", type=Path, metavar="SAMPLES.npz",
        help="images (N, 28, 28) or (N, 32, 32), uint8 or floats in [0, 1]; labels (N,), if there are any")  # fmt: skip
    add("--json", type=Path, metavar="FILE", help="write the numbers there")
    add("--into", type=Path, metavar="FILE.json", help='put them into this result as "judged", the sheet beside it')
    add("--sheet", type=Path, metavar="FILE.png", help="where the sheet goes (default: beside the samples)")
    add("--no-cas", action="store_true", help="leave out the classification accuracy score, which takes a minute")
    add("--allow-few", action="store_true", help="take fewer than 10,000 samples; such numbers are no figures")
    judged.set_defaults(run=judge)
    made = commands.add_parser("calibrate", help="judge real digits, and digits that are wrong in a known way")
    add = made.add_argument
    add("--json", type=Path, default=Path(table.__file__).with_name(table.FILE), help="(default: the package's own)")
    add("--sheet", type=Path, metavar="FILE.png", help="draw some of each kind there")
    made.set_defaults(run=calibrations)
    counted = commands.add_parser("ngram", help="what a modified Kneser-Ney model reaches on a text's held-out end")
    add = counted.add_argument
    add("text", help="a name, such as sanguo, or a UTF-8 file")
    add("--order", type=int, default=5, help="characters of the longest n-gram (default %(default)s)")
    add("--held-out", type=float, help="share at the end (default: the text's own)")
    add("--json", type=Path, metavar="FILE", help="write the numbers there")
    counted.set_defaults(run=count, threads=None)
    for command in (judged, made):
        command.add_argument("--data", metavar="FOLDER", help="with the whole of MNIST (default: searched, downloaded)")
        command.add_argument("--threads", type=int, help="CPU threads (default: all)")
    return parser.parse_args(argv)


def judge(args: argparse.Namespace) -> int:
    images, labels = mnist.prepare(*read(args.samples), allow_few=args.allow_few)
    result = json.loads(args.into.read_text(encoding="utf-8")) if args.into else {}
    reference = mnist.Reference.load(args.data)
    judged = mnist.judge(images, labels, reference, cas=not args.no_cas, allow_few=True, progress=sys.stderr.isatty())
    print(table.text({args.samples.stem: judged, **table.calibrations()}))
    for remark in remarks(judged, images):
        print(remark)
    if args.json:
        write_json(args.json, judged)
    if args.into:
        write_json(args.into, {**result, "judged": judged})
    picture = args.sheet or args.samples.with_name(f"{args.samples.stem}_judged.png")
    try:
        sheet.save(images, labels, judged, reference.train, picture)
    except ImportError as error:
        print(f'error: no sheet, because {error}; pip install "minigen[plot]" draws it', file=sys.stderr)
        return 1
    print(f"Sheet: {picture}")
    if args.into:
        shutil.copyfile(picture, args.into.with_suffix(".png"))
    return 0


def remarks(judged: dict[str, Any], images: np.ndarray) -> list[str]:
    """What the table does not say by itself."""
    found = []
    if judged["samples"] < mnist.SAMPLES:
        found.append(f"Only {judged['samples']:,} samples: no figures, and not to be compared with the others.")
    if judged["labels"] != "given" and judged["classification_accuracy_score"] is not None:
        found.append("The samples have no labels: the classification accuracy score uses those that the judge read.")
    if images.mean() > 0.5:
        found.append("The pictures are bright: MNIST has white ink on a black ground. Inverted? Then take 1 - images.")
    if table.memorised(judged, table.calibrations()[table.REAL]):
        found.append("Memorised: the samples lie nearer to training images than new digits do (see the sheet).")
    return found


def calibrations(args: argparse.Namespace) -> int:
    reference = mnist.Reference.load(args.data)
    found = calibrate(reference, progress=sys.stderr.isatty())
    write_json(args.json, found)
    print(table.text(found))
    if args.sheet:
        sheet.save_kinds({kind: images for kind, (images, _) in kinds(reference).items()}, args.sheet)
    return 0


def count(args: argparse.Namespace) -> int:
    found = ngram.measure(args.text, args.order, args.held_out)
    words = [args.text, *(["--order", str(args.order)] if args.order != 5 else []),
             *(["--held-out", str(args.held_out)] if args.held_out is not None else [])]  # fmt: skip
    if args.json:
        write_json(args.json, {**found, "command": "python -m minigen.metrics ngram " + shlex.join(words)})
    print(f"{found['name']}: {found['nats_per_character']:.4f} nats per character over the last "
          f"{found['characters_held_out']:,}, having seen {found['characters_seen']:,}")  # fmt: skip
    return 0


def read(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """`images` and, if it is there, `labels` of an .npz file, or the array of an .npy.

    Raises: OSError, ValueError, KeyError in words.
    """
    arrays = read_arrays(path)
    if "" in arrays:
        return arrays[""], None
    if "images" not in arrays:
        raise KeyError(f"{path} holds {', '.join(arrays) or 'nothing'}, but no array `images`; "
                       "write it by np.savez(file, images=..., labels=...)")  # fmt: skip
    return arrays["images"], arrays.get("labels")


if __name__ == "__main__":
    sys.exit(main())
