"""The information plane: points from reports and logs, loggers, the frontier, picture and GIF."""

import math

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from PIL import Image
from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from rsmi.errors import InputError
from rsmi.information import Estimate, frontier
from rsmi.layers import (
    InformationPlane,
    LayerCallback,
    PlanePoint,
    analyse_layers,
    finite_inputs,
    information_plane,
    joint_of,
    quantise,
    sampled_inputs,
)
from rsmi.layers.interval import Interval
from rsmi.learning.learn import quiet_lightning
from rsmi.report import read_result
from rsmi.report.layers import animate

X = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 5)
Y = (X.sum(1) > 0).long()


class Classifier(pl.LightningModule):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        layers = nn.Sequential(nn.Linear(5, 3), nn.Tanh(), nn.Linear(3, 2), nn.Tanh())
        self.network = quantise(layers, "Tanh", levels=3)

    def training_step(self, batch, index):
        return nn.functional.cross_entropy(self.network(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 0.05)


class Recorder(Logger):
    """Keeps what a logger such as the one of W&B is given."""

    name, version = "recorder", 0

    def __init__(self):
        super().__init__()
        self.metrics = []

    def log_metrics(self, metrics, step=None):
        self.metrics.append((step, dict(metrics)))

    def log_hyperparams(self, params, *args, **kwargs):
        pass


def trained(loggers, data=None, epochs=(0, 1, 3)):
    callback = LayerCallback(
        data or finite_inputs(X, Y), epochs=epochs, attribute="network", layers="Tanh"
    )
    trainer = pl.Trainer(
        max_epochs=3,
        accelerator="cpu",
        callbacks=[callback],
        logger=loggers,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        log_every_n_steps=1,
    )
    with quiet_lightning():
        trainer.fit(Classifier(), DataLoader(TensorDataset(X, Y), batch_size=16))
    return callback


def test_a_point_for_each_layer_and_epoch(tmp_path, rsmi):
    callback = trained(CSVLogger(tmp_path, name="log", version=""))
    found = information_plane(callback.reports)
    assert [(p.epoch, p.layer) for p in found.points] == [
        (epoch, layer) for epoch in (0, 1, 3) for layer in ("1", "3")
    ]
    for point in found.points:
        report = dict(callback.reports)[point.epoch]
        assert point.taken == report[point.layer].quantities["I(X;T)"]
        assert point.kept == report[point.layer].quantities["I(T;Y)"]
    assert found.points[0].taken.middle > found.points[1].taken.middle
    # What CSVLogger wrote is enough to draw it again.
    log = tmp_path / "log" / "metrics.csv"
    assert information_plane(log).points == found.points
    np.savez(tmp_path / "all.npz", x=X.numpy(), y=Y.numpy())
    out = tmp_path / "plane"
    said = rsmi("layers", "plane", "--log", log, "--data", tmp_path / "all.npz", "--out", out)
    assert said.code == 0, said.err
    assert found.to_csv() == (out / "plane.csv").read_text()
    assert {path.name for path in (out / "figures").iterdir()} == {"plane.png", "plane.gif"}
    assert "layers.3.I(T;Y)" in {quantity.name for quantity in read_result(out).numbers}
    lines = found.to_csv().splitlines()
    assert lines[0].split(",")[:3] == ["epoch", "layer", "I(X;T) lower"]
    assert [line.split(",")[0] for line in lines[1:]] == ["0", "0", "1", "1", "3", "3"]


def test_other_loggers_get_the_same_numbers(tmp_path):
    recorder = Recorder()
    callback = trained([recorder, TensorBoardLogger(tmp_path, name="board", version="")])
    measured = [(s, m) for s, m in recorder.metrics if "layers/epoch" in m]
    assert [(s, m["layers/epoch"]) for s, m in measured] == [(0, 0), (2, 1), (6, 3)]
    for (_, metrics), (_, report) in zip(measured, callback.reports, strict=True):
        for layer in ("1", "3"):
            for name in ("I(X;T)", "I(T;Y)"):
                value = report[layer].quantities[name].middle
                assert metrics[f"layers/{layer}/{name}"] == value
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "board"))
    events.Reload()
    board = [event.value for event in events.Scalars("layers/3/I(T;Y)")]
    assert board == pytest.approx([m["layers/3/I(T;Y)"] for _, m in measured], abs=1e-6)


