"""Results in words: a table for the terminal and one in Markdown, both made from what `--json` saves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import figures, threads
from .report_kernels import aligned, kernel_lines, kernel_page, overhead_table, table

PEERS = {"torch": "PyTorch", "jax": "JAX"}


def machine_words(result: dict[str, Any]) -> list[str]:
    m, s = result["machine"], result["settings"]
    threads = "one thread" if s["threads"] == 1 else f"{s['threads']} threads"
    peer = "".join(f", {name} {m[key]}" for key, name in PEERS.items() if m.get(key))
    pinned = f", pinned to CPU {', '.join(map(str, m['pinned_to']))}" if m["pinned_to"] else ""
    load = "" if m["load_before"] is None else f"; load average before: {m['load_before']:.2f}"
    warm = f" after {s['warm_up']} for warming up" if "warm_up" in s else ""
    kernels = f", {m['cpp_variant']} kernels" if m.get("cpp_variant") else ""
    return [
        f"{m['cpu']} ({m['cpus']} CPUs), {m['system']}; {threads}{pinned}{load}",
        f"minigen {m['minigen']} ({m['commit'] or 'no commit known'}){kernels}, "
        f"NumPy {m['numpy']}{peer}, Python {m['python']}",
        f"float32; the sides take turns, {s['rounds']} rounds{warm}",
        *([peak_words(result["peak"])] if "peak" in result else []),
        *(f"{peer}: NOT INSTALLED, so not measured" for peer in result.get("not_installed", [])),
    ]


def peak_words(peak: dict[str, float]) -> str:
    if not peak["gflop_per_s"]:
        return "the machine's peak was not measured: the C++ backend is not built"
    return f"measured peak: {peak['gflop_per_s']:.0f} GFLOP/s in registers, {peak['gbyte_per_s']:.1f} GB/s from memory"


def title(name: str, work: dict[str, Any]) -> str:
    changed = "" if work["batch_size"] == work["usual_batch_size"] else f" instead of {work['usual_batch_size']}"
    return f"{name}: {work['definition']}, batch {work['batch_size']}{changed}; {work['gflop']:.3g} GFLOP"


def verified_words(work: dict[str, Any]) -> str:
    v = work["verified"]
    if v is None:
        return "not verified: there is only one side, and it is the specification"
    found = "; ".join(f"{name}: loss {d['loss']:.0e}, gradient {d['gradient']:.0e}" for name, d in v["largest"].items())
    allowed = f"{v['tolerance']['loss']:.0e} and {v['tolerance']['gradient']:.0e} are allowed"
    what = f"losses of {v['steps']} steps and first gradients against {v['reference']}"
    return f"verified before and after: {what}; {found} ({allowed}, relative)"


def ratio_words(names: str, r: dict[str, float]) -> str:
    pairs = f"median of pairs, quartiles {r['lower_quartile']:.2f} to {r['upper_quartile']:.2f}"
    names += f" ({r['peer']})" if "peer" in r else ""
    return f"time of {names}: {r['of_medians']:.2f} (medians), {r['median_of_pairs']:.2f} ({pairs})"


COLUMNS = ("side", "ms, median", "quartiles", "best", "GFLOP/s", "of the peak", "page faults")


def row(name: str, side: dict[str, Any]) -> tuple[str, ...]:
    quartiles = f"{side['lower_quartile']:.4g} to {side['upper_quartile']:.4g}"
    faults = "" if side["page_faults"] is None else f"{side['page_faults']:.0f}"
    rate = f"{side['gflop_per_s']:.1f}"
    share = "" if side["share"] is None else f"{side['share']:.0%}"
    return name, f"{side['median']:.4g}", quartiles, f"{side['best']:.4g}", rate, share, faults


def train_lines(result: dict[str, Any]) -> list[str]:
    lines = []
    for name, work in result["workloads"].items():
        rows = [row(*item) for item in work["sides"].items()]
        lines += ["", title(name, work), verified_words(work), *aligned(COLUMNS, rows)]
        lines += [*(ratio_words(names, r) for names, r in work["ratios"].items()), *notes(work)]
    return lines + failures(result)


def failures(result: dict[str, Any]) -> list[str]:
    """Steps whose sides disagreed: no time of theirs is reported."""
    return [f"{name}: no time is reported: {reason}" for name, reason in result.get("failed", {}).items()]


def notes(work: dict[str, Any]) -> list[str]:
    """Which layout a side chose, and why a peer is not in the table."""
    return [f"{name} runs in {note}" for name, note in work["notes"].items()] + [
        f"{name}: NOT MEASURED, {reason}" for name, reason in work["missing"].items()
    ]


def train_page(result: dict[str, Any]) -> list[str]:
    lines = []
    for name, work in result["workloads"].items():
        rows = [row(*item) for item in work["sides"].items()]
        lines += ["", f"### {title(name, work)}", "", *table(COLUMNS, rows), ""]
        lines += [f"- {ratio_words(names, r)}" for names, r in work["ratios"].items()]
        lines += [f"- {words}" for words in (*notes(work), verified_words(work))]
        if work.get("profile"):
            lines += ["", "Where minigen's step spends its time:", "", *table(PROFILE, work["profile"])]
            lines += ["", limit(work, result["peak"]["gflop_per_s"]), *([TRIED[name]] if name in TRIED else [])]
    return [*lines, *(f"- {words}" for words in failures(result))]


def limit(work: dict[str, Any], peak: float) -> str:
    """What the ratio would be if there were nothing but products."""
    least, torch = 1e3 * work["gflop"] / peak, work["sides"].get("torch")
    words = f"At the measured peak the products alone would take {least:.3g} ms"
    return words + (f", {torch['median'] / least:.2g} times as fast as PyTorch eager's step." if torch else ".")


TRIED = {
    "VAE": "What was tried: weights are read where they lie or packed, whichever copies less; BCE with logits and "
    "Adam take one pass each. A ReLU inside the product would save two short passes more.",
    "LSTM": "The tile of a time step alone reaches 98% of the peak; gates, packing the weights anew in every step and "
    "weight gradients at 85% take the rest. What was tried: flatter and narrower tiles are no faster.",
    "Transformer": "What was tried: q, k and v are one product, attention never stores its matrix, its gradients need "
    "no joining. Products that are repeated on the same arrays run faster than here, with activations from memory. "
    "Weight gradients whose left factor is packed block by block, put together in registers or left where it lies "
    "were up to 5% faster on some shapes and as much slower on others.",
    "WaveNet": "What was tried: a layer is one kernel per stretch of time that reads its inputs where they lie and "
    "asks for the next lines ahead; tanh and sigmoid by one division instead of two brought nothing.",
    "MLP": "What was tried: small arrays take short ways through an operation, a recorded one looks at one clock, "
    "losses are reduced in their kernel. What is not products is mostly Python between them.",
}

PROFILE = ("method(shapes)", "ms", "share", "calls", "GFLOP/s")


PARTS: dict[str, tuple[str, Callable[[dict[str, Any]], list[str]], Callable[[dict[str, Any]], list[str]]]] = {
    "train": ("Training steps", train_lines, train_page),
    "gemm": ("Matrix products", kernel_lines, kernel_page),
    "conv": ("Convolution and its gradients", kernel_lines, kernel_page),
    "fused": ("Fused operations", kernel_lines, kernel_page),
    "ladder": ("The ladders", kernel_lines, kernel_page),
    "threads": ("Two threads beside a busy process", lambda r: ["", *aligned(*threads.columns(r)), threads.verdict(r)],
                lambda r: ["", *table(*threads.columns(r)), "", f"- {threads.verdict(r)}"]),
    "overhead": ("Overhead", lambda r: ["", *aligned(*overhead_table(r))], lambda r: ["", *table(*overhead_table(r))]),
}  # fmt: skip


def text(result: dict[str, Any]) -> str:
    """For the terminal."""
    return "\n".join([*machine_words(result), *PARTS[result["command"]][1](result)])


INTRODUCTION = """# Benchmarks

