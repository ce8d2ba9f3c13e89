from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.processes import is_running

from luthier.core.contracts import Limits, View
from luthier.core.errors import StageError, UsageError
from luthier.core.lever import Lever
from luthier.core.parameter import Choice, Float, Int, Subset
from luthier.core.trial import Fidelity
from luthier.stages.bundle import unpack
from luthier.stages.check import bare_context, check_stage
from luthier.stages.command import CommandStage
from luthier.stages.template import Template

pytestmark = pytest.mark.skipif(os.name != "posix", reason="commands of these tests are those of POSIX")

LEVERS = (Lever("training", {"rate": Float(0.0, 1.0), "depth": Int(1, 9)}),)
SETTINGS = {"rate": 0.25, "depth": 3}
EPOCHS = Fidelity("epoch", 3, cumulative=False)


@pytest.fixture
def script(tmp_path: Path):
    """A Python program from its text; gives the stage that runs it."""

    def make(text: str, arguments: str = "", **options) -> CommandStage:
        path = tmp_path / f"program{len(list(tmp_path.iterdir()))}.py"
        path.write_text("import json, os, sys, time\n" + text)
        given = {"levers": LEVERS, "metric": "score", "grace": 5.0} | options
        return CommandStage(f"{{python}} {path} {arguments}", **given)

    return make


def gone(pid: int) -> bool:
    """Whether the process ends within some seconds."""
    for _ in range(200):
        if not is_running(pid):
            return True
        time.sleep(0.05)
    return False


# ------------------------------------------------------------------------------------------- settings


def test_settings_as_arguments_file_and_environment(run, script):
    stage = script(
        """
given = json.load(open(sys.argv[3]))
assert given == json.loads(os.environ["LUTHIER_SETTINGS"]) == {"rate": 0.25, "depth": 3, "note": "a b; $HOME"}
assert sys.argv[4] == "a b; $HOME", sys.argv
assert (os.environ["LUTHIER_SEED"], os.environ["LUTHIER_UNTIL"], os.environ["EXTRA"]) == ("7", "1", "yes")
assert os.environ["LUTHIER_SETTINGS_FILE"] == sys.argv[3]
print(json.dumps({"score": float(sys.argv[1]) * int(sys.argv[2]), "loss": 0.5, "epoch": 1, "note": "text"}))
""",
        "{rate} {depth} {settings_file} {note}",
        levers=(*LEVERS, Lever("words", {"note": Choice(("a b; $HOME", "c"))})),
        env={"EXTRA": "yes"},
    )
    (measurement,) = run(stage, {**SETTINGS, "note": "a b; $HOME"}, seed=7).measured
    assert measurement.value == 0.75
    assert measurement.metrics == {"loss": 0.5, "epoch": 1.0}


def test_a_list_of_arguments_and_braces(run):
    code = "import sys, json; print(json.dumps({{'score': float(sys.argv[1])}}))"
    assert run(CommandStage(("{python}", "-c", code, "{rate}"), LEVERS), SETTINGS).values == [0.25]


def test_the_shell_gets_quoted_values(run):
    lever = (Lever("words", {"note": Choice(("it's; exit 1", "c")), "flags": Subset((1, 2))}),)
    stage = CommandStage(
        """test {note} = "it's; exit 1" && test {flags} = '[1, 2]' && echo '{{"score": 1}}'""", lever, shell=True
    )
    assert run(stage, {"note": "it's; exit 1", "flags": (1, 2)}).values == [1.0]


def test_plain_sh_is_a_command(run):
    code = """i=1; while [ $i -le 3 ]; do echo "{\\"score\\": 0.$i}"; i=$((i+1)); done"""
    stage = CommandStage(("sh", "-c", code.replace("{", "{{").replace("}", "}}")), LEVERS, fidelity=EPOCHS)
    assert run(stage, SETTINGS).values == [0.1, 0.2, 0.3]
    check_stage(stage, SETTINGS, bare_context)


def test_limits_reach_the_command(script):
    stage = script("print(json.dumps({'score': float(os.environ['OMP_NUM_THREADS'])}))")
    context = replace(bare_context(1), limits=Limits(threads=3))
    assert [each.value for each in stage.evaluate(SETTINGS, context)] == [3.0]


