"""Train VAEAC on a mixture of eight Gaussians in two dimensions (VAEAC paper, appendix C.2), for several hybrid objectives.

The distribution is known, so likelihood and samples can be compared with the true density. The paper's model
finds all eight modes with alpha = 1; the smaller alpha, the more GSNN pulls every answer to the middle.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from dmfa_demo.models.vaeac import VAEAC
from dmfa_demo.options import Options, PositiveInt, Seed, Share
from train.engine.loop import LoopConfig, fit
from train.engine.run import write_json
from train.methods.vaeac import VAEACObjective, warmed_up

MODES, ROWS, LATENTS, HIDDEN = 8, 100_000, 25, (400, 200, 100, 50)

# The modes' variance is hardly legible in print; figure 6's scale ends at 2, the height of a mode is 1 / (8 * 2 pi * 0.01).
VARIANCE = 0.01

# With less warm-up the latents are hardly used, and both estimates agree on a single Gaussian.
KL_WARMUP = 0.5

# Pixels are in [0, 1], these numbers around 0: they are shifted and divided by SPAN, and densities are scaled back.
SPAN = 10.0

# The paper's table 8: IS-10 and MC-10.
PAPER = {1.0: (0.22, 85.0), 0.99: (0.35, 11.0), 0.9: (0.62, 1.7)}


@dataclass(frozen=True)
class Synthetic(Options):
    """VAEAC on the synthetic mixture, once per weight."""

    alphas: tuple[Share, ...] = (1.0, 0.99, 0.9)
    """weights of VAEAC in the hybrid objective"""
    steps: PositiveInt = 10_000
    test_rows: PositiveInt = 10_000
    seed: Seed = 0
    run_folder: Path = Path("runs/synthetic/vaeac")
    """the folder of state, results.json and pictures"""


class Multilayer(nn.Module):
    """Fully connected layers with ReLU between them."""

    def __init__(self, inputs: int, outputs: int, hidden: Sequence[int] = HIDDEN):
        super().__init__()
        sizes = [inputs, *hidden]
        layers = [layer for a, b in zip(sizes, sizes[1:]) for layer in (nn.Linear(a, b), nn.ReLU())]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.flatten(1))


class Prior(Multilayer):
    """A network from two numbers and their mask to raw latents, which passes on its input."""

    def __init__(self):
        super().__init__(4, 2 * LATENTS)

    def forward(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        return super().forward(seen), seen


class Generator(Multilayer):
    """A network from latents and the prior's input to the raw mean and deviation of both numbers."""

    def __init__(self):
        super().__init__(LATENTS + 4, 4)

    def forward(self, z: Tensor, seen: Tensor) -> Tensor:
        both = torch.cat([z, seen.flatten(1).expand(len(z), -1, -1)], -1)  # (S, B, d + 4)
        return super().forward(both.flatten(0, 1)).view(*z.shape[:2], 2, 1, 1, 2)


def synthetic_vaeac() -> VAEAC:
    """Build the appendix's networks: four ReLU layers each, 25 latents."""
    return VAEAC(Prior(), Multilayer(6, 2 * LATENTS), Generator(), "gaussian", deviation_floor=1e-3)


def centres(seed: int) -> Tensor:
    """Draw the eight modes `(8, 2)`, standard normal."""
    return torch.randn(MODES, 2, generator=torch.Generator().manual_seed(seed))


