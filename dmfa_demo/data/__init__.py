"""Data sets, masks and the bundled samples."""

from dmfa_demo.data.datasets import (
    DATASETS,
    Dataset,
    LabelledImages,
    load_samples,
    load_split,
    sample_caption,
    to_float,
)

__all__ = ["DATASETS", "Dataset", "LabelledImages", "load_samples", "load_split", "sample_caption", "to_float"]
