"""A linear Gaussian of whole images that tells a network what it expects behind a hole.

Of one component of MFA, x = mean + A z + e, and of the values that are seen, with temperature t (see `shared_mixture`),

    C = I + A_o^T D_oo^-1 A_o / t,      z = C^-1 A_o^T D_oo^-1 (x_o - mean_o) / t.

What depends on the hole alone, C^-1 and the deviation of each hidden value, may be computed once a hole (`look`); what then depends
on the image is two products with A for a whole batch. How badly the visible values are explained scales all deviations, as
it does in a multivariate Student distribution of nu degrees of freedom,

    surprise = (nu + z^T z + |x_o - mean_o - A_o z|^2 / (t D_oo)) / (nu + |o| / t).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property

import torch
from torch import Tensor

from dmfa_demo.densities.diagonal_gaussian import DiagonalGaussian
from dmfa_demo.densities.shared_mixture import ConditionalMixture, SharedComponents, SharedMixture

# Degrees of freedom: so many visible values, each of which counts 1 / t, say as much of the scale as is known without any.
FREEDOM = 20.0


@dataclass(frozen=True)
class Shapes:
    """The images by which the hidden parts of B images may differ from what a guide expects, u_i = s A^T w_i, the strongest first.

    Their coordinates are independent and standard normal given what is seen, W^T C W = I. They stay independent when the hidden part is
    seen too, with the same temperature: W^T (I + A D^-1 A^T / t) W is diagonal.

    Args:
        ways: w_i, `(B, l, k)`.
        gain: the precision of each coordinate once everything is seen, `(B, k)`, falling; it is 1 before.
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
        """The difference `(S, B, n)` to be expected given coordinates `(S, B, k)` that are draws of what `recognise` returns.

        A coordinate of which the hidden part itself says little is mostly noise, and counts little.
        """
        latents = torch.einsum("sbk,blk->sbl", self.scale * (1 - 1 / self.gain) * z, self.ways)
        return latents @ self.factors

    def recognise(self, difference: Tensor) -> DiagonalGaussian:
        """The posterior of the coordinates given a difference `(B, n)` from what the guide expects, zero where values are seen."""
        shift = (difference / self.noise) @ self.factors.mT
        shift = torch.einsum("bl,blk->bk", shift, self.ways) / self.scale
        return DiagonalGaussian(shift / self.gain, self.gain.rsqrt())


