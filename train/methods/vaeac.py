"""Train VAEAC: hide pixels, and maximise a lower bound of their likelihood (VAEAC paper, section 4.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from dmfa_demo import metrics
from dmfa_demo.data.datasets import load_split, to_float
from dmfa_demo.data.masks import mask_family
from dmfa_demo.densities.guide import Guidance
from dmfa_demo.densities.pixels import as_seen
from dmfa_demo.models.guided import GuidedConfig, load_guide
from dmfa_demo.models.vaeac import VAEAC, GuidedVAEAC, VAEACConfig, image_vaeac
from dmfa_demo.options import NonNegativeFloat, PositiveFloat, PositiveInt, Share
from dmfa_demo.storage.checkpoints import beside, load_checkpoint
from train.engine.holes import Holes
from train.engine.loop import LoopConfig
from train.engine.network_run import NetworkRunConfig, train_network
from train.engine.run import absent_pixels, load_training

# Holes of all kinds, for models of arbitrary conditioning.
ANY_HOLE = "arbitrary*4+squares30-70%*2+strokes*2+noise30-90*1+line10%*1"
# The settings for CIFAR-10 and SVHN.
_SMALL_PHOTOS: dict[str, Any] = {
    "network": VAEACConfig(latents=64, widths=(48, 96, 192), deviation_floor=0.02),
    "loop": LoopConfig(steps=9_500, batch_size=64, validate_every=2_000),
    "masks": "square16*3+squares8-20*3+half+strokes*2+noise30-90*2",
}


@dataclass(frozen=True)
class VAEACTraining(NetworkRunConfig):
    """VAEAC, the variational auto-encoder with arbitrary conditioning."""

    network: VAEACConfig = field(default_factory=VAEACConfig)
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(steps=18_000, batch_size=64))
    masks: str = ANY_HOLE
    """the mask family in training, see dmfa_demo/data/masks.py"""
    incomplete: str | None = None
    """a mask family: these pixels of each training image are never known (section 4.3.3)"""
    alpha: Share = 1.0
    """weight of VAEAC in the hybrid objective; the rest is GSNN (equation (16)). 0 is GSNN alone or, with --latents 0, a plain
    network"""
    prior_mean_scale: PositiveFloat = 1e4
    """sigma_mu of the Normal prior on the latents' means (section 4.3.2)"""
    prior_deviation_rate: NonNegativeFloat = 1e-4
    """sigma_sigma of the Gamma prior on the latents' deviations (section 4.3.2)"""
    kl_warmup: Share = 0.2
    """the share of the steps over which the weight of the KL divergence increases to 1"""
    importance_samples: PositiveInt = 10
    """S, the number of samples for the likelihood in validation"""
    holes: PositiveInt = 1_000
    """different holes in training with a guide, which processes each of them once"""
    start: str | None = None
    """the sibling checkpoint to start from: with a guide, a guided DMFA with the same guide, widths and blocks"""

    method = "vaeac"
    recipes: ClassVar = {
        "fashion-mnist": {"loop": LoopConfig(steps=12_000, batch_size=64)},
        "omniglot": {"loop": LoopConfig(steps=8_000, batch_size=64)},
        "celeba": {
            "network": VAEACConfig(latents=128, widths=(32, 64, 128), blocks=2, deviation_floor=0.02, guide="mfa"),
            "loop": LoopConfig(steps=11_000, batch_size=32, save_every=200),
            "masks": "centre*1+pattern*2+noise30-90*3+half*1+squares16-40*3+rectangles*1+strokes*2",
            "kl_warmup": 0.0,
            "holes": 600,
            "start": "dmfa",
        },
        "cifar10": _SMALL_PHOTOS,
        "svhn": _SMALL_PHOTOS,
    }

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.network.guide, self.start)))


class VAEACObjective(nn.Module):
    """The training loss of any VAEAC: minus the hybrid bound of equation (16), regularised as in section 4.3.2.

    Args:
        model: the networks.
        alpha, mean_scale, deviation_rate: see `VAEACTraining`.
    """

    def __init__(self, model: VAEAC, alpha: float = 1.0, mean_scale: float = 1e4, deviation_rate: float = 1e-4):
        super().__init__()
        self.model, self.alpha, self.mean_scale, self.deviation_rate = model, alpha, mean_scale, deviation_rate
        if alpha == 0:  # GSNN does not use it
            model.proposal.requires_grad_(False)

    def forward(
        self,
        images: Tensor,
        missing: Tensor,
        absent: Tensor,
        noise: Tensor,
        kl_weight: float = 1.0,
        guidance: Guidance | None = None,
    ) -> Tensor:
        """Return the loss of each image in nats, `(B,)`.

        Args:
            images: `(B, C, H, W)`.
            missing: bool `(B, 1, H, W)`, hidden from the prior network, including the absent ones.
            absent: bool `(B, 1, H, W)`, never known, neither to the proposal network nor to the likelihood.
            noise: standard normal `(2, B, d)`, for the latents of both terms.
            kl_weight: below 1 during warm-up, so that the latents become useful before they are penalised.
            guidance: the guide's prediction, if there is a guide.
        """
        conditional, scored = self.model(images, missing, guidance), missing & ~absent
        prior = conditional.prior
        value = -0.5 * (prior.mean / self.mean_scale).square().sum(-1)
        value = value + self.deviation_rate * (prior.deviation.log() - prior.deviation).sum(-1)
        if self.alpha > 0:
            proposal = self.model.propose(images, missing, absent, guidance)
            pixels = conditional.decode(proposal.at(noise[:1]))
            value = value + self.alpha * (pixels.log_prob(images, scored)[0] - kl_weight * proposal.kl(prior))
        if self.alpha < 1:
            pixels = conditional.decode(prior.at(noise[1:]))
            value = value + (1 - self.alpha) * pixels.log_prob(images, scored)[0]
        return -value