def test_samples_have_intervals_in_the_log_too(tmp_path):
    generator = torch.Generator().manual_seed(1)
    rows = X[torch.randint(len(X), (400,), generator=generator)]
    full = Estimate(5 * math.log(2), 0.0, "exact")
    data = sampled_inputs(rows, (rows.sum(1) > 0).long(), kind="discrete", entropy=full)
    with pytest.warns(UserWarning, match="are trained on"):
        callback = trained(CSVLogger(tmp_path, name="log", version=""), data, epochs=[2])
    found = information_plane(callback.reports)
    logged = information_plane(tmp_path / "log" / "metrics.csv")
    for one, other in zip(found.points, logged.points, strict=True):
        for a, b in ((one.taken, other.taken), (one.kept, other.kept)):
            assert isinstance(a, Interval)
            assert not a.is_exact
            assert (a.lower.value, a.upper.value) == (b.lower.value, b.upper.value)
            assert b.lower.error == max(a.lower.error, a.upper.error) > 0
    row = found.rows()[0]
    assert row["I(X;T) lower"] < row["I(X;T) upper"]
    drawn = found.plot().axes[0]
    assert any(len(path.get_segments()) for path in drawn.collections)


def test_no_layer_lies_above_the_frontier_beside_it():
    data = finite_inputs(X, Y)
    joint = joint_of(data)
    assert joint.shape == (32, 2)
    assert torch.equal(joint[:, 1] * 32, Y.double())
    found = information_plane(trained(False).reports, frontier(joint))
    for point in found.points:
        forgotten = found.frontier.entropy_x - point.taken.middle
        least = found.frontier.missing(forgotten)[0].value
        assert found.frontier.entropy_y - point.kept.middle >= least - 1e-9
    labels = [text.get_text() for text in found.plot().legends[0].get_texts()]
    assert "most that any T keeps" in labels


def test_rows_of_several_labels_are_one_input():
    weights = torch.tensor([0.1, 0.4, 0.2, 0.3])
    rows = torch.tensor([[0.0], [1.0], [0.0], [1.0]])
    joint = joint_of(finite_inputs(rows, torch.tensor([0, 0, 1, 1]), weights))
    assert torch.allclose(joint, torch.tensor([[0.1, 0.2], [0.4, 0.3]]).double())


def test_a_frame_for_each_epoch(tmp_path):
    points = [
        PlanePoint(epoch, layer, Interval.exact(3.0 - epoch / 8 - k), Interval.exact(epoch / 20))
        for epoch in (0, 2, 8)
        for k, layer in enumerate(("a", "b"))
    ]
    found = InformationPlane(points)
    with Image.open(animate(found, tmp_path / "plane.gif")) as film:
        assert film.n_frames == 3
        frames = []
        for place in range(3):
            film.seek(place)
            frames.append(film.convert("RGB").tobytes())
    assert len(set(frames)) == 3
    names = [quantity.name for quantity in found.quantities()]
    assert names.count("layers.a.I(X;T)") == 3
    assert "I(X;T), 8" in found.table()


def test_layers_without_a_point_are_named(tmp_path):
    network = nn.Sequential(nn.Linear(5, 2), nn.Tanh())
    rows = sampled_inputs(torch.randn(64, 5), torch.randint(2, (64,)), kind="continuous")
    mixed = quantise(network, "1", 3)
    report = analyse_layers(mixed, rows)
    found = information_plane([(0, report)])
    assert found.layers == ["1"]
    assert "not drawn: 0 (I(X;T) is infinite)" in found.table()
    with pytest.raises(InputError, match=r"no layer has both .* \(0: I\(X;T\) is infinite"):
        information_plane([(0, analyse_layers(network, rows))])
    unlabelled = analyse_layers(mixed, finite_inputs(X), layers="1")
    with pytest.raises(InputError, match=r"1: I\(T;Y\) was not measured"):
        information_plane([(0, unlabelled)])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read as a table"),
        ("epoch,step\n0,1\n", r"holds no layers/epoch and layers/<name>/I\(X;T\)"),
        ("", "expected the metrics.csv of a Lightning CSVLogger"),
        ("layers/epoch,layers/1/I(X;T)\n0,nan\n", "is 'nan'; expected a finite number"),
        ("layers/epoch,layers/1/I(X;T)\n0,1.5\n", r"no layer has both I\(X;T\) and I\(T;Y\)"),
    ],
)
def test_other_files_are_refused(text, words, tmp_path):
    path = tmp_path / "metrics.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=words):
        information_plane(path)


def test_a_joint_distribution_needs_all_inputs_with_labels():
    with pytest.raises(InputError, match="the inputs are discrete samples"):
        joint_of(sampled_inputs(X.long(), Y, kind="discrete"))
    with pytest.raises(InputError, match="the inputs have no labels"):
        joint_of(finite_inputs(X))
