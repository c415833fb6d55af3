"""Part of the Samples tab: auto-encoders that learnt from images with holes repaint the picture, and draw images of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import gradio as gr
import torch
from gradio.blocks import Block
from gradio.components import Component
from torch import Tensor

from dmfa_demo import metrics
from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene
from dmfa_demo.app.tabs.part import Part
from dmfa_demo.app.tabs.samples import SamplesTab
from dmfa_demo.app.widgets.counter import Counter
from dmfa_demo.app.widgets.script import Script
from dmfa_demo.app.widgets.strips import SHOWN, Picture, strip
from dmfa_demo.figures import grey_or_colour
from dmfa_demo.models.wae import WAE, available_waes, load_wae, reconstruct_all

# The number of images drawn from each latent space, beside the reconstruction.
DREAMS = SHOWN - 1


@dataclass(frozen=True, kw_only=True)
class ReconstructAndDream(Part):
    """For each treatment of missing pixels the reconstruction of the picture, and images drawn from the latent space."""

    FURTHER = ("seed",)

    box: gr.Column
    strips: gr.HTML
    seed: Counter

    @classmethod
    def build(cls, dataset: str, beside: Sequence[Part] = ()) -> Self:
        """Lay out the part, which is visible if the data set has such an auto-encoder. It shares the seed of the samples beside it."""
        (seed,) = (part.seed for part in beside if isinstance(part, SamplesTab))
        with gr.Column(visible=bool(available_waes(dataset))) as box:
            gr.HTML(
                f'<h2 class="section">Reconstruct and dream</h2><p class="note">{_EXPLANATION}</p>',
                apply_default_css=False,
            )
            strips = gr.HTML(elem_id="dreams", apply_default_css=False)
        return cls(box=box, strips=strips, seed=seed)

    @property
    def followers(self) -> list[Block]:
        return [self.box]

    def follow(self, dataset: str, **chosen: Any) -> list[Any]:
        return [gr.Column(visible=bool(available_waes(dataset)))]

    @property
    def outputs(self) -> list[Component]:
        return [self.strips]

    @classmethod
    def script(cls, dataset: str, chosen: Mapping[str, Any]) -> Script | None:
        if not available_waes(dataset):
            return None
        body = f"""
reconstructions, dreams = {{}}, {{}}
for treatment in available_waes("{dataset}"):
    wae = load_wae(treatment, "{dataset}")
    reconstructions[treatment] = wae.reconstruct(images, missing)[0]  # (C, H, W), visible pixels included
    dreams[treatment] = wae.dream({DREAMS}, torch.Generator().manual_seed({chosen["seed"]}))  # ({DREAMS}, C, H, W)
"""
        return Script(("import torch", "from dmfa_demo.models.wae import available_waes, load_wae"), body)

    def render(self, scene: Scene, missing: Tensor, cache: ImputationCache, seed: int) -> list[str]:
        """Return the contents of `outputs` for a scene with `missing` `(H, W)` hidden; the same seed draws the same images."""
        waes = [load_wae(name, scene.dataset) for name in available_waes(scene.dataset)]
        found = reconstruct_all(waes, scene.image[None], missing[None, None])
        return ["".join(_strip(wae, image[0], scene, seed, cache) for wae, image in zip(waes, found))]


def _strip(wae: WAE, reconstruction: Tensor, scene: Scene, seed: int, cache: ImputationCache) -> str:
    """Return a treatment's reconstruction `(C, H, W)` and drawn images as HTML."""
    kind = type(wae.treatment)
    near = metrics.psnr_image(reconstruction[None], scene.image[None]).item()
    alt = f"The picture as the auto-encoder with {kind.title} repaints it"
    spoken = " from the complete picture"
    pictures = [
        Picture(grey_or_colour(reconstruction), f"{near:.1f} dB", alt, framed=True, tells_truth=True, spoken=spoken)
    ]
    dreams = cache.recall(scene, ("dreams", kind.name, seed), lambda: wae.dream(DREAMS, _seeded(seed)))
    for number, dream in enumerate(dreams, 1):
        pictures.append(
            Picture(grey_or_colour(dream), "", f"Image {number} drawn by the auto-encoder with {kind.title}")
        )
    return strip(kind, pictures, "repainted, then dreamt", title=kind.title)


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


_EXPLANATION = (
    "These auto-encoders never saw the pixels in one hole of each training picture: the error counts only where a pixel is known. They differ in "
    "how the encoder treats the hole. The framed picture is the whole picture as the decoder repaints it from its few latents, visible "
    "pixels included, with its distance from the complete picture; the others are decoded from latents drawn like those of training pictures."
)
