"""What the papers report, to stand beside what we measure. Facts only: each figure with its table."""

from __future__ import annotations

# (row of the paper, data set, protocol, metric) -> (figure, where it stands)
# Table 2 is about holes of another size than in training: there the paper's model had seen squares only.
_T1, _T2 = "DMFA paper, table 1", "DMFA poster, table 2, trained on squares"

REPORTED: dict[tuple[str, str, str, str], tuple[float, str]] = {
    ("DMFA", "mnist", "square14", "nll"): (-244.81, _T1),
    ("DMFA", "mnist", "square14", "sse"): (12.96, _T1),
    ("DMFA", "mnist", "rect10x15", "nll"): (-147.29, _T2),
    ("DMFA", "mnist", "rect10x15", "sse"): (9.04, _T2),
    ("DMFA", "fashion-mnist", "square14", "nll"): (-252.49, _T1),
    ("DMFA", "fashion-mnist", "square14", "sse"): (6.03, _T1),
}