def test_rows_as_csv(run, script, iris):
    stage = script(
        """
import csv
train, validation = (list(csv.DictReader(open(path))) for path in sys.argv[1:])
assert list(train[0]) == ["row_id", "x0", "x1", "x2", "x3", "y"], train[0]
print(json.dumps({"score": len(train) * 1000 + len(validation)}))
""",
        "{train} {validation}",
    )
    assert run(stage, SETTINGS, views=(View(iris.take(range(100)), iris.take(range(30))),)).values == [100030.0]
    with pytest.raises(UsageError, match=r"names \{train\}, which takes a study with data that is split once"):
        run(stage, SETTINGS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"run": "train --lr {rat}"}, "unknown placeholder {rat}; known are: rate, "),
        ({"run": "train {}"}, "a placeholder is a name in braces"),
        ({"run": "train {rate:.2f}"}, "a placeholder is a name in braces"),
        ({"run": "train {rate"}, "write {{ and }} for braces"),
        ({"run": "train 'a"}, "can't be read: No closing quotation"),
        ({"run": " "}, "a command needs a program to run"),
        ({"run": "t", "levers": (Lever("l", {"seed": Int(1, 2)}),)}, "'seed' has the name of a placeholder"),
        (
            {"run": "t {C}", "levers": (Lever("l", {"k": Choice((1, 2)), "C": Float(0, 1, when={"k": 1})}),)},
            "'C' exists only in some trials",
        ),
        ({"run": "t", "pattern": "score"}, "needs a group around the number"),
        ({"run": "t", "pattern": "("}, "is no regular expression"),
        ({"run": "t", "metrics_file": "metrics.json"}, "must lie in {output_dir}"),
        (
            {"run": "t", "predict_command": "p {train}"},
            "the predict command of stage 'command' has the unknown placeholder",
        ),
    ],
)
def test_what_is_wrong_with_a_command_is_said_when_it_is_made(options, message):
    with pytest.raises(UsageError) as raised:
        CommandStage(**({"levers": LEVERS} | options))
    assert message in str(raised.value)


# -------------------------------------------------------------------------------------------- metrics


def test_lines_that_are_no_metrics_are_passed_over(run, script):
    stage = script("print('starting {', '{\"loss\": 1}', '[1]', 'null', '{\"score\": 0.5}', sep='\\n')")
    assert run(stage, SETTINGS).values == [0.5]


def test_of_one_unit_in_all_the_last_line_counts(run, script):
    stage = script("[print(json.dumps({'score': each})) for each in (0.1, 0.9, 0.5)]")
    assert run(stage, SETTINGS).values == [0.5]


def test_a_pattern(run, script):
    text = "for e in (1, 2, 3): print(f'epoch {e}: acc=0.{e} (loss 1e-{e})')"
    stage = script(text, pattern=r"acc=(?P<value>[0-9.]+) \(loss (?P<loss>[0-9.e-]+)\)", fidelity=EPOCHS)
    measured = run(stage, SETTINGS).measured
    assert [each.value for each in measured] == [0.1, 0.2, 0.3]
    assert [each.metrics for each in measured] == [{"loss": 0.1}, {"loss": 0.01}, {"loss": 0.001}]
    assert run(script(text, pattern="acc=([0-9.]+)", fidelity=EPOCHS), SETTINGS).values == [0.1, 0.2, 0.3]


def test_a_pattern_on_standard_error(run, script):
    text = "print('loss 3')\nfor n in (1, 2):\n    print(f'\\rloss {n}', end='', file=sys.stderr)\n"
    assert run(script(text, pattern=r"loss (\d+)"), SETTINGS).values == [3]
    both = script(text, pattern=r"loss (\d+)", stderr=True, fidelity=EPOCHS)
    assert sorted(run(both, SETTINGS).values) == [1, 2, 3]


@pytest.mark.parametrize(("value", "expected"), [(True, ["--fast"]), (False, ["--slow"])])
def test_a_switch_is_said_or_not(value, expected):
    both, one = Template.of("train {fast:--fast|--slow}"), Template.of("train {fast:--fast} x")
    both.check(["fast"], "it")
    assert both.fill({"fast": value}) == ["train", *expected]
    assert one.fill({"fast": value}) == ["train", *(["--fast"] if value else []), "x"]
    assert one.fill({"fast": None}) == ["train", "x"]


@pytest.mark.parametrize("command", ["train {fast:.3f}", "train x{fast:--fast}", "train {fast:--a|--b|--c}"])
def test_a_switch_stands_by_itself(command):
    with pytest.raises(UsageError, match="a placeholder is a name in braces"):
        Template.of(command).check(["fast"], "it")


def test_a_switch_needs_a_truth():
    with pytest.raises(UsageError, match="'fast' is 'yes'"):
        Template.of("train {fast:--fast}").fill({"fast": "yes"})


