"""Masks as short text, for addresses and for code."""

from __future__ import annotations

import base64
import binascii
import zlib

import torch
from torch import Tensor


def mask_text(missing: Tensor) -> str:
    """Encode a mask, bool `(H, W)`, as text for an address: lengths of alternating runs, visible first, row by row, deflated, in base64.

    Lengths are stored 7 bits per byte, lowest first; every byte but a length's last has its highest bit set.
    """
    bits = torch.cat([torch.zeros(1, dtype=torch.int8), missing.flatten().to(torch.int8)])
    edges = bits.diff().nonzero()[:, 0].tolist()
    packed = bytearray()
    for start, end in zip([0, *edges], [*edges, missing.numel()]):
        length = end - start
        while length > 0x7F:
            packed.append(length & 0x7F | 0x80)
            length >>= 7
        packed.append(length)
    deflate = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return base64.urlsafe_b64encode(deflate.compress(bytes(packed)) + deflate.flush()).decode().rstrip("=")


def mask_from_text(text: str, height: int, width: int) -> Tensor:
    """Decode the result of `mask_text` for a mask of a known size.

    Raises:
        ValueError: If the text is anything else.
    """
    size = height * width
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        # A run has at least one pixel and a length at most three bytes, so a valid text cannot inflate to more than this.
        runs = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, 3 * size + 1)
    except (binascii.Error, zlib.error):
        raise ValueError(f"the mask was not written by mask_text: {text!r:.40}") from None
    lengths, length, shift = [], 0, 0
    for byte in runs:
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            lengths.append(length)
            length = shift = 0
    if shift or sum(lengths) != size:
        raise ValueError(f"the mask does not have {height}x{width} pixels")
    hidden = torch.arange(len(lengths)) % 2 == 1
    return hidden.repeat_interleave(torch.tensor(lengths, dtype=torch.long)).view(height, width)
