"""Metrics against their definitions."""

import math

import pytest
import torch
from torchmetrics.functional.image import structural_similarity_index_measure

from dmfa_demo import metrics
from dmfa_demo.densities.factor_analyzer import FactorAnalyzer


def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    mean, truth = (torch.rand(3, 50, generator=generator, dtype=torch.float64) for _ in range(2))
    return mean, truth, torch.rand(3, 50, generator=generator) < 0.4


def test_sse_and_psnr_use_only_the_hole():
    mean, truth, missing = batch()
    for row in range(3):
        error = ((mean - truth)[row][missing[row]] ** 2).sum()
        assert metrics.sse(mean, truth, missing)[row] == pytest.approx(error.item())
        assert metrics.psnr(mean, truth, missing)[row] == pytest.approx(10 * math.log10(missing[row].sum() / error))


def test_psnr_is_finite_for_a_perfect_answer_and_nan_without_a_hole():
    _, truth, missing = batch()
    assert (metrics.psnr(truth, truth, missing) == 100).all()
    assert metrics.psnr(truth, truth, torch.zeros_like(missing)).isnan().all()


def test_distance_between_samples_is_over_all_pairs_and_the_hole():
    _, truth, missing = batch()
    samples = truth + 0.1 * torch.randn(
        5, *truth.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    for row in range(3):
        pairs = [(samples[i, row] - samples[j, row])[missing[row]].square().mean() for i in range(5) for j in range(i)]
        expected = torch.stack(pairs).mean().sqrt().item()
        assert metrics.distance(samples, missing)[row] == pytest.approx(expected)
    assert metrics.distance(samples, torch.zeros_like(missing)).isnan().all()


@pytest.mark.parametrize("shape", [(3, 1, 28, 28), (2, 3, 64, 64), (1, 3, 11, 40)])
def test_ssim_equals_torchmetrics(shape):
    truth = torch.rand(shape)
    for images in (torch.rand(shape), (truth + 0.1 * torch.randn(shape)).clamp(0, 1), torch.zeros(shape)):
        twin = structural_similarity_index_measure(images, truth, data_range=1.0, reduction="none")
        torch.testing.assert_close(metrics.ssim(images, truth), twin.reshape(len(images)), atol=1e-5, rtol=1e-4)


def test_ssim_is_one_for_equal_images_and_less_for_others():
    images = torch.rand(4, 1, 28, 28)
    same, other = metrics.ssim(images, images), metrics.ssim(images.flip(3), images)
    torch.testing.assert_close(same, torch.ones(4))
    assert (other < 0.5).all()
    assert metrics.ssim(images[:1], images[:1]).shape == (1,)


def test_coverage_of_the_true_density_is_the_level():
    n = 40_000
    density = FactorAnalyzer(torch.zeros(1, n), torch.full((1, 1, n), 0.0), torch.full((1, n), 4.0))
    truth = density.sample(1, torch.Generator().manual_seed(0))[0]
    missing = torch.ones(1, n, dtype=torch.bool)
    for level in (0.5, 0.9):
        error = (level * (1 - level) / n) ** 0.5
        assert abs(metrics.coverage(density, truth, missing, level).item() - level) < 5 * error


def test_crps_of_gaussian_samples_equals_the_closed_form():
    """Gneiting and Raftery (2007), equation (21): s (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi))."""
    generator, count = torch.Generator().manual_seed(0), 4_000
    mean, truth, missing = batch()
    samples = mean + 0.3 * torch.randn(count, *mean.shape, generator=generator, dtype=torch.float64)
    z = (truth - mean) / 0.3
    density = (-0.5 * z.square()).exp() / math.sqrt(2 * math.pi)
    closed = 0.3 * (z * (2 * torch.special.ndtr(z) - 1) + 2 * density - 1 / math.sqrt(math.pi))
    twin = torch.where(missing, closed, 0).sum(1) / missing.sum(1)
    torch.testing.assert_close(metrics.crps(samples, truth, missing), twin, atol=4e-3, rtol=0)


def test_crps_is_the_mean_over_pairs_and_unbiased_for_few_samples():
    _, truth, missing = batch()
    samples = torch.rand(6, 3, 50, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    pairs = (samples[:, None] - samples[None]).abs().sum((0, 1)) / (6 * 5)
    score = (samples - truth).abs().mean(0) - pairs / 2
    twin = torch.where(missing, score, 0).sum(1) / missing.sum(1)
    torch.testing.assert_close(metrics.crps(samples, truth, missing), twin)
    many = torch.rand(40_000, 3, 50, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    few = torch.stack([metrics.crps(part, truth, missing) for part in many.split(2)]).mean(0)
    torch.testing.assert_close(few, metrics.crps(many, truth, missing), atol=5e-3, rtol=0)


def test_crps_of_a_single_guess_is_its_absolute_error():
    mean, truth, missing = batch()
    for row in range(3):
        error = (mean - truth)[row][missing[row]].abs().mean()
        assert metrics.crps(mean[None], truth, missing)[row] == pytest.approx(error.item())


def test_psnr_image_uses_every_pixel():
    mean, truth, _ = batch()
    images = metrics.psnr_image(mean.view(3, 1, 5, 10), truth.view(3, 1, 5, 10))
    torch.testing.assert_close(images, metrics.psnr(mean, truth, torch.ones(3, 50, dtype=torch.bool)))


def test_coverage_ignores_visible_pixels():
    density = FactorAnalyzer(torch.zeros(1, 4), torch.zeros(1, 1, 4), torch.ones(1, 4))
    truth, missing = torch.tensor([[0.0, 9.0, 0.1, 9.0]]), torch.tensor([[True, True, False, False]])
    assert metrics.coverage(density, truth, missing).item() == 0.5


def test_nll_is_minus_log_prob():
    mean, truth, missing = batch()
    density = FactorAnalyzer(mean, torch.rand(3, 2, 50, dtype=torch.float64), torch.ones_like(mean))
    assert torch.equal(metrics.nll(density, truth, missing), -density.log_prob(truth, missing))


def test_calibration_error_is_the_gap_between_confidence_and_accuracy_in_bins():
    generator = torch.Generator().manual_seed(0)
    probabilities = (3 * torch.randn(500, 4, generator=generator)).softmax(1)
    labels = torch.randint(4, (500,), generator=generator)
    confidence, right = probabilities.amax(1), (probabilities.argmax(1) == labels).float()
    twin = 0.0
    for number in range(15):
        inside = (confidence > number / 15) & (confidence <= (number + 1) / 15)
        if inside.any():
            twin += inside.float().mean() * (confidence[inside].mean() - right[inside].mean()).abs()
    assert metrics.calibration_error(probabilities, labels).item() == pytest.approx(twin.item(), abs=1e-5)
    sure = torch.nn.functional.one_hot(labels, 4).float()
    assert metrics.calibration_error(sure, labels).item() == 0


def test_balanced_accuracy_equals_scikit_learns_for_each_class():
    from sklearn.metrics import balanced_accuracy_score

    generator = torch.Generator().manual_seed(3)
    true, predicted = (torch.rand(200, 4, generator=generator) < share for share in (0.2, 0.4))
    twin = [balanced_accuracy_score(true[:, column], predicted[:, column]) for column in range(4)]
    assert metrics.balanced_accuracy(predicted, true).tolist() == pytest.approx(twin)
    assert metrics.balanced_accuracy(torch.zeros_like(true), true).tolist() == [0.5] * 4, "a constant answer"
