"""The files that loggers write, from the curves of a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

LOSSES = ("train_loss", "test_loss")
ACCURACIES = ("train_acc", "test_acc")


@dataclass(frozen=True)
class Measured:
    """What was measured at a step: numbers as text, None for what was not."""

    step: int
    values: Mapping[str, str | None]

    def text(self, name: str, gap: str = "") -> str:
        return self.values[name] or gap

    def has(self, pairs: str) -> bool:
        return self.values[f"{pairs}_loss"] is not None


Logger = Callable[[Sequence[Measured]], str]


def plain(rows: Sequence[Measured]) -> str:
    lines = ["step,train_loss,test_loss,train_acc,test_acc"]
    lines += [",".join([str(r.step), *map(r.text, (*LOSSES, *ACCURACIES))]) for r in rows]
    return _text(lines)


def lightning(rows: Sequence[Measured]) -> str:
    """Train and validation on rows of their own, with the epoch beside the step."""
    lines = ["epoch,step,train_acc,train_loss,val_acc,val_loss"]
    for r in rows:
        if r.has("train"):
            lines.append(
                f"{r.step // 2},{r.step},{r.text('train_acc')},{r.text('train_loss')},,"
            )
        if r.has("test"):
            lines.append(f"{r.step // 2},{r.step},,,{r.text('test_acc')},{r.text('test_loss')}")
    return _text(lines)


def keras(rows: Sequence[Measured]) -> str:
    lines = ["epoch,accuracy,loss,val_accuracy,val_loss"]
    names = ("train_acc", "train_loss", "test_acc", "test_loss")
    lines += [",".join([str(r.step), *(r.text(n, "NA") for n in names)]) for r in rows]
    return _text(lines)


def hugging_face(rows: Sequence[Measured]) -> str:
    log: list[dict[str, object]] = []
    for r in rows:
        if r.has("train"):
            log.append(_record(r, loss="train_loss", train_accuracy="train_acc"))
        if r.has("test"):
            log.append(_record(r, eval_loss="test_loss", eval_accuracy="test_acc"))
    log.append({"step": rows[-1].step, "train_loss": 0.1234, "train_runtime": 12.3})
    return json.dumps({"best_metric": None, "log_history": log, "max_steps": 9}, indent=2)


def wandb(rows: Sequence[Measured]) -> str:
    metrics = {"train_loss": "loss/train", "test_loss": "loss/val",
               "train_acc": "acc/train", "test_acc": "acc/val"}  # fmt: skip
    columns = [f"red-sea-4 - {m}{end}" for m in metrics.values() for end in ("", "__MIN")]
    lines = [",".join(f'"{name}"' for name in ("Step", *columns))]
    for r in rows:
        cells = [str(r.step), *(r.text(name) for name in metrics for _ in range(2))]
        lines.append(",".join(f'"{cell}"' for cell in cells))
    return _text(lines)


def json_lines(rows: Sequence[Measured]) -> str:
    return _text(
        json.dumps({"iter": r.step, "train": {"loss": _number(r, "train_loss"),
                                              "acc": _number(r, "train_acc")},
                    "val": {"loss": _number(r, "test_loss"), "acc": _number(r, "test_acc")}})
        for r in rows
    )  # fmt: skip


def history(rows: Sequence[Measured]) -> str:
    names = {"loss": "train_loss", "val_loss": "test_loss", "accuracy": "train_acc",
             "val_accuracy": "test_acc"}  # fmt: skip
    lists = {new: [_number(r, name) for r in rows] for new, name in names.items()}
    return json.dumps({"history": lists, "epoch": [r.step for r in rows], "params": {}})


def long_table(rows: Sequence[Measured]) -> str:
    """A tag in every row, all train losses first, as a table of TensorBoard's scalars."""
    tags = {"train_loss": "Loss/train", "test_loss": "Loss/val", "train_acc": "Accuracy/train",
            "test_acc": "Accuracy/val"}  # fmt: skip
    lines = ["step,tag,value"]
    for name, tag in tags.items():
        lines += [f"{r.step},{tag},{r.text(name)}" for r in rows if r.values[name]]
    return _text(lines)


def keras_board(rows: Sequence[Measured]) -> str:
    """The scalars of Keras' TensorBoard callback: the same tags in two runs."""
    lines = ["run,tag,step,value"]
    for pairs, run in (("train", "train"), ("test", "validation")):
        for kind, tag in (("loss", "epoch_loss"), ("acc", "epoch_accuracy")):
            name = f"{pairs}_{kind}"
            lines += [f"{run},{tag},{r.step},{r.text(name)}" for r in rows if r.values[name]]
    return _text(lines)


def modes(rows: Sequence[Measured]) -> str:
    """JSON lines that say in each on which pairs they were measured."""
    return _text(
        json.dumps({"mode": mode, "iter": r.step, "lr": 0.001,
                    "loss": _number(r, f"{pairs}_loss"),
                    "accuracy_top-1": _number(r, f"{pairs}_acc")})
        for r in rows for pairs, mode in (("train", "train"), ("test", "val")) if r.has(pairs)
    )  # fmt: skip


def spreadsheet(rows: Sequence[Measured]) -> str:
    return "\ufeff" + plain(rows).replace(",", ";").replace(".", ",").replace("\n", "\r\n")


def savetxt(rows: Sequence[Measured]) -> str:
    lines = ["# step train_loss test_loss train_acc test_acc"]
    for r in rows:
        cells = (r.text(name, "nan") for name in (*LOSSES, *ACCURACIES))
        lines.append(" ".join([str(r.step), *cells]))
    return _text(lines)


def tabs(rows: Sequence[Measured]) -> str:
    return "# p = 31\n" + plain(rows).replace(",", "\t")


LOGGERS: tuple[Logger, ...] = (
    plain, lightning, keras, hugging_face, wandb, json_lines, history, long_table,
    keras_board, modes, spreadsheet, savetxt, tabs,
)  # fmt: skip


def _text(lines: object) -> str:
    return "".join(f"{line}\n" for line in lines)  # type: ignore[attr-defined]


def _number(row: Measured, name: str) -> float | None:
    text = row.values[name]
    return None if text is None else float(text)


def _record(row: Measured, **names: str) -> dict[str, object]:
    values = {new: _number(row, name) for new, name in names.items()}
    return {"epoch": row.step / 7, **values, "step": row.step}
