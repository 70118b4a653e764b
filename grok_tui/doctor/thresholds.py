"""The doctor's thresholds. Where a run is named, it is one of docs/doctor.md."""

from __future__ import annotations

# --- reading curves -----------------------------------------------------------------------

# Where only losses are known, the train (test) pairs count as learned at this share of ln p. At
# an accuracy of 0.99 the healthy runs had losses of 0.01 to 0.06 of ln p.
LEARNED = 0.03
# Most test pairs are answered right: an accuracy, or a loss over ln p. Of a network that has
# only memorized, a test accuracy of 0.5 would come with a loss of ln p or more.
GENERALIZES_ACC = 0.5
GENERALIZES = 0.2
# A curve with fewer points is not judged.
FEW = 6
# A weight norm up to this step is taken for the initial one.
EARLY_STEP = 20
# ln p where p is unknown: from p = 11 to p = 499.
UNIFORM_LOSS_BOUNDS = (2.4, 6.2)

# --- initial weights ------------------------------------------------------------------------

# Initial norm over that of N(0, 1)/sqrt(d_model). `scaled-uniform` has 0.04 to 0.11 and stalls;
# half of it, and 0.8 of it, grok.
NORM_TOO_SMALL = 0.3
# `normal` has 7 to 11.
NORM_TOO_LARGE = 3.0
# An initial train loss of so many ln p: sane inits have 1.0 to 1.2, `normal` 40 and more.
LOSS_TOO_LARGE = 3.0
# A stall like that of a tiny init: the train loss stays between these shares of ln p (measured:
# 0.26 and 0.4 to 0.55) and the test loss below 1.2 ln p; once memorized it goes above 2.
STALL_LOW, STALL_HIGH, STALL_TEST = 0.1, 0.75, 1.2

# --- steps ------------------------------------------------------------------------------------

# A curve is flat if it has fallen by less than this share over its second half.
FLAT = 0.1
# Before so many steps nothing is said of a run that has learned nothing yet. The slowest
# healthy one had memorized its train pairs after 200.
PATIENCE = 300
# Collapsed weights give every pair the same answers: train and test loss differ by less than
# this share of ln p (measured: 0.000), and by 0.02 and more where steps are too small.
ALIKE = 0.005
# Creeping: over its second half the train loss has fallen by more than CREEP, and is still
# above this share of ln p.
CREEP, CREEP_ABOVE = 0.01, 0.6
# Nothing has been learned at this share of ln p.
STUCK = 0.88
# This share of some COARSE points of the train loss lies above the one before: with steps that
# are too small nearly none does (measured: 0.00), with those that jump about 0.16 to 0.42.
COARSE, RESTLESS = 60, 0.12
# Jumping about at so many ln p: steps too large (1.2 to 1.3 measured), not weights too small.
ABOVE_UNIFORM = 1.05
# Grokking took 4 to 10 times 1 / (lr * weight decay) steps at p = 113 with 30 % of the pairs,
# and up to 30 in small runs.
DECAY_TIMES, MOST_DECAY_TIMES = 4.0, 10.0
NO_PROGRESS_TIMES = 12.0
# Decay that needs more steps than this to act is too slow: at p = 113 and lr 1e-3, weight
# decay 0.1 did not grok in 40,000 steps, 0.3 did after 25,000.
MOST_STEPS = 25_000
# The most that a config may have.
MAX_STEPS = 16_000_000
# Steps until the train pairs are memorized, where that was not measured.
MEMORIZING_STEPS = 150

# --- settings ---------------------------------------------------------------------------------

# At p = 113 and weight decay 1, 1e-4 did not grok in 40,000 steps, 3e-4 did after 21,100.
LR_LOW = 2e-4
LR_SANE = 1e-3
# 1e-2 grokked after 300 steps and collapsed.
LR_HIGH = 2e-2
# Weight decay over sqrt(d_model): AdamW bounds a weight by 1 / weight decay, and a sane one is
# 1/sqrt(d_model). 0.44 grokked at p = 113, 0.87 did not memorize at p = 31.
DECAY_HIGH = 0.8
# Below this it is the weight decay that makes lr * weight decay small, not lr.
DECAY_SANE = 0.3
# A sane weight decay over sqrt(d_model): 3 at d_model 128.
DECAY_RATIO = 0.25
# Weights have collapsed at this share of their initial norm.
COLLAPSED = 0.5
# 0.2 never grokked at p = 113 in 40,000 steps, 0.3 did after 8,550.
FRACTION_LOW = 0.2
FRACTION_HIGH = 0.5
# Grokking by so many times the step of memorizing is not a delay.
AT_ONCE = 2

# --- trouble ----------------------------------------------------------------------------------

# Sane runs have a spike (`analysis.health`) now and then, a slingshot; those with a learning
# rate of 0.03 or more keep having them.
SPIKES = 3
# Test accuracy below this after grokking is a collapse.
RELAPSED_ACC = 0.9
# Share of the newest train losses, or at some time of the train pairs, that are exactly 0 where
# softmax has collapsed.
ZERO_SHARE = 0.2
# A mean loss below float32's resolution at 1: computed by log_softmax, it is rounding.
FLOAT32_FLOOR = 1.2e-7
# Progress: since memorizing, the test accuracy has risen by this much, or the test loss has
# fallen by this share of its peak without a spike.
ACC_RISE, LOSS_FALL = 0.08, 0.15
# Without a config: so many steps, and so many times as long as memorizing took, is a long wait.
# The test loss of `nanda`, which has memorized after 150 steps, falls from step 1,400 on.
LONG_WAIT, LONG_SHARE = 500, 20
