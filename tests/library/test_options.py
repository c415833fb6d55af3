"""Options: every number has a range, and a value outside it is refused in one line, wherever a config is made."""

import dataclasses
import json
import math
import re
import subprocess
import sys
from typing import get_type_hints

import pytest

from dmfa_demo.models.baselines import KNNConfig
from dmfa_demo.models.dmfa import DMFAConfig
from dmfa_demo.models.mfa import MFAConfig
from dmfa_demo.models.walks import WalkConfig
from dmfa_demo.options import OptionError, Options, Range, flag, ranges
from dmfa_demo.storage.checkpoints import CONFIG, WEIGHTS, load_checkpoint
from tests.conftest import REPOSITORY
from train.__main__ import COMMANDS, main
from train.engine.loop import LoopConfig


def configs() -> set[type]:
    """Return the configs of all commands, and their nested configs."""
    found, left = set(), [get_type_hints(run)["config"] for run in COMMANDS.values()] + [WalkConfig]
    while left:
        kind = left.pop()
        found.add(kind)
        hints = get_type_hints(kind)
        left += [hints[field.name] for field in dataclasses.fields(kind) if dataclasses.is_dataclass(hints[field.name])]
    return found


CONFIGS = sorted(configs(), key=lambda kind: kind.__name__)
NUMBERS = [(kind, name) for kind in CONFIGS for name in ranges(kind)]


@pytest.mark.parametrize("kind", CONFIGS)
def test_every_number_of_a_config_has_a_range(kind):
    assert issubclass(kind, Options)
    hints = get_type_hints(kind)
    options = [field.name for field in dataclasses.fields(kind)]
    assert {name for name in options if re.search(r"\b(int|float)\b", str(hints[name]))} == set(ranges(kind))


@pytest.mark.parametrize(("kind", "name"), NUMBERS)
def test_a_number_outside_its_range_is_refused_by_name(kind, name):
    accepted, several = ranges(kind)[name], "tuple" in str(get_type_hints(kind)[name])
    within = {accepted.at_least, accepted.at_most}
    outside = {
        accepted.at_least - 1,
        accepted.at_most + 1,
        accepted.above,
        accepted.below,
        math.nan,
        math.inf,
        -math.inf,
    }
    usual = KNNConfig(neighbours=1) if kind is KNNConfig else kind()  # not more neighbours than references
    for value in within - {math.inf, -math.inf}:
        dataclasses.replace(usual, **{name: (value,) if several else value})
    for value in outside:
        value = (value,) if several else value
        with pytest.raises(OptionError) as refused:
            dataclasses.replace(kind(), **{name: value})
        assert str(refused.value) == f"{flag(name)} must be {accepted}; got {value}"


@pytest.mark.parametrize(
    ("accepted", "words"),
    [
        (Range(at_least=1), "at least 1"),
        (Range(above=0), "above 0"),
        (Range(at_least=0, at_most=1), "at least 0 and at most 1"),
        (Range(at_least=8, multiple_of=8), "at least 8 and a multiple of 8"),
    ],
)
def test_ranges_are_described_in_words(accepted, words):
    assert str(accepted) == words


def test_all_numbers_of_an_option_are_checked_and_empty_is_refused():
    with pytest.raises(OptionError, match=r"--widths must be .*; got \(8, 12\)"):
        DMFAConfig(widths=(8, 12))
    with pytest.raises(OptionError, match="--widths needs at least one number"):
        DMFAConfig(widths=())


def exit_status(monkeypatch, *words: str) -> str | int | None:
    """Return the exit status of `python -m train`."""
    monkeypatch.setattr(sys, "argv", ["train", *words])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("dmfa --batch-size 0", "--batch-size must be at least 1; got 0"),
        ("dmfa --learning-rate nan", "--learning-rate must be above 0; got nan"),
        ("dmfa --ema-decay 1", "--ema-decay must be at least 0 and below 1; got 1.0"),
        ("dmfa --images -5", "--images must be at least 1; got -5"),
        ("dmfa --widths 8 20", "--widths must be at least 8 and a multiple of 8; got (8, 20)"),
        ("mfa --components 0", "--components must be at least 1; got 0"),
        ("mfa --iterations 0", "--iterations must be at least 1; got 0"),
        ("mfa --seed -1", f"--seed must be at least 0 and below {2**32}; got -1"),
        ("mfa --channels 3", "images of mnist are (1, 28, 28); omit --channels, --height and --width"),
        ("vaeac --alpha 2", "--alpha must be at least 0 and at most 1; got 2.0"),
        ("vaeac-synthetic --alphas 0.5 2", "--alphas must be at least 0 and at most 1; got (0.5, 2.0)"),
        ("gaussian --shrinkage 0", "--shrinkage must be above 0 and at most 1; got 0.0"),
        ("knn --neighbours 9 --references 8", "--neighbours must be at most --references, 8; got 9"),
        ("classifier --seeds 0", "--seeds must be at least 1; got 0"),
        ("evaluate --limit 0", "--limit must be at least 1; got 0"),
    ],
)
def test_command_line_reports_the_range_in_one_line(monkeypatch, capsys, words, line):
    assert exit_status(monkeypatch, *words.split()) == f"error: {line}"
    assert capsys.readouterr() == ("", "")


def test_refused_option_writes_only_one_line(tmp_path):
    words = [sys.executable, "-m", "train", "dmfa", "--batch-size", "0", "--run-folder", str(tmp_path / "run")]
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: --batch-size must be at least 1; got 0\n" and not (tmp_path / "run").exists()


def test_non_numeric_option_is_reported_with_its_help(monkeypatch, capsys):
    assert exit_status(monkeypatch, "dmfa", "--batch-size", "many") == 2
    assert "--batch-size" in (help_text := capsys.readouterr().err) and "images per step" in help_text


def test_checkpoint_with_an_option_out_of_range_is_damaged(tmp_path):
    (tmp_path / WEIGHTS).write_bytes(b"")
    (tmp_path / CONFIG).write_text(json.dumps({"network": {"components": 0}}))
    with pytest.raises(ValueError, match=r"config.json is damaged \(--components must be at least 1; got 0\)"):
        load_checkpoint(tmp_path, MFAConfig)


def test_config_is_checked_wherever_it_is_made():
    with pytest.raises(OptionError, match="--steps"):
        LoopConfig(steps=0)
    with pytest.raises(OptionError, match="--steps"):
        dataclasses.replace(LoopConfig(), steps=0)
