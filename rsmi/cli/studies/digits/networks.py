"""The images and the two networks that read them."""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from rsmi.cli.studies.initial import keep_variance
from rsmi.errors import AnalysisError

_SPLIT_SEED = 1


def load() -> tuple[Tensor, Tensor]:
    """The 1797 images (n, 8, 8) in 0..1 and their labels, in a fixed random order.

    Raises:
        AnalysisError: Where scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise AnalysisError(
            "this study reads the digits of scikit-learn, which is not installed; run "
            "pip install 'rsmi[studies]'"
        ) from None
    data = load_digits()
    order = torch.randperm(len(data.target), generator=torch.Generator().manual_seed(_SPLIT_SEED))
    x = torch.from_numpy(data.images).float().view(-1, 8, 8) / 16
    return x[order], torch.from_numpy(data.target).long()[order]


def mlp() -> nn.Sequential:
    """64-32-16-8 with tanh, then ten logits."""
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        flat=nn.Flatten(),
        linear1=nn.Linear(64, 32),
        T1=nn.Tanh(),
        linear2=nn.Linear(32, 16),
        T2=nn.Tanh(),
        linear3=nn.Linear(16, 8),
        T3=nn.Tanh(),
        logits=nn.Linear(8, 10),
    )
    return keep_variance(nn.Sequential(layers), "linear")


def cnn() -> nn.Sequential:
    """Two strided convolutions (8 and 8 channels) and 8 units, then ten logits."""
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        channel=nn.Unflatten(1, (1, 8)),
        conv1=nn.Conv2d(1, 8, 3, 2, 1),
        T1=nn.Tanh(),
        conv2=nn.Conv2d(8, 8, 3, 2, 1),
        T2=nn.Tanh(),
        flat=nn.Flatten(),
        linear=nn.Linear(32, 8),
        T3=nn.Tanh(),
        logits=nn.Linear(8, 10),
    )
    return keep_variance(nn.Sequential(layers), "linear")
