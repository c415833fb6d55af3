"""Formulas as MathML, which browsers draw and screen readers read."""

from __future__ import annotations

from html import escape


def formula(*parts: str, block: bool = True) -> str:
    """A whole formula of `parts`."""
    display = "block" if block else "inline"
    return f'<math display="{display}">{row(*parts)}</math>'


def row(*parts: str) -> str:
    """Parts side by side. One that is not MathML yet is a name when it has letters, a number when it has digits, else a sign."""
    return f"<mrow>{''.join(map(_token, parts))}</mrow>"


def sub(base: str, index: str) -> str:
    """A base with an index below."""
    return f"<msub>{_token(base)}{_token(index)}</msub>"


def sup(base: str, power: str) -> str:
    """A base with a power."""
    return f"<msup>{_token(base)}{_token(power)}</msup>"


def subsup(base: str, index: str, power: str) -> str:
    """A base with both."""
    return f"<msubsup>{_token(base)}{_token(index)}{_token(power)}</msubsup>"


def frac(over: str, under: str) -> str:
    """A fraction."""
    return f"<mfrac>{_token(over)}{_token(under)}</mfrac>"


def root(inside: str) -> str:
    """A square root."""
    return f"<msqrt>{_token(inside)}</msqrt>"


def _token(part: str) -> str:
    if part.startswith("<m"):
        return part
    kind = "mi" if any(map(str.isalpha, part)) else "mn" if any(map(str.isdigit, part)) else "mo"
    return f"<{kind}>{escape(part)}</{kind}>"
