"""Write the model card of a checkpoint from its config.json and metrics.json."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dmfa_demo.data.celeba import VIEWS
from dmfa_demo.data.datasets import BUILT_IN, DATASETS
from dmfa_demo.imputation import Imputer
from dmfa_demo.models.classifier import CLASSIFIERS, Classifier
from dmfa_demo.models.latent_map import MAP
from dmfa_demo.models.wae import WAE
from dmfa_demo.registry import method_class
from dmfa_demo.storage.checkpoints import CONFIG
from dmfa_demo.storage.own_data import ABOUT, read_description

METRICS = "metrics.json"

# The file with random images drawn from a density of complete images.
DRAWN = "drawn.png"

_SPLITS = {
    "mnist": "The last 5,000 images of the official training part are for choices; the test part is used only for the figures below.",
    "celeba": "The parts for training, choices and test (used only for the figures below) are those of the partition that came with "
    "the images, without people who are in two of them, where identities were known.",
}
# The data of the shipped models of faces.
_SUBSET, _ABOUT_SUBSET = (
    8_003,
    " Here these are a subset at half the resolution, numbers 1 to 10,000 of the official training part without some people, divided "
    "again by person: 8,003 for training, 499 for choices, 988 for the test. So the test faces are not CelebA's test part.",
)
_SPLITS["fashion-mnist"], _SPLITS["celeba32"] = _SPLITS["mnist"], _SPLITS["celeba"]
_SPLITS["cifar10"] = _SPLITS["svhn"] = _SPLITS["mnist"]
_OWN_SPLITS = "A tenth of the images is for choices and a tenth for the test, unless the folder has its own parts; the test part is used only for the figures below."

_ABOUT_FACES = """## Whose faces, and what it must not be used for

CelebA shows celebrities as press photographers saw them: mostly young adults from North America and Europe, mostly with light
skin, smiling, made up and well lit. Older people, children, darker skin, head coverings, glasses, marks and scars, and faces
turned aside are underrepresented; the model's completions of such faces are taken from others, and fit worse.