def test_a_file_of_json_lines_is_read_as_it_grows(script):
    stage = script(
        """
with open(sys.argv[1] + "/log.jsonl", "w", buffering=1) as log:
    for epoch in range(3):
        log.write(json.dumps({"score": epoch}) + "\\n")
        while epoch == 0 and not os.path.exists(sys.argv[1] + "/go"):
            time.sleep(0.01)
""",
        "{output_dir}",
        metrics_file="{output_dir}/log.jsonl",
        fidelity=EPOCHS,
    )
    running = stage.evaluate(SETTINGS, bare_context(3))
    assert next(running).value == 0.0  # it waits for the file `go`, so this came while it was running
    running.close()


@pytest.mark.parametrize("text", ['{"score": 0.5,\n "other": 1}', '[{"score": 0.1}, {"score": 0.5}]', '{"score": 0.5}'])
def test_a_file_that_is_one_json_document(run, script, text):
    stage = script(f"open(sys.argv[1], 'w').write({text!r})", "{output_dir}/m.json", metrics_file="{output_dir}/m.json")
    assert run(stage, SETTINGS).values == [0.5]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("print('done: 0.9')", {}, "ended without telling its 'score': print lines such as {\"score\": 0.9}"),
        ("print('done: 0.9')", {}, "it printed:\n  done: 0.9"),
        ("pass", {"pattern": "acc=(.*)"}, "no line fits the pattern 'acc=(.*)'; it printed:\n  (nothing)"),
        ("pass", {"metrics_file": "{output_dir}/a"}, 'write lines such as {"score": 0.9} to {output_dir}/a'),
        ("print('{\"score\": NaN}')", {}, "gave nan as its 'score'; a diverged run should end with an error"),
        ('print(\'{"score": "high"}\')', {}, "gave 'high' as its 'score', which is no number"),
        ("print('{\"score\": null}')", {}, "gave None as its 'score', which is no number"),
        ("print('acc=high')", {"pattern": "acc=(.*)"}, "found 'high' in 'acc=high', which is no number"),
        ("print('{\"score\": 1}')", {"fidelity": EPOCHS}, "told its 'score' 1 times and ended, but was to go to 3"),
        ("print('{\"score\": 1}'); sys.exit(3)", {}, "ended with exit status 3"),
        ("os.kill(os.getpid(), 11)", {}, "was ended by signal 11"),
    ],
)
def test_what_went_wrong_is_shown(run, script, text, options, message):
    with pytest.raises(StageError) as raised:
        run(script(text, **options), SETTINGS)
    assert message in str(raised.value)
    assert "the command of stage 'command'" in str(raised.value) or "the command gave" in str(raised.value) or options


def test_the_last_lines_of_errors_are_shown_without_secrets(run, script):
    stage = script(
        """
for number in range(50):
    print("line", number, file=sys.stderr)
print("could not log in with", os.environ["MY_API_KEY"], file=sys.stderr)
raise ValueError("no such file")
""",
        env={"MY_API_KEY": "sesame-open-123"},
    )
    with pytest.raises(StageError) as raised:
        run(stage, SETTINGS)
    text = str(raised.value)
    assert "ended with exit status 1; the last that it said:" in text
    assert "could not log in with ***" in text
    assert text.endswith("ValueError: no such file")
    assert "line 49" in text
    assert "line 10\n" not in text
    assert "sesame" not in text + repr(stage)


def test_a_program_or_folder_that_is_missing(run):
    with pytest.raises(UsageError, match="the program 'no-such-program' isn't found"):
        run(CommandStage("no-such-program {rate}", LEVERS), SETTINGS)
    with pytest.raises(UsageError, match="is to run in 'no/such/folder', which is no folder"):
        run(CommandStage("sh -c true", LEVERS, cwd="no/such/folder"), SETTINGS)


# ------------------------------------------------------------------------------------------- stopping


ENDLESS = """
import signal
def tidy(*_):
    open(sys.argv[1], "w").write("tidied")
    sys.exit(0)
signal.signal(signal.SIGTERM, tidy)
for epoch in range(10_000):
    print(json.dumps({"score": epoch, "pid": os.getpid()}))
    time.sleep(0.02)
"""


def test_stopping_lets_the_command_tidy_up_and_leaves_no_process(script, tmp_path):
    stage = script(ENDLESS, str(tmp_path / "trace"), fidelity=EPOCHS)
    running = stage.evaluate(SETTINGS, bare_context(3))
    pid = int(next(running).metrics["pid"])
    assert is_running(pid)
    running.close()
    assert (tmp_path / "trace").read_text() == "tidied"
    assert not is_running(pid)


