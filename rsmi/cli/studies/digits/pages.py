"""What the page shows."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rsmi.cli.studies.averages import (
    Reports,
    averaged_cell,
    depth_series,
    layer_names,
    paths,
)
from rsmi.report import Figure, Sheet, figures

Variants = Mapping[str, Reports]
"""Reports of one network by variant; `epoch N` ones only go into the information plane."""

_SHOWN = ("H(X|T)", "H(Y|T)")


def epoch_name(epoch: int) -> str:
    """Name of the variant that is measured during training."""
    return f"epoch {epoch}"


def sheet_of(name: str, variants: Variants) -> Sheet:
    """One line per variant, what every layer forgets of the image and of the digit."""
    shown = _shown(variants)
    first = next(iter(shown.values()))
    layers = layer_names(first)
    widths = ", ".join(f"{layer} {first[0][layer].width}" for layer in layers)
    rows = [
        [variant, *(averaged_cell(reports, layer, q) for q in _SHOWN for layer in layers)]
        for variant, reports in shown.items()
    ]
    return Sheet(
        f"{name} (units: {widths})",
        ["variant", *(q.replace("T", layer) for q in _SHOWN for layer in layers)],
        rows,
        "Nats, of H(X) = ln 1797 = 7.494 and H(Y) = 2.303. X is one of the images, each as likely "
        "as the others. Values without noise are exact, with the error of the seeds in brackets; "
        "with noise they lie between a certified lower and upper value (lower..upper, means over "
        "seeds). I(X;T) = H(X) - H(X|T).",
    )


def pictures(
    found: Mapping[str, Variants], plane: Mapping[str, Mapping[int, Reports]], target: Path
) -> list[Figure]:
    """Draw everything into a directory.

    Args:
        found: Variants by network.
        plane: Quantised networks by network and epoch.
        target: The directory.
    """
    return [
        *(_depth(name, variants, target) for name, variants in found.items()),
        _plane(plane, target),
    ]


def _shown(variants: Variants) -> Variants:
    return {name: reports for name, reports in variants.items() if not name.startswith("epoch")}


def _depth(name: str, variants: Variants, target: Path) -> Figure:
    shown = _shown(variants)
    panels: dict[str, Sequence[figures.Depth]] = {
        quantity: [
            depth_series(label, reports, quantity, "untrained" in label)
            for label, reports in shown.items()
            if quantity in reports[0].rows[0].quantities
        ]
        for quantity in _SHOWN
    }
    layers = layer_names(next(iter(variants.values())))
    return Figure(
        figures.save(figures.depth(layers, panels), target / f"depth_{name}.png"),
        f"{name}: entropy against depth",
        "What each layer forgets of the image and of the digit: exact for the network as it is "
        "and with few levels; bars from the certified lower to the certified upper value for the "
        "network with noise. Means over seeds, with the error of the seeds.",
    )


def _plane(plane: Mapping[str, Mapping[int, Reports]], target: Path) -> Figure:
    panels = {name: paths(epochs) for name, epochs in plane.items()}
    epochs = ", ".join(str(epoch) for epoch in next(iter(plane.values())))
    return Figure(
        figures.save(figures.plane(panels), target / "plane.png"),
        "The information plane over training",
        f"Exact values of the quantised networks at epochs {epochs}, from the hollow to the filled "
        "symbol, means over seeds.",
    )