def warmed_up(step: int, steps: int, share: float) -> float:
    """Return the weight of the KL divergence, which increases linearly to 1 over the first `share` of the steps.

    Without warm-up the latents may never be used.
    """
    return min(1.0, (step + 1) / max(1.0, share * steps))


def train(config: VAEACTraining) -> None:
    """Train, then write the checkpoint with its model card."""
    config.check_output()
    if config.incomplete is not None and config.network.guide is not None:
        raise ValueError("a guide treats all visible pixels as known; omit --incomplete or --guide")
    training = load_training(config, incomplete=config.incomplete is not None)
    validation = load_split(config.dataset, "validation", config.data_root)
    family, latents, likelihood = mask_family(config.masks), config.network.latents, config.network.likelihood
    channels, height, width = config.network.shape
    absent = absent_pixels(config.incomplete, len(training), (height, width), config.loop.seed)
    held_out = as_seen(to_float(validation.images[:1_000]), likelihood)
    guide, holes = None, None
    if config.network.guide is not None:
        guide = load_guide(beside(config.checkpoint, config.network.guide), config.network.factors)
        holes = family(config.holes, height, width, torch.Generator().manual_seed(config.loop.seed))
        holes = Holes.prepare(guide, holes, channels, latents)
        held_out = held_out[:150]

    def draw(rows: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        images = as_seen(to_float(training.images[rows]), likelihood)
        noise = torch.randn(len(rows), 2, latents, generator=generator)
        if guide is None or holes is None:
            hidden, tensors = family(len(rows), height, width, generator), ()
        else:
            chosen = torch.randint(config.holes, rows.shape, generator=generator)
            hidden, tensors = holes.missing[chosen], holes.explain(guide, images, chosen).tensors
        return images, hidden | absent[rows], absent[rows], noise, *tensors

    def loss(network: nn.Module, step: int, *batch: Tensor) -> Tensor:
        images, missing, absent, noise, *tensors = batch
        guidance = None if guide is None else guide.guidance(*tensors)
        kl_weight = warmed_up(step, config.loop.steps, config.kl_warmup)
        value = network(images, missing, absent, noise.transpose(0, 1), kl_weight, guidance)
        # Per scored pixel, so that large holes do not dominate small ones.
        return (value / (missing & ~absent).sum((1, 2, 3)).clamp(min=1)).mean()

    known = {}
    for name, kind, seed in (("all", family, 1), ("square", mask_family(f"square{height // 2}"), 2)):
        masks = kind(len(held_out), height, width, torch.Generator().manual_seed(seed))
        known[name] = masks, None if guide is None else guide.advise_each(held_out, masks, latents)

    def validate(network: nn.Module) -> dict[str, float]:
        measured = {
            name: score(
                cast(VAEAC, network.model),
                images=held_out,
                missing=masks,
                samples=config.importance_samples,
                alpha=config.alpha,
                guidance=guidance,
            )
            for name, (masks, guidance) in known.items()
        }
        return measured["all"] | {f"square_{name}": measured["square"][name] for name in ("nll", "sse", "sse_sample")}

    torch.manual_seed(config.loop.seed)
    model = image_vaeac(config.network)
    if isinstance(model, GuidedVAEAC) and config.start is not None:
        model.begin_from(load_checkpoint(beside(config.checkpoint, config.start), GuidedConfig)[1])
    objective = VAEACObjective(model, config.alpha, config.prior_mean_scale, config.prior_deviation_rate)
    train_network(config, objective, training, draw=draw, loss=loss, validate=validate, shipped=objective.model)


@torch.inference_mode()
def score(
    model: VAEAC, images: Tensor, missing: Tensor, samples: int, alpha: float, guidance: Guidance | None = None
) -> dict[str, float]:
    """Return NLL estimated from `samples` draws, per missing pixel ("validation") and per image, and PSNR and squared error of the mean of ten samples.

    "sse_sample" is the squared error of one sample.

    Uses importance samples, or Monte Carlo samples for GSNN (alpha = 0), whose proposal network learns nothing. The draws are the
    same in every call, so that only weights make a difference.
    """
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(0)
    found: dict[str, list[Tensor]] = {}
    for rows in torch.arange(len(images)).split(250):
        x, hidden = images[rows].to(device), missing[rows].to(device)
        conditional = model(x, hidden, None if guidance is None else guidance[rows].to(device))
        estimate = conditional.monte_carlo if alpha == 0 else conditional.log_prob
        nll = -estimate(x, hidden, samples, generator=generator)
        drawn = torch.where(hidden, conditional.sample(10, generator), x)
        figures = {
            "validation": nll / hidden.sum((1, 2, 3)).clamp(min=1),
            "nll": nll,
            "psnr_image": metrics.psnr_image(drawn.mean(0), x),
            "sse": (drawn.mean(0) - x).square().sum((1, 2, 3)),
            "sse_sample": (drawn - x).square().sum((2, 3, 4)).mean(0),
        }
        for name, values in figures.items():
            found.setdefault(name, []).append(values.cpu())
    return {name: torch.cat(parts).mean().item() for name, parts in found.items()}
