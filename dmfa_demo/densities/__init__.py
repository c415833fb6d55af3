"""Gaussians and mixtures over flattened values."""

from dmfa_demo.densities.dense_gaussian import ConditionalGaussian
from dmfa_demo.densities.diagonal_gaussian import DiagonalGaussian
from dmfa_demo.densities.factor_analyzer import FactorAnalyzer, MixtureOfFactorAnalyzers

__all__ = ["ConditionalGaussian", "DiagonalGaussian", "FactorAnalyzer", "MixtureOfFactorAnalyzers"]
