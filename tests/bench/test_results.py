"""The pages of results: every figure has a row, what is missed says by how much, and what can't be shown is refused."""

import json
from pathlib import Path

import pytest
from minigen.kernels.bench import command, results
from minigen.kernels.bench.results import figures, images, text

from minigen.metrics import table

CALIBRATIONS = table.calibrations()
REAL = CALIBRATIONS[table.REAL]


def result(**changes):
    judged = {**REAL, "frechet": 2.0, "recall": 0.7, "coverage": 0.5, "classification_accuracy_score": 0.95,
              "nearest_median": 4.0, "nearest_quantile_1": 1.0}  # fmt: skip
    plain = {"row": "gan", "budget": 10, "name": "mine", "command": "python examples/x.py --seed 3", "seed": 3,
             "minutes": 9.97, "steps": 4321, "threads": 1, "figures": {"loss_D": 1.25}}  # fmt: skip
    return {**plain, "judged": {**judged, **changes.pop("judged", {})}, **changes}


@pytest.fixture
def write(tmp_path: Path):
    """Writes results as files of docs/results, and makes the pages; their text."""

    def make(folder="gan_mnist", **files):
        for name, content in files.items():
            path = tmp_path / folder / f"{name}.json"
            path.parent.mkdir(exist_ok=True)
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        if command.run(command.parse(["results", "--folder", str(tmp_path)])):
            return None
        return "".join((tmp_path / f"{page}.md").read_text(encoding="utf-8") for page in ("README", "images", "text"))

    return make


def rows_of(page, published=False):
    """The table's rows, of image models (seven columns) or those of text models, with what is published."""
    rows = [line[2:-2].split(" | ") for line in page.splitlines() if " | ≥ " in line or " | ≤ " in line]
    return [row for row in rows if len(row) == 7 + published]


def test_without_results_every_figure_is_not_run(write):
    page = write()
    for kind, rows in ((images, rows_of(page)), (text, rows_of(page, published=True))):
        assert len(rows) == len(kind.WANTED) and all(row[6] == "not run" for row in rows)
        assert {row[0] for row in rows} == set(kind.NAMES.values())


def test_what_is_reached_and_what_is_missed_by_how_much(write):
    page = write(one=result())
    verdicts = {row[2]: row[-2:] for row in rows_of(page) if row[0] == "[GAN: mine](images.md#gan-mnist-one)"}
    assert verdicts == {
        "recall": ["0.70", "MISSED by 0.05"],
        "coverage": ["0.50", "reached"],
        "classification accuracy score": ["95.0%", "reached"],
        "nearest training image, median": ["4.00", "reached"],
        "the same, 1% quantile": ["1.00", f"MISSED by {0.9 * REAL['nearest_quantile_1'] - 1:.2f}"],
    }
    assert '<a id="gan-mnist-one"></a>' in page and "10.0 minutes, 4,321 steps, 1 thread, seed 3" in page
    assert "loss D 1.25" in page and "| this | real test digits |" in page and "](gan_mnist/one.png)" in page


def test_an_aim_and_a_smaller_one_is_better():
    nll = next(w for w in images.WANTED if w.row == "vae" and w.budget == 60)
    assert [figures.verdict(nll, x) for x in (85.9, 86.5, 87.0, 86.801, None)] == [
        "aim reached", "reached", "MISSED by 0.20", "MISSED by 0.001", "not measured",
    ]  # fmt: skip


def test_the_best_run_counts_and_all_are_listed(write):
    page = write(a=result(name="weak"), b=result(name="strong", judged={"recall": 0.8}, tried="More steps."))
    measured = {row[2]: row for row in rows_of(page) if row[0].startswith("[GAN")}
    assert measured["recall"][0] == "[GAN: strong](images.md#gan-mnist-b)" and measured["recall"][-1] == "reached"
    assert "### weak" in page and "### strong" in page and "What was tried: More steps." in page


def test_peers_are_compared_in_the_same_wall_time(write):
    peer = result(name="listing", peer="gan", row=None, budget=60, judged={"frechet": 8.0})
    page = write(mine=result(budget=60), other=peer, short=result(name="short"))
    ratio = next(row for row in rows_of(page) if "N1 listing" in row[2])
    assert ratio[3:] == ["≤ 0.50", "", "0.25", "reached"]
    assert page.count("over the peer's") == 1 and page.index("## Other programs") < page.index("### listing")


