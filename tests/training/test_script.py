"""The shared command line: limits, resuming, drawing, exporting, and what it says to wrong input."""

import argparse
import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minigen import checkpoint, plot, training
from minigen.training import checks, datasets, pretrained, report


def the_run():
    (folder,) = Path("runs/mean").iterdir()
    return folder


def rows(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_a_whole_run(run_script):
    status, out, err = run_script("--smoke")
    assert status == 0 and "256 images, 2 epochs of 5 steps" in out, err
    folder = the_run()
    names = {p.name for p in folder.iterdir()}
    assert names == {"samples", "config.json", "commands.txt", "metrics.jsonl", "checkpoint.safetensors",
                     "result.json", "curves.png", "training.gif"}  # fmt: skip
    result = json.loads((folder / "result.json").read_text())
    assert result["finished"] and result["steps"] == 6 and result["config"]["batch_size"] == 50
    assert result["command"].startswith("python ") and result["command"].endswith(" --smoke")
    steps = [r for r in rows(folder) if "loss" in r]
    assert [r["progress"] for r in steps] == [i / 6 for i in range(6)]
    assert [r["step"] for r in rows(folder) if "diversity" in r] == [5, 6]


@pytest.mark.parametrize(("wanted", "taken"), [(3, 3), (50, 6)])
def test_smoke_takes_no_more_steps_than_asked_for(run_script, wanted, taken):
    assert run_script("--smoke", "--steps", wanted)[0] == 0
    assert json.loads((the_run() / "result.json").read_text())["steps"] == taken


def test_one_wild_batch_does_not_hide_the_curve(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    kept = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: kept.append(self))
    found = [{"step": i, "loss": 2.0 - i / 4000} for i in range(4000)]
    found[2000]["loss"] = 1e21
    plot.save_curves(found, {"loss": ("loss",)}, tmp_path / "curves.png")
    low, high = kept[0].axes[0].get_ylim()
    assert 0.7 < low < 1.1 and 1.9 < high < 2.3


def test_curves_over_minutes():
    timed = report.timed([{"step": 1, "seconds": 30.0}, {"step": 1, "held_out": 2.0}, {"step": 2, "seconds": 60.0}])
    assert [row["minutes"] for row in timed] == [0.5, 0.5, 1.5] and timed[1]["held_out"] == 2.0


def test_minutes_are_a_limit_and_set_the_progress(run_script):
    assert run_script("--budget", 0.005)[0] == 0
    (made,) = run_script.made
    assert made.seen == sorted(made.seen) and made.seen[0] == 0 and made.seen[-1] < 1
    spent = [r["seconds"] for r in rows(the_run()) if "seconds" in r]
    assert sum(spent) >= 0.3 > sum(spent[:-1])  # it ends after the step that passes the limit
    assert made.seen == pytest.approx([sum(spent[:i]) / 0.3 for i in range(len(spent))])
    before = len(spent)
    assert run_script("--resume")[0] == 0  # nothing is left of the budget
    assert len([r for r in rows(the_run()) if "loss" in r]) == before


def test_epochs_and_minutes_together(run_script):
    assert run_script("--epochs", 1, "--budget", 10, "--smoke")[0] == 0
    (made,) = run_script.made
    assert made.seen == pytest.approx([i / 5 for i in range(5)])


def test_a_stopped_run_resumes_bitwise(run_script, monkeypatch):
    assert run_script("--smoke", "--runs", "whole")[0] == 0
    taught = run_script.made[0].__class__.step

    def stopping(self, *batch):
        if len(self.seen) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return taught(self, *batch)

    with monkeypatch.context() as m:
        m.setattr(run_script.made[0].__class__, "step", stopping, raising=False)
        status, out, _ = run_script("--smoke", "--runs", "stopped")
    assert status == training.INTERRUPTED == 130 and "--resume stopped/" in out
    (path,) = Path("stopped").glob("*/checkpoint.safetensors")
    assert checkpoint.load(path)["step"] == 4
    assert run_script("--resume", path)[0] == 0
    (whole,) = Path("whole").glob("*/checkpoint.safetensors")
    assert path.read_bytes() == whole.read_bytes()

    def timeless(folder):
        return [{k: v for k, v in row.items() if k != "seconds"} for row in rows(folder)]

    assert timeless(path.parent) == timeless(whole.parent)
    assert len((path.parent / "commands.txt").read_text().splitlines()) == 2


def test_a_run_that_dies_after_an_epoch_resumes_bitwise(run_script, monkeypatch):
    args = "--batch-size", 4000, "--epochs", 2  # of three steps each
    run_script(*args, "--runs", "whole")
    kind = run_script.made[0].__class__
    taught = kind.step

    def dying(self, *batch):
        if len(self.seen) == 4:
            raise OSError("the power is gone")
        return taught(self, *batch)

    with monkeypatch.context() as m:
        m.setattr(kind, "step", dying, raising=False)
        assert run_script(*args, "--runs", "dead")[0] == 1
    assert run_script("--resume", "--runs", "dead")[0] == 0
    whole, dead = (next(Path(name).glob("*/checkpoint.safetensors")) for name in ("whole", "dead"))
    assert whole.read_bytes() == dead.read_bytes()


def test_two_runs_never_share_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(training.run.time, "strftime", lambda _: "now")
    monkeypatch.setattr(Path, "exists", lambda _: False)  # as when both look before either writes
    folders = [training.Run.new(tmp_path, {}).folder.name for _ in range(3)]
    assert folders == ["now", "now_2", "now_3"]


def test_a_resumed_run_may_get_another_end(run_script):
    assert run_script("--steps", 2)[0] == 0
    status, out, _ = run_script("--resume", "--steps", 5)
    assert status == 0 and "5 steps" in out and "epochs" not in out
    assert [row["step"] for row in rows(the_run()) if "loss" in row] == [1, 2, 3, 4, 5]
    assert json.loads((the_run() / "config.json").read_text())["steps"] == 5
    assert run_script("--resume")[0] == 0  # nothing is left to do, it only concludes again
    assert [row["step"] for row in rows(the_run()) if "loss" in row] == [1, 2, 3, 4, 5]


def test_a_resumed_run_keeps_what_it_was_begun_with(run_script):
    assert run_script("--steps", 2, "--lr", 0.2)[0] == 0
    for other in (("--lr", 0.1), ("--known", 3), ("--smoke",)):
        status, _, err = run_script("--resume", "--steps", 3, *other)
        assert status == 1 and other[0].replace("known", "classes") in err and "begin a new run" in err
    assert [row["step"] for row in rows(the_run()) if "loss" in row] == [1, 2]
    assert run_script("--resume", "--steps", 3, "--lr", 0.2, "--batch-size", 50)[0] == 0  # as it was: may be said


def test_ctrl_c_while_a_run_concludes_is_no_traceback(run_script, monkeypatch):
    assert run_script("--steps", 1)[0] == 0

    def interrupted(self, run):
        raise KeyboardInterrupt

    with monkeypatch.context() as m:
        m.setattr(run_script.made[0].__class__, "conclude", interrupted)
        status, out, _ = run_script("--steps", 2, "--runs", "two")
    assert status == 130 and "--resume" in out and not list(Path("two").glob("*/result.json"))
    assert run_script("--resume", "--runs", "two")[0] == 0 and list(Path("two").glob("*/result.json"))


def test_samples(run_script):
    run_script("--smoke")
    assert run_script("--sample", 5, "--out", "a/s.npz", "--seed", 3)[0] == 0
    status, _, err = run_script("--sample", 5, "--out", "a/s.png")
    assert status == 1 and "name an .npz" in err
    with np.load("a/s.npz") as arrays:
        assert set(arrays) == {"images"} and arrays["images"].shape == (5, 28, 28)
        assert arrays["images"].dtype == np.uint8
    assert Image.open("a/s.png").size[0] == 2 * (8 * 30 + 2)


def test_samples_of_classes(run_script):
    run_script("--smoke", "--known", 4)
    assert run_script("--classes", "301")[0] == 0
    with np.load("samples.npz") as arrays:
        assert arrays["labels"].tolist() == [3, 0, 1] * 8 and len(arrays["images"]) == 24
    assert Image.open("samples.png").size == (2 * (3 * 30 + 2), 2 * (8 * 30 + 2) + 14)  # with its titles
    run_script("--sample", 6)
    with np.load("samples.npz") as arrays:
        assert arrays["labels"].tolist() == [0, 1, 2, 3, 0, 1]


def test_classes_that_do_not_exist(run_script):
    run_script("--smoke", "--known", 4)
    for asked, missing in (("0124", "4"), ("1x", "x"), ("", "named")):
        status, _, err = run_script("--classes", asked)
        assert status == 1 and f"there is no class {missing}" in err and "knows 0123" in err
    run_script("--smoke", "--runs", "plain")
    status, _, err = run_script("--classes", "01", "--runs", "plain")
    assert status == 1 and "this model is unconditional" in err


def test_export_and_pretrained(run_script, monkeypatch, tmp_path):
    monkeypatch.setattr(pretrained.save, "__defaults__", (tmp_path / "weights",))
    monkeypatch.setattr(pretrained.load, "__defaults__", (tmp_path / "weights",))
    status, _, err = run_script("--sample", 2, "--pretrained")
    assert status == 1 and "no weights come with minigen for mean" in err
    run_script("--smoke")
    assert run_script("--export")[0] == 0
    about = json.loads(Path("weights/mean.json").read_text())
    assert about["finished"] and about["command"].endswith(" --smoke") and about["bytes"] < 10_000
    run_script("--sample", 3, "--out", "own.npz")
    assert run_script("--sample", 3, "--out", "pre.npz", "--pretrained")[0] == 0
    own, pre = (np.load(name)["images"].astype(int) for name in ("own.npz", "pre.npz"))
    assert abs(own - pre).max() <= 1  # float16
    monkeypatch.setattr(pretrained.place, "__defaults__", (tmp_path / "weights",))
    status, _, err = run_script("--sample", 3, "--out", "fresh.npz", "--runs", "none")
    assert status == 0 and "no run under none: these are the weights that come with minigen" in err
    assert (np.load("fresh.npz")["images"] == np.load("pre.npz")["images"]).all()
    (tmp_path / "weights" / "mean.safetensors").unlink()
    status, _, err = run_script("--sample", 3, "--runs", "none")
    assert status == 1 and "no checkpoint under none" in err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--data", "nowhere"), "there is no folder nowhere"),
        (("--smoke", "--batch-size", "300"), "256 images are fewer than a batch of 300"),
        (("--resume",), "no checkpoint under runs/mean"),
        (("--sample", "2", "--checkpoint", "none"), "there is no file none"),
        (("--threads", "100000"), "got 100000"),
        (("--smoke", "--known", str(10**12)), "Unable to allocate"),
    ],
)
def test_errors_have_no_traceback_and_leave_no_run(run_script, args, words):
    status, _, err = run_script(*args)
    assert status == 1 and err.startswith("error: ") and words in err
    assert not Path("runs").exists()


