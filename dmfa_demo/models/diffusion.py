"""Diffusion: one denoiser of complete images, and its conditional samples (Lugmayr et al., 2022; Rozet et al., 2024).

A network learns the mean of the image x behind noise of every level t, x_t = alpha_t x + sigma_t z. Sampling starts from pure noise and
removes it in steps. It never saw a hole in training. The visible pixels y enter while sampling, in one of two ways:

- RePaint: after each step the visible pixels are replaced by y with the noise of that level, and the step is repeated a few times
  so that the hidden pixels adapt to them.
- MMPS, moment matching posterior sampling: the denoiser's mean is corrected by the score of a Gaussian p(y | x_t) with the denoiser's own
  covariance, from its Jacobian.

Schedules, samplers and both kinds of guidance are those of the library azula.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, cast

import torch
from azula.denoise import KarrasDenoiser
from azula.guidance.mmps import MMPSDenoiser
from azula.guidance.repaint import RePaintSampler
from azula.linalg.covariance import IsotropicCovariance
from azula.nn.layers import SineEncoding
from azula.nn.unet import UNet
from azula.noise import CosineSchedule
from azula.sample import DDIMSampler
from torch import Tensor, nn
from torch.nn import functional as F

from dmfa_demo.drawing import DrawFrom
from dmfa_demo.imputation import ImageShape, Imputation, Imputer
from dmfa_demo.options import PositiveInt, Width
from dmfa_demo.storage.checkpoints import load_network

# Pixels are folded into channels, BLOCK x BLOCK at a time, before the first convolution.
BLOCK = 2
# The variance of the visible pixels around the image, in the range [-1, 1]: that of rounding to 8 bits.
OBSERVATION_VARIANCE = (2 / 255) ** 2 / 12
# The features of the noise level that modulate every block.
LEVEL_FEATURES = 64


@dataclass(frozen=True)
class DiffusionConfig(ImageShape):
    """The shape of a denoiser, and how it samples."""

    widths: tuple[Width, ...] = (48, 96)
    """channels of each level of the U-Net, finest first"""
    blocks: PositiveInt = 2
    """residual blocks per level"""
    sampler: Literal["repaint", "mmps"] = "repaint"
    """how the visible pixels enter"""
    levels: PositiveInt = 20
    """the number of noise levels, and so of steps, in sampling"""
    repeats: PositiveInt = 3
    """RePaint: how often each step is repeated; MMPS: iterations of its linear solver"""


class DiffusionNetwork(nn.Module):
    """The network of a denoiser: azula's U-Net on 2 x 2 pixel blocks, modulated by the level of the noise."""

    def __init__(self, config: DiffusionConfig):
        super().__init__()
        self.config = config
        channels = config.channels * BLOCK**2
        self.level = nn.Sequential(SineEncoding(LEVEL_FEATURES), nn.Linear(LEVEL_FEATURES, LEVEL_FEATURES), nn.SiLU())
        self.unet = UNet(
            channels,
            channels,
            hid_channels=config.widths,
            hid_blocks=[config.blocks] * len(config.widths),
            mod_features=LEVEL_FEATURES,
            norm="group",
        )

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        """Map scaled noisy images `(B, C, H, W)` and log noise-to-signal ratios `(B,)` or `()` to `(B, C, H, W)`."""
        config = self.config
        multiple = BLOCK << (len(config.widths) - 1)
        padded = F.pad(x, (0, -config.width % multiple, 0, -config.height % multiple))
        found = self.unet(F.pixel_unshuffle(padded, BLOCK), self.level(level))
        return F.pixel_shuffle(found, BLOCK)[..., : config.height, : config.width]


def denoiser_of(network: nn.Module) -> KarrasDenoiser:
    """Return the denoiser with a network, for images in [-1, 1]."""
    return KarrasDenoiser(network, CosineSchedule())


def to_signal(images: Tensor) -> Tensor:
    """Map images in [0, 1] to the range [-1, 1] of the denoiser."""
    return 2 * images - 1


def to_images(signal: Tensor) -> Tensor:
    """Map a denoiser's range [-1, 1] to images in [0, 1]."""
    return (0.5 * signal + 0.5).clamp(0, 1)


