"""A model so small that a whole run takes a moment: it learns the mean image of each class."""

import numpy as np
import pytest

import minigen
from minigen import nn, optim, plot, training


class Mean(training.Experiment):
    """Learns the mean image.

    With noise, so that the random state matters.
    """

    name = "mean"
    config = ("classes",)
    defaults = {"epochs": 2, "batch_size": 50, "lr": 0.1}  # noqa: RUF012
    sampler = ("ema",)
    health = (training.Healthy("loss", 0.0, 1.0, "it diverges"),)
    curves = {"losses": ("loss",)}  # noqa: RUF012

    @classmethod
    def arguments(cls, parser):
        parser.add_argument("--known", dest="classes", type=int, default=0)

    def __init__(self, config):
        super().__init__(config)
        self.classes = config["classes"]
        self.net = nn.Embedding(max(self.classes, 1), 28 * 28)
        self.opt, self.ema = optim.Adam(self.net.parameters(), lr=config["lr"]), training.EMA(self.net, 0.9)
        self.seen = []

    def data(self):
        return training.dataset(self.settings["data"], smoke=self.settings["smoke"])

    def parts(self):
        return {"net": self.net, "opt": self.opt, "ema": self.ema}

    def step(self, images, labels):
        self.seen.append(self.progress)
        drawn = self.net(labels % max(self.classes, 1)).reshape(images.shape)
        loss = ((drawn - images - 0.1 * minigen.randn(*images.shape)) ** 2).mean()
        row = {"loss": training.finite("loss", loss), "progress": self.progress}
        self.opt.zero_grad()
        loss.backward()
        self.opt.step()
        self.ema.update()
        return row

    def images(self, labels, generator):
        with minigen.no_grad(), self.ema.applied() as net:
            drawn = net(minigen.tensor(labels)) + 0.1 * minigen.randn(len(labels), 28 * 28, generator=generator)
        return plot.to_uint8(drawn.reshape(-1, 28, 28).numpy(), 0.0, 1.0)

    def sheet(self):
        return self.images(np.zeros(8, np.int64), minigen.Generator(1))

    def draw(self, n, labels, generator):
        return self.images(np.zeros(n, np.int64) if labels is None else labels, generator), labels

    def measure(self):
        return {"drawn": minigen.rand(1).item()}  # no step may notice

    def conclude(self, run):
        return {"finished": True}


@pytest.fixture
def run_script(tmp_path, monkeypatch, capsys):
    """Runs the command line in an empty folder: (exit status, what it printed, its errors)."""
    monkeypatch.chdir(tmp_path)
    made = []

    class Kept(Mean):
        __doc__ = Mean.__doc__

        def __init__(self, config):
            super().__init__(config)
            made.append(self)

    def run(*args):
        status = training.script(Kept, [str(a) for a in args])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    run.made = made
    return run
