"""The dialog that explains methods, tabs, measures and keys; it opens from an "i", by `?`, or from the footer."""

from __future__ import annotations

import os
from html import escape
from typing import Any

import gradio as gr

from dmfa_demo.app.canvas.presets import OFFERS
from dmfa_demo.app.widgets.own_component import files_of
from dmfa_demo.data.datasets import DATASETS
from dmfa_demo.imputation import Imputer
from dmfa_demo.models.classifier import CLASSIFIERS, Classifier, folder_of
from dmfa_demo.models.wae import WAE
from dmfa_demo.models.wae import folder_of as folder_of_wae
from dmfa_demo.registry import method_class, methods
from dmfa_demo.results import MEASURES

# The environment variable with the address of the source code, for the footer.
SOURCE_VARIABLE = "DMFA_DEMO_SOURCE"
# The environment variable with the address of the light page, for the footer.
LIGHT_VARIABLE = "DMFA_DEMO_LITE_URL"

TABS = {
    "compare": ("Compare", "Each method's completion of the hidden pixels, side by side: its best guess, its error, or its uncertainty."),
    "factors": ("Factors", "One Gaussian of a method's density in detail: its mean, the few directions in which it can change, and the noise of each pixel."),
    "samples": ("Samples", "Complete answers drawn from each method that has a distribution, the distance of the best of n from the truth, and a walk through a latent space."),
    "attractors": ("Attractors", "Where an auto-encoder leads a picture when its answer is fed back repeatedly, on a map of its latent plane."),
    "predictions": ("Predictions", "A classifier's predictions from the visible pixels, with each treatment of the hidden ones, when it changes its mind, and which pixel would tell most."),
    "learn": ("Learn", "Eight short chapters on the picture on the canvas: one idea each, with a guess to make before the formula, and a question about another picture."),
    "results": ("Results", "Figures measured on test images that no method has seen, with the papers' figures for comparison."),
}  # fmt: skip

TERMS = {
    "psnr": ("PSNR", "Peak signal-to-noise ratio, 10 log₁₀(1 / mean squared error), in decibels: 3 dB more is half the squared error. More is better."),
    "ssim": ("SSIM", "Structural similarity of two images, from −1 to 1: it compares brightness, contrast and structure in a small window that moves over them. More is better. The window here is 11 × 11, Gaussian, of deviation 1.5."),
    "nll": ("NLL", "Negative log-likelihood of the true hidden pixels under a method's density, in nats: how much the truth surprises the method. Less is better, and it may be negative, since a density may exceed one."),
    "crps": ("CRPS", "Continuous ranked probability score: the squared distance between a predicted distribution function and the step at the truth. For a single guess it is the absolute error. Less is better."),
    "coverage": ("90 % coverage", "The share of hidden pixels inside their 90 % interval. A calibrated method has 0.9; less means that it is too sure, more that it is not sure enough."),
    "deviation": ("Deviation", "The standard deviation of each hidden pixel under a method's density: its typical distance from the mean."),
    "factor": ("Factor", "A direction in which all hidden pixels can change together. A Gaussian with l factors has the covariance A Aᵀ + diag(d)."),
}  # fmt: skip

KEYS = (
    ("Arrow keys", "move the brush"),
    ("Space", "paint"),
    ("Shift + arrow", "paint along the way"),
    ("B, E", "brush, eraser"),
    ("[, ]", "smaller, larger brush"),
    ("I", "swap hidden and visible"),
    ("Delete", "uncover everything"),
    ("Ctrl Z, Ctrl Shift Z", "undo, redo"),
    ("G", "draw a guess in the hole"),
    ("H, R", "hide the truth and, pressed again, the answers; reveal all"),
    ("Enter", "enlarge the picture of the results that has the focus"),
    ("P", "present; Page Down and Page Up go through the scenes"),
    ("?", "this help"),
)

_PRIVACY = (
    "The server receives the mask and the choice of picture. A picture of your own is cut out in your browser; the "
    "remaining pixels, 28 × 28 of a digit or 64 × 64 of a face, are sent with each stroke. The server keeps results for them in memory for at most ten "
    "minutes after their last use, and writes nothing to disk. Nothing is sent anywhere else. What you guess and write in Learn stays in your browser. If you follow a room, your votes are counted without a name. The page sets no cookies and keeps no statistics."
)

_LIGHT = (
    "The light page has the same canvas and most of the models, and computes on your own device: it needs no server, nothing leaves "
    "your device, and after the first visit it works without a network."
)

_FACES = (
    "The models of faces learnt from CelebA, photographs of celebrities taken by the press: mostly young adults from North America "
    "and Europe, mostly light-skinned, smiling, made up and well lit. Older people, children, darker skin, head coverings, glasses "
    "and faces turned aside are rare.",
    "A model fills a hole with what was common around similar visible pixels in its training images. When you hide the face of "
    "a person whose group was rare there, it may paint lighter skin, a younger face or a smile. This is a fault of the training images and of "
    "the model. It says nothing about the person.",
    "The models are for teaching how models of missing data work. What they paint is invented: it restores no hidden face and "
    "identifies no one. The model card of each checkpoint gives the number of its training images.",
)


