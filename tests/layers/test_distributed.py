"""Two processes with gloo: the same numbers as one process on all the data."""

import json
import os
import socket
import time
from datetime import timedelta

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
import torch.multiprocessing as mp
from pytorch_lightning.strategies import DDPStrategy
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset

from rsmi.layers import LayerCallback, Probe, analyse_layers, finite_inputs, quantise
from rsmi.layers.counting import row_ids
from rsmi.learning.learn import quiet_lightning


def data():
    x = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 6)
    return x, (x.sum(1) > 0).long()


def network():
    torch.manual_seed(0)
    return quantise(nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 2)), "1", levels=3)


def both(rank, directory, port):
    """What each of two processes does."""
    torch.set_num_threads(1)
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "LOCAL_RANK": str(rank)}
    os.environ |= {"WORLD_SIZE": "2", "NODE_RANK": "0", "GLOO_SOCKET_IFNAME": "lo"}
    train(rank, directory)
    distributed.barrier()
    os._exit(0)  # the threads of gloo and the end of the interpreter can wait for each other


class Halves(pl.Callback):
    """Codes of each process's half of the data, gathered at the first one."""

    def __init__(self, directory):
        self.directory = directory

    def on_train_start(self, trainer, module):
        rank = trainer.global_rank
        self.model = DistributedDataParallel(network())
        with Probe(self.model, ["1"]) as probe:
            mine = row_ids(probe(data()[0][rank::2])["1"])
        parts = [torch.empty_like(mine) for _ in range(2)] if rank == 0 else None
        distributed.gather(mine, parts)
        if parts is not None:
            np.save(self.directory / "codes.npy", torch.stack(parts, 1).flatten(0, 1).numpy())


class Classifier(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.network = network()

    def training_step(self, batch, index):
        return nn.functional.cross_entropy(self.network(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def train(rank, directory):
    """Two epochs; every process leaves its reports, and the first one its weights."""
    measured = LayerCallback(finite_inputs(*data()), epochs=[0, 2], attribute="network", layers="1")
    module = Classifier()
    trainer = pl.Trainer(
        max_epochs=2,
        accelerator="cpu",
        devices=2,
        strategy=DDPStrategy(process_group_backend="gloo", timeout=timedelta(seconds=120)),
        callbacks=[Halves(directory), measured],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    with quiet_lightning():
        trainer.fit(module, DataLoader(TensorDataset(*data()), batch_size=8))
    found = [(epoch, report.table()) for epoch, report in measured.reports]
    (directory / f"reports{rank}.json").write_text(json.dumps(found))
    if rank == 0:
        torch.save(module.network.state_dict(), directory / "weights.pt")


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """The directory that two processes leave behind."""
    directory = tmp_path_factory.mktemp("two")
    processes = mp.spawn(both, (directory, free_port()), nprocs=2, join=False)
    deadline = time.monotonic() + 300
    while not processes.join(timeout=5):
        if time.monotonic() > deadline:
            for process in processes.processes:
                process.kill()
            pytest.fail("the two processes wait for each other")
    return directory


def test_halves_of_the_data_have_the_codes_of_the_whole(left):
    with Probe(network(), ["1"]) as probe:
        expected = row_ids(probe(data()[0])["1"])
    assert np.array_equal(np.load(left / "codes.npy"), expected.numpy())


def test_the_first_process_measures_as_one_alone_would(left):
    found = json.loads((left / "reports0.json").read_text())
    model, inputs = network(), finite_inputs(*data())
    before = analyse_layers(model, inputs, layers="1").table()
    model.load_state_dict(torch.load(left / "weights.pt", weights_only=True))
    after = analyse_layers(model, inputs, layers="1").table()
    assert found == [[0, before], [2, after]]
    assert before != after
    assert json.loads((left / "reports1.json").read_text()) == []