CelebA may be used for non-commercial research only, and so may this checkpoint, which contains no image of it. It is made for
teaching how models of missing data work. It must not be used to recognise or identify people, to judge them or tell groups of
them apart, to watch them, or to restore a hidden or redacted face: what it paints there is invented and shows no real person.
"""

# Checkpoints that are parts of methods.
_PARTS = {
    "autoencoder": SimpleNamespace(
        name="autoencoder",
        title="Auto-encoder",
        summary="Learns to reconstruct complete images from a few latents; the methods of AE dynamics follow its field.",
        limits="It was not trained on images with holes.",
        has_latents=False,
    )
}


def write_model_card(folder: Path) -> None:
    """Write `folder`/README.md: what the model is, how it was trained, its figures and its limits.

    A method without checkpoints gets none.
    """
    if not (folder / CONFIG).is_file():
        return
    config = json.loads((folder / CONFIG).read_text())
    results = folder / METRICS
    rows = json.loads(results.read_text()) if results.is_file() else []
    about, training, network = config["about"], config["training"], config["network"]
    method = _described(training)
    described = folder.parent / ABOUT
    own = training["dataset"] not in BUILT_IN and described.is_file()
    dataset = read_description(described) if own else DATASETS[training["dataset"]]
    faces = training["dataset"] in VIEWS
    lines = [
        "---",
        *_licence(training["dataset"]),
        "library_name: dmfa-demo",
        f"datasets: [{training['dataset']}]",
        "---",
        f"# {method.title} on {training['dataset']}" + (f", {folder.name}" if folder.name != method.name else ""),
        "",
        method.summary,
        "",
        "## Training",
        "",
        f"    {about['command']}",
        "",
        f"- Data: {about['training_images']:,} training images of {dataset.licence}. "
        + _SPLITS.get(training["dataset"], _OWN_SPLITS)
        + (_ABOUT_SUBSET if faces and about["training_images"] == _SUBSET else ""),
        *([f"- Hidden while training: `{training['masks']}`."] if "masks" in training else []),
        *(
            [f"- Never known in training: one hole per training image, from `{training['incomplete']}`."]
            if training.get("incomplete")
            else []
        ),
        *([_steps(training["loop"])] if training["method"] == "classifier" else []),
        *([f"- Imputations or densities come from `{network['source']}`."] if network.get("source") else []),
        *(
            [
                f"- Weights of `{config['weights']}`; step size and number of steps were chosen on `{training['chosen_on']}`."
            ]
            if "weights" in config
            else []
        ),
        *(
            [f"- Stopped after {about['stopped_after']:,} steps; these are the averaged weights at that point."]
            if "stopped_after" in about
            else []
        ),
        f"- Time: {about['minutes']} minutes on {about['hardware']}, torch {about['torch']}. Size: {about['parameters']:,} numbers.",
        f"- Settings: `{json.dumps(network)}`",
        *(
            [
                f"- Map of its latent plane: `{MAP}`, by `python -m train attractors --dataset {training['dataset']} --folder {folder.name}`."
            ]
            if (folder / MAP).is_file()
            else []
        ),
        "",
        *(_DRAWINGS if (folder / DRAWN).is_file() else []),
        *([] if is_part(training) else _figures(rows, network, method, training["dataset"])),
        "## Limits",
        "",
        f"It was trained on {training['dataset']} only, and is wrong for other kinds of pictures. {method.limits}",
        *(["", _ABOUT_FACES.rstrip()] if faces else []),
    ]
    (folder / "README.md").write_text("\n".join(lines) + "\n")


def _licence(dataset: str) -> list[str]:
    """Return the lines of the front matter about the licence."""
    if dataset in VIEWS:
        return ["license: other", "license_name: celeba-non-commercial-research"]
    return ["license: mit"] if dataset in BUILT_IN else ["license: other"]


_DRAWINGS = [
    "## Samples",
    "",
    f"![Random images from the model]({DRAWN})",
    "",
    "Random images from the model, with everything hidden, without pixel noise. They show what it has learnt, not real people.",
    "",
]


def is_part(training: dict) -> bool:
    """Return whether a checkpoint, by its settings, is only a part of methods or classifiers, and not measured alone."""
    is_source = training["method"] not in ("classifier", WAE.name) and training.get("incomplete") is not None
    return training["method"] in _PARTS or is_source


def _steps(loop: dict) -> str:
    return (
        f"- Trained for {loop['steps']:,} steps of {loop['batch_size']} images at a learning rate of {loop['learning_rate']:g} (the "
        "MisConv paper: ten epochs of 24 at 0.001)."
    )


def _described(training: dict) -> type[Imputer] | type[Classifier] | type[WAE] | SimpleNamespace:
    """Return the class or namespace that describes a checkpoint."""
    if training["method"] == WAE.name:
        return WAE
    if training["method"] == "classifier":
        return CLASSIFIERS[training["treatment"]]
    return _PARTS.get(training["method"]) or method_class(training["method"])


def _figures(rows: list[dict], network: dict, method: Any, dataset: str) -> list[str]:
    if method in CLASSIFIERS.values():
        about = (
            "Test images; mean over networks trained with different seeds, with the standard error over them; a network for each "
            "kind of hole, of which those of `classify-mixed` are kept. `-complete`: tested on complete images."
        )
    elif method is WAE:
        about = (
            "Test images, each with one hole: SSIM and PSNR of the whole reconstruction against the complete image, with the standard error "
            "over images, and the Fréchet distance between features of test images and of as many drawn images."
        )
    else:
        about = (
            "Test images; mean over images of the mean over mask seeds, with the standard error over images. "
            + _about_densities(rows, network, method)
        )
    return [
        "## Figures",
        "",
        about,
        "",
        *(
            _table(rows)
            or [
                f"Not measured yet: `python -m train evaluate --dataset {dataset if dataset in BUILT_IN else f'folder:{dataset}'}`."
            ]
        ),
        "",
    ]


def _about_densities(rows: list[dict], network: dict, method: type[Imputer]) -> str:
    if not rows:
        return ""
    if network.get("likelihood") == "bernoulli":
        return "It sees digits binarised at one half, to which NLL refers, in nats over the hole; other figures compare with grey digits."
    if method.has_latents:
        return "It has no density in closed form; CRPS is estimated from samples and averaged over hidden pixels."
    if not any(row["metric"] == "nll" for row in rows):
        return "It gives one answer and no density; CRPS is then the mean absolute error."
    floor = f", with a noise variance of at least {network['noise_floor']:.3g}" if "noise_floor" in network else ""
    return (
        f"NLL is a density of undequantised values in [0, 1], in nats over the hole{floor}; `nll_wide_floor` is the same with at "
        "least (1/510)². A few images dominate the mean: see the median. CRPS is averaged over hidden pixels, from samples "
        "clipped to [0, 1]."
    )


def _of(row: dict) -> str:
    return f" ({row['title']})" if row.get("title") else ""


def _table(rows: list[dict]) -> list[str]:
    if not rows:
        return []
    lines = ["| protocol | metric | ours | ± | paper | n | seeds |", "|---|---|---:|---:|---:|---:|---:|"]
    for row in rows:
        error = "" if row["stderr"] is None else f"{row['stderr']:.2g}"
        paper = "" if row["paper"] is None else f"{row['paper']:.4g} ({row['source']})"
        lines.append(
            f"| {row['protocol']} | {row['metric']}{_of(row)} | {row['value']:.4g} | {error} | {paper} | {row['n']} | {row['seeds']} |"
        )
    return lines