def test_a_command_that_goes_beyond_its_grant_is_ended(run, script, tmp_path):
    for fidelity in (EPOCHS, Fidelity("epoch", 2, cumulative=False)):
        measured = run(script(ENDLESS, str(tmp_path / "trace"), fidelity=fidelity), SETTINGS, 2).measured
        assert [each.value for each in measured] == [0.0, 1.0]
        assert gone(int(measured[0].metrics["pid"]))


def test_a_command_that_will_not_end_is_killed_with_all_that_it_started(script):
    stage = script(
        """
import signal, subprocess
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "600"], preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN))
print(json.dumps({"score": 1, "pid": os.getpid(), "child": child.pid}))
time.sleep(600)
""",
        fidelity=EPOCHS,
        grace=0.2,
    )
    running = stage.evaluate(SETTINGS, bare_context(3))
    measurement = next(running)
    running.close()
    assert gone(int(measurement.metrics["pid"]))
    assert gone(int(measurement.metrics["child"]))


def test_what_a_finished_command_left_running_is_ended(run, script):
    stage = script(
        """
import subprocess
child = subprocess.Popen(["sleep", "600"])
print(json.dumps({"score": 1, "child": child.pid}))
"""
    )
    assert gone(int(run(stage, SETTINGS).measured[0].metrics["child"]))


def test_the_command_ends_when_its_owner_is_killed(tmp_path):
    import subprocess

    program = r"""
import time
from luthier.core.trial import Fidelity
from luthier.stages.check import bare_context
from luthier.stages.command import CommandStage
code = 'echo "{{\\"score\\": $$}}"; exec sleep 600'
stage = CommandStage(("sh", "-c", code), fidelity=Fidelity("epoch", 2))
running = stage.evaluate({}, bare_context(2))
print(next(running).value, flush=True)
time.sleep(600)
"""
    owner = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        assert owner.stdout is not None
        pid = int(float(owner.stdout.readline()))
        assert is_running(pid)
    finally:
        owner.kill()
        owner.communicate()
    assert gone(pid)


