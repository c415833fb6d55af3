"""The recipes of a data set's models: they made the shipped checkpoints, and a call resumes where the last one stopped."""

import json
import os
import signal
import sys
from dataclasses import asdict
from threading import Timer

import pytest

from dmfa_demo.storage.checkpoints import CONFIG
from train import __main__ as command_line
from train import recipes
from train.commands import parse
from train.engine import run as engine
from train.engine.loop import Interrupted
from train.engine.model_card import METRICS
from train.methods import classifier
from train.recipes import RECIPES, All, Step, incomplete
from train.report.rows import Row

# Trained and measured, but not used on the page.
NOT_SHIPPED = {
    ("fashion-mnist", step.command)
    for step in RECIPES["fashion-mnist"]
    if step.folder in ("knn-square14", "dmfa-square14")
} | {
    ("mnist", step.command)
    for step in RECIPES["mnist"]
    if step.folder
    in (
        "vaeac-line3",
        "gsnn-line3",
        "vae",
        "dmfa-trapezoid",
        "dmfa-noise75",
        "knn-trapezoid",
        "knn-noise75",
        "mfa-square14",
        "wae-dmfa-mean",
        "wae-knn",
        "wae-acflow",
        "wae-partial-conv",
    )
}
NOT_SHIPPED.add(("celeba32", "dmfa"))
# Their images may not be distributed, and their models are not on the page.
NOT_ON_THE_PAGE = ("cifar10", "svhn")


@pytest.mark.parametrize("dataset", RECIPES)
def test_shipped_checkpoints_were_made_by_the_recipe(dataset):
    configs = {step.command: step.config(dataset) for step in RECIPES[dataset]}
    assert len(configs) == len(RECIPES[dataset])
    assert not {command: found for command, config in configs.items() if (found := config.differences())}
    if dataset in NOT_ON_THE_PAGE:
        return
    left = {(dataset, command) for command, config in configs.items() if not config.is_finished()}
    assert left == {one for one in NOT_SHIPPED if one[0] == dataset}


@pytest.mark.parametrize("dataset", RECIPES)
def test_every_source_is_made_before_it_is_read(dataset):
    made = set()
    for step in RECIPES[dataset]:
        assert set(step.config(dataset).sources) - made <= ({"knn"} if dataset == "celeba" else set()), step
        made.add(step.output(dataset))


def test_list_shows_which_commands_are_finished_and_runs_nothing(monkeypatch, capsys):
    monkeypatch.setattr(recipes, "_run", None)
    monkeypatch.setattr(sys, "argv", ["train", "all", "--dataset", "celeba32", "--list"])
    command_line.main()
    lines = [
        "to do     python -m train dmfa --dataset celeba32 --run-folder runs/celeba32/dmfa-plain --output checkpoints/celeba32/dmfa-plain",
        "finished  python -m train mfa --dataset celeba32",
        "finished  python -m train guided-dmfa --dataset celeba32",
    ]
    assert capsys.readouterr().out.splitlines() == lines


CLASSIFY = "classifier --treatment knn --incomplete square14 --seeds 1"


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Replace training by writing a command's checkpoint or figures; `stop` names a command to interrupt."""
    monkeypatch.chdir(tmp_path)
    for module in (engine, classifier, recipes):
        monkeypatch.setattr(module, "ROOT", tmp_path / "checkpoints")
    monkeypatch.setattr(recipes, "RECIPES", {"mnist": (Step("mean"), incomplete("knn", "square14"), Step(CLASSIFY))})

    class StandIn:
        ran: list[str] = []  # noqa: RUF012
        stop = ""

        def __call__(self, command):
            words = command[command.index("train") + 1 :]
            self.ran = [*self.ran, words[0]]
            if words[0] == self.stop:
                return 130
            config = parse(words)
            config.checkpoint.mkdir(parents=True, exist_ok=True)
            if words[0] == "classifier":
                row = Row(
                    dataset="mnist",
                    method="classifier-knn",
                    protocol="classify-square14",
                    metric="accuracy",
                    value=0.9,
                    stderr=None,
                    n=1,
                    seeds=1,
                    paper=None,
                    source=None,
                    weights="",
                )
                (config.checkpoint / METRICS).write_text(json.dumps([asdict(row)]))
            else:
                (config.checkpoint / CONFIG).write_text(json.dumps(config.settings))
            return 0

        def all(self, stop: str = "") -> list[str]:
            """Run the recipe, and return the commands run."""
            self.ran, self.stop = [], stop
            recipes.run(All())
            return self.ran

    stand_in = StandIn()
    monkeypatch.setattr(recipes, "_run", stand_in)
    return stand_in


def test_every_command_runs_once_and_an_interrupted_recipe_resumes(stand_in, tmp_path):
    with pytest.raises(Interrupted, match="stopped; python -m train all --dataset mnist resumes there"):
        stand_in.all(stop="knn")
    assert stand_in.ran == ["mean", "knn"]
    assert stand_in.all() == ["knn", "classifier"]
    assert (tmp_path / "checkpoints" / "mnist" / "knn-square14" / CONFIG).is_file()
    assert stand_in.all() == []


def test_commands_run_again_after_their_source_even_after_an_interruption(stand_in, tmp_path):
    stand_in.all()
    (tmp_path / "checkpoints" / "mnist" / "knn-square14" / CONFIG).unlink()
    with pytest.raises(Interrupted):
        stand_in.all(stop="classifier")
    assert stand_in.ran == ["knn", "classifier"]
    assert stand_in.all() == ["classifier"]
    assert stand_in.all() == []


def test_source_with_other_settings_is_refused_before_anything_runs(stand_in, tmp_path, capsys):
    stand_in.all()
    path = tmp_path / "checkpoints" / "mnist" / "knn-square14" / CONFIG
    settings = json.loads(path.read_text())
    settings["network"]["references"], settings["training"]["incomplete"] = 300, "half"
    path.write_text(json.dumps(settings))
    (tmp_path / "checkpoints" / "mnist" / "mean" / CONFIG).unlink()
    with pytest.raises(ValueError, match="knn-square14 differs from the recipe") as refused:
        stand_in.all()
    for difference in ("network.references is 300, not 5000", 'training.incomplete is "half", not "square14"'):
        assert difference in str(refused.value)
    assert stand_in.ran == []
    capsys.readouterr()
    recipes.run(All(list=True))
    states = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert states == ["to", "differs", "there", "finished"]


def test_masks_under_another_name_are_equal(stand_in, tmp_path):
    stand_in.all()
    path = tmp_path / "checkpoints" / "mnist" / "knn-square14" / CONFIG
    path.write_text(path.read_text().replace("square14", "rect14x14"))
    assert stand_in.all() == []


def test_failed_command_is_named(stand_in, monkeypatch):
    monkeypatch.setattr(recipes, "_run", lambda command: 1)
    with pytest.raises(ValueError, match="python -m train mean --dataset mnist failed with exit code 1"):
        recipes.run(All())


WAITS = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(130)); print(flush=True); time.sleep(60)"


def test_interrupted_command_is_awaited():
    before = signal.getsignal(signal.SIGTERM)
    timer = Timer(3, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    assert recipes._run([sys.executable, "-c", WAITS]) == 130
    assert signal.getsignal(signal.SIGTERM) is before
