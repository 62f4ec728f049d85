"""What the dotted names of quantities mean, for tables and pages."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """Meaning of one dotted name.

    Args:
        symbol: How a formula writes it, in HTML.
        meaning: One line of plain English.
    """

    symbol: str
    meaning: str


GLOSSARY = {
    "information.learned": Entry("I(H:E)", "learned rule, held-out configurations"),
    "information.learned.null": Entry(
        "I<sub>null</sub>", "same training beside environments of other chains; the true value is 0"
    ),
    "information.learned.curve.<n>": Entry(
        "I<sub>n</sub>", "learned from n training configurations, on the same windows"
    ),
    "information.learned.curve.limit": Entry("I<sub>&infin;</sub>", "from endless configurations"),
    "information.learned.curve.power": Entry("a", "I(n) = I<sub>&infin;</sub> - c n<sup>-a</sup>"),
    "information.learned.curve.gain": Entry("", "what endless configurations would add"),
    "information.learned.curve.doubled": Entry("", "what twice the configurations would add"),
    "information.learned.seed.<number>": Entry("I(H:E)", "the same from another seed"),
    "information.learned.seed.spread": Entry("", "standard deviation between the seeds"),
    "information.learned.fraction": Entry(
        "I / I<sub>exact</sub>", "learned predictor against the exact one, same windows"
    ),
    "information.exact.optimum": Entry(
        "max I(H:E)", "best rule that is odd under flipping all spins"
    ),
    "information.exact.optimum_any": Entry("max I(H:E)", "best of all rules"),
    "information.exact.full": Entry("I(V:E)", "whole visible block, no compression"),
    "information.exact.<rule>": Entry("I(H:E)", "exact information of the named rule"),
    "information.bottleneck.full": Entry("I(V:E)", "all that the block says of its environment"),
    "information.bottleneck.rate": Entry("I(V:H)", "least that a coarse variable takes for all"),
    "information.bottleneck.gap": Entry("", "most that the two sides of the curve differ"),
    "information.bottleneck.scan.kept": Entry("I(H:E)", "one point of the bottleneck curve"),
    "information.frontier.x": Entry("H(X)", "entropy of the input"),
    "information.frontier.y": Entry("H(Y)", "entropy of the label"),
    "information.frontier.least": Entry("H(Y|X)", "what every layer misses"),
    "information.frontier.gap": Entry("", "most that the two sides of the frontier differ"),
    "information.frontier.symbols": Entry("H(Y|T)", "best function of so many symbols"),
    "information.frontier.scan.missed": Entry("H(Y|T)", "one point of the frontier"),
    "information.majority": Entry("I(H:E)", "majority rule, ties random, from samples"),
    "information.decimation": Entry("I(H:E)", "decimation, from samples"),
    "information.estimate.<estimator>": Entry("I(X;Y)", "paired rows, by the named estimator"),
    "information.estimate.<estimator>.null": Entry(
        "I<sub>null</sub>", "the same estimator on permuted pairs; the true value is 0"
    ),
    "information.ceiling": Entry("H(H)", "entropy of the coarse variable, an upper limit"),
    "exponents.fixed_point": Entry("", "1: nothing speaks against a fixed point; 0: refused"),
    "exponents.y_t": Entry("y<sub>t</sub>", "thermal exponent"),
    "exponents.y_h": Entry("y<sub>h</sub>", "magnetic exponent"),
    "exponents.nu": Entry("&nu;", "correlation-length exponent, 1/y_t"),
    "exponents.eta": Entry("&eta;", "correlation-function exponent, d + 2 - 2 y_h"),
    "exponents.delta_sigma": Entry(
        "&Delta;<sub>&sigma;</sub>", "scaling dimension of the spin, d - y_h"
    ),
    "exponents.delta_epsilon": Entry(
        "&Delta;<sub>&epsilon;</sub>", "scaling dimension of the energy, d - y_t"
    ),
    "exponents.eigenvalues.even[1]": Entry("y<sub>2</sub>", "next even eigenvalue, ln over ln b"),
    "exponents.eigenvalues.odd[1]": Entry("y<sub>2</sub>", "next odd eigenvalue, ln over ln b"),
    "couplings.<operator>": Entry("K", "of one product of coarse spins or occupations"),
    "couplings.rank_correlation.<norm>.<basis>.<group>.buffer_<b>": Entry(
        "", "Spearman: information against a norm of couplings, over rules"
    ),
    "couplings.rangeness": Entry("", "further pairs over nearest pairs, norms of couplings"),
    "couplings.bodyness": Entry("", "more than two spins over nearest pairs, norms of couplings"),
    "couplings.information": Entry("I(H:E)", "exact, beyond a buffer"),
    "flow.T_c": Entry("T<sub>c</sub>", "temperature that the rule leaves where it is"),
    "flow.nu": Entry("&nu;", "from the slope of T'(T) there"),
    "flow.y_t": Entry("y<sub>t</sub>", "ln(dT'/dT) over ln b"),
    "flow.fixed_point": Entry("", "1: T'(T) crosses T at every level; 0: refused"),
    "operators.dimension.<n>": Entry("&Delta;", "scaling dimension, leading operator first"),
    "operators.half": Entry("&Delta;", "leading dimension from exactly half the lattice"),
    "operators.collapse": Entry("&Delta;", "leading dimension from the collapse of all sizes"),
    "operators.information": Entry(
        "&Delta;", "from the decay of information, L<sup>-4&Delta;</sup>"
    ),
    "operators.encoder.<name>": Entry("I(H:E|H')", "what a learned encoder adds to earlier ones"),
    "operators.<charge>.dimension.<n>": Entry("&Delta;", "scaling dimension of a charge"),
    "operators.<charge>.stiffness.<n>": Entry("g", "stiffness of the height field from a charge"),
    "operators.electric.power": Entry("", "electric dimensions grow as this power of the charge"),
    "invert.loss": Entry("", "what the learned p(v|h) leaves open of a block, held out"),
    "invert.energy": Entry("E/N", "of the larger lattices, after Metropolis sweeps"),
    "invert.binder": Entry("U<sub>4</sub>", "Binder cumulant of the larger lattices"),
    "invert.energy.direct": Entry("E/N", "of samples that the model's own update drew"),
    "invert.binder.direct": Entry("U<sub>4</sub>", "of samples that the model's own update drew"),
    "invert.sweeps": Entry("", "from the inverse, until the energy is right within 2 errors"),
    "invert.sweeps.random": Entry("", "the same from random letters"),
    "invert.acceptance": Entry("", "share of offered words that are taken"),
    "invert.tau_int.energy": Entry("&tau;<sub>E</sub>", "of Metropolis sweeps"),
    "invert.tau_int.magnetisation": Entry("&tau;<sub>m</sub>", "of Metropolis sweeps"),
    "layers.H(X)": Entry("H(X)", "entropy of the inputs"),
    "layers.H(Y)": Entry("H(Y)", "entropy of the labels"),
    "layers.seeds.mean": Entry("mean", "a quantity over several trainings, with their error"),
    "layers.<name>.H(T)": Entry("H(T)", "entropy of the layer"),
    "layers.<name>.H(X|T)": Entry("H(X|T)", "what the layer forgets of the input"),
    "layers.<name>.I(X;T)": Entry("I(X;T)", "what the layer keeps of the input"),
    "layers.<name>.H(Y|T)": Entry("H(Y|T)", "what the layer does not tell about the label"),
    "layers.<name>.I(T;Y)": Entry("I(T;Y)", "what the layer tells about the label"),
    "layers.<name>.I(T;E)": Entry("I(T;E)", "what one coarse spin tells about its environment"),
    "layers.accuracy": Entry("accuracy", "labels that are the likeliest ones given the last layer"),
    "layers.<name>.accuracy": Entry("accuracy", "labels that are the likeliest ones given it"),
    "layers.<name>.optimum": Entry("optimum", "I(T;Y) of the best layer of so many values"),
    "layers.<name>.H(X|T,Y)": Entry("H(X|T,Y)", "what layer and label together leave open"),
    "layers.<name>.<estimator>": Entry("", "an estimator's column, which depends on its scale"),
    "layers.findings": Entry("", "remarks of the audit"),
    "layers.study.learned": Entry("", "networks that learned the task"),
    "layers.study.accuracy": Entry("", "share of right answers of trained networks"),
    "layers.claim.fixed_bins.<unit>": Entry(
        "&Delta;I<sub>bins</sub>", "gain of I(X;T) in training, bins of fixed width"
    ),
    "layers.claim.range_bins.<unit>": Entry(
        "&Delta;I<sub>range</sub>", "gain of I(X;T) in training, bins over the range"
    ),
    "layers.claim.untrained.<unit>": Entry(
        "&Delta;<sub>depth</sub>H(X|T)", "rise with depth in the untrained network, quantised"
    ),
    "layers.claim.late_inputs.<unit>": Entry(
        "&Delta;H(X|T)", "gain of the last hidden layers in training, as they are"
    ),
    "layers.claim.late_inputs_quantised.<unit>": Entry(
        "&Delta;H(X|T)", "gain of the last hidden layers in training, quantised"
    ),
    "layers.claim.late_inputs_refilled.<unit>": Entry(
        "&Delta;H(X|T)", "gain of the last hidden layers after its least value, quantised"
    ),
    "layers.claim.late_labels.<unit>": Entry(
        "&minus;&Delta;H(Y|T)", "fall of the last hidden layers in training, quantised"
    ),
    "layers.shift.error": Entry("", "what networks of several seeds get wrong"),
    "layers.shift.spread": Entry("", "standard deviation between networks"),
    "layers.shift.disagreement": Entry("", "rows on which two networks differ"),
    "layers.shift.ratio": Entry("", "spread over that on held-out rows"),
    "theory.machines.shared_weights": Entry(
        "&Delta;H<sub>L</sub>", "largest difference that the same weights in every layer make"
    ),
    "theory.machines.entropy": Entry("H<sub>L</sub>", "functions of a node of wide machines"),
    "theory.machines.counted": Entry("H<sub>L</sub>", "the same, counted at a width"),
    "theory.machines.sparse": Entry("H<sub>L</sub>", "functions of nodes that are sparse gates"),
    "theory.machines.error": Entry("&epsilon;<sub>L</sub>", "outputs that other weights change"),
    "theory.machines.error.counted": Entry("&epsilon;<sub>L</sub>", "the same, counted at a width"),
    "theory.machines.rate": Entry("-ln P / N", "half the typical error, at a width"),
    "theory.machines.settled": Entry(
        "&eta;<sub>l</sub>", "overlap of typical machines at an error"
    ),
    "theory.machines.trained": Entry(
        "&eta;<sub>l</sub>", "overlap of trained layers with their end"
    ),
    "theory.machines.in_order": Entry("", "trained networks whose first layers settled first"),
    "theory.machines.accuracy": Entry("", "right outputs of trained networks"),
    "theory.firenet.factor": Entry("", "what a restart leaves of the error; 1/e is proven"),
    "theory.firenet.floor": Entry("", "relative error with noise"),
    "theory.firenet.error": Entry("", "relative error after a restart, without noise"),
    "theory.firenet.attacked.error": Entry("", "relative error of a method before an attack"),
    "theory.firenet.amplification": Entry("", "of the worst change of the data that was found"),
    "theory.firenet.twins": Entry("", "amplification between signals with nearly the same data"),
    "theory.intrinsic.fourth": Entry("", "size of scale-invariant weights over the theory's"),
    "theory.intrinsic.angle": Entry("", "angle by which they turn in a step"),
    "theory.intrinsic.steps": Entry("1/(4&eta;&lambda;)", "time of their size"),
    "theory.intrinsic.comparable": Entry("", "step from which on curves may be compared"),
    "theory.intrinsic.difference": Entry("", "how two networks of one intrinsic rate differ"),
    "theory.measures.ratio": Entry("", "steps of the gradient over those with births and deaths"),
    "theory.measures.steps": Entry("", "steps to the goal"),
    "theory.measures.stuck": Entry("", "loss at the end, from a corner"),
    "theory.measures.fluctuation": Entry("n Var f<sub>n</sub>", "how networks scatter"),
    "theory.measures.slope": Entry("", "of ln Var f against ln n; -1 by the law of large numbers"),
    "theory.measures.entropy": Entry("h", "differential entropy of Langevin particles"),
    "theory.measures.free_energy": Entry("F", "of Langevin particles"),
    "theory.measures.mean": Entry("", "of Langevin particles"),
    "theory.measures.symmetric": Entry("", "loss on new inputs of a symmetric function"),
    "theory.measures.exploitable": Entry("NI", "what players could gain; 0 at the equilibrium"),
    "theory.mazes.perfect": Entry("", "networks that solve all but a thousandth of the mazes"),
    "theory.mazes.accuracy": Entry("", "mazes that the networks of a way solve"),
    "theory.mazes.cost": Entry("", "cross entropy between neglecting and perfect weights"),
    "theory.mazes.half": Entry("t", "where the cost has fallen to half of that at 0"),
    "theory.mazes.unlike": Entry("", "difference of that cost between two sizes"),
    "theory.mazes.solvable": Entry("", "mazes that can be solved"),
    "theory.mazes.leak": Entry("", "unsolvable mazes that leaking walls make solvable"),
    "theory.mazes.ignited": Entry("", "unsolvable mazes whose background lights itself"),
    "theory.mazes.H(X|T)": Entry("H(X|T<sub>l</sub>)", "what a layer forgets of a maze"),
    "theory.mazes.H(Y|T)": Entry("H(Y|T<sub>l</sub>)", "what it leaves open of the answer"),
    "theory.mazes.H(Y|C)": Entry("H(Y|C<sub>l</sub>)", "what its centre leaves open"),
    "theory.mazes.explored": Entry("H(X|T<sub>l</sub>)", "from sites that a flood has not seen"),
    "theory.sawtooth.forgotten": Entry("H(X|T)", "of the sawtooth by layer"),
    "theory.sawtooth.pieces": Entry("", "straight pieces of the sawtooth by layer"),
    "theory.sawtooth.distance": Entry("", "how far trained networks stay from it"),
    "theory.sawtooth.trained.pieces": Entry("", "straight pieces of trained networks"),
    "theory.stability.spin": Entry("", "flips that turn one coarse spin of a level"),
    "theory.stability.level": Entry("", "flips per site that turn a share of a level"),
    "theory.stability.y_t": Entry("y<sub>t</sub>", "from energies of two levels, one coupling"),
    "theory.stability.exponent": Entry("", "flips per site that move y_t by 1 %"),
    "information.ensemble.best": Entry("I(H:E)", "best rule of an ensemble by validation"),
    "information.ensemble.good": Entry("", "share of an ensemble that is worth as much"),
    "information.ensemble.null": Entry(
        "I<sub>null</sub>", "best rule, trained beside environments of other configurations"
    ),
    "information.scan.member": Entry("I(H:E)", "each rule of an ensemble"),
    "information.proxy": Entry("A", "proxy of 2018, above that of a rule that ignores its block"),
    "compare.optimum": Entry("max I(H:E)", "best of all rules, or of those odd under a flip"),
    "compare.<method>.information": Entry("I(H:E)", "rule of the method, held-out configurations"),
    "compare.<method>.information_exact": Entry("I(H:E)", "the same from the Hamiltonian"),
    "compare.<method>.of_best": Entry("", "share of the best rule's, at the same environments"),
    "compare.<method>.goal": Entry("", "what the training reached of its own objective, held out"),
    "compare.<method>.H(X|T)": Entry("H(V|H)", "what the symbol leaves open of its block"),
    "compare.<method>.H(Y|T)": Entry(
        "H(Y|T)", "what all symbols of a configuration leave open of its phase"
    ),
    "compare.<method>.fixed_point": Entry("", "share of the seeds whose exponents may be quoted"),
    "compare.<method>.couplings": Entry("", "0 where the couplings were refused"),
    "compare.<method>.y_t": Entry("y<sub>t</sub>", "thermal exponent of the method's rule"),
    "compare.<method>.y_h": Entry("y<sub>h</sub>", "magnetic exponent of the method's rule"),
    "compare.<method>.<y>.step.<number>": Entry("", "the exponent after that step alone"),
    "compare.<method>.<y>.one_coupling": Entry("", "the exponent from one coupling"),
    "compare.<method>.rangeness": Entry("", "couplings of further pairs over the nearest, norms"),
    "compare.<method>.bodyness": Entry("", "couplings of more than two spins, likewise"),
    "degeneracy.dimension": Entry("d", "dimension of the manifold of good rules"),
    "degeneracy.span": Entry("", "axes that the good rules use"),
    "degeneracy.clusters": Entry("n", "clusters that the good rules form"),
    "fit.<name>.<curve>.delta_aic": Entry("&Delta;AIC", "distance from the best model's criterion"),
    "fit.<name>.<curve>.<parameter>": Entry("", "parameter of a curve through a column"),
    "fit.<name>.<feature>": Entry("", "where a column has its feature"),
    "scan.points": Entry("", "points of the scan"),
    "scan.failed": Entry("", "points and fits that failed"),
    "rule.influence.<place>": Entry("", "how often another letter there changes the symbol"),
    "rule.equivariance": Entry("", "share of blocks for which the rule commutes with the symmetry"),
    "sampling.energy": Entry("&lang;E&rang;/N", "energy per site"),
    "sampling.magnetisation": Entry("&lang;|M|&rang;/N", "absolute magnetisation per site"),
    "sampling.tau_int.energy": Entry(
        "&tau;<sub>E</sub>", "integrated autocorrelation time of the energy"
    ),
    "sampling.tau_int.magnetisation": Entry(
        "&tau;<sub>|M|</sub>", "integrated autocorrelation time of the absolute magnetisation"
    ),
}
"""Every documented name; `<rule>` stands for the name of a rule, `<estimator>` of an
estimator, `<name>` of a layer, `<unit>` for a kind of network. `docs/results.md` says more."""

_PATTERNS = (
    (r"^compare\.[^.]+\.y_[th]\.step\.\d+$", "compare.<method>.<y>.step.<number>"),
    (r"^compare\.[^.]+\.y_[th]\.one_coupling$", "compare.<method>.<y>.one_coupling"),
    (r"^compare\.[^.]+\.([^.]+)$", r"compare.<method>.\1"),
    (
        r"^couplings\.rank_correlation\..+$",
        "couplings.rank_correlation.<norm>.<basis>.<group>.buffer_<b>",
    ),
    (r"^couplings\.\d-spin.*$", "couplings.<operator>"),
    (r"^information\.estimate\..+\.null$", "information.estimate.<estimator>.null"),
    (r"^information\.estimate\..+$", "information.estimate.<estimator>"),
    (r"^fit\.[^.]+\.[^.]+\.delta_aic$", "fit.<name>.<curve>.delta_aic"),
    (r"^fit\.[^.]+\.[^.]+\.[^.]+$", "fit.<name>.<curve>.<parameter>"),
    (r"^fit\.[^.]+\.[^.]+$", "fit.<name>.<feature>"),
    (r"^information\.exact\.[^.]+$", "information.exact.<rule>"),
    (r"^information\.learned\.curve\.\d+$", "information.learned.curve.<n>"),
    (r"^information\.learned\.seed\.\d+$", "information.learned.seed.<number>"),
    (r"^operators\.(?:scan\.)?dimension\.\d+$", "operators.dimension.<n>"),
    (r"^operators\.encoder\..+$", "operators.encoder.<name>"),
    (r"^operators\.(?:electric|magnetic)\.(\w+)\.\d+$", r"operators.<charge>.\1.<n>"),
    (r"^layers\.claim\.([^.]+)\.[^.]+$", r"layers.claim.\1.<unit>"),
    (r"^layers\..*\(.*\)\.[HI]\([XYT|;,]+\)$", "layers.<name>.<estimator>"),
    (r"^layers\..*(?:renyi|nearest_neighbour)\.I\([XYT;]+\)$", "layers.<name>.<estimator>"),
    (r"^layers\..+\.([HI]\([XYTE|;,]+\))$", r"layers.<name>.\1"),
)
"""Names that are made of parts, and the entry that explains them; the first that fits counts."""


def entry(name: str) -> Entry | None:
    """Meaning of a dotted name; None for a name that is not documented.

    >>> entry("information.exact.majority").meaning
    'exact information of the named rule'
    >>> entry("layers.encoder.0.H(X|T)").meaning
    'what the layer forgets of the input'
    """
    if name in GLOSSARY:
        return GLOSSARY[name]
    general = (re.sub(pattern, into, name) for pattern, into in _PATTERNS)
    return next((GLOSSARY[g] for g in general if g in GLOSSARY), None)