This page is generated from the results beside it, by `python -m minigen.kernels.bench table`; nothing on it is typed.
`python -m minigen.kernels.bench all` measures everything again. Every side gets the same data and must compute the same
results before and after it is timed; a rate above the machine's measured peak would be refused.

In training steps GFLOP are those that a step needs in matrix products and convolutions, 2 M N K each with padding
taps, causal attention at half: one number for every side, so that rates compare steps. (Plain eager PyTorch computes
more in N1 and N2, 26.2 and 31.6 GFLOP: also the discriminator's weight gradients in the generator's step.) In tables
of kernels taps on the padding are not counted, since a kernel may skip them; "minigen", "mkl" and "openblas" are
kernels called by a loop in C++, "minigen, called", "numpy" and "torch" are called by a loop in Python. nt: the right
matrix lies transposed in memory (x w^T); tn: the left one does.
"""
ORDER = list(PARTS)


def markdown(results: list[dict[str, Any]]) -> str:
    """For the page."""
    lines = [INTRODUCTION]
    if len(results) > 1:
        lines += ["## Figures aimed at\n", *table(figures.COLUMNS, list(figures.figures(results))), ""]
    for result in sorted(results, key=lambda r: (ORDER.index(r["command"]), r["settings"]["threads"])):
        threads = result["settings"]["threads"]
        lines.append(f"## {PARTS[result['command']][0]}, {threads} thread{'s' if threads > 1 else ''}\n")
        lines += [f"- {words}" for words in machine_words(result)]
        lines += [*PARTS[result["command"]][2](result), ""]
    return "\n".join(lines)