@pytest.mark.parametrize("args", [("--budget", "0"), ("--lr", "nan"), ("--epochs", "x"), ("--pretrained",),
                                  ("--pretrained", "--sample", "2", "--checkpoint", "x")])  # fmt: skip
def test_arguments_that_make_no_sense(run_script, args):
    with pytest.raises(SystemExit) as ended:
        run_script(*args)
    assert ended.value.code == 2


def test_another_scripts_checkpoint(run_script):
    checkpoint.save("other.safetensors", {"parts": {"x": np.zeros(2)}, "config": {"beta": 1.0}})
    for args in (("--resume", "other.safetensors"), ("--sample", 1, "--checkpoint", "other.safetensors")):
        status, _, err = run_script(*args)
        assert status == 1 and "other.safetensors is no checkpoint of this script" in err


def test_a_checkpoint_that_lacks_a_setting_is_named_with_it(run_script, monkeypatch):
    assert run_script("--smoke", "--runs", "old")[0] == 0
    (old,) = Path("old").glob("*/checkpoint.safetensors")
    kind = run_script.made[0].__class__
    monkeypatch.setattr(kind, "config", (*kind.config, "focus"))
    status, _, err = run_script("--sample", 1, "--checkpoint", old)
    assert status == 1 and "an older version of this one: nothing is said of focus" in err


def test_a_folder_of_pictures_is_data(run_script, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for i in range(12):
        (folder := tmp_path / "mine" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (56, 56), np.uint8)).save(folder / f"{i:02}.png")
    status, out, err = run_script("--data", "mine", "--batch-size", 5, "--epochs", 1, "--known", 2)
    assert status == 0 and "11 images, 1 epochs of 2 steps" in out, err  # every tenth is for testing
    monkeypatch.setattr(datasets, "SMOKE", 4)
    assert training.dataset("mine", smoke=True).labels.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("check", [checks.share, checks.positive_float])
@pytest.mark.parametrize("text", ["-0.1", "nan", "inf", "much"])
def test_numbers_out_of_range_are_named(check, text):
    with pytest.raises(argparse.ArgumentTypeError, match=f"got '{text}'"):
        check(text)
    assert check("0.25") == 0.25 and checks.share("0") == 0.0 and checks.share("1") == 1.0
