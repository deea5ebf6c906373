"""The command line that all scripts share: train, resume, sample, export."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections import deque
from pathlib import Path
from typing import Any

import minigen

from .. import checkpoint
from ..data import DataLoader
from . import health, pretrained
from .arguments import SHARED, parse
from .experiment import Experiment
from .guard import INTERRUPTED
from .loop import train
from .publish import publish
from .report import about, conclude
from .run import Run, newest_checkpoint

SMOKE_STEPS = 6
RECENT = 500  # steps whose medians are compared with good runs


def script(kind: type[Experiment], argv: list[str] | None = None) -> int:
    """Do what the command line says with this kind of experiment; the exit status."""
    argv = sys.argv[1:] if argv is None else argv
    args = parse(kind, argv)
    args.command = shlex.join(["python", sys.argv[0], *argv])
    try:
        if args.backend:
            minigen.use_backend(args.backend)
        if args.threads:
            minigen.set_num_threads(args.threads)
        if args.export:
            return export(kind, args)
        if args.publish:
            return show(kind, args)
        return sample(kind, args) if kind.is_used(args) else learn(kind, args)
    except (OSError, FloatingPointError, ValueError, ImportError, MemoryError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # between steps train() waits for the step's end; this is before, after, or a second one
        print("\nStopped. What was saved is there: --resume goes on from it, or finishes what follows training.")
        return INTERRUPTED


def learn(kind: type[Experiment], args: argparse.Namespace) -> int:
    resume = None
    if args.resume is not None:
        resume = newest_checkpoint(args.runs) if args.resume == "newest" else Path(args.resume)
        state = load(kind, resume)
        ends = {name: getattr(args, name) for name in ("epochs", "steps", "budget")}
        for name in (*SHARED, *kind.config):
            said, kept = args.said.get(name), state["config"][name]
            if said not in (None, kept) and name not in ends:
                raise ValueError(f"--{name.replace('_', '-')} {said}: a resumed run goes on as it was begun, with "
                                 f"{kept}; leave it out, or begin a new run")
        if any(ends.values()):  # a new end stands for all of the old one
            state["config"] |= ends
        experiment = build(kind, state["config"], resume, state["parts"])
        config = state["config"]
    else:
        config = {name: getattr(args, name) for name in (*SHARED, *kind.config)}
        kind.settle(config)
        experiment = build(kind, config)
    dataset = experiment.dataset = experiment.data()  # before the run's folder: a wrong --data leaves none behind
    if len(dataset) < config["batch_size"]:
        raise ValueError(f"--data: {len(dataset)} {kind.items} are fewer than a batch of {config['batch_size']}: give "
                         "more, or a smaller --batch-size")
    loader = DataLoader(dataset, config["batch_size"], shuffle=True, drop_last=True,
                        generator=minigen.Generator(config["seed"]))
    run = Run.new(args.runs, config) if resume is None else Run(resume.parent, config)
    with open(run.folder / "commands.txt", "a") as file:
        file.write(args.command + "\n")
    limits = (f"{config['epochs']} epochs of {len(loader)} steps" if config["epochs"] else "",
              f"{config['steps']:,} steps" if config["steps"] else "",
              f"{config['budget']:g} minutes" if config["budget"] else "")  # fmt: skip
    who = minigen.current_backend()
    if who == "numpy":  # pip does not show what an install without a compiler says
        who += ", many times slower than cpp (python -m minigen doctor says which there are, and why)"
    print(f"{len(dataset):,} {kind.items}, {' or '.join(filter(None, limits))}; backend {who}; writing to {run.folder}")

    recent: deque[dict[str, float]] = deque(maxlen=RECENT)

    def show(row: dict[str, float]) -> dict[str, str]:
        recent.append(row)
        return {k: f"{v:.2f}" for k, v in row.items()}

    def after_epoch(step: int) -> None:
        row = {**experiment.save_sheets(run, step), **experiment.measure()}
        run.log(step=step, **row)
        recent.append(row)
        if step >= health.SETTLED and (findings := health.examine(recent, experiment.health)):
            from tqdm import tqdm

            tqdm.write(f"step {step}: " + "; ".join(map(str, findings)))

    steps = min(SMOKE_STEPS, config["steps"] or SMOKE_STEPS) if config["smoke"] else config["steps"]
    finished = train(
        run, experiment.parts(), loader, experiment.step, epochs=config["epochs"], budget=config["budget"],
        max_steps=steps, after_epoch=after_epoch, resume=resume,
        show=show, before_step=experiment._set_progress,
    )  # fmt: skip
    if not finished:
        print(f"\nStopped. Continue with: python {sys.argv[0]} --resume {run.checkpoint}")
        return INTERRUPTED
    conclude(experiment, run, health.examine(recent, experiment.health) if len(recent) >= health.SETTLED else [])
    return 0


def build(kind: type[Experiment], config: dict[str, Any], path: Path | None = None, parts: Any = None) -> Experiment:
    """The experiment, seeded; ValueError if a checkpoint's parts are not its parts."""
    minigen.manual_seed(config["seed"])
    experiment = kind(config)
    if path is not None:
        own = set(experiment.parts())
        if not isinstance(parts, dict) or not set(kind.sampler) <= set(parts) <= own:
            raise ValueError(f"{path} is no checkpoint of this script: its parts are {', '.join(parts or ['none'])}, "
                             f"not {', '.join(sorted(own))}")
    return experiment


