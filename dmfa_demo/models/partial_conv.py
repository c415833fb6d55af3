"""Partial convolution: a window's response from its known pixels alone, scaled up if they are few.

Liu et al., *Image inpainting for irregular holes using partial convolutions* (2018), equations (1) and (2):

    x' = W (x * known) |window| / |known in window| + bias where anything is known, else 0

Zeros from padding count as known here, as in an ordinary convolution, so that a complete image gives exactly its result;
the authors' layer counts them as missing.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dmfa_demo.models.misconv import check_mask, count_in_windows


class PartialConv2d(nn.Module):
    """A partial convolution with the weights of an ordinary one.

    Args:
        conv: the convolution, shared, not copied; any stride, padding, padding mode, dilation and groups.
    """

    def __init__(self, conv: nn.Conv2d):
        super().__init__()
        self.conv = conv

    def forward(self, features: Tensor, missing: Tensor) -> tuple[Tensor, Tensor]:
        """Return the response, and where it is still missing.

        Args:
            features: `(B, C, H, W)`; values under `missing` are ignored.
            missing: bool `(B, 1, H, W)`.

        Returns:
            `(B, C_out, H', W')`, zero where missing, and bool `(B, 1, H', W')`, True where a window has no known pixel.

        Raises:
            ValueError: If the mask does not match the features.
        """
        check_mask(features, missing)
        response = self.conv(torch.where(missing, 0, features))  # (B, C_out, H', W')
        whole, seen = (count_in_windows(self.conv, known) for known in (torch.ones_like(missing[:1]), ~missing))
        nothing = seen == 0
        scale = (whole / seen.clamp(min=1)).to(response.dtype)
        linear = response if self.conv.bias is None else response - self.conv.bias.to(response.dtype)[:, None, None]
        # In this form the response of a complete window is exact to the last bit.
        return torch.where(nothing, 0, response + linear * (scale - 1)), nothing