def walk(network: DiffusionNetwork, image: Tensor, missing: Tensor, *, count: int, seed: int) -> Iterator[Tensor]:
    """Yield, after each step, `count` images `(count, C, H, W)` on their way from noise to samples; the last ones are samples.

    Args:
        image: `(C, H, W)` in [0, 1]; values under `missing` are ignored.
        missing: bool `(1, H, W)`.
        seed: the same seed and count give the same walks.
    """
    x: Tensor | None = None
    draw = DrawFrom(torch.Generator().manual_seed(seed))
    # MMPS needs gradients, and so tensors that were not created in inference mode.
    fast = network.config.sampler != "mmps"
    with torch.inference_mode(fast):
        sampler = _sampler(network, image.clone(), missing.clone())
        times = sampler.timesteps.unfold(0, 2, 1)
    for time, following in times:
        with draw, torch.inference_mode(fast), torch.no_grad():
            x = sampler.init((count, *image.shape)) if x is None else x
            x = sampler.step(x, time.clone(), following.clone())
        yield to_images(x)


def _sampler(network: DiffusionNetwork, image: Tensor, missing: Tensor) -> DDIMSampler:
    """Return the sampler of an image `(C, H, W)`, whose visible pixels steer it."""
    config, denoiser = network.config, denoiser_of(network)
    visible = (~missing).expand_as(image)
    y = to_signal(torch.where(visible, image, 0.5))
    # Random steps (eta = 1) correct the errors of the steps before.
    settings: dict[str, Any] = dict(eta=1.0, steps=config.levels, silent=True)
    if not visible.any():
        return DDIMSampler(denoiser, **settings)
    if config.sampler == "repaint":
        return RePaintSampler(denoiser, y, cast(torch.BoolTensor, visible), iterations=config.repeats, **settings)
    noise = IsotropicCovariance(torch.tensor(OBSERVATION_VARIANCE))
    given = MMPSDenoiser(denoiser, y[visible], lambda x: x[:, visible], noise, iterations=config.repeats)
    return DDIMSampler(given, **settings)


class DiffusionImputer(Imputer):
    """A trained denoiser as an imputer, whose answer is the mean of several samples."""

    name = "diffusion"
    title = "Diffusion"
    summary = "A network that removes noise from complete images; noise in the hole turns into a sample step by step."
    limits = (
        "Each sample takes dozens of passes of the network. It was trained without holes: the visible pixels only steer its steps, which is "
        "approximate, so a sample may not fit what is visible. It has no density in closed form."
    )
    formula = "x_s = step(x_t, E[x | x_t], y) from pure noise to x_0, where the visible pixels y enter at each step"
    citation = "Lugmayr et al.: RePaint: Inpainting using denoising diffusion probabilistic models (2022)"
    url = "https://arxiv.org/abs/2201.09865"
    paper = None
    colour = "#a8437c"
    has_samples = True
    has_trajectory = True
    fills_in_steps = True
    answers_in_steps = True
    steps = (
        "This method starts from noise in the hole. A network that learnt to remove noise from complete pictures removes a little of it in "
        "each step, and the visible pixels steer the step. The first steps decide what is there, the last ones draw its details."
    )
    shown_first = False

    # The number of samples in the mean.
    SAMPLES = 10

    def __init__(self, network: DiffusionNetwork):
        self.network, self.shape = network.eval(), network.config.shape

    @classmethod
    def load(cls, folder: Path) -> Self:
        with torch.inference_mode(False):  # see `walk`
            return cls(load_network(folder, DiffusionNetwork, DiffusionConfig))

    def fill(
        self, images: Tensor, missing: Tensor, count: int, generator: torch.Generator
    ) -> Iterator[tuple[Tensor, Tensor]]:
        seed, nothing = generator.initial_seed(), missing.new_zeros(count, *missing.shape)
        # One row after another, each with the same noise, so that a row's answer does not depend on the others.
        rows = [walk(self.network, image, hidden, count=count, seed=seed) for image, hidden in zip(images, missing)]
        for states in zip(*rows):
            yield torch.stack(states, 1), nothing

    def predict_in_steps(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Iterator[Imputation]:
        seed = generator.initial_seed()

        def states(count: int) -> Iterator[Tensor]:
            for filled, _ in self.fill(images, missing, count, torch.Generator().manual_seed(seed)):
                yield filled

        first = []
        for drawn in states(self.SAMPLES):

            def sampler(count: int, noise: bool, drawn: Tensor = drawn) -> Tensor:
                return drawn if count == self.SAMPLES else deque(states(count), maxlen=1)[0]

            first.append(drawn[0])
            mean = drawn.mean(0)
            yield Imputation(
                mean=mean,
                marginal_variance=(drawn - mean).square().sum(0) / (self.SAMPLES - 1),
                trajectory=torch.stack(first),  # of one sample; the answer is the mean of all
                sampler=sampler,
            )

    def predict(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Imputation:
        return deque(self.predict_in_steps(images, missing, generator), maxlen=1)[0]
