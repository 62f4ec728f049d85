"""Whether a row's place in the batch decides the last digits of its activations."""

from rsmi.layers.counting.hashing import row_ids
from rsmi.layers.inputs.batches import Inputs
from rsmi.layers.probe.collecting import filled
from rsmi.layers.probe.hooks import Probe


def rounding_sensitivity(probe: Probe, inputs: Inputs, batch_size: int = 1024) -> dict[str, float]:
    """Share of rows of the first batch whose float code changes when the rows are reversed.

    Anything but 0 means that a layer's last digits depend on a row's place in the batch, so
    that its exact float entropy is partly rounding: quantise the network, or use float64.

    Args:
        probe: Open.
        inputs: Only the first batch is used.
        batch_size: As in `collect`.

    Returns:
        A number between 0 and 1 for each layer.
    """
    x = filled(next(inputs.stream(batch_size)).x, batch_size)
    forward, backward = probe(x), probe(x.flip(0))
    return {
        name: float((row_ids(t) != row_ids(backward[name].flip(0))).any(1).double().mean())
        for name, t in forward.items()
    }
