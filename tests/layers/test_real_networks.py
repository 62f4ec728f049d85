"""Networks as people have them: residual, attention, text and image transformers, Lightning."""

import itertools
import math

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics.classification import MulticlassAccuracy

from rsmi.errors import InputError
from rsmi.layers import (
    Estimators,
    Options,
    Probe,
    analyse_layers,
    collect,
    finite_inputs,
    independent_labels,
    loader_inputs,
    quantise,
    sampled_inputs,
    shuffled_labels,
    untrained,
    with_noise,
)


def bits(n):
    return torch.tensor(list(itertools.product([-1.0, 1.0], repeat=n)))


class Block(nn.Module):
    """Two convolutions and a way around, one ReLU in place for both, as in ResNet-18."""

    def __init__(self, before, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.relu = nn.ReLU(inplace=True)
        self.around = nn.Conv2d(before, channels, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x):
        h = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        h += self.around(x)
        return self.relu(h)


class Residual(nn.Module):
    """The shape of ResNet-18 with a few channels."""

    def __init__(self, channels=2, blocks=1):
        super().__init__()
        self.sizes = []
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 7, 2, 3), nn.ReLU(True), nn.MaxPool2d(2))
        widths = [channels * 2 ** max(k // blocks, 0) for k in range(4 * blocks)]
        self.body = nn.Sequential(
            *(
                Block(before, after, 1 if before == after else 2)
                for before, after in itertools.pairwise([channels, *widths])
            )
        )
        self.head = nn.Linear(widths[-1], 10)

    def forward(self, x):
        self.sizes.append(len(x))
        return self.head(self.body(self.stem(x)).mean((2, 3)))


def test_ten_images_are_a_batch_of_ten():
    """And every block's ReLU, which works in place, is recorded at both of its places."""
    images = torch.randn(10, 3, 224, 224)
    model = Residual()
    report = analyse_layers(model, finite_inputs(images, torch.arange(10) % 2))
    assert set(model.sizes) == {10}
    assert [row.name for row in report.rows][4:6] == ["body.0.bn1", "body.0.relu"]
    assert report["body.0.relu:2"].width == 2 * 56**2
    assert report["head"].interval("H(T)").middle == pytest.approx(math.log(10))


def test_batches_of_a_loader_are_filled_up_to_its_own_size():
    sizes = []

    class Seen(nn.Module):
        def forward(self, x):
            sizes.append(len(x))
            return x

    analyse_layers(Seen(), loader_inputs(list(torch.randn(65, 2).split(30))))
    assert set(sizes) == {30}


class Attention(nn.Module):
    """A block of a transformer that returns its attention too."""

    def __init__(self, width):
        super().__init__()
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x, mask=None):
        h, weights = self.attention(x, x, x, attn_mask=mask)
        return self.norm(x + self.dropout(h)), weights


class Bert(nn.Module):
    """Takes names, returns a dict, holds a loss that only training calls."""

    def __init__(self):
        super().__init__()
        self.words, self.places = nn.Embedding(5, 8), nn.Embedding(3, 8)
        self.block, self.pooler = Attention(8), nn.Linear(8, 4)
        self.loss = nn.CrossEntropyLoss()

    def forward(self, input_ids, attention_mask, labels=None):
        h = self.words(input_ids) + self.places(torch.arange(input_ids.shape[1]))
        h, weights = self.block(h * attention_mask[..., None])
        out = {"last": h, "pooled": self.pooler(h[:, 0]), "nested": (h, {"attention": weights})}
        if labels is not None:
            out["loss"] = self.loss(out["pooled"], labels)
        return out


class Gpt(nn.Module):
    """A head tied to the embedding, a causal mask of -inf, positions without a row per input."""

    def __init__(self):
        super().__init__()
        self.wte, self.wpe, self.h = nn.Embedding(5, 8), nn.Embedding(3, 8), Attention(8)
        self.lm_head = nn.Linear(8, 5, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, ids):
        n = ids.shape[1]
        mask = torch.full((n, n), -math.inf).triu(1)
        h, _ = self.h(self.wte(ids) + self.wpe(torch.arange(n)), mask)
        return self.lm_head(h)


class Vit(nn.Module):
    """Patches, a class token and an encoder of torch."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(1, 8, 2, 2)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.places = nn.Parameter(torch.randn(1, 5, 8))
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        h = self.patches(x).flatten(2).transpose(1, 2)
        h = torch.cat([self.token.expand(len(x), -1, -1), h], 1)
        h = self.encoder(h + self.places)
        return self.head(h[:, 0])


class Module(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.net, self.loss = nn.Linear(4, 2), nn.CrossEntropyLoss()
        self.accuracy = MulticlassAccuracy(2)

    def forward(self, x):
        return self.net(x)


def words(length=3):
    ids = torch.cartesian_prod(*[torch.arange(5)] * length)
    return {"input_ids": ids, "attention_mask": (torch.rand(ids.shape) > 0.2).float()}


def left_out(report):
    return {f.layer: f.text for f in report.findings if f.check == "left out"}


def test_bert_takes_names_and_leaves_out_what_nobody_chose():
    torch.manual_seed(0)
    report = analyse_layers(Bert(), finite_inputs(words()))
    assert report.entropy_x.value == pytest.approx(3 * math.log(5))
    names = [row.name for row in report.rows]
    assert names == ["words", "block.dropout", "block.norm", "pooler"]
    assert set(left_out(report)) == {"places", "block.attention.out_proj", "loss"}
    assert "returns a tensor of shape [3, 8] for 125 inputs" in left_out(report)["places"]
    assert "never calls block.attention.out_proj, loss" in left_out(report)["loss"]
    # Whoever chooses such a layer is told.
    with pytest.raises(InputError, match="the forward pass never calls loss"):
        analyse_layers(Bert(), finite_inputs(words()), layers="loss")


def test_entries_tokens_channels_and_units_are_taken():
    x = finite_inputs(words())
    take = {
        "block": 0,
        "model": lambda out: out["nested"][1]["attention"],
        "words": lambda out: out[:, 0],
    }
    report = analyse_layers(Bert(), x, layers=list(take), options=Options(take=take))
    assert [(row.name, row.width) for row in report.rows] == [
        ("words", 8), ("block", 24), ("model", 9),
    ]  # fmt: skip
    assert report["words"].interval("H(T)").middle == pytest.approx(math.log(5))
    with pytest.raises(InputError, match=r"take\['words'\] raised IndexError for a tensor of"):
        analyse_layers(Bert(), x, layers="words", options=Options(take={"words": lambda t: t[999]}))
    with pytest.raises(InputError, match="take names lost, which is none of the layers measured"):
        analyse_layers(Bert(), x, layers="words", options=Options(take={"lost": 0}))


def test_positions_are_left_out_even_where_there_are_as_many_as_inputs():
    """Three inputs of three words: the rows of the positions are none of the inputs."""
    ids = torch.tensor([[0, 1, 2], [3, 4, 0], [1, 1, 2]])
    report = analyse_layers(Gpt(), finite_inputs(ids))
    assert "depends on the place of an input" in left_out(report)["wpe"]
    whole = analyse_layers(Gpt(), finite_inputs(words()["input_ids"]))
    assert "expected one row per input" in left_out(whole)["wpe"]
    assert [row.name for row in whole.rows] == ["wte", "h.dropout", "h.norm", "lm_head"]


def test_a_head_that_reads_the_weights_of_a_quantised_embedding():
    class Reads(Gpt):
        def forward(self, ids):
            return F.linear(self.wte(ids), self.wte.weight)

    model = quantise(Reads(), "wte", levels=2)
    row = analyse_layers(model, finite_inputs(words()["input_ids"]), layers="wte")["wte"]
    assert row.interval("H(T)").middle <= 3 * math.log(5) + 1e-9


def test_vit_and_its_noisy_copy():
    images = bits(16).reshape(-1, 1, 4, 4)[::512]
    report = analyse_layers(Vit(), finite_inputs(images))
    assert report["head"].interval("H(T)").middle == pytest.approx(math.log(128))
    assert all("out_proj" in name for name in left_out(report))
    noisy = analyse_layers(with_noise(Vit(), "patches", 0.1), finite_inputs(images))
    assert [row.name for row in noisy.rows] == ["patches"]
    assert "has no noise of its own" in left_out(noisy)["head"]


def test_a_lightning_module_with_a_loss_and_a_metric():
    report = analyse_layers(Module(), finite_inputs(bits(4)))
    assert [row.name for row in report.rows] == ["net"]
    assert set(left_out(report)) == {"loss", "accuracy"}


class Two(nn.Module):
    def forward(self, a, b):
        return torch.cat([a, b.float()], 1)


class Named(nn.Module):
    """Takes the dict as it is."""

    def forward(self, batch):
        return batch["a"] + batch["b"][:, :1]


def test_several_inputs_in_order_by_name_and_as_one_dict():
    a, b = bits(4)[:, :2], bits(4)[:, 2:].long()
    y = (a.sum(1) > 0).long()
    row = analyse_layers(Two(), finite_inputs((a, b), y))["model"]
    assert row.interval("H(T)").middle == pytest.approx(4 * math.log(2))
    merged = analyse_layers(Named(), finite_inputs({"a": a, "b": b}))["model"]
    exact = analyse_layers(nn.Identity(), finite_inputs(a + b[:, :1]))["model"]
    assert merged.interval("H(T)").middle == pytest.approx(exact.interval("H(T)").middle)
    null = analyse_layers(Two(), independent_labels(finite_inputs((a, b), y)))["model"]
    assert null.interval("I(T;Y)").middle == pytest.approx(0, abs=1e-12)
    many = sampled_inputs((a.repeat(9, 1), b.repeat(9, 1)), y.repeat(9))
    assert analyse_layers(Two(), shuffled_labels(many))["model"].width == 4
    noisy = with_noise(Two(), None, 0.5)
    found = analyse_layers(noisy, finite_inputs((a, b)), layers="model")["model"]
    assert 0.5 < found.interval("I(X;T)").middle < 4 * math.log(2)
    with pytest.raises(InputError, match=r"shapes \[16, 2\], \[5, 2\]; expected one row of each"):
        finite_inputs((a, b[:5]))
    with pytest.raises(InputError, match=r"integers above 2\^53"):
        finite_inputs((a, torch.full((16, 1), 2**60)))


def linear():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.Tanh())


def test_every_usual_way_to_give_data():
    x = bits(4)[torch.randint(16, (320,), generator=torch.Generator().manual_seed(0))]
    y = (x.sum(1) > 0).long()
    data = [
        DataLoader(TensorDataset(x, y), batch_size=32),
        (x, y),
        {"input": x, "label": y},
        [{"input": x[:160], "target": y[:160]}, {"input": x[160:], "target": y[160:]}],
        ((a, b) for a, b in zip(x.split(50), y.split(50), strict=True)),
        (x.numpy(), y.numpy().astype(np.uint8)),
    ]
    reports = [analyse_layers(linear(), one) for one in data]
    reports += [analyse_layers(linear(), x.double().numpy(), labels=y.numpy())]
    reports += [analyse_layers(linear(), x, labels=y.tolist())]
    assert {report.n for report in reports} == {320}
    assert {report.inputs for report in reports} == {"continuous"}
    assert all(report["1"].quantities == reports[1]["1"].quantities for report in reports)
    assert analyse_layers(nn.Identity(), x.long()).inputs == "discrete"


@pytest.mark.parametrize("dtype", ["<i8", ">i4", ">f4", "u1", "u2", "<u8"])
def test_arrays_of_any_order_and_sign(dtype):
    """Also read-only and reversed ones; two of 2**32 apart stay two."""
    x = np.arange(40)[::-1].astype(dtype) * (2**32 if dtype == "<u8" else 1)
    x.flags.writeable = False
    report = analyse_layers(nn.Identity(), finite_inputs(x[:, None], (x % 2).astype(int)))
    assert report["model"].interval("H(T)").middle == pytest.approx(math.log(40))
    assert finite_inputs(x[::-1]).entropy.value == pytest.approx(math.log(40))


def test_a_generator_is_passed_once_and_whole():
    inputs = loader_inputs(part for part in torch.arange(500).split(10))
    assert analyse_layers(nn.Identity(), inputs).n == 500
    with pytest.raises(InputError, match="is a generator, which can be passed once, and it was"):
        analyse_layers(nn.Identity(), inputs)


@pytest.mark.parametrize(("keep", "rows"), [(100, 94), (5000, 3000), (1, 1)])
def test_a_loader_keeps_no_more_rows_than_asked_for(keep, rows):
    batches = list(torch.arange(6000).split(64))
    with Probe(nn.Identity()) as probe:
        found = collect(probe, loader_inputs(batches), batch_size=64, keep=keep)
    assert len(found.kept) == rows
    assert len(set(np.diff(found.kept))) <= 1
    assert torch.equal(found.kept_x, torch.from_numpy(found.kept))
    assert torch.equal(found.layers["model"].rows()[:, 0], found.kept_x.float())


def test_labels_are_names_and_may_be_large():
    x, y = bits(4), torch.arange(16) % 3
    rows = torch.randint(16, (144,), generator=torch.Generator().manual_seed(0))
    small, large = (
        [
            analyse_layers(linear(), finite_inputs(x, labels))["1"].quantities,
            analyse_layers(linear(), (x[rows], labels[rows]))["1"].quantities,
            analyse_layers(linear(), independent_labels(finite_inputs(x, labels)))["1"].quantities,
        ]
        for labels in (y, y * 10**12)
    )
    assert small == large


def test_data_of_a_kind_that_cannot_be_used():
    x, y = bits(4), torch.zeros(16, dtype=torch.int64)
    with pytest.raises(InputError, match="keep is 0; give keep"):
        Options(keep=0, estimators=Estimators(range_bins=(3,)))
    with pytest.raises(InputError, match="there is no device 'tpu9'; expected cpu"):
        analyse_layers(linear(), x, options=Options(device="tpu9"))
    with pytest.raises(InputError, match="the loader is a TensorDataset; expected batches: give"):
        analyse_layers(linear(), TensorDataset(x))
    with pytest.raises(InputError, match="inputs have dtype object; expected numbers"):
        analyse_layers(linear(), np.array([{}, {}]))
    with pytest.raises(InputError, match="for another; pad the inputs to one size"):
        analyse_layers(nn.Identity(), [x, x[:, :3]])
    with pytest.raises(InputError, match="pad them to one size"):
        analyse_layers(Two(), [((x, x), y), ((x, x[:, :3]), y)])
    with pytest.raises(InputError, match="the loader has no batches"):
        loader_inputs([])
    with pytest.raises(InputError, match="the inputs are a str; expected a tensor or array"):
        loader_inputs(["a"])
    with pytest.raises(InputError, match=r"raised RuntimeError for .*float32: .*for int64: "):
        analyse_layers(linear(), x[:, :3].long())
    with pytest.raises(InputError, match="labels were given beside batches"):
        analyse_layers(linear(), [x], labels=torch.zeros(16))
    with pytest.raises(InputError, match=r"labels of shape \[16, 2\] and dtype torch.float32"):
        analyse_layers(linear(), (x[:, :2], x[:, 2:]))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has one")
def test_a_device_that_is_missing():
    with pytest.raises(InputError, match="the device is cuda and this machine has none; use cpu"):
        analyse_layers(linear(), bits(4), options=Options(device="cuda"))


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_old_weight_norm_is_copied_and_never_taken_for_untrained():
    model = nn.Sequential(nn.utils.weight_norm(nn.Linear(4, 2)), nn.Tanh())
    model(bits(4)).sum().backward()
    changed = quantise(model, "1", levels=3)
    assert torch.equal(changed[0](bits(4)), model[0](bits(4)))
    new = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 2)))
    for normed in (model, new):
        with pytest.raises(InputError, match=r"that no reset_parameters\(\) makes anew"):
            untrained(normed)
    attention = nn.MultiheadAttention(4, 2)
    assert not torch.equal(untrained(attention).in_proj_weight, attention.in_proj_weight)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_scripted_and_quantised_networks():
    scripted = torch.jit.script(linear())
    with pytest.raises(InputError, match="layer 'model' is TorchScript, whose activations cannot"):
        analyse_layers(scripted, finite_inputs(bits(4)))
    part = nn.Sequential(scripted, nn.Linear(3, 2))
    report = analyse_layers(part, finite_inputs(bits(4)))
    assert [row.name for row in report.rows] == ["1"]
    assert "is TorchScript" in left_out(report)["0"]
    with pytest.raises(InputError, match="layer '0' is TorchScript"):
        analyse_layers(part, finite_inputs(bits(4)), layers="0")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_networks_of_eight_bits():
    """Static ones are measured as they are; dynamic ones take their scale from the batch."""
    tools = pytest.importorskip("torch.ao.quantization")
    x = finite_inputs(bits(4) * torch.tensor([1.0, 2.0, 3.0, 4.0]))
    model = nn.Sequential(tools.QuantStub(), nn.Linear(4, 3), nn.ReLU(), tools.DeQuantStub()).eval()
    model.qconfig = tools.get_default_qconfig(torch.backends.quantized.engine)
    static = tools.prepare(model)
    static(bits(4))
    report = analyse_layers(tools.convert(static), x)
    assert [row.name for row in report.rows] == ["0", "2", "3"]
    assert report["2"].quantities == report["3"].quantities
    dynamic = tools.quantize_dynamic(nn.Sequential(nn.Linear(4, 3)), {nn.Linear})
    with pytest.raises(InputError, match="Linear '0' depends on the other inputs of the batch"):
        analyse_layers(dynamic, finite_inputs(bits(4) * torch.rand(16, 4)), layers="0")
