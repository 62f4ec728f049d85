"""What holds for every test."""

import pytest
import torch


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Test problems are small: more threads would only wait for each other."""
    torch.set_num_threads(1)
