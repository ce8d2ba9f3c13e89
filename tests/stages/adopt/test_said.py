"""What scripts say, which number of it is chosen, and the pattern that finds it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from luthier.core.errors import UsageError
from luthier.stages.adopt.found import Field, Often, Stream
from luthier.stages.adopt.metric import candidates, named
from luthier.stages.adopt.said_library import lines_of as library_lines
from luthier.stages.adopt.said_python import lines_of
from luthier.stages.adopt.source import Source


def lines(text: str):
    source = Source(Path("train.py"), text, ast.parse(text))
    return (*lines_of(source), *library_lines(source))


def shape(line) -> str:
    return "".join("<>" if isinstance(part, Field) else part for part in line.parts)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("print(f'loss {loss:.3f}, acc {acc}')", "loss <>, acc <>"),
        ("print('loss %.3f acc %d%%' % (loss, acc))", "loss <> acc <>%"),
        ("print('loss {:.3f} {acc}'.format(loss, acc=acc))", "loss <> <>"),
        ("print('loss', loss, 'acc', acc, sep='=')", "loss=<>=acc=<>"),
        ("print('loss ' + str(loss))", "loss <>"),
        ("message = f'loss {loss}'\nprint(message)", "loss <>"),
        ("print({'loss': loss})", "{'loss': <>}"),
        ("print(f'{loss=}')", "loss=<>"),
        ("import sys\nsys.stdout.write('loss %f' % loss)", "loss <>"),
        ("import click\nclick.echo(f'loss {loss}')", "loss <>"),
        ("def log(text):\n    print(text)\nlog(f'loss {loss}')", "loss <>"),
    ],
)
def test_ways_to_say_a_line(call, expected):
    assert expected in [shape(line) for line in lines(call)]


def test_streams():
    assert lines("import sys\nprint(f'a {b}', file=sys.stderr)")[0].stream is Stream.ERROR
    assert lines("bar.set_postfix(loss=loss)")[0].stream is Stream.ERROR
    assert lines("logging.basicConfig(level=20)\nlogger.info('loss %f', loss)")[0].stream is Stream.ERROR
    assert lines("logging.basicConfig(stream=sys.stdout)\nlogger.info(f'loss {loss}')")[0].stream is Stream.OUT
    assert lines("logger.info(f'loss {loss}')") == (), "nobody hears a logger that isn't set up"


@pytest.mark.parametrize(
    ("text", "often"),
    [
        ("for epoch in range(n):\n    print('loss', x)", Often.EPOCH),
        ("for epoch in range(n):\n    if verbose:\n        print('loss', x)", Often.EPOCH),
        ("for epoch in range(n):\n    if epoch % 10 == 0:\n        print('loss', x)", Often.ONCE),
        ("for epoch in range(n):\n    for batch in data:\n        print('loss', x)", Often.MANY),
        ("def test():\n    print('loss', x)\nfor epoch in range(n):\n    test()", Often.EPOCH),
        ("def test():\n    print('loss', x)\nfor epoch in range(n):\n    test()\ntest()", Often.ONCE),
        ("print('loss', x)", Often.ONCE),
        ("for fold in folds:\n    print('loss', x)", Often.MANY),
    ],
)
def test_how_often(text, often):
    assert lines(text)[0].often is often


def test_a_loop_that_may_end_early_has_no_bound():
    assert lines("for epoch in range(1, args.epochs + 1):\n    print('loss', x)")[0].epochs == "args.epochs"
    assert lines("for epoch in range(n):\n    print('loss', x)\n    if x < 1: break")[0].epochs == ""


@pytest.mark.parametrize(
    ("text", "name", "direction", "said", "number"),
    [
        ("print(f'train loss {a} | val loss {b}')", "val_loss", "minimize", "train loss 0.5 | val loss 0.25", "0.25"),
        ("print('Val Acc: {:.1%}'.format(a))", "val_accuracy", "maximize", "Val Acc: 93.5%", "93.5"),
        ("print('loss', train_loss, val_loss)", "val_loss", "minimize", "loss 0.5 0.25", "0.25"),
        ("print(f'Dev F1 = {a}.')", "val_f1", "maximize", "Dev F1 = 0.5.", "0.5"),
        ("print('test accuracy:', a, 'AUC:', b)", "test_roc_auc", "maximize", "test accuracy: 1 AUC: .7", "7"),
        ("print(rmse)", "rmse", "minimize", "0.5", "0.5"),
        ("print('valid perplexity %8.2f' % p)", "val_perplexity", "minimize", "valid perplexity 12.5", "12.5"),
        ("print(f'{t:.1f}s lr {lr} eval/loss {x:.3e}')", "val_loss", "minimize", "3s lr 1 eval/loss 1e-05", "1e-05"),
    ],
)  # fmt: skip
def test_the_metric_and_its_pattern(text, name, direction, said, number):
    chosen = candidates(lines(text))[0]
    assert (chosen.name, chosen.direction) == (name, direction)
    assert re.search(chosen.pattern, said).group(1).endswith(number)


def test_a_pattern_fits_no_other_line():
    text = "print(f'loss {a}')\nprint(f'val: loss {b}')\nprint(f'val: loss {b} best')\n"
    by_line = {one.line.number: one for one in candidates(lines(text))}
    assert re.search(by_line[2].pattern, "loss 1") is None


def test_a_diverged_number_is_read_as_one():
    """It must not pass for the number of the epoch before."""
    pattern = candidates(lines("print(f'val_loss {x}')"))[0].pattern
    assert re.search(pattern, "val_loss nan").group(1) == "nan"


def test_the_order_of_choice():
    said = (
        "print('train acc', a)\nprint('test acc', b)\nprint('accuracy', c)\nprint('val loss', d)\nprint('val acc', e)\n"
    )
    names = [one.name for one in candidates(lines(said))]
    assert names == ["val_accuracy", "val_loss", "accuracy", "test_accuracy", "train_accuracy"]


def test_keras_and_transformers_and_lightgbm_print_by_themselves():
    keras = lines("import keras\nm.compile(metrics=['acc'])\nm.fit(x, y, epochs=N, validation_split=0.1)")
    assert candidates(keras)[0].name == "val_accuracy"
    assert lines("import keras\nm.fit(x, y, epochs=3, verbose=0)") == ()
    assert candidates(lines("import transformers\nTrainer(m, eval_dataset=d)"))[0].name == "val_loss"
    boosted = lines("import lightgbm\np = {'metric': 'auc'}\nlightgbm.train(p, callbacks=[lightgbm.log_evaluation(1)])")
    assert candidates(boosted)[0].direction == "maximize"


def test_naming_a_metric():
    said = lines("print(f'val_loss {a} val_acc {b}')")
    assert named("val_loss", said).direction == "minimize"
    assert named("acc", said).name == "val_accuracy"
    assert named("my_number:minimize", said).pattern is None
    with pytest.raises(UsageError, match="--metric my_number:minimize"):
        named("my_number", said)
    with pytest.raises(UsageError, match="'minimize' or 'maximize'; got 'up'"):
        named("val_loss:up", said)