@dataclass(frozen=True)
class Guidance:
    """What a linear Gaussian says about each value on its own.

    Args:
        mean: `(B, n)`, also of visible values, which it does not give back exactly.
        deviation: `(B, n)`, positive where a value is hidden and zero where it is visible.
        shapes: how values may differ together, where that was asked for.
    """

    mean: Tensor
    deviation: Tensor
    shapes: Shapes | None = None

    def __getitem__(self, rows: Tensor) -> Guidance:
        """What it says about some of the rows."""
        shapes = self.shapes
        if shapes is not None:
            shapes = replace(shapes, ways=shapes.ways[rows], gain=shapes.gain[rows], scale=shapes.scale[rows])
        return Guidance(self.mean[rows], self.deviation[rows], shapes)

    def to(self, device: torch.device) -> Guidance:
        """The same on a device."""
        shapes = self.shapes
        if shapes is not None:
            shapes = Shapes(*(getattr(shapes, field.name).to(device) for field in fields(shapes)))
        return Guidance(self.mean.to(device), self.deviation.to(device), shapes)

    def recognise(self, values: Tensor, missing: Tensor) -> DiagonalGaussian:
        """The posterior of the shapes' coordinates given values `(B, n)`, of which the hidden ones count; missing is `(B, 1, H, W)`."""
        assert self.shapes is not None, "asked for with the guidance"
        hidden = missing.expand(-1, values.shape[1] // missing[0].numel(), -1, -1).flatten(1)
        return self.shapes.recognise(torch.where(hidden, values - self.mean, 0))

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The tensors with a row for each image; `Guide.guidance` is the inverse."""
        shapes = self.shapes
        rest = () if shapes is None else (shapes.ways, shapes.gain, shapes.scale)
        return self.mean, self.deviation, *rest

    def images(self, missing: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and deviation as images `(B, C, H, W)`, of holes `(B, 1, H, W)`; the deviation is never too small for a logarithm."""
        mean, deviation = (part.reshape(len(missing), -1, *missing.shape[2:]) for part in (self.mean, self.deviation))
        return mean, torch.where(missing, deviation.clamp(min=1e-3), 0.05)  # of no account where it is visible

    def channels(self, missing: Tensor) -> Tensor:
        """What a network sees of it beside a picture: mean and logarithm of the deviation, `(B, 2 C, H, W)`."""
        mean, deviation = self.images(missing)
        return torch.cat([mean, deviation.log() + 3], 1)


@dataclass(frozen=True)
class Guide:
    """One factor analyser of whole images, asked about holes.

    Args:
        mixture: an MFA of one component before anything is seen.
        temperature: how many visible values count as one.
    """

    mixture: SharedMixture
    temperature: float

    def first(self, count: int) -> Guide:
        """The guide of the first `count` factors; what the others explain becomes noise."""
        parts = self.mixture.components
        if count >= parts.factors.shape[1]:
            return self
        kept, left = parts.factors[:, :count], parts.factors[:, count:]
        parts = SharedComponents(parts.mean, kept.contiguous(), parts.noise + left.square().sum(1))
        return replace(self, mixture=SharedMixture.prior(self.mixture.log_weights[0], parts))

    def condition(self, x: Tensor, missing: Tensor) -> ConditionalMixture:
        """p(x_m | x_o) of x and missing `(B, n)`, as the guide sees it."""
        return self.mixture.condition(x, missing, self.temperature)

    def guidance(self, mean: Tensor, deviation: Tensor, *shapes: Tensor) -> Guidance:
        """The guidance with these `tensors`, on their device."""
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
        """What holes `(B, n)` leave uncertain: the latents' covariance C^-1 `(B, l, l)` and the deviation of hidden values `(B, n)`.

        With `shapes` above 0, also `ways` and `gain` of so many `Shapes`.
        """
        looked = self.condition(torch.zeros(missing.shape), missing)
        found = looked.posterior.latents.covariance[:, 0].float(), looked.variance.sqrt()
        return (*found, *self._shapes(looked, shapes)) if shapes else found

    def infer(self, x: Tensor, missing: Tensor, covariance: Tensor) -> Tensor:
        """The latents' mean z `(B, l)` of x and missing `(B, n)`, when `look` was asked before."""
        mean, factors, noise = self._single
        shift = (torch.where(missing, 0, x - mean) / (self.temperature * noise)) @ factors.mT
        return (covariance @ shift.unsqueeze(-1)).squeeze(-1)

    def _shapes(self, conditional: ConditionalMixture, count: int) -> tuple[Tensor, Tensor]:
        """`ways` and `gain` of `count` shapes. Each makes the image lighter, all pixels together, so that no sign is arbitrary."""
        components, lower = self.mixture.components, conditional.posterior.latents.cholesky[:, 0]
        whole = components.everything[0] / self.temperature + torch.eye(lower.shape[-1]).to(lower)
        half = torch.linalg.solve_triangular(lower, whole.expand_as(lower), upper=False)
        ratio = torch.linalg.solve_triangular(lower, half.mT, upper=False)
        gain, turned = (part[..., -count:].flip(-1) for part in torch.linalg.eigh(ratio.float()))
        ways = torch.linalg.solve_triangular(lower.mT, turned.to(lower), upper=True)
        darker = (components.factors[0].sum(1) @ ways).unsqueeze(-2) < 0
        return torch.where(darker, -ways, ways).float(), gain

    def advise(self, images: Tensor, missing: Tensor, shapes: int = 0) -> Guidance:
        """The guidance for images `(B, C, H, W)` with holes `(B, 1, H, W)`, with so many shapes."""
        x, hidden = images.flatten(1), missing.expand_as(images).flatten(1)
        linear = self.condition(x, hidden)
        latents, deviation = linear.posterior.latents.mean[:, 0].float(), linear.variance.sqrt()
        return self.explain(x, hidden, latents, deviation, self._shapes(linear, shapes) if shapes else None)

    def advise_each(self, images: Tensor, missing: Tensor, shapes: int = 0) -> Guidance:
        """The same image by image, in less memory."""
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
        """The guidance for images x `(B, n)` whose latents `(B, l)`, hidden deviations `(B, n)`, and `ways` and `gain` are known."""
        mean, factors, noise = self._single
        explained = mean + latents @ factors
        left = torch.where(missing, 0, x - explained).square() / (self.temperature * noise)
        counted = (~missing).sum(1) / self.temperature
        surprise = (FREEDOM + latents.square().sum(1) + left.sum(1)) / (FREEDOM + counted)
        scale = surprise.sqrt().unsqueeze(1)
        return self.guidance(explained, deviation * scale, *(() if shapes is None else (*shapes, scale)))

    @cached_property
    def _single(self) -> tuple[Tensor, Tensor, Tensor]:
        """Mean `(n,)`, factors `(l, n)` and noise `(n,)` in single precision."""
        parts = self.mixture.components
        return parts.mean[0].float(), parts.factors[0].float(), parts.noise[0].float()
