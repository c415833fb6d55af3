"""A linear Gaussian of complete images that predicts the hidden pixels for a network.

For one component of MFA, x = mean + A z + e, given the observed values, with temperature t (see `shared_mixture`),

    C = I + A_o^T D_oo^-1 A_o / t,      z = C^-1 A_o^T D_oo^-1 (x_o - mean_o) / t.

C^-1 and the deviation of each hidden value depend only on the hole, and `look` computes them once per hole. The rest depends on the
image and takes two products with A per batch. The misfit of the visible values scales all deviations, as in a multivariate Student
distribution with nu degrees of freedom,

    surprise = (nu + z^T z + |x_o - mean_o - A_o z|^2 / (t D_oo)) / (nu + |o| / t).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property

import torch
from torch import Tensor

from dmfa_demo.densities.diagonal_gaussian import DiagonalGaussian
from dmfa_demo.densities.shared_mixture import ConditionalMixture, SharedComponents, SharedMixture

# Degrees of freedom: the prior of the scale weighs as much as this many visible values, each of which counts 1 / t.
FREEDOM = 20.0
# The error of a precision near 1 in float32.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Shapes:
    """Images u_i = s A^T w_i by which the hidden parts of B images may differ from a guide's expectation, strongest first.

    Their coordinates are independent and standard normal given the visible values, W^T C W = I. They stay independent once the hidden
    part is seen too, at the same temperature: W^T (I + A D^-1 A^T / t) W is diagonal.

    Args:
        ways: w_i, `(B, l, k)`.
        gain: the precision of each coordinate once everything is seen, `(B, k)`, decreasing; it is 1 before.
        scale: s, the square root of the surprise, `(B, 1)`.
        factors: A of the guide, `(l, n)`.
        noise: t D of the guide, `(n,)`.
    """

    ways: Tensor
    gain: Tensor
    scale: Tensor
    factors: Tensor
    noise: Tensor

    def paint(self, z: Tensor) -> Tensor:
        """Return the expected difference `(S, B, n)` given coordinates `(S, B, k)` drawn from the result of `recognise`.

        A coordinate about which the hidden part is uninformative is mostly noise, and gets little weight.
        """
        latents = torch.einsum("sbk,blk->sbl", self.scale * (1 - 1 / self.gain) * z, self.ways)
        return latents @ self.factors

    def recognise(self, difference: Tensor) -> DiagonalGaussian:
        """Return the posterior of the coordinates given a difference `(B, n)` from the guide's expectation, zero at visible values."""
        shift = (difference / self.noise) @ self.factors.mT
        shift = torch.einsum("bl,blk->bk", shift, self.ways) / self.scale
        return DiagonalGaussian(shift / self.gain, self.gain.rsqrt())


