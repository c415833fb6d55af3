"""Formulas as MathML, which browsers draw and screen readers read."""

from __future__ import annotations

from html import escape


def formula(*parts: str, block: bool = True) -> str:
    """Return a formula made of `parts`."""
    display = "block" if block else "inline"
    return f'<math display="{display}">{row(*parts)}</math>'


def row(*parts: str) -> str:
    """Put parts side by side. A part that is not MathML is an identifier if it has letters, a number if it has digits, otherwise an operator."""
    return f"<mrow>{''.join(map(_token, parts))}</mrow>"


def sub(base: str, index: str) -> str:
    """Return a base with a subscript."""
    return f"<msub>{_token(base)}{_token(index)}</msub>"


def sup(base: str, power: str) -> str:
    """Return a base with a superscript."""
    return f"<msup>{_token(base)}{_token(power)}</msup>"


def subsup(base: str, index: str, power: str) -> str:
    """Return a base with a subscript and a superscript."""
    return f"<msubsup>{_token(base)}{_token(index)}{_token(power)}</msubsup>"


def frac(over: str, under: str) -> str:
    """Return a fraction."""
    return f"<mfrac>{_token(over)}{_token(under)}</mfrac>"


def root(inside: str) -> str:
    """Return a square root."""
    return f"<msqrt>{_token(inside)}</msqrt>"


def _token(part: str) -> str:
    if part.startswith("<m"):
        return part
    kind = "mi" if any(map(str.isalpha, part)) else "mn" if any(map(str.isdigit, part)) else "mo"
    return f"<{kind}>{escape(part)}</{kind}>"
