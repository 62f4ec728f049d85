import os
import re

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from rsmi.errors import InputError
from rsmi.layers import load_weights


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
