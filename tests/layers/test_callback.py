import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import CSVLogger
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from rsmi.errors import InputError
from rsmi.layers import (
    LayerCallback,
    analyse_layers,
    finite_inputs,
    loader_inputs,
    quantise,
    sampled_inputs,
    with_noise,
)
from rsmi.learning.learn import quiet_lightning


def data():
    x = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 5)
    return x, (x.sum(1) > 0).long()


class Classifier(pl.LightningModule):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        layers = nn.Sequential(nn.Linear(5, 3), nn.Tanh(), nn.Linear(3, 2))
        self.network = quantise(layers, "1", levels=3)

    def training_step(self, batch, index):
        return nn.functional.cross_entropy(self.network(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 0.05)


def train(callback, directory, epochs=4):
    module = Classifier()
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=[callback],
        logger=CSVLogger(directory, name="log", version=""),
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        log_every_n_steps=1,
    )
    with quiet_lightning():
        trainer.fit(module, DataLoader(TensorDataset(*data()), batch_size=32))
    return module


def test_layers_are_measured_at_chosen_epochs(tmp_path):
    inputs = finite_inputs(*data())
    callback = LayerCallback(inputs, epochs=[0, 3], attribute="network", layers="1")
    fresh = analyse_layers(Classifier().network, inputs, layers="1")
    module = train(callback, tmp_path, epochs=3)
    assert [epoch for epoch, _ in callback.reports] == [0, 3]
    assert callback.reports[0][1].rows == fresh.rows
    assert callback.reports[1][1].rows == analyse_layers(module.network, inputs, layers="1").rows
    assert module.network.training
    assert "layers/1/H(Y|T)" in (tmp_path / "log" / "metrics.csv").read_text()


def test_powers_of_two_by_default(tmp_path):
    callback = LayerCallback(finite_inputs(*data()), attribute="network")
    train(callback, tmp_path, epochs=5)
    assert [epoch for epoch, _ in callback.reports] == [0, 1, 2, 4]


def test_bad_input_is_named(tmp_path):
    with pytest.raises(InputError, match=r"epochs are \[-1\]"):
        LayerCallback(finite_inputs(*data()), epochs=[-1])
    callback = LayerCallback(finite_inputs(*data()), attribute="net")
    with pytest.raises(InputError, match="has no network 'net'; it has network"):
        train(callback, tmp_path)


class Noisy(pl.LightningModule):
    """A loss and a metric as submodules, noise in the network, dropout in training."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        layers = nn.Sequential(nn.Linear(6, 8), nn.ReLU(True), nn.Dropout(0.2), nn.Linear(8, 2))
        self.network = with_noise(layers, "0", 0.3)
        self.loss = nn.CrossEntropyLoss()

    def forward(self, x):
        return self.network(x)

    def training_step(self, batch, index):
        return self.loss(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 0.02)


def fit(rows, callbacks, epochs=2, precision="32-true", make=Noisy):
    """Weights after training on shuffled rows, from one seed."""
    x, y = rows
    torch.manual_seed(5)
    module = make()
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=callbacks,
        precision=precision,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    with quiet_lightning():
        trainer.fit(module, DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True))
    return module.state_dict()


def chance(n, seed):
    """Inputs with labels that say nothing."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 6, generator=generator)
    return x, torch.randint(2, (n,), generator=generator)


def test_training_is_the_same_with_and_without_the_callback():
    """Its noise, its dropout and its shuffles; measured on a loader that shuffles too."""
    rows, (x, y) = chance(64, 0), chance(40, 1)
    inputs = loader_inputs(DataLoader(TensorDataset(x, y), batch_size=8, shuffle=True))
    callback = LayerCallback(inputs, attribute="network", layers="0")
    alone, measured = fit(rows, []), fit(rows, [callback])
    assert len(callback.reports) == 3
    assert all(torch.equal(alone[name], measured[name]) for name in alone)


def test_measuring_a_noisy_network_twice_gives_the_same_numbers():
    model, x = Noisy().network, torch.randn(1024, 6)
    before = model(x[:2])
    first = analyse_layers(model, x, layers="0").rows
    model(x)
    torch.rand(3)
    assert analyse_layers(model, x, layers="0").rows == first
    assert not torch.equal(model(x[:2]), before)


class Memory(Noisy):
    """Wide enough to learn chance by heart."""

    def __init__(self):
        super().__init__()
        self.network = nn.Sequential(nn.Linear(6, 256), nn.ReLU(), nn.Linear(256, 2))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 0.03)


def test_rows_that_are_trained_on_are_named():
    rows, new = chance(48, 2), chance(48, 3)
    held_out = LayerCallback(sampled_inputs(*new, kind="continuous"), attribute="network")
    fit(rows, [held_out], make=Memory)
    assert not any(f.check == "training rows" for _, r in held_out.reports for f in r.findings)
    mixed = sampled_inputs(
        torch.cat([rows[0][:40], new[0]]), torch.cat([rows[1][:40], new[1]]), kind="continuous"
    )
    callback = LayerCallback(mixed, attribute="network")
    with pytest.warns(UserWarning, match="40 of the 88 rows measured on are trained on"):
        fit(rows, [callback], make=Memory)
    assert [any(f.check == "training rows" for f in r.findings) for _, r in callback.reports] == [
        False, True, True,
    ]  # fmt: skip
    # The same rows with exact probabilities are all there is: nothing is left to hold out.
    everything = LayerCallback(finite_inputs(*rows), attribute="network")
    fit(rows, [everything], make=Memory)


@pytest.mark.parametrize("precision", ["bf16-true", "64-true"])
def test_other_precisions_of_weights(precision):
    rows, new = chance(32, 4), chance(40, 5)
    callback = LayerCallback(sampled_inputs(*new, kind="continuous"), attribute="network")
    fit(rows, [callback], precision=precision, make=Memory)
    assert [epoch for epoch, _ in callback.reports] == [0, 1, 2]
    trained = LayerCallback(sampled_inputs(*rows, kind="continuous"), attribute="network")
    with pytest.warns(UserWarning, match="32 of the 32 rows"):
        fit(rows, [trained], precision=precision, make=Memory)


def test_a_module_with_a_loss_that_nobody_calls():
    callback = LayerCallback(sampled_inputs(*chance(40, 6), kind="continuous"), epochs=[1])
    fit(chance(32, 7), [callback], epochs=1, make=Memory)
    report = callback.reports[0][1]
    assert [row.name for row in report.rows] == ["network.0", "network.1", "network.2"]
    assert [f.layer for f in report.findings if f.check == "left out"] == ["loss"]


def test_a_generator_cannot_be_measured_again_and_again():
    x, y = chance(40, 8)
    inputs = loader_inputs(part for part in [(x, y)])
    with pytest.raises(InputError, match="give a DataLoader or a list of batches"):
        fit(chance(32, 9), [LayerCallback(inputs, attribute="network")], make=Memory)
