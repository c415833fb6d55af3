"""The model card of a checkpoint, written from its config.json and metrics.json."""

from __future__ import annotations

import json
from pathlib import Path

from dmfa_demo.checkpoints import CONFIG
from dmfa_demo.imputation import method_class

RESULTS = "metrics.json"

_LICENCES = {"mnist": "MNIST (CC BY-SA 3.0, LeCun, Cortes, Burges)", "fashion-mnist": "Fashion-MNIST (MIT, Zalando)"}


def write_model_card(folder: Path) -> None:
    """Write `folder`/README.md: what the model is, how it was made, what it reaches, where it ends."""
    config = json.loads((folder / CONFIG).read_text())
    results = folder / RESULTS
    rows = json.loads(results.read_text()) if results.is_file() else []
    about, training, network = config["about"], config["training"], config["network"]
    method = method_class(training["method"])
    lines = [
        "---",
        "license: mit",
        "library_name: dmfa-demo",
        f"datasets: [{training['dataset']}]",
        "---",
        f"# {method.title} on {training['dataset']}",
        "",
        method.summary,
        "",
        "## How it was made",
        "",
        f"    {about['command']}",
        "",
        f"- Data: {about['training_images']:,} training images of {_LICENCES[training['dataset']]}; 2,000 others "
        "of the official training part chose among the weights along the way; the test part served only for the figures below.",
        f"- Hidden while training: `{training['masks']}`.",
        f"- Time: {about['minutes']} minutes on {about['hardware']}, torch {about['torch']}, {about['parameters']:,} parameters.",
        f"- Network: `{json.dumps(network)}`",
        "",
        "## Figures",
        "",
        "Test images; mean over images of the mean over mask seeds, with the standard error over images. NLL is a density of "
        f"undequantised values in [0, 1], in nats over the hole, with a noise variance of at least {network['noise_floor']:.3g}; "
        "`nll_wide_floor` is the same with at least (1/510)². A few images weigh heavily on the mean: see the median.",
        "",
        *_table(rows),
        "",
        "## Limits",
        "",
        f"It knows {training['dataset']} and nothing else: for another kind of picture both the mean and the stated uncertainty "
        "are wrong. The density is restricted to the hidden pixels; what the network says elsewhere was never trained. A "
        "mixture of few Gaussians with few factors cannot hold every way a large hole may be filled: its samples are noisier "
        "than real images, and its mean blurs.",
    ]
    (folder / "README.md").write_text("\n".join(lines) + "\n")


def _table(rows: list[dict]) -> list[str]:
    if not rows:
        return ["Not measured yet: `python -m train evaluate`."]
    lines = ["| protocol | metric | ours | ± | paper | n | seeds |", "|---|---|---:|---:|---:|---:|---:|"]
    for row in rows:
        error = "" if row["stderr"] is None else f"{row['stderr']:.2g}"
        paper = "" if row["paper"] is None else f"{row['paper']:.2f} ({row['source']})"
        lines.append(
            f"| {row['protocol']} | {row['metric']} | {row['value']:.4g} | {error} | {paper} | {row['n']} | {row['seeds']} |"
        )
    return lines
