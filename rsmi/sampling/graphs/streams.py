"""What the random words of the graph, Potts and quantum updates are used for."""

from enum import IntEnum


class GraphStream(IntEnum):
    """What a random word is used for; numbered apart from the other streams."""

    INITIAL = 64
    HEAT_BATH = 65
    CLUSTER_BONDS = 66
    CLUSTER_VALUES = 67
    WOLFF_BONDS = 68
    WOLFF_SITE = 69
    TEMPERING_SITES = 70
    TEMPERING_SWAPS = 71
    RANDOM_BONDS = 72
    DILUTION = 73
    BORN = 74
    AMPLITUDE_SITES = 75
    EMBEDDED_BONDS = 76
    EMBEDDED_VALUES = 77