class Explainer(gr.HTML):
    """The dialog and the footer. An element with `data-explain="KEY"` opens the dialog at that entry; see `info.info_button`."""

    def __init__(self, **kwargs: Any):
        files = files_of(__file__)
        files["html_template"] = files["html_template"].replace("ENTRIES", _entries()).replace("FOOTER", _footer())
        super().__init__(**files, **kwargs)

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}


def _entries() -> str:
    """Return all entries of the dialog as HTML; each is hidden until it is opened."""
    kinds = [method_class(name) for name in methods()]
    parts = [_entry(kind.name, kind.title, _about(kind)) for kind in kinds]
    parts += [_entry(folder_of(name), kind.title, _about(kind)) for name, kind in CLASSIFIERS.items()]
    parts += [
        _entry(
            folder_of_wae(name),
            f"{WAE.title}: {kind.title}",
            _about(WAE) + _paragraph(f"{kind.title}: {kind.summary}"),
        )
        for name, kind in CLASSIFIERS.items()
    ]
    parts += [_entry(f"tab-{name}", title, _paragraph(text)) for name, (title, text) in TABS.items()]
    glossary = "".join(f"<dt>{escape(title)}</dt><dd>{escape(text)}</dd>" for title, text in TERMS.values())
    measures = "".join(
        f"<dt>{escape(measure.title)}</dt><dd>{escape(measure.meaning)}</dd>" for measure in MEASURES.values()
    )
    parts.append(_entry("glossary", "Glossary", f"<dl>{glossary}</dl><h3>On the Results tab</h3><dl>{measures}</dl>"))
    keys = "".join(f"<dt><kbd>{escape(key)}</kbd></dt><dd>{escape(text)}</dd>" for key, text in KEYS)
    parts.append(_entry("keys", "Keyboard", f'<dl class="keys">{keys}</dl>'))
    parts.append(_entry("training-data", "What the models of faces learnt from", "".join(map(_paragraph, _FACES))))
    parts.append(_entry("privacy", "Privacy", _paragraph(_PRIVACY)))
    parts += _light()
    offered = [DATASETS[name] for name in OFFERS]
    licences = "".join(f"<dt>{escape(one.title)}</dt><dd>{escape(one.licence)}</dd>" for one in offered)
    parts.append(_entry("licences", "Data and licences", f"<dl>{licences}</dl>"))
    return "".join(parts)


def _entry(key: str, title: str, content: str) -> str:
    return f'<section data-entry="{escape(key)}" hidden><h2>{escape(title)}</h2>{content}</section>'


def _about(kind: type[Imputer] | type[Classifier] | type[WAE]) -> str:
    """Return a method's description, limits, formula and reference as HTML."""
    formula = f'<p class="formula">{escape(kind.formula)}</p>' if kind.formula else ""
    reference = f'<p><a href="{escape(kind.url)}" rel="noopener">{escape(kind.citation)}</a></p>' if kind.url else ""
    return f"{_paragraph(kind.summary)}{formula}{_paragraph('Limits: ' + kind.limits)}{reference}"


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _light() -> list[str]:
    """Return the entry about the light page, with its address and a QR code, if the address is known."""
    address = os.environ.get(LIGHT_VARIABLE)
    if not address:
        return []
    import segno

    code = segno.make(address, error="m").svg_inline(scale=5, dark="#000", light="#fff")
    link = f'<p><a href="{escape(address)}" data-light rel="noopener">{escape(address)}</a></p>'
    return [
        _entry(
            "light",
            "Light page",
            f'{_paragraph(_LIGHT)}{link}<p role="img" aria-label="QR code of this address">{code}</p>',
        )
    ]


def _footer() -> str:
    space = os.environ.get("SPACE_ID")
    source = os.environ.get(SOURCE_VARIABLE) or (f"https://huggingface.co/spaces/{space}/tree/main" if space else None)
    link = f'<a href="{escape(source)}" rel="noopener">Source code</a>' if source else ""
    papers = {method_class(name).url: method_class(name).citation for name in methods()}
    papers |= {kind.url: kind.citation for kind in (*CLASSIFIERS.values(), WAE)}
    names = ", ".join(
        f'<a href="{escape(url)}" rel="noopener">{escape(reference.partition(":")[0])} {escape(reference[-6:])}</a>'
        for url, reference in papers.items()
        if url
    )
    entries = {"glossary": "Glossary", "keys": "Keyboard (?)", "privacy": "Privacy", "licences": "Data and licences"}
    if os.environ.get(LIGHT_VARIABLE):
        entries["light"] = "Open the light page"
    buttons = "".join(f'<button type="button" data-explain="{key}">{title}</button>' for key, title in entries.items())
    faces = "Faces: models trained on CelebA, for non-commercial research only. " if "celeba" in OFFERS else ""
    return f"<div>{link}{buttons}</div><p>{faces}Papers: {names}.</p>"
