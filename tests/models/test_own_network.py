"""DMFA with a network from outside the project: trained, loaded, and refused where the environment does not name it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from dmfa_demo.models.dmfa import DMFA, DMFAConfig, DMFAImputer
from dmfa_demo.networks.plug_in import SETTING
from tests.command import train

MODULE = """
from torch import nn


class Plain(nn.Module):
    def __init__(self, channels, widths, blocks):
        super().__init__()
        self.layers = nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(4 * channels, widths[0], 3, padding=1))

    def forward(self, x):
        return self.layers(x)


number = 3
"""
PLACE = "own_networks:Plain"


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module with a network, which the environment names."""
    (tmp_path / "own_networks.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(SETTING, f"another:Net, {PLACE}, own_networks:number, own_networks:Missing, missing_module:Net")
    monkeypatch.delitem(sys.modules, "own_networks", raising=False)


def test_it_is_trained_and_loaded_like_the_u_net(small_mnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    words = (
        f"dmfa --network {PLACE} --widths 8 16 --steps 2 --batch-size 8 --validate-every 2 --data-root {small_mnist}"
    )
    done = train(*words.split(), "--run-folder", str(tmp_path / "run"), "--output", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    imputer = DMFAImputer.load(tmp_path / "out")
    assert type(imputer.network.unet).__name__ == "Plain"
    images, missing = torch.rand(2, 1, 28, 28), torch.rand(2, 1, 28, 28) < 0.5
    imputation = imputer.impute(images, missing, seed=0)
    assert torch.equal(imputation.mean[~missing], images[~missing]) and imputation.mean.isfinite().all()
    monkeypatch.delenv(SETTING)
    with pytest.raises(ValueError, match=f"'{PLACE}' is code from outside the project; set {SETTING}={PLACE}"):
        DMFAImputer.load(tmp_path / "out")


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("os:system", "is code from outside the project"),
        ("", "is code from outside the project"),
        ("own_networks:number", "is not a subclass of torch.nn.Module"),
        ("own_networks:Missing", "cannot be imported"),
        ("missing_module:Net", "cannot be imported: No module named"),
    ],
)
def test_anything_else_is_refused(place: str, message: str):
    with pytest.raises(ValueError, match=message):
        DMFA(DMFAConfig(network=place))