def test_a_run_without_a_row_is_listed_below(write):
    page = write(x={"name": "Fashion", "command": "python examples/y.py"})
    assert "### Fashion" in page[page.index("## Other runs") :]
    assert all(row[-1] == "not run" for row in rows_of(page))


def test_the_row_says_whose_labels_were_used(write):
    assert "uses the judge's labels" in write(x=result(judged={"labels": "the judge's"}))
    assert "uses the judge's labels" not in write(x=result())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "no JSON"),
        ({"name": "x"}, '"name" and "command"'),
        (result(row="wavenet"), "'wavenet', but must be missing, or one of vae, gan, acgan, diffusion, shakespeare"),
        (result(budget=11), '"budget" is 11; in the table of figures it is 10 or 60'),
        (result(judged={"judge": "0"}), "judged by another judge"),
    ],
)
def test_what_cannot_be_shown_is_refused(write, capsys, content, words):
    assert write(bad=content) is None
    assert words in (said := capsys.readouterr().err) and "bad.json" in said


def test_text_is_compared_with_what_stands_beside_it(write, tmp_path):
    plain = {"name": "mine", "command": "python examples/x.py", "budget": 60}
    games = {"mle": {**plain, "row": "mle", "nll_oracle": 9.0, "nll_test": 8.0},
             "game": {**plain, "row": "seqgan", "nll_oracle": 8.86, "nll_test": 8.48}}  # fmt: skip
    write("text_gan", **games)
    times = {"name": "PyTorch", "command": "x", "peer": "nanogpt", "budget": "2,000 steps",
             "seconds": {"minigen": 90.0, "torch": 100.0}}  # fmt: skip
    ours = {**plain, "row": "nanogpt", "budget": "2,000 steps", "nats_per_character": 1.885}
    folder = tmp_path / "text_transformer"
    folder.mkdir()
    (folder / "ours.txt").write_text("从前有座山", encoding="utf-8")
    (folder / "ours_curves.png").write_bytes(b"")
    page = write("text_transformer", ours=ours, times=times,
                 sanguo={**plain, "row": "sanguo", "nats_per_character_overlapping": 4.14, "known_trigrams": 0.5},
                 counted={**plain, "peer": "sanguo", "nats_per_character": 4.5})  # fmt: skip
    found = {(row[0].partition("](")[2].partition("#")[2].rstrip(")"), row[2]): row[5:7]
             for row in rows_of(page, published=True)}  # fmt: skip
    assert found["text-gan-mle", "NLL_oracle"] == ["9.00", "reached"]
    assert found["text-gan-game", "NLL_oracle below maximum likelihood's"] == ["0.14", "reached"]
    assert found["text-gan-game", "NLL_test above maximum likelihood's"] == ["6.0%", "MISSED by 1.0%"]
    name = "text-transformer-sanguo", "fewer nats than a modified Kneser-Ney 5-gram, last 5%, windows that overlap"
    assert found[name] == ["8.0%", "aim reached"]
    assert found["text-transformer-ours", "nats per character, last 10%"] == ["1.885", "reached"]
    assert found["text-transformer-ours", "time / PyTorch's for the same steps"] == ["0.90", "aim reached"]
    assert "```text\n从前有座山\n```" in page and "![curves](text_transformer/ours_curves.png)" in page
    assert "Its figures: nats per character overlapping 4.14, known trigrams 0.5" in page
    assert page.index("## What they are compared with") < page.index("### PyTorch")


def test_details_of_several_kinds_are_a_table():
    assert text.detail("Draw", {"top_k": 3, "words": "none"}) == ["Draw: top k 3\n"]
    assert text.detail("Tempered", {"1.0": {"nll_test": 9.5}, "0.9": {"nll_oracle": 8.25, "nll_test": 1234}}) == [
        "| Tempered | nll test | nll oracle |", "|---|---:|---:|", "| 1.0 | 9.5 |  |", "| 0.9 | 1,234 | 8.25 |", "",
    ]  # fmt: skip
    assert text.detail("Nothing", {}) == []


def test_the_committed_pages_are_up_to_date():
    made = results.pages(figures.load(results.PAGES, (images, text)), results.PAGES)
    for name, content in made.items():
        page = (results.PAGES / name).read_text(encoding="utf-8")
        assert page == content, "run python -m minigen.kernels.bench results"
    for path in results.PAGES.glob("*/*.json"):
        if "judged" in json.loads(path.read_text(encoding="utf-8")):
            assert path.with_suffix(".png").exists(), f"{path} wants its sheet beside it"
