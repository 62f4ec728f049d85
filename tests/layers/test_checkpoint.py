import os
import re

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from rsmi.errors import InputError
from rsmi.layers import load_weights
from rsmi.layers.building import read_weights


def fresh():
    return nn.Linear(2, 2)


class Code:
    """What a hostile file would hold."""

    def __reduce__(self):
        return (os.system, ("touch /tmp/rsmi-was-here",))


@pytest.mark.parametrize("kind", ["safetensors", "state", "lightning"])
def test_weights_of_any_usual_file(tmp_path, kind):
    model, path = fresh(), tmp_path / ("w.safetensors" if kind == "safetensors" else "w.pt")
    if kind == "safetensors":
        save_file(model.state_dict(), path)
    else:
        torch.save(
            model.state_dict() if kind == "state" else {"state_dict": model.state_dict()}, path
        )
    assert torch.equal(load_weights(fresh(), path).weight, model.weight)


@pytest.mark.parametrize("prefix", ["net.", "model.", "module.", "_orig_mod.", "a.b.module."])
def test_prefixes_are_offered(tmp_path, prefix):
    model = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1))
    state = {f"{prefix}{name}": weight for name, weight in model.state_dict().items()}
    torch.save({"state_dict": state | {"loss.weight": torch.ones(2)}}, tmp_path / "w.ckpt")
    new = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1))
    words = f"holds them under the prefix '{prefix}': give prefix"
    with pytest.raises(InputError, match=re.escape(words)):
        load_weights(new, tmp_path / "w.ckpt")
    found = load_weights(new, tmp_path / "w.ckpt", prefix)
    assert all(torch.equal(found.state_dict()[k], v) for k, v in model.state_dict().items())
    with pytest.raises(InputError, match="build the architecture that was trained"):
        load_weights(nn.Sequential(nn.Linear(3, 2), nn.Tanh()), tmp_path / "w.ckpt")


def test_pickled_code_is_refused(tmp_path):
    for name, content in {"code.pt": {"w": Code()}, "module.pt": fresh()}.items():
        torch.save(content, tmp_path / name)
        with pytest.raises(InputError, match=r"holds pickled Python code .* save model.state_dict"):
            load_weights(fresh(), tmp_path / name)
    assert not os.path.exists("/tmp/rsmi-was-here")


def test_files_that_are_no_weights(tmp_path):
    with pytest.raises(InputError, match="there is no checkpoint"):
        load_weights(fresh(), tmp_path / "missing.pt")
    torch.save({"loss": 1.0}, tmp_path / "loss.pt")
    with pytest.raises(InputError, match="holds no weights by name"):
        load_weights(fresh(), tmp_path / "loss.pt")
    torch.save(nn.Linear(3, 2).state_dict(), tmp_path / "other.pt")
    with pytest.raises(InputError, match="do not fit this network"):
        load_weights(fresh(), tmp_path / "other.pt")
    content = (tmp_path / "other.pt").read_bytes()
    (tmp_path / "cut.pt").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"is damaged .* save it again"):
        load_weights(fresh(), tmp_path / "cut.pt")
    (tmp_path / "cut.safetensors").write_bytes(b"123")
    with pytest.raises(InputError, match="is damaged"):
        load_weights(fresh(), tmp_path / "cut.safetensors")


def damaged(raw, generator):
    """A copy with a stretch zeroed, filled, shifted or made random, or with one bit flipped."""
    copy, size = raw.copy(), int(2 ** generator.uniform(0, 8))
    start = int(generator.integers(len(raw)))
    stretch = copy[start : start + size]
    changes = [np.zeros_like(stretch), np.full_like(stretch, 255), np.roll(stretch, 1)]
    changes += [generator.integers(0, 256, len(stretch)), stretch ^ (np.arange(len(stretch)) == 0)]
    stretch[:] = changes[generator.integers(5)]
    return copy


@pytest.mark.parametrize("kind", ["state", "lightning"])
def test_no_damage_of_an_archive_changes_weights(tmp_path, kind):
    """Torch does not look at the CRC-32 of the members: half of all damage would go unseen."""
    model, path = nn.Linear(40, 20), tmp_path / "w.ckpt"
    state = model.state_dict()
    torch.save(state if kind == "state" else {"state_dict": state, "epoch": 3}, path)
    raw, generator, seen = np.fromfile(path, dtype=np.uint8), np.random.default_rng(1), 0
    missed = 0
    for _ in range(300):
        damaged(raw, generator).tofile(path)
        try:
            assert torch.equal(load_weights(nn.Linear(40, 20), path).weight, model.weight)
        except InputError:
            seen += 1
            missed += changed_by_torch(path, model)
    assert seen > 100
    assert missed > 100  # torch alone would have taken these


def changed_by_torch(path, model):
    try:
        loaded = torch.load(path, weights_only=True)
        weight = loaded.get("state_dict", loaded)["weight"]
        return weight.shape == model.weight.shape and not torch.equal(weight, model.weight)
    except Exception:
        return False


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(tmp_path, name, value):
    model = fresh()
    model.weight.data[1, 0] = value
    save = save_file if name.endswith("safetensors") else torch.save
    save(model.state_dict(), tmp_path / name)
    untouched = fresh()
    before = untouched.weight.clone()
    with pytest.raises(InputError, match="weight holds 1 values that are not finite"):
        load_weights(untouched, tmp_path / name)
    assert torch.equal(untouched.weight, before)


def masked():
    model = fresh()
    model.register_buffer("mask", torch.tensor([0.0, -torch.inf]))
    return model


def test_a_mask_of_infinities_is_no_damage(tmp_path):
    save_file(masked().state_dict(), tmp_path / "w.safetensors")
    assert torch.equal(load_weights(masked(), tmp_path / "w.safetensors").mask, masked().mask)


def test_whole_numbers_are_not_taken_for_weights(tmp_path):
    state = {"weight": torch.ones(2, 2, dtype=torch.int32), "bias": torch.zeros(2)}
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(InputError, match=r"weight holds torch.int32, the network has torch.float3"):
        load_weights(fresh(), tmp_path / "w.safetensors")


def test_what_is_known_of_the_weights_is_said(tmp_path):
    state = fresh().state_dict()
    save_file(state, tmp_path / "w.safetensors")
    torch.save(state, tmp_path / "w.pt")
    torch.save(state, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    said = {p.name: read_weights(p)[1] for p in tmp_path.iterdir()}
    assert said["w.pt"].startswith("every tensor is as it was written (CRC-32")
    assert said["w.safetensors"] == said["old.pt"]
    assert said["old.pt"].startswith("no checksum: this format has none")
