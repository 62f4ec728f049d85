import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import CSVLogger
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from rsmi.errors import InputError
from rsmi.layers import analyse_layers, finite_inputs, quantise
from rsmi.layers.callback import LayerCallback
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
