"""The settings that depend on a command's data set: shape of the images, classes, defaults."""

import json
from dataclasses import field, make_dataclass

import pytest
import torch

from dmfa_demo.data.datasets import DATASETS, load_samples
from dmfa_demo.data.masks import mask_family
from dmfa_demo.imputation import ImageShape
from dmfa_demo.storage.checkpoints import CONFIG, save_checkpoint
from tests.command import train
from train.engine import run
from train.engine.model_card import METRICS
from train.methods import autoencoder, classifier, context_encoder, dmfa, mfa, vaeac
from train.methods.baselines import MeanTraining, mean

KINDS = (
    autoencoder.AutoencoderTraining,
    classifier.ClassifierTraining,
    context_encoder.ContextEncoderTraining,
    dmfa.DMFATraining,
    mfa.MFATraining,
    vaeac.VAEACTraining,
    MeanTraining,
)


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("kind", KINDS)
def test_networks_have_the_shape_of_the_images_and_masks_fit(kind, dataset):
    config = kind.for_dataset(dataset)
    assert config.dataset == dataset and config.network.shape == DATASETS[dataset].shape
    if ((masks := getattr(config, "masks", None)) and dataset != "celeba32") or kind is dmfa.DMFATraining:
        _, height, width = DATASETS[dataset].shape
        assert mask_family(masks)(50, height, width, torch.Generator().manual_seed(0)).any()


def test_given_settings_replace_those_of_the_data_set():
    assert dmfa.DMFATraining.for_dataset("celeba", masks="half").masks == "half"
    assert (
        dmfa.DMFATraining.for_dataset("celeba").network.factors
        != dmfa.DMFATraining.for_dataset("mnist").network.factors
    )


def test_shape_that_does_not_match_the_images_is_refused():
    with pytest.raises(ValueError, match=r"images of mnist are \(1, 28, 28\)"):
        MeanTraining(network=ImageShape(3, 64, 64))


@pytest.mark.parametrize("dataset", ["mnist", "celeba"])
@pytest.mark.parametrize("nested", ["loop", "network"])
def test_new_setting_accepts_older_checkpoints(dataset, nested, tmp_path, monkeypatch):
    made = dmfa.DMFATraining.for_dataset(dataset)
    monkeypatch.setattr(run, "ROOT", tmp_path)
    (tmp_path / dataset / "dmfa").mkdir(parents=True)
    (tmp_path / dataset / "dmfa" / CONFIG).write_text(json.dumps(made.settings))
    made.check_output()

    kind = type(getattr(made, nested))
    grown = make_dataclass(kind.__name__, [("added", float, 0.5)], bases=(kind,), frozen=True)
    usual = field(default_factory=grown)
    later = make_dataclass(
        "Later", [(nested, grown, usual), ("alone", int, 3)], bases=(dmfa.DMFATraining,), frozen=True
    )
    same = {name: value for name, value in vars(made).items() if name not in ("dataset", nested)}
    same_nested = vars(getattr(made, nested))
    later(dataset=dataset, **same, **{nested: grown(**same_nested)}).check_output()
    other = grown(**{**same_nested, "added": 0.6})
    with pytest.raises(
        ValueError, match="contains a checkpoint with other settings; name another folder with --output"
    ):
        later(dataset=dataset, **same, **{nested: other}).check_output()
    with pytest.raises(ValueError, match="contains a checkpoint with other settings"):
        later(dataset=dataset, **same, alone=4).check_output()


def test_command_line_defaults_depend_on_the_data_set():
    for option in (["--dataset", "celeba"], ["--dataset=celeba"]):
        output = train("dmfa", *option, "--help")
        assert output.returncode == 0 and "squares16-40" in output.stdout.replace("\n", "")


def test_faces_are_mirrored_unless_they_are_incomplete(monkeypatch):
    faces = load_samples("celeba")
    monkeypatch.setattr(run, "load_split", lambda *_: faces)
    config = MeanTraining.for_dataset("celeba")
    both = run.load_training(config)
    assert len(both) == 2 * len(faces) and torch.equal(both.images[len(faces) :], faces.images.flip(-1))
    assert len(run.load_training(config, incomplete=True)) == len(faces)
    assert len(run.load_training(config, limit=2)) == 4


@pytest.fixture
def two_cards(monkeypatch):
    """Simulate a machine with two accelerators."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device=0: f"card {torch.device(device).index}")


def test_hardware_describes_the_device(two_cards):
    assert "cores of " in run.hardware() and "card" not in run.hardware("cpu")
    assert run.hardware("cuda:1") == run.hardware(torch.device("cuda", 1)) == "card 1"


def test_figures_are_kept_as_long_as_the_weights(small_mnist, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "write_graphs", lambda folder: [])
    config = MeanTraining(data_root=small_mnist, output=tmp_path)
    mean(config)
    (tmp_path / METRICS).write_text("[]")
    mean(config)
    assert (tmp_path / METRICS).is_file()
    run.finish(config, {"image": torch.ones(config.network.shape)}, 1.0, load_samples("mnist"))
    assert not (tmp_path / METRICS).exists()
    (tmp_path / CONFIG).write_text("{")  # damaged
    mean(config)
    assert json.loads((tmp_path / CONFIG).read_text())["training"]["method"] == "mean"


def test_model_card_names_only_the_device_used(two_cards, small_mnist, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "write_graphs", lambda folder: [])  # the exporter would look for the cards
    mean(MeanTraining(data_root=small_mnist, output=tmp_path))
    assert json.loads((tmp_path / CONFIG).read_text())["about"]["hardware"] == run.hardware("cpu")
    assert f"minutes on {run.hardware('cpu')}, torch" in (tmp_path / "README.md").read_text()


def test_model_card_names_the_accelerator_used(two_cards, monkeypatch, tmp_path):
    class OnCard(torch.Tensor):
        device = torch.device("cuda", 1)

    config = MeanTraining(output=tmp_path)
    image = torch.zeros(config.network.shape).as_subclass(OnCard)

    def save(folder, tensors, config):
        save_checkpoint(folder, {"image": torch.zeros(1, 28, 28)}, config)

    monkeypatch.setattr(run, "save_checkpoint", save)
    monkeypatch.setattr(run, "write_graphs", lambda folder: [])
    run.finish(config, {"image": image}, 1.0, load_samples("mnist"))
    assert json.loads((tmp_path / CONFIG).read_text())["about"]["hardware"] == "card 1"
