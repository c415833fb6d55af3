"""A visitor's guess: how it is read, its figures, and how plausible methods find it."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch.distributions import MultivariateNormal, Normal

from dmfa_demo.app.canvas.mask_painter import decode_canvas, encode_mask
from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.canvas import Guess
from dmfa_demo.app.scene.scene import Scene
from dmfa_demo.app.tabs.compare import CompareTab
from dmfa_demo.app.tabs.your_guess import DRAWN, glance_at, plausibilities, plausibility_chart
from dmfa_demo.data.masks import mask_family
from dmfa_demo.registry import load_imputer

SCENE = Scene.sample("mnist", 42)
MISSING = mask_family("square14")(1, 28, 28, torch.Generator().manual_seed(4))[0, 0]
NOTHING = torch.zeros_like(MISSING)
TAB = CompareTab(view=None, methods=None, cards=None)


def address(pixels: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def payload(guess) -> dict:
    return {**encode_mask(MISSING), "dataset": "mnist", "sample": 42, "guess": guess}


def test_guess_is_read_as_drawn():
    drawn = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)
    guess = decode_canvas(payload({"image": address(drawn), "deviation": 0.25})).guess
    assert guess is not None and guess.deviation == 0.25
    torch.testing.assert_close(guess.image, torch.from_numpy(drawn)[None] / 255)
    assert decode_canvas(payload(None)).guess is None


@pytest.mark.parametrize(
    ("guess", "message"),
    [
        ("a 4", "deviation from 0.05 to 0.5"),
        ({}, "deviation from 0.05 to 0.5"),
        ({"image": address(np.zeros((28, 28), np.uint8)), "deviation": 0}, "got the deviation 0"),
        ({"image": address(np.zeros((28, 28), np.uint8)), "deviation": True}, "got the deviation True"),
        ({"image": address(np.zeros((28, 28), np.uint8)), "deviation": float("nan")}, "got the deviation nan"),
        ({"image": address(np.zeros((27, 28), np.uint8)), "deviation": 0.2}, "28 x 27 pixels"),
        ({"image": "/etc/passwd", "deviation": 0.2}, "data address"),
        ({"deviation": 0.2}, "data address"),
    ],
)
def test_other_guesses_are_refused(guess, message):
    with pytest.raises(ValueError, match=message):
        decode_canvas(payload(guess))


def test_figures_are_those_of_a_gaussian_around_the_drawing():
    guess = Guess(torch.rand(1, 28, 28, generator=torch.Generator().manual_seed(0)), 0.3)
    glance = glance_at(guess, SCENE, MISSING)
    truth, mean = SCENE.image.double()[0][MISSING], guess.image.double()[0][MISSING]
    assert glance.figures is not None and glance.variance is not None
    assert glance.figures.nll == pytest.approx(-Normal(mean, 0.3).log_prob(truth).sum().item(), rel=1e-4)
    assert glance.figures.psnr == pytest.approx(-10 * (mean - truth).square().mean().log10().item(), rel=1e-4)
    assert torch.equal(glance.mean[0][~MISSING], SCENE.image[0][~MISSING])
    assert torch.equal(glance.variance[0] > 0, MISSING)


def test_drawing_below_visible_pixels_does_not_count():
    one, other = torch.zeros(1, 28, 28), torch.where(MISSING, 0.0, 1.0)[None]
    glances = [glance_at(Guess(image, 0.2), SCENE, MISSING) for image in (one, other)]
    assert torch.equal(glances[0].mean, glances[1].mean) and glances[0].figures == glances[1].figures
    cache = ImputationCache()
    found = [plausibilities(Guess(image, 0.2), SCENE, MISSING, cache, ["mfa"]) for image in (one, other)]
    assert found[0] == found[1]


def test_drawing_the_truth_is_as_plausible_as_the_truth():
    (found,) = plausibilities(Guess(SCENE.image, 0.2), SCENE, MISSING, ImputationCache(), ["gaussian"])
    assert found.guess == found.truth
    (noise,) = plausibilities(Guess(1 - SCENE.image, 0.2), SCENE, MISSING, ImputationCache(), ["gaussian"])
    assert noise.guess < noise.truth and noise.samples == found.samples


def test_plausibility_agrees_with_a_dense_gaussian():
    """A factor analyser's density of a drawing is that of torch's multivariate normal with the same covariance."""
    guess = Guess(torch.full((1, 28, 28), 0.4), 0.2)
    small = torch.zeros_like(MISSING)
    small[10:13, 12:15] = True
    (found,) = plausibilities(guess, SCENE, small, ImputationCache(), ["mfa"])
    mixture = load_imputer("mfa", "mnist").impute(SCENE.image[None], small[None, None], seed=0).density
    leading, hidden = mixture.leading(200), small.flatten()
    values = torch.full((9,), 0.4, dtype=torch.float64)
    parts, logs = leading.components, []
    for number in range(parts.mean.shape[1]):
        factors = parts.factors[0, number][:, hidden].double()
        covariance = factors.T @ factors + torch.diag(parts.noise[0, number][hidden].double())
        normal = MultivariateNormal(parts.mean[0, number][hidden].double(), covariance)
        logs.append(leading.log_weights[0, number].double() + normal.log_prob(values))
    assert found.guess == pytest.approx(torch.stack(logs).logsumexp(0).item() / 9, rel=1e-3)


def test_only_methods_with_a_density_find_a_guess_plausible():
    guess, cache = Guess(torch.zeros(1, 28, 28), 0.2), ImputationCache()
    found = plausibilities(guess, SCENE, MISSING, cache, ["zero", "dmfa", "knn"])
    assert [one.method.name for one in found] == ["dmfa"]
    assert plausibilities(guess, SCENE, NOTHING, cache, ["dmfa"]) == []
    assert "None of the methods" in plausibility_chart([])
    chart = plausibility_chart(found)
    assert chart.count('class="tick"') == DRAWN and "DMFA" in chart and "nan" not in chart


@pytest.mark.parametrize("view", ["mean", "error", "deviation"])
def test_guess_has_a_card_in_every_view(view):
    guess = Guess(torch.zeros(1, 28, 28), 0.2)
    (html,) = TAB.render(SCENE, MISSING, ImputationCache(), view, ["dmfa", "mfa"], guess=guess)
    assert html.index("You</strong>") < html.index("DMFA</strong>") and "How plausible is your drawing?" in html
    (without,) = TAB.render(SCENE, MISSING, ImputationCache(), view, ["dmfa", "mfa"])
    assert "You</strong>" not in without and "How plausible" not in without


def test_everything_that_needs_the_hidden_pixels_is_marked():
    """Styles cover what has the class "truth": the original, the errors, and all figures."""
    (html,) = TAB.render(SCENE, MISSING, ImputationCache(), "error", ["dmfa"])
    assert html.count("<img class=truth") == 2  # the original and DMFA's error
    for text in ("PSNR", "SSIM", "NLL"):
        start = html.index(f">{text} ")
        assert 'truth"' in html[html.rindex("<", 0, start) : start]
