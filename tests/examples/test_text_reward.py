"""Rewards by hand, and the script in this process: the reward rises, and mistakes are named."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from example_scripts import load

from minigen import training

text_reward = load("text_reward")

CLIMB = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(text_reward, "MEASURED", 64)
    rng = np.random.default_rng(0)
    verses = ["".join(rng.choice(list("春夏秋冬山水风月花鸟云雨"), 5)) for _ in range(80)]
    lines = [f"{a}，{b}。" for a, b in zip(verses[::2], verses[1::2], strict=True)]
    Path("poems.txt").write_text("\n".join(lines), encoding="utf-8")

    def call(*args, status=0):
        assert training.script(text_reward.RewardedPoems, [*map(str, args)]) == status
        out, err = capsys.readouterr()
        return err if status else out

    return call


def test_rewards_by_hand():
    assert text_reward.length([CLIMB]).tolist() == [1]
    assert text_reward.length(["，" + CLIMB[1:]])[0] == pytest.approx(23 / 24)
    assert text_reward.length([CLIMB[:5] + "。" + CLIMB[6:]])[0] == pytest.approx(23 / 24)
    assert text_reward.variety([CLIMB, "山" * 5 + "，" + CLIMB[6:]]).tolist() == [1, 16 / 20]
    assert text_reward.rhyme([CLIMB])[0] == 1  # liu and lou
    assert text_reward.rhyme([CLIMB.replace("楼", "山")])[0] == pytest.approx((1 + 0 + 19 / 20) / 3)
    assert text_reward.rhyme([CLIMB.replace("楼", "流")])[0] == pytest.approx((1 + 0 + 19 / 20) / 3)  # no rhyme


def test_finals_rhyme_by_ear():
    assert text_reward.final("天") == text_reward.final("山") == "an"
    assert text_reward.final("流") == text_reward.final("楼") == "ou"
    assert text_reward.final("，") == ""


def test_quatrains_are_four_verses_that_stand_together():
    content = f"《登鹳雀楼》\n作者：王之涣\n{CLIMB[:12]}\n{CLIMB[12:]}\n%\n一行七字不算五言诗，也是七字的一句。\n"
    assert text_reward.quatrains(content, 5) == [CLIMB]
    assert text_reward.quatrains(content, 7) == []


def test_the_reward_rises(run):
    Path("mine.py").write_text("import numpy as np\ndef moons(poems):\n"
                               "    return np.array([p.count('月') / len(p) for p in poems])\n")  # fmt: skip
    out = run("--data", "poems.txt", "--reward", "mine.py:moons", "--hidden", 32, "--batch-size", 16, "--steps", 60,
              "--pretrain", 0.5, "--rollouts", 2, "--lr-reward", 0.02, "--stay", 0)  # fmt: skip
    result = json.loads(training.newest_checkpoint("runs/text_reward").with_name("result.json").read_text())
    assert result["reward_after"] > 1.5 * result["reward_before"] > 0
    assert result["drift"] > 0 and "nats per character" in out
    said = run("--sample", 2, "--out", "said.txt")
    assert said.strip() == Path("said.txt").read_text("utf-8").strip() and len(said.replace("\n", "")) == 48


def test_a_byte_order_mark_costs_no_couplet(run):
    content = Path("poems.txt").read_text("utf-8")
    wanted = text_reward.read_poems("poems.txt", 5)
    Path("poems.txt").write_bytes(b"\xef\xbb\xbf" + content.replace("\n", "\r\n").encode())
    assert text_reward.read_poems("poems.txt", 5) == wanted


def test_drift_is_measured_from_the_own_beginning(run):
    run("--data", "poems.txt", "--reward", "length", "--hidden", 8, "--batch-size", 16, "--pretrain", 0, "--steps", 1)
    first, *_ = Path(training.newest_checkpoint("runs/text_reward").with_name("metrics.jsonl")).read_text().splitlines()
    assert abs(json.loads(first)["drift"]) < 1e-6


@pytest.mark.parametrize("pretrain", [0, 1])
def test_a_loss_that_is_no_number_touches_no_weight(run, monkeypatch, pretrain):
    """It is told before the update, in either phase."""
    args = ("--data", "poems.txt", "--reward", "length", "--hidden", 8, "--batch-size", 16, "--pretrain", pretrain)
    made = []
    monkeypatch.setattr(text_reward.optim.Adam, "step", lambda self: made.append("a step"))
    true = text_reward.seqgan.log_probabilities
    monkeypatch.setattr(text_reward.seqgan, "log_probabilities", lambda *a: true(*a) * float("nan"))
    assert "is nan" in run(*args, "--steps", 1, status=1) and not made


def test_mistakes_are_named(run, monkeypatch):
    monkeypatch.setenv("MINIGEN_DATA", "nowhere")
    assert "a couplet a line" in run(status=1)
    assert "holds 0 quatrains of 7 characters" in run("--data", "poems.txt", "--width", 7, status=1)
    assert "none of rhyme, length, variety" in run("--data", "poems.txt", "--reward", "joy", status=1)
    monkeypatch.setitem(sys.modules, "pypinyin", None)
    assert "needs pypinyin" in run("--data", "poems.txt", "--smoke", status=1)
    assert not Path("runs").exists()  # it says so before it learns, not after
    Path("mine.py").write_text("def bad(poems):\n    return [0.5]\n")
    assert "has no function good" in run("--data", "poems.txt", "--reward", "mine.py:good", status=1)
    args = ("--data", "poems.txt", "--reward", "mine.py:bad", "--hidden", 8, "--batch-size", 16, "--pretrain", 0)
    assert "a finite number for each of" in run(*args, "--smoke", status=1)
