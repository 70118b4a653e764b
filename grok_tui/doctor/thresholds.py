"""The doctor's thresholds. The runs behind them are in docs/doctor.md."""

from __future__ import annotations

# --- reading curves -----------------------------------------------------------------------

# If only losses are known, train or test pairs count as learned at this share of ln p. Healthy
# runs had losses of 0.01 to 0.06 ln p at an accuracy of 0.99.
LEARNED = 0.03
# The accuracy that usually goes with a loss up to a share of ln p.
ACCURACIES = ((LEARNED, 1.0), (0.2, 0.93), (0.5, 0.6))
# A curve with fewer points is not judged.
FEW = 6
# A weight norm measured up to this step counts as the initial one.
EARLY_STEP = 20
# Bounds of ln p if p is unknown: those of p = 11 and p = 499.
UNIFORM_LOSS_BOUNDS = (2.4, 6.2)

# --- initial weights ------------------------------------------------------------------------

# Initial norm over that of N(0, 1)/sqrt(d_model). `scaled-uniform` has 0.04 to 0.11 and stalls;
# 0.5 and 0.8 grok.
NORM_TOO_SMALL = 0.3
# `normal` has 7 to 11.
NORM_TOO_LARGE = 3.0
# Initial train loss over ln p: sane inits have 1.0 to 1.2, `normal` 40 and more.
LOSS_TOO_LARGE = 3.0
# A tiny init stalls: the train loss stays between these shares of ln p (measured: 0.26 and 0.4
# to 0.55) and the test loss below 1.2 ln p. After memorizing, the test loss exceeds 2 ln p.
STALL_LOW, STALL_HIGH, STALL_TEST = 0.1, 0.75, 1.2

# --- steps ------------------------------------------------------------------------------------

# A curve is flat if it has fallen by less than this share over its second half.
FLAT = 0.1
# A run that has learned nothing is not judged before this step. The slowest healthy run
# memorized its train pairs after 200 steps.
PATIENCE = 300
# With collapsed weights all pairs get the same answer: train and test loss differ by less than
# this share of ln p (measured: 0.000). If steps are too small, they differ by 0.02 or more.
ALIKE = 0.005
# Creeping: the train loss has fallen by more than CREEP over its second half, but is still
# above CREEP_ABOVE ln p.
CREEP, CREEP_ABOVE = 0.01, 0.6
# With a train loss above this share of ln p, nothing has been learned.
STUCK = 0.88
# Restless: of about COARSE points of the train loss, this share lies above the previous one.
# Measured: 0.00 if steps are too small, 0.16 to 0.42 if they jump about.
COARSE, RESTLESS = 60, 0.12
# Restless above this many ln p: the steps are too large (measured: 1.2 to 1.3), rather than the
# weights too small.
ABOVE_UNIFORM = 1.05
# Grokking took 4 to 10 times 1 / (lr * weight decay) steps at p = 113 with 30% of the pairs,
# and up to 30 times in small runs.
DECAY_TIMES, MOST_DECAY_TIMES = 4.0, 10.0
NO_PROGRESS_TIMES = 12.0
# Steps until the train pairs are memorized, if not measured.
MEMORIZING_STEPS = 150

# --- settings ---------------------------------------------------------------------------------

# At p = 113 and weight decay 1, lr 1e-4 did not grok in 40,000 steps, 3e-4 did after 21,100.
LR_LOW = 2e-4
LR_SANE = 1e-3
# lr 1e-2 grokked after 300 steps, then collapsed.
LR_RELAPSES = 5e-3
LR_HIGH = 2e-2
# Weight decay over sqrt(d_model): AdamW bounds a weight by 1 / weight decay, and a sane weight
# is 1/sqrt(d_model). 0.44 grokked at p = 113, 0.87 did not memorize at p = 31.
DECAY_HIGH = 0.8
# Below this, a small lr * weight decay is due to the weight decay, otherwise to lr.
DECAY_SANE = 0.3
# A sane weight decay over sqrt(d_model): 3 at d_model 128.
DECAY_RATIO = 0.25
# It works at every size that was tried.
DECAY_PLAIN = 1.0
# Weights have collapsed below this share of their initial norm.
COLLAPSED = 0.5
# Train fractions by modulus: none grokks up to the first, most do from the second on, and from
# the third on without a delay.
FRACTIONS = (
    (13, 0.5, 0.9, 0.9),
    (43, 0.3, 0.6, 0.7),
    (59, 0.2, 0.4, 0.6),
    (113, 0.2, 0.3, 0.5),
)
# Up to this modulus there are so few pairs that hardly any run groks.
MODULUS_LOW = 13
# Grokking within this many times the step of memorizing does not count as delayed, and with
# half of all pairs or more within this many (measured: 1.7 to 3.8).
AT_ONCE, SOON, FRACTION_HALF = 2, 4, 0.5

# Limits beyond which no run grokked (docs/doctor.md), and where that is sure.
EPS_HIGH, EPS_SURE = 3e-3, 1e-2
BETA1_HIGH, BETA1_SURE = 0.99, 0.999
BETA2_LOW, BETA2_SURE = 0.5, 0.3
WIDTH_LOW, WIDTH_SURE = 8, 4
FILTER_HIGH, FILTER_SLOW = 30.0, 0.999
# Fewer evaluations cannot show grokking.
LEAST_EVALUATIONS = 5
# An edit is the first suspect for so many steps, or so many times 1 / (lr * weight decay).
EDIT_STEPS, EDIT_DECAY_TIMES = 100, 3.0
# Of the time since memorizing, the newest share in which the test pairs must improve.
RECENT = 0.3

# --- trouble ----------------------------------------------------------------------------------

# Healthy runs spike (`analysis.health`) now and then, a slingshot; those with a learning rate
# of 0.03 or more keep spiking.
SPIKES = 3
# Softmax has collapsed if this share of the newest train losses is exactly 0, or of the train
# pairs at any time.
ZERO_SHARE = 0.2
# The resolution of float32 at 1. A mean loss below it, computed by log_softmax, is rounding.
FLOAT32_FLOOR = 1.2e-7
# Of late, the test accuracy has risen by this much, or the test loss has fallen by this share.
ACC_RISE, LOSS_FALL = 0.03, 0.1
# Without a config, a long wait is this many steps, and this many times as long as memorizing
# took. `nanda` memorizes after 150 steps, and its test loss falls from step 1,400 on.
LONG_WAIT, LONG_SHARE = 500, 20


def fractions(p: int) -> tuple[float, float]:
    """The largest train fraction that never grokked, and the smallest that usually does."""
    _, never, usually, _ = _nearest(p)
    return never, usually


def no_delay_from(p: int) -> float:
    """The smallest train fraction at which there is usually no delay."""
    return _nearest(p)[3]


def _nearest(p: int) -> tuple[int, float, float, float]:
    return next((row for row in FRACTIONS if p <= row[0]), FRACTIONS[-1])