@dataclass(frozen=True)
class Guidance:
    """A linear Gaussian's marginal prediction of each value.

    Args:
        mean: `(B, n)`, also of visible values, which it does not reproduce exactly.
        deviation: `(B, n)`, positive for hidden values and zero for visible ones.
        shapes: how values differ jointly, if requested.
    """

    mean: Tensor
    deviation: Tensor
    shapes: Shapes | None = None

    def __getitem__(self, rows: Tensor) -> Guidance:
        """Return the guidance of some of the rows."""
        shapes = self.shapes
        if shapes is not None:
            shapes = replace(shapes, ways=shapes.ways[rows], gain=shapes.gain[rows], scale=shapes.scale[rows])
        return Guidance(self.mean[rows], self.deviation[rows], shapes)

    def to(self, device: torch.device) -> Guidance:
        """Move the tensors to a device."""
        shapes = self.shapes
        if shapes is not None:
            shapes = Shapes(*(getattr(shapes, field.name).to(device) for field in fields(shapes)))
        return Guidance(self.mean.to(device), self.deviation.to(device), shapes)

    def recognise(self, values: Tensor, missing: Tensor) -> DiagonalGaussian:
        """Return the posterior of the shapes' coordinates given the hidden ones among values `(B, n)`; missing is `(B, 1, H, W)`."""
        assert self.shapes is not None, "request shapes with the guidance"
        hidden = missing.expand(-1, values.shape[1] // missing[0].numel(), -1, -1).flatten(1)
        return self.shapes.recognise(torch.where(hidden, values - self.mean, 0))

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Return the tensors, with one row per image; `Guide.guidance` is the inverse."""
        shapes = self.shapes
        rest = () if shapes is None else (shapes.ways, shapes.gain, shapes.scale)
        return self.mean, self.deviation, *rest

    def images(self, missing: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and deviation as images `(B, C, H, W)` for holes `(B, 1, H, W)`; the deviation is bounded below for a logarithm."""
        mean, deviation = (part.reshape(len(missing), -1, *missing.shape[2:]) for part in (self.mean, self.deviation))
        return mean, torch.where(missing, deviation.clamp(min=1e-3), 0.05)  # any value will do where it is visible

    def channels(self, missing: Tensor) -> Tensor:
        """Return a network's extra input channels: mean and log-deviation, `(B, 2 C, H, W)`."""
        mean, deviation = self.images(missing)
        return torch.cat([mean, deviation.log() + 3], 1)


@dataclass(frozen=True)
class Guide:
    """A factor analyser of complete images that predicts the pixels in holes.

    Args:
        mixture: an MFA with one component, before any observation.
        temperature: the number of visible values that count as one.
    """

    mixture: SharedMixture
    temperature: float

    def first(self, count: int) -> Guide:
        """Return the guide with the first `count` factors; what the others explain becomes noise."""
        parts = self.mixture.components
        if count >= parts.factors.shape[1]:
            return self
        kept, left = parts.factors[:, :count], parts.factors[:, count:]
        parts = SharedComponents(parts.mean, kept.contiguous(), parts.noise + left.square().sum(1))
        return replace(self, mixture=SharedMixture.prior(self.mixture.log_weights[0], parts))

    def condition(self, x: Tensor, missing: Tensor) -> ConditionalMixture:
        """Return the guide's p(x_m | x_o) for x and missing `(B, n)`."""
        return self.mixture.condition(x, missing, self.temperature)

    def guidance(self, mean: Tensor, deviation: Tensor, *shapes: Tensor) -> Guidance:
        """Build a guidance from its `tensors`, on their device."""
        if not shapes:
            return Guidance(mean, deviation)
        _, factors, noise = self._single
        ways, gain, scale = shapes
        found = Shapes(
            ways=ways,
            gain=gain,
            scale=scale,
            factors=factors.to(mean.device),
            noise=self.temperature * noise.to(mean.device),
        )
        return Guidance(mean, deviation, found)

    def look(self, missing: Tensor, shapes: int = 0) -> tuple[Tensor, ...]:
        """Return the uncertainty for holes `(B, n)`: the latents' covariance C^-1 `(B, l, l)` and the hidden values' deviation `(B, n)`.

        With `shapes` above 0, also `ways` and `gain` of that many `Shapes`.
        """
        looked = self.condition(torch.zeros(missing.shape), missing)
        found = looked.posterior.latents.covariance[:, 0].float(), looked.variance.sqrt()
        return (*found, *self._shapes(looked, shapes)) if shapes else found

    def infer(self, x: Tensor, missing: Tensor, covariance: Tensor) -> Tensor:
        """Return the latents' mean z `(B, l)` for x and missing `(B, n)`, given the covariance from `look`."""
        mean, factors, noise = self._single
        shift = (torch.where(missing, 0, x - mean) / (self.temperature * noise)) @ factors.mT
        return (covariance @ shift.unsqueeze(-1)).squeeze(-1)

    def _shapes(self, conditional: ConditionalMixture, count: int) -> tuple[Tensor, Tensor]:
        """Return `ways` and `gain` of `count` shapes. Each makes the image lighter on the whole, so that no sign is arbitrary."""
        components, lower = self.mixture.components, conditional.posterior.latents.cholesky[:, 0]
        whole = components.everything[0] / self.temperature + torch.eye(lower.shape[-1]).to(lower)
        half = torch.linalg.solve_triangular(lower, whole.expand_as(lower), upper=False)
        ratio = torch.linalg.solve_triangular(lower, half.mT, upper=False)
        gain, turned = (part[..., -count:].flip(-1) for part in torch.linalg.eigh(ratio.float()))
        # What the hidden part says nothing about keeps its precision; rounding would paint it outside the hole.
        gain = torch.where(gain - 1 < ROUNDING, 1, gain)
        ways = torch.linalg.solve_triangular(lower.mT, turned.to(lower), upper=True)
        darker = (components.factors[0].sum(1) @ ways).unsqueeze(-2) < 0
        return torch.where(darker, -ways, ways).float(), gain

    def advise(self, images: Tensor, missing: Tensor, shapes: int = 0) -> Guidance:
        """Return the guidance for images `(B, C, H, W)` with holes `(B, 1, H, W)`, with `shapes` shapes."""
        x, hidden = images.flatten(1), missing.expand_as(images).flatten(1)
        linear = self.condition(x, hidden)
        latents, deviation = linear.posterior.latents.mean[:, 0].float(), linear.variance.sqrt()
        return self.explain(x, hidden, latents, deviation, self._shapes(linear, shapes) if shapes else None)

    def advise_each(self, images: Tensor, missing: Tensor, shapes: int = 0) -> Guidance:
        """Return the same as `advise`, computed image by image in less memory."""
        said = [self.advise(*one, shapes).tensors for one in zip(images.split(1), missing.split(1))]
        return self.guidance(*(torch.cat(part) for part in zip(*said)))

    def explain(
        self,
        x: Tensor,
        missing: Tensor,
        latents: Tensor,
        deviation: Tensor,
        shapes: tuple[Tensor, Tensor] | None = None,
    ) -> Guidance:
        """Return the guidance for images x `(B, n)` from their latents `(B, l)`, hidden deviations `(B, n)`, `ways` and `gain`."""
        mean, factors, noise = self._single
        explained = mean + latents @ factors
        left = torch.where(missing, 0, x - explained).square() / (self.temperature * noise)
        counted = (~missing).sum(1) / self.temperature
        surprise = (FREEDOM + latents.square().sum(1) + left.sum(1)) / (FREEDOM + counted)
        scale = surprise.sqrt().unsqueeze(1)
        return self.guidance(explained, deviation * scale, *(() if shapes is None else (*shapes, scale)))

    @cached_property
    def _single(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return mean `(n,)`, factors `(l, n)` and noise `(n,)` in single precision."""
        parts = self.mixture.components
        return parts.mean[0].float(), parts.factors[0].float(), parts.noise[0].float()
