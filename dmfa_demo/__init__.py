"""Models of missing data: paint over an image and see what each model believes is behind the paint.

>>> from dmfa_demo import load_imputer
>>> imputer = load_imputer("dmfa", "mnist")          # reads checkpoints/mnist/dmfa
>>> # imputer.impute(images, missing).mean           # (B, 1, 28, 28)
"""

from dmfa_demo.imputation import Imputation, Imputer
from dmfa_demo.registry import available_methods, load_imputer

__version__ = "0.2.0"
__all__ = ["Imputation", "Imputer", "available_methods", "load_imputer"]
