"""A figure: where it stands in a result, what was wanted, and the verdict."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

Result = dict[str, Any]
Results = list[Result]
Path_ = tuple[str, ...]


class Wanted(NamedTuple):
    """A figure: of which model, in how many minutes or steps, what of it, its bound, its aim, how it is shown.

    ``of`` is the place of the number in a result's JSON, or a function of (result, all results).
    """

    row: str
    budget: int | str
    what: str
    of: Path_ | Callable[[Result, Results], float | None]
    bound: float | None
    aim: float | None = None
    smaller: bool = False
    shown: Callable[[float], str] = "{:.2f}".format
    published: str = ""


def load(folder: Path, kinds: Iterable[Any]) -> Results:
    """Every result, each with its "file". Raises: ValueError naming file and key for what can't be shown.

    ``kinds``: modules with NAMES of rows, the WANTED figures of these, and ``check``.
    """
    kinds = list(kinds)
    names = {name: kind for kind in kinds for name in kind.NAMES}
    found = []
    for path in sorted(folder.glob("*/*.json")):
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} is no JSON: {error}") from error
        if not (isinstance(result, dict) and isinstance(result.get("name"), str) and result.get("command")):
            raise ValueError(f'{path} is no result: it wants at least "name" and "command"')
        for key in ("row", "peer"):
            if not (row := result.get(key)):
                continue
            if row not in names:
                raise ValueError(f'{path}: "{key}" is {row!r}, but must be missing, or one of {", ".join(names)}')
            budgets = list(dict.fromkeys(w.budget for w in names[row].WANTED if w.row == row))
            if result.get("budget") not in budgets:
                known = " or ".join(map(str, budgets))
                raise ValueError(f'{path}: "budget" is {result.get("budget")!r}; in the table of figures it is {known}')
        for kind in kinds:
            kind.check(path, result)
        found.append({**result, "file": path.relative_to(folder).as_posix()})
    return found


def value(wanted: Wanted, result: Result, results: Results) -> float | None:
    if not isinstance(wanted.of, tuple):
        return wanted.of(result, results)
    at: Any = result
    for key in wanted.of:
        at = at.get(key) if isinstance(at, dict) else None
    return at


def peer(result: Result, results: Results) -> Result | None:
    """What a row's result is compared with: the peer of its row and budget."""
    place = (result.get("row"), result.get("budget"))
    return next((r for r in results if place[0] and (r.get("peer"), r.get("budget")) == place), None)


def reaches(wanted: Wanted, measured: float | None, bound: float | None) -> bool:
    if measured is None or bound is None:
        return False
    return measured <= bound if wanted.smaller else measured >= bound


def best(results: Results, figures: Iterable[Wanted], order: Callable[[Result], float | None]) -> Result | None:
    """Of the results of one place the one that reaches most of its ``figures``, then the least ``order``."""
    figures = list(figures)

    def rank(result: Result) -> tuple[int, float]:
        reached = sum(reaches(w, value(w, result, results), w.bound) for w in figures)
        number = order(result)
        return -reached, float("inf") if number is None else number

    place = {(w.row, w.budget) for w in figures}
    return min((r for r in results if (r.get("row"), r.get("budget")) in place), key=rank, default=None)


def verdict(wanted: Wanted, measured: float | None) -> str:
    if measured is None:
        return "not measured"
    if reaches(wanted, measured, wanted.aim):
        return "aim reached"
    bound = wanted.aim if wanted.bound is None else wanted.bound
    if reaches(wanted, measured, bound):
        return "reached"
    gap = abs(measured - (bound or 0.0))
    shown = wanted.shown(gap) if float(wanted.shown(gap).rstrip("%")) else format(gap, ".1g")
    return f"{'aim missed' if wanted.bound is None else 'MISSED'} by {shown}"


def rows(
    results: Results, wanted: Iterable[Wanted], names: Mapping[str, str], order: Callable[[Result], float | None],
    page: str,
) -> Iterator[tuple[str, ...]]:  # fmt: skip
    """A row for each figure; "not run" where no result is."""
    every = list(wanted)
    for figure in every:
        same = [w for w in every if (w.row, w.budget) == (figure.row, figure.budget)]
        result = best(results, same, order)
        shown = ["" if x is None else ("≤ " if figure.smaller else "≥ ") + figure.shown(x)
                 for x in (figure.bound, figure.aim)]  # fmt: skip
        start, end = (budget(figure.budget), figure.what, *shown), (figure.published,)
        if result is None:
            yield names[figure.row], *start, "", "not run", *end
            continue
        measured = value(figure, result, results)
        number = "" if measured is None else figure.shown(measured)
        yield link(result, names, page), *start, number, verdict(figure, measured), *end


def budget(of: int | str) -> str:
    return of if isinstance(of, str) else f"{of} min"


def link(result: Result, names: Mapping[str, str], page: str) -> str:
    label = f"{names[result['row']]}: {result['name']}" if result.get("row") else result["name"]
    return f"[{label}]({page}#{anchor(result)})"


def anchor(result: Result) -> str:
    return result["file"].removesuffix(".json").replace("/", "-").replace("_", "-").lower()


def heading(result: Result) -> list[str]:
    """The lines that every result begins with: its name, how it was made, where it stands."""
    machine = result.get("machine", {})
    facts = [f"{result['minutes']:.1f} minutes" if "minutes" in result else "", count(result, "steps"),
             count(result, "threads"), f"seed {result['seed']}" if "seed" in result else "",
             machine.get("cpu", "") if isinstance(machine, dict) else str(machine)]  # fmt: skip
    return [f'\n<a id="{anchor(result)}"></a>\n', f"### {result['name']}\n", f"    {result['command']}\n",
            f"{', '.join(filter(None, facts))} ([{result['file']}]({result['file']}))\n".lstrip()]  # fmt: skip


def numbers(of: Mapping[str, Any]) -> str:
    """Those of the values that are numbers, in words."""
    shown = ((name, x) for name, x in of.items() if isinstance(x, int | float) and not isinstance(x, bool))
    return ", ".join(f"{name.replace('_', ' ')} {number(x)}" for name, x in shown)


def number(x: float) -> str:
    return format(x, "," if isinstance(x, int) else ".4g")


def count(result: Result, what: str) -> str:
    n = result.get(what)
    return "" if n is None else f"{n:,} {what.rstrip('s') if n == 1 else what}"