def draw_rows(modes: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Draw rows from the mixture as images `(count, 1, 1, 2)`, scaled to [0, 1]."""
    chosen = modes[torch.randint(MODES, (count,), generator=generator)]
    rows = chosen + VARIANCE**0.5 * torch.randn(count, 2, generator=generator)
    return (rows / SPAN + 0.5).clamp(0, 1)[:, None, None]


def true_log_prob(images: Tensor, missing: Tensor, modes: Tensor) -> Tensor:
    """Return the mixture's log p(x_m | x_o) in nats, in the data's units, `(B,)`."""
    x, hidden = (images.flatten(1) - 0.5) * SPAN, missing.flatten(1)
    each = -0.5 * ((x[:, None] - modes).square() / VARIANCE + math.log(2 * math.pi * VARIANCE))  # (B, 8, 2)
    visible = torch.where(hidden[:, None], 0, each).sum(-1)
    return each.sum(-1).logsumexp(1) - visible.logsumexp(1)


def train(config: Synthetic) -> None:
    """Train for each alpha, print table 8 with our figures, and draw figures 6 and 7."""
    modes = centres(config.seed)
    rows = draw_rows(modes, ROWS, torch.Generator().manual_seed(config.seed + 1))
    test = draw_rows(modes, config.test_rows, torch.Generator().manual_seed(config.seed + 2))
    masks = draw_masks(len(test), torch.Generator().manual_seed(config.seed + 3))
    results, models = [], {}
    for alpha in config.alphas:
        models[alpha] = _train_one(config, alpha, rows)
        results.append({"alpha": alpha, **score(models[alpha], test, masks), "paper": PAPER.get(alpha)})
    truth = -true_log_prob(test, masks, modes)
    print(f"\n{'alpha':>6}{'IS-10':>9}{'paper':>8}{'MC-10':>9}{'paper':>8}   (nats per row, n = {len(test)})")
    for row in results:
        paper = row["paper"] or ("", "")
        print(f"{row['alpha']:>6}{row['is10']:>9.3f}{paper[0]:>8}{row['mc10']:>9.2f}{paper[1]:>8}")
    print(f"the mixture itself: {truth.mean():.3f} +- {truth.std() / len(truth) ** 0.5:.3f}")
    write_json(config.run_folder / "results.json", {"true_nll": truth.mean().item(), "rows": results})
    draw_figures(config.run_folder, modes, models)


def draw_masks(count: int, generator: torch.Generator) -> Tensor:
    """Hide each of the two numbers with probability one half, `(count, 1, 1, 2)`."""
    return torch.rand(count, 1, 1, 2, generator=generator) < 0.5


@torch.inference_mode()
def score(model: VAEAC, images: Tensor, missing: Tensor) -> dict[str, float]:
    """Return NLL in nats per row in the data's units, by IS-10 and MC-10, with standard errors."""
    generator, found, device = torch.Generator().manual_seed(0), {}, next(model.parameters()).device
    images, missing = images.to(device), missing.to(device)
    conditional, units = model.eval()(images, missing), missing.sum((1, 2, 3)) * math.log(SPAN)
    for name, values in (
        ("is10", conditional.log_prob(images, missing, 10, generator=generator)),
        ("mc10", conditional.monte_carlo(images, missing, 10, generator)),
    ):
        nll = units - values
        found |= {name: nll.mean().item(), f"{name}_stderr": (nll.std() / len(nll) ** 0.5).item()}
    return found


@torch.inference_mode()
def draw_figures(folder: Path, modes: Tensor, models: dict[float, VAEAC]) -> None:
    """Draw the true density (figure 6) and, for each alpha, samples of x1, x2 and of each given the other (figure 7)."""
    from matplotlib.figure import Figure

    axis = torch.linspace(-3, 3, 200)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1).view(-1, 1, 1, 2) / SPAN + 0.5
    density = true_log_prob(grid, torch.ones_like(grid, dtype=torch.bool), modes).exp().view(200, 200)
    truth = Figure(figsize=(4, 3.4), layout="constrained")
    place = truth.subplots()
    truth.colorbar(place.contourf(axis, axis, density, levels=12), ax=place)
    place.set(title="True density", xlabel="$x_1$", ylabel="$x_2$")
    truth.savefig(folder / "figure-6.png", dpi=120)

    held = draw_rows(modes, 2_000, torch.Generator().manual_seed(9))
    cases = {"$x_1, x_2$": (True, True), "$x_1$ given $x_2$": (True, False), "$x_2$ given $x_1$": (False, True)}
    samples = Figure(figsize=(3 * len(cases), 3 * len(models)), layout="constrained")
    for line, (alpha, model) in zip(samples.subplots(len(models), len(cases), squeeze=False), models.items()):
        for place, (title, hidden) in zip(line, cases.items()):
            missing = torch.tensor(hidden).expand(len(held), 1, 1, 2)
            drawn = model.eval()(held, missing).sample(1, torch.Generator().manual_seed(0), noise=True)[0]
            points = ((torch.where(missing, drawn, held) - 0.5) * SPAN).flatten(1)
            place.scatter(*points.T, s=1)
            place.set(title=title, xlim=(-3, 3), ylim=(-3, 3))
        line[0].set_ylabel(f"alpha = {alpha:g}")
    samples.savefig(folder / "figure-7.png", dpi=120)


def _train_one(config: Synthetic, alpha: float, rows: Tensor) -> VAEAC:
    def draw(chosen: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        missing = draw_masks(len(chosen), generator)
        return rows[chosen], missing, torch.randn(len(chosen), 2, LATENTS, generator=generator)

    def loss(network: nn.Module, step: int, images: Tensor, missing: Tensor, noise: Tensor) -> Tensor:
        kl_weight = warmed_up(step, config.steps, KL_WARMUP)
        return network(images, missing, torch.zeros_like(missing), noise.transpose(0, 1), kl_weight).mean()

    held_out = draw_rows(centres(config.seed), 5_000, torch.Generator().manual_seed(config.seed + 4))
    masks = draw_masks(len(held_out), torch.Generator().manual_seed(config.seed + 5))

    def validate(network: nn.Module) -> dict[str, float]:
        found = score(cast(VAEAC, network.model), held_out, masks)
        return {"validation": found["is10"], **found}

    torch.manual_seed(config.seed)
    loop = LoopConfig(steps=config.steps, batch_size=512, learning_rate=1e-3, weight_decay=0.0, precision="no", seed=config.seed)  # fmt: skip
    objective = VAEACObjective(synthetic_vaeac(), alpha)
    identity = json.dumps([alpha, config.steps, config.seed])
    fit(
        objective,
        rows=len(rows),
        draw=draw,
        loss=loss,
        validate=validate,
        config=loop,
        folder=config.run_folder / f"alpha-{alpha:g}",
        identity=identity,
    )
    return objective.model.cpu()