def load(kind: type[Experiment], path: Path) -> dict[str, Any]:
    """A checkpoint that this script wrote; ValueError for another one, before anything is written beside it."""
    state = checkpoint.load(path)
    config = state.get("config") if isinstance(state, dict) else None
    if not (isinstance(config, dict) and set(SHARED) <= set(config)):
        raise ValueError(f"{path} is no checkpoint of this script: it holds no configuration of a run")
    if missing := [name for name in kind.config if name not in config]:
        raise ValueError(f"{path} is no checkpoint of this script: another one wrote it, or an older version of this "
                         f"one: nothing is said of {', '.join(missing)}")  # fmt: skip
    return state


# sampling -----------------------------------------------------------------------------------------
def sample(kind: type[Experiment], args: argparse.Namespace) -> int:
    if args.checkpoint is None and not args.pretrained and not any(args.runs.glob("*/checkpoint.safetensors")):
        args.pretrained = pretrained.place(kind.name).is_file()  # a fresh machine: better these than none
        if args.pretrained:
            print(f"no run under {args.runs}: these are the weights that come with minigen", file=sys.stderr)
    if args.pretrained:
        path, state = pretrained.place(kind.name), pretrained.load(kind.name)
    else:
        path = args.checkpoint or newest_checkpoint(args.runs)
        state = load(kind, path)
        state["config"] |= learnt(kind, path)
    experiment = build(kind, state["config"], path, state["parts"])
    for name in kind.sampler:
        experiment.parts()[name].load_state_dict(state["parts"][name])
    return experiment.sample(args, path)


def learnt(kind: type[Experiment], path: Path) -> dict[str, Any]:
    """What the run of this checkpoint found out about itself, if it has come to its end."""
    result = path.with_name("result.json")
    return kind.learnt(json.loads(result.read_text())) if result.exists() else {}


def export(kind: type[Experiment], args: argparse.Namespace) -> int:
    """What ``sampler`` names of a checkpoint, as the weights that come with minigen."""
    path = args.checkpoint or newest_checkpoint(args.runs)
    state = load(kind, path)
    build(kind, state["config"], path, state["parts"])
    result = path.with_name("result.json")
    described = json.loads(result.read_text()) if result.exists() else about(path.parent)
    kept = {"parts": {name: state["parts"][name] for name in kind.sampler},
            "config": {**state["config"], **learnt(kind, path)}}  # fmt: skip
    print(f"{pretrained.save(kind.name, kept, described)}")
    return 0


def show(kind: type[Experiment], args: argparse.Namespace) -> int:
    """A finished run's figures, curves and samples, copied to where the page of results finds them."""
    run = (args.checkpoint or newest_checkpoint(args.runs)).parent
    more = {"tried": args.tried}
    if (run / "result.json").exists():  # publish() says so if not
        more |= kind.place(json.loads((run / "result.json").read_text())["config"])
    print(publish(run, args.publish, kind.published, {**more, **({"name": args.title} if args.title else {})}))
    return 0
