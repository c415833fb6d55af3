"""Training the denoiser of diffusion, MIWAE, and circuits, on a few digits."""

from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file

from dmfa_demo.data.datasets import LabelledImages, to_float
from dmfa_demo.models.diffusion import DiffusionConfig, DiffusionImputer, DiffusionNetwork, denoiser_of, to_signal
from dmfa_demo.registry import method_class
from train.commands import parse
from train.engine.run import absent_pixels
from train.methods import circuit, diffusion, miwae
from train.methods.diffusion import DiffusionObjective


def few(*place) -> LabelledImages:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (40, 1, 28, 28), generator=generator, dtype=torch.uint8)
    return LabelledImages(images, torch.arange(40) % 10, torch.arange(40))


def test_loss_is_azulas_with_the_same_noise(monkeypatch):
    torch.manual_seed(0)
    network = DiffusionNetwork(DiffusionConfig(height=8, width=8, widths=(8,), blocks=1))
    images, time, noise = torch.rand(5, 1, 8, 8), torch.rand(5), torch.randn(5, 1, 8, 8)
    monkeypatch.setattr(torch, "randn_like", lambda x: noise)
    twin = denoiser_of(network).loss(to_signal(images), time)
    torch.testing.assert_close(DiffusionObjective(network)(images, time, noise), twin)


def test_diffusion_trains(tmp_path, monkeypatch):
    monkeypatch.setattr(diffusion, "load_split", few)
    monkeypatch.setattr(diffusion, "load_training", few)
    words = f"diffusion --steps 3 --batch-size 8 --widths 8 --blocks 1 --levels 2 --run-folder {tmp_path}/run --output {tmp_path}/d"
    diffusion.train(parse(words.split()))
    imputer = DiffusionImputer.load(tmp_path / "d")
    assert imputer.impute(torch.rand(1, 1, 28, 28), torch.rand(1, 1, 28, 28) < 0.5, seed=0).mean.isfinite().all()


@pytest.mark.parametrize(
    ("trainer", "words"),
    [
        (miwae, "miwae --incomplete noise50 --steps 3 --batch-size 8 --widths 8 16 --latents 3"),
        (circuit, "circuit --incomplete noise50 --steps 3 --batch-size 8 --components 2 --widths 3 2"),
    ],
)
def test_hidden_pixels_have_no_effect_on_training(tmp_path, monkeypatch, trainer: ModuleType, words: str):
    found = []
    for change in (False, True):

        def images(*place, change=change, **named):
            known = few()
            absent = absent_pixels("noise50", 40, (28, 28), 0)
            other = torch.where(absent, 255 - known.images, known.images)
            return LabelledImages(other if change else known.images, known.labels, known.indices)

        monkeypatch.setattr(trainer, "load_training", images)
        monkeypatch.setattr(trainer, "load_split", few)
        place = tmp_path / str(change)
        trainer.train(parse([*words.split(), "--run-folder", f"{place}/run", "--output", f"{place}/made"]))
        found.append(load_file(place / "made" / "model.safetensors"))
        name = words.split()[0]
        imputer = method_class(name).load(place / "made")
        assert imputer.impute(to_float(few().images[:1]), torch.rand(1, 1, 28, 28) < 0.5).mean.isfinite().all()
    assert found[0] and all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_circuit_needs_an_image_for_each_gaussian_of_a_pixel(tmp_path, monkeypatch):
    monkeypatch.setattr(circuit, "load_training", lambda *place, **named: few())
    monkeypatch.setattr(circuit, "load_split", few)
    words = f"circuit --components 50 --run-folder {tmp_path}/run --output {tmp_path}/made"
    with pytest.raises(ValueError, match="--components is 50, but there are only 40 training images"):
        circuit.train(parse(words.split()))
