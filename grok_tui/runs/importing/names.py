"""What the columns of a table are, by the names that loggers give them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

# The words of names, by what they say. A name with any other word says nothing.
_WORDS: Mapping[str, str] = {
    word: said
    for said, words in {
        "loss": "loss losses nll ce xent crossentropy",
        "acc": "acc accs accuracy accuracies acc1 accuracy1 top1",
        "norm": "norm",
        "weights": "weight weights param params parameter parameters l2",
        "train": "train training trn tr",
        "test": "test testing val valid validation dev holdout heldout",
        "eval": "eval evaluation",
        "step": "step steps iteration iterations iter iters it update updates",
        "epoch": "epoch epochs",
        "index": "index",
        "": "global trainer num n mean avg average sparse categorical percent pct percentage"
        " history nats",
    }.items()
    for word in words.split()
}
_JOINED = re.compile(r"(cross)[\W_]+(entropy)|(acc|accuracy|top)[\W_]+(1)(?!\d)")
_PERCENT = re.compile(r"%|(?<![a-z])(percent|pct|percentage)(?![a-z])")


@lru_cache(4096)
def meaning(name: str) -> str:
    """What a column is: `step`, `epoch`, `index`, `train_loss`, `test_acc`, `weight_norm`...

    `loss` and `acc` if it does not say of which pairs; empty if the name is unknown.
    """
    run_and_metric = name.rsplit(" - ", 1)  # as wandb names a column
    return _meaning(run_and_metric[-1]) or _meaning(name)


def says_percent(name: str) -> bool:
    """Whether the name of a column says that it is in percent."""
    return _PERCENT.search(name.lower()) is not None


def _meaning(name: str) -> str:
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()  # trainLoss
    words = re.findall(r"[^\W_]+", _JOINED.sub(r"\1\2\3\4", text))
    said = {_WORDS.get(word, "?") for word in words} - {""}
    if said in ({"norm"}, {"norm", "weights"}):
        return "weight_norm"
    if len(said - {"train"}) == 1 and (axis := said & {"step", "epoch", "index"}):
        return axis.pop()
    quantity = said & {"loss", "acc"}
    pairs = said - quantity - {"step", "epoch"}  # `train_loss_epoch`
    if len(quantity) != 1:
        return ""
    if len(pairs) > 1:  # `eval_train_loss`: evaluated, but on train pairs
        pairs -= {"eval"}
    names = {"train": "train_", "test": "test_", "eval": "test_"}
    if not pairs:
        return quantity.pop()
    prefix = names.get(pairs.pop()) if len(pairs) == 1 else None
    return f"{prefix}{quantity.pop()}" if prefix else ""