def test_no_folder_is_left_behind(run, script, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    run(script("open(os.environ['LUTHIER_OUTPUT_DIR'] + '/a', 'w'); print('{\"score\": 1}')"), SETTINGS)
    with pytest.raises(StageError):
        run(script("sys.exit(1)"), SETTINGS)
    assert not list((tmp_path / "temporary").iterdir())


# ----------------------------------------------------------------------------------------- checkpoints


CHECKPOINTED = """
folder, until, rate = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
state = {"epoch": 0, "weight": 0.1}
if os.path.exists(folder + "/deep/state.json"):
    state = json.load(open(folder + "/deep/state.json"))
os.makedirs(folder + "/deep", exist_ok=True)
open(sys.argv[4], "a").write(f"{state['epoch']}-{until} ")
while state["epoch"] < until:
    state = {"epoch": state["epoch"] + 1, "weight": state["weight"] * (1 + rate)}
    json.dump(state, open(folder + "/deep/state.json", "w"))
    print(json.dumps({"score": state["weight"], "epoch": state["epoch"]}))
"""


def checkpointed(script, trace, **options):
    arguments = f"{{checkpoint_dir}} {{until}} {{rate}} {trace}"
    return script(CHECKPOINTED, arguments, fidelity=EPOCHS, **options)


def test_a_command_with_checkpoints_goes_on_where_it_was(run, script, tmp_path):
    stage = checkpointed(script, tmp_path / "trace", checkpoints=True)
    whole = run(stage, SETTINGS).measured
    (tmp_path / "trace").unlink()
    first = run(stage, SETTINGS, 1)
    second = run(stage, SETTINGS, 2, after=first)
    second.measured[:0] = first.measured
    third = run(stage, SETTINGS, 3, after=second)
    assert [*second.measured, *third.measured] == whole
    assert (tmp_path / "trace").read_text() == "0-1 1-2 2-3 "


def test_a_command_with_checkpoints_keeps_the_contract(script, tmp_path):
    check_stage(checkpointed(script, tmp_path / "trace", checkpoints=True), SETTINGS, bare_context)


def test_a_checkpoint_in_the_middle_of_a_grant_is_one_that_is_certain(run, script, tmp_path):
    stage = checkpointed(script, tmp_path / "trace", checkpoints=True)
    whole = run(stage, SETTINGS).measured
    context = bare_context(3)
    running = stage.evaluate(SETTINGS, context)
    measured = [next(running), next(running)]
    state = context.save_state()
    running.close()
    rest = bare_context(3)
    rest.measured, rest.checkpoint = tuple(measured), state
    assert [*measured, *stage.evaluate(SETTINGS, rest)] == whole


def test_without_checkpoints_it_starts_over(run, script, tmp_path):
    stage = checkpointed(script, tmp_path / "trace")
    first = run(stage, SETTINGS, 1)
    assert first.checkpoint is None
    rest = run(stage, SETTINGS, 3, after=first)
    assert [each.fidelity for each in rest.measured] == [2, 3]
    assert (tmp_path / "trace").read_text() == "0-1 0-3 "


# ------------------------------------------------------------------------------------------ artifacts


def test_the_artifact_holds_outputs_settings_and_metrics(script):
    stage = script(
        """
open(sys.argv[1] + "/model.bin", "wb").write(b"weights")
print(json.dumps({"score": 0.5, "loss": 2}))
""",
        "{output_dir}",
    )
    context = bare_context(1)
    files = unpack(context.artifacts.get(stage.finalize(SETTINGS, context)))
    assert files["output/model.bin"] == b"weights"
    assert json.loads(files["settings.json"]) == SETTINGS
    assert json.loads(files["metrics.json"]) == {"score": 0.5, "loss": 2.0}


def test_predicting(script, tmp_path, iris):
    (tmp_path / "predict.py").write_text(
        """
import csv, json, sys
word = open(sys.argv[1] + "/word").read()
with open(sys.argv[3], "w") as out:
    for row in csv.DictReader(open(sys.argv[2])):
        assert "y" not in row
        out.write(json.dumps({"value": word, "probabilities": {"a": 0.25, word: 0.75}}) + "\\n")
"""
    )
    stage = script(
        "open(sys.argv[1] + '/word', 'w').write('b'); print('{\"score\": 1}')",
        "{output_dir}",
        predict_command=f"{{python}} {tmp_path}/predict.py {{artifact_dir}} {{inputs}} {{predictions}}",
    )
    context = bare_context(1)
    said = stage.predict(stage.finalize(SETTINGS, context), iris.take(range(3)).without_labels(), context)
    assert said.values.tolist() == ["b", "b", "b"]
    assert said.classes == ("a", "b")
    assert said.probabilities.tolist() == [[0.25, 0.75]] * 3
    check_stage(stage, SETTINGS, lambda until: bare_context(until, views=(View(iris, iris),)))


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("true", "wrote no file {predictions}"),
        ("echo 1 > {predictions}", "one line a row: 2 rows, but 1 lines"),
        ("echo cat > {predictions}", "is no JSON"),
        ("""printf '{{"value": 1}}\\n2\\n' > {predictions}""", "can't be read (TypeError"),
        ("echo oh no >&2; exit 4", "ended with exit status 4; the last that it said:\n  oh no"),
    ],
)
def test_what_is_wrong_with_predictions(iris, command, message):
    stage = CommandStage("""echo '{{"score": 1}}'""", shell=True, predict_command=command)
    context = bare_context(1)
    address = stage.finalize({}, context)
    with pytest.raises(StageError) as raised:
        stage.predict(address, iris.take(range(2)), context)
    assert message in str(raised.value)


def test_numbers_as_predictions(iris):
    command = "printf '1\\n2.5\\n' > {predictions}"
    stage = CommandStage("""echo '{{"score": 1}}'""", shell=True, predict_command=command)
    context = bare_context(1)
    said = stage.predict(stage.finalize({}, context), iris.take(range(2)), context)
    assert said.values.tolist() == [1.0, 2.5]
    assert said.probabilities is None


def test_without_a_predict_command_nothing_predicts(iris):
    stage = CommandStage("true")
    with pytest.raises(UsageError, match="has no predict command, so its models can't be tested"):
        stage.predict("sha256:0", iris, bare_context(1))


def test_the_version_follows_the_command_and_its_files(tmp_path):
    (tmp_path / "train.sh").write_text("echo 1")
    one = CommandStage("sh train.sh", cwd=str(tmp_path)).version
    assert one == CommandStage("sh train.sh", cwd=str(tmp_path)).version
    (tmp_path / "train.sh").write_text("echo 2")
    assert one != CommandStage("sh train.sh", cwd=str(tmp_path)).version
    assert CommandStage("sh train.sh", version="3").version == "3"
