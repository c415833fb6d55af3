"""Names of measures and kinds of holes, and the arrangement of measured and published rows.

The Results tab and the results page of the documentation show the same figures in the same words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dmfa_demo.data.celeba import ATTRIBUTES
from dmfa_demo.models.classifier import CLASSIFIERS, Classifier, folder_of
from dmfa_demo.models.wae import folder_of as folder_of_wae
from dmfa_demo.registry import method_class


@dataclass(frozen=True, kw_only=True)
class Measure:
    """How to show a measured figure.

    Attributes:
        title: its name, with its unit.
        short: its name above a column.
        digits: decimal places.
        more: whether more is better; None if neither is.
        target: the best value, if there is one.
        meaning: one sentence that explains it.
    """

    title: str
    short: str
    digits: int
    more: bool | None
    meaning: str
    target: float | None = None

    @property
    def better(self) -> str:
        """Which values are better, in a few words; empty if none are."""
        if self.target is not None:
            return f"{self.target:g} is best"
        return {True: "more is better", False: "less is better", None: ""}[self.more]


MEASURES = {
    "nll": Measure(title="NLL, nats", short="NLL", digits=1, more=False, meaning="Negative log-likelihood of the hidden pixels: how much the truth surprises the density."),
    "nll_median": Measure(title="NLL of the median image, nats", short="NLL, median", digits=1, more=False, meaning="The same for the median image, which a few surprises cannot move."),
    "nll_wide_floor": Measure(title="NLL with noise ≥ (1/510)², nats", short="NLL, wide", digits=1, more=False, meaning="The same, with at least half a grey level of noise in every pixel."),
    "sse": Measure(title="Squared error, summed", short="Squared error", digits=2, more=False, meaning="Squared error of the mean, summed over the hole (the DMFA paper's “MSE”)."),
    "sse_sample": Measure(title="Squared error of one sample, summed", short="1 sample, squared error", digits=2, more=False, meaning="Squared error of a single sample with pixel noise, summed over the hole; twice that of the mean if the density is calibrated."),
    "psnr": Measure(title="PSNR in the hole, dB", short="PSNR, hole", digits=2, more=True, meaning="Peak signal-to-noise ratio of the mean over the hidden pixels."),
    "psnr_image": Measure(title="PSNR, whole image, dB", short="PSNR, image", digits=2, more=True, meaning="Peak signal-to-noise ratio of the mean over all pixels, visible ones included."),
    "psnr_sample": Measure(title="PSNR of one sample in the hole, dB", short="1 sample, hole", digits=2, more=True, meaning="Peak signal-to-noise ratio of a single sample without pixel noise, over the hidden pixels."),
    "psnr_sample_image": Measure(title="PSNR of one sample, whole image, dB", short="1 sample, image", digits=2, more=True, meaning="The same over all pixels, visible ones included."),
    "psnr_best10": Measure(title="PSNR of the best of 10 samples in the hole, dB", short="best of 10, hole", digits=2, more=True, meaning="Peak signal-to-noise ratio of the nearest of ten samples to the truth, over the hidden pixels."),
    "psnr_best10_image": Measure(title="PSNR of the best of 10 samples, whole image, dB", short="best of 10, image", digits=2, more=True, meaning="The same over all pixels, visible ones included."),
    "distance": Measure(title="Distance between samples", short="Distance", digits=4, more=None, meaning="Root mean square difference of the hidden pixels of two samples without pixel noise: how varied the samples are."),
    "ssim": Measure(title="SSIM", short="SSIM", digits=3, more=True, meaning="Structural similarity of the completed image and the true one."),
    "coverage90": Measure(title="Inside the 90 % interval", short="90 % coverage", digits=3, more=None, meaning="Share of hidden pixels inside their 90 % interval; 0.9 is calibrated.", target=0.9),
    "crps": Measure(title="CRPS", short="CRPS", digits=4, more=False, meaning="Continuous ranked probability score per hidden pixel; for a single guess, its absolute error."),
    "milliseconds": Measure(title="Time, ms an image", short="ms", digits=2, more=False, meaning="Time for one image of a batch, on the machine that measured."),
    "milliseconds_100": Measure(title="Time of 100 samples, ms", short="ms, 100 samples", digits=1, more=False, meaning="Time to draw 100 samples of one image's hole, on the machine that measured."),
    "frechet": Measure(title="Fréchet distance of drawn images", short="Fréchet distance", digits=1, more=False, meaning="Fréchet distance between Gaussians fitted to the features of test images and of as many drawn images; the features are those of our classifier of complete images before its last layer, so it cannot be compared with a FID."),
    "fid": Measure(title="FID of drawn images", short="FID", digits=2, more=False, meaning="The same with the features of an Inception network."),
    "accuracy": Measure(title="Accuracy", short="Accuracy", digits=3, more=True, meaning="Share of test images whose class is recognised; for faces, share of correct answers about one attribute each."),
    "label_nll": Measure(title="NLL of the class, nats", short="NLL, class", digits=3, more=False, meaning="Negative log-likelihood of the true class: how much the truth surprises the classifier; for faces the mean over attributes."),
    "balanced_accuracy": Measure(title="Balanced accuracy, all attributes", short="Balanced", digits=3, more=True, meaning="The mean of the shares of faces with and without an attribute that are recognised, averaged over attributes; a constant answer gives 0.5."),
    **{
        f"balanced_accuracy_{number}": Measure(title=f"Balanced accuracy, {name}", short=name.capitalize(), digits=3, more=True, meaning=f"The mean of the shares of faces with and without “{name}” that are recognised; a constant answer gives 0.5.")
        for number, name in enumerate(ATTRIBUTES, 1)
    },
    "ece": Measure(title="Calibration error", short="ECE", digits=4, more=False, meaning="Expected calibration error: the difference between confidence and accuracy, in 15 bins of confidence."),
}  # fmt: skip

# Data sets whose figures are shown with those of another.
ALSO = {"celeba": ("celeba32",)}

PROTOCOLS = {
    "square14": "Square 14×14",
    "rect10x15": "Rectangle 10×15",
    "square13": "Square 13×13",
    "square16": "Square 16×16 of 32×32",
    "rect12x20": "Rectangle 12×20 of 32×32",
    "square32": "Square 32×32",
    "square25": "Square 25×25",
    "centre": "Centre",
    "pattern": "Blobs",
    "noise80": "Noise 80 %",
    "gfc-o1": "O1, left half of the face",
    "gfc-o2": "O2, right half of the face",
    "gfc-o3": "O3, both eyes",
    "gfc-o4": "O4, left eye",
    "gfc-o5": "O5, right eye",
    "gfc-o6": "O6, mouth and chin",
    "arbitrary": "Arbitrary (ACFlow)",
    "half": "Half",
    "noise75": "Noise 75 %",
    "line3": "All but a line",
    "strokes": "Strokes",
    "line3-binarised": "All but a line, binarised",
    "classify-square14": "Classify, square 14×14",
    "classify-square14-complete": "Learn with square 14×14, see all",
    "classify-trapezoid": "Classify, trapezoid",
    "classify-trapezoid-complete": "Learn with trapezoid, see all",
    "classify-noise75": "Classify, noise 75 %",
    "classify-noise75-complete": "Learn with noise 75 %, see all",
    "classify-square16": "Classify, square 16×16",
    "classify-square16-complete": "Learn with square 16×16, see all",
    "reconstruct-square14": "Reconstruct, square 14×14",
    "reconstruct-square16": "Reconstruct, square 16×16",
    "reconstruct-square32": "Reconstruct, square 32×32",
    "classify-mixed": "Classify, mixed holes",
    "classify-mixed-complete": "Learn with mixed holes, see all",
}
# The same holes in faces of CelebA's official test partition.
PROTOCOLS |= {
    f"{name}-official": f"{PROTOCOLS[name]}, official test faces"
    for name in ("square32", "square25", "centre", "pattern", "noise80", "half")
}


def protocol_title(name: str) -> str:
    """Return the title of a kind of hole; its name, if it has none."""
    return PROTOCOLS.get(name) or re.sub(r"^square(\d+)$", r"Square \1×\1", name)


def with_published(
    rows: Sequence[dict[str, Any]], published: Sequence[dict[str, Any]], protocol: str | None
) -> list[dict[str, Any]]:
    """Return the measured rows of one kind of hole, then the papers' figures that we have not measured.

    A figure of a method that we measured otherwise has the method, title and numbers of images of that row; one of a method that
    we lack has the name of the paper's row as its title.

    Args:
        rows, published: the lists of these names in results.json.
    """
    ours = [row for row in rows if row["protocol"] == protocol]
    measured = {(row_of_paper(row), row["metric"]) for row in ours}
    same_method = {row_of_paper(row): {key: row[key] for key in _OF_A_METHOD if key in row} for row in reversed(ours)}
    return ours + [
        {
            **same_method.get(row["row"], {"title": row["row"]}),
            "metric": row["metric"],
            "paper": row["value"],
            "source": row["source"],
        }
        for row in published
        if row["protocol"] == protocol and (row["row"], row["metric"]) not in measured
    ]


# What the rows of one method and kind of hole have in common.
_OF_A_METHOD = ("method", "title", "n", "seeds", "training_images")


def row_of_paper(row: dict[str, Any]) -> str | None:
    """Return the name of the paper's row that a row of ours is compared with, or None."""
    if kind := treatment_of(row):
        return kind.paper
    return row.get("title") or method_class(row["method"]).paper


def treatment_of(row: dict[str, Any]) -> type[Classifier] | None:
    """Return the treatment of missing pixels of a row of a classifier or a WAE, or None for an imputation method."""
    folders = {folder(name): kind for name, kind in CLASSIFIERS.items() for folder in (folder_of, folder_of_wae)}
    return folders.get(row.get("method", ""))


def title_of(row: dict[str, Any]) -> str:
    """Return the title of our method, or the name of the paper's row."""
    return row.get("title") or method_class(row["method"]).title


def formatted(value: float, measure: Measure) -> str:
    """Format a value with its measure's decimal places and a true minus sign."""
    return f"{value:,.{measure.digits}f}".replace("-", "−")
