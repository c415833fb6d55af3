"""Export trained networks as ONNX graphs: `python -m train export --dataset mnist --method dmfa vaeac`."""

from __future__ import annotations

from dataclasses import dataclass

from dmfa_demo.registry import METHODS, is_created, method_class
from dmfa_demo.storage.checkpoints import CONFIG, ROOT
from train.engine.graphs import write_answer, write_graphs
from train.engine.run import DatasetConfig


@dataclass(frozen=True)
class Export(DatasetConfig):
    """Export trained networks as ONNX graphs, as training does at its end."""

    method: tuple[str, ...] = ()
    """the checkpoints, by folder, such as dmfa or classifier-mask; by default all of the data set"""


def export(config: Export) -> None:
    """Write the graphs and print their sizes; a checkpoint without networks of its own has none.

    Raises:
        ValueError: If a folder has no checkpoint, or a package for the export is missing.
    """
    made = [name for name in METHODS if is_created(name, config.dataset)]
    known = sorted({*made, *(path.parent.name for path in (ROOT / config.dataset).glob(f"*/{CONFIG}"))})
    if unknown := [name for name in config.method if name not in known]:
        raise ValueError(
            f"--method {unknown[0]!r:.40} has no checkpoint for {config.dataset}; available: {', '.join(known)}"
        )
    for name in config.method or known:
        folder = ROOT / config.dataset / name
        try:
            if name in made:
                folder.mkdir(exist_ok=True)
                written = write_answer(method_class(name).create(config.dataset), folder)
            else:
                written = write_graphs(folder)
        except ImportError as error:
            raise ValueError(f"{error}; exporting needs the extra train: pip install -e '.[train]'") from None
        for path in written:
            print(f"wrote {path}, {path.stat().st_size / 1000:.0f} kB", flush=True)
