"""Scripts that reproduce the chapters of the Learn tab."""

from __future__ import annotations

from collections.abc import Callable

from dmfa_demo.app.lessons.lesson_player import Slice
from dmfa_demo.app.lessons.lessons import LESSONS
from dmfa_demo.app.lessons.shows import DOUBTED, DRAWN, ENDS, FRAMES, INTERVAL, SHOWN_FACTORS, SWAY, starts
from dmfa_demo.app.tabs.changing_mind import SHARES
from dmfa_demo.app.widgets.script import LOAD, Script


def lesson_script(dataset: str, chapter: int, at: Slice) -> Script:
    """Return the script that reproduces a chapter, numbered from 1; `at` is the slice through the Gaussian of two pixels.

    Raises:
        ValueError: If the data set has nothing for the chapter.
    """
    names = LESSONS[chapter - 1].methods(dataset)
    return _CHAPTERS[chapter - 1](dataset, names, at)


def _samples(dataset: str, names: list[str], at: Slice) -> Script:
    body = f"""
imputation = load_imputer("{names[0]}", "{dataset}").impute(images, missing, seed=0)
samples = imputation.sample({DRAWN}, noise=False)[:, 0]  # ({DRAWN}, C, H, W)
hidden = missing.expand_as(images)[0]
for name, pictures in {{"the mean": imputation.mean, "samples": samples}}.items():
    print(f"{{name}}: squared error {{(pictures - images)[:, hidden].square().mean():.3f}} of a hidden pixel")
"""
    return Script((LOAD,), body)


def _conditions(dataset: str, names: list[str], at: Slice) -> Script:
    observed, correlation = at
    body = f"""covariance = torch.tensor([[1.0, {correlation:g}], [{correlation:g}, 1.0]])  # of two pixels with mean zero
seen = torch.tensor([[{observed:g}, 0.0]])  # the first pixel; the value of the second is ignored
hidden = torch.tensor([[False, True]])
conditional = ConditionalGaussian(torch.zeros(2), covariance.inverse(), seen, hidden, noise=0.0)
print("the second pixel: mean", conditional.mean[0, 1].item(), "standard deviation", conditional.variance[0, 1].sqrt().item())
"""
    imports = ("import torch", "from dmfa_demo.densities import ConditionalGaussian")
    return Script(imports, body, of_picture=False)


def _factors(dataset: str, names: list[str], at: Slice) -> Script:
    body = f"""
density = load_imputer("{names[0]}", "{dataset}").impute(images, missing, seed=0).density
gaussian = density.leading(1).component(0).principal()  # mean (1, n), factors (1, l, n), noise (1, n)
steps = {SWAY:g} * torch.linspace(0, 2 * torch.pi, {FRAMES + 1})[:-1].sin()
films = gaussian.mean + steps[:, None, None] * gaussian.factors[0, :{SHOWN_FACTORS}]
films = films.unflatten(-1, images.shape[1:])  # ({FRAMES} frames, {SHOWN_FACTORS} factors, C, H, W)
"""
    return Script(("import torch", LOAD), body)


def _latents(dataset: str, names: list[str], at: Slice) -> Script:
    body = f"""
imputation = load_imputer("{names[0]}", "{dataset}").impute(images, missing, seed=0)
places = imputation.latents.tour({ENDS}, {FRAMES}, torch.Generator().manual_seed(0))  # from draw to draw and back
film = imputation.latents.decode(places)[:, 0]  # ({FRAMES}, C, H, W)
samples = imputation.sample({DRAWN}, noise=False)[:, 0]  # ({DRAWN}, C, H, W)
"""
    return Script(("import torch", LOAD), body)


def _walks(dataset: str, names: list[str], at: Slice) -> Script:
    body = f"""
walks = {{}}
for title, method, seed in {starts(names)!r}:
    imputation = load_imputer(method, "{dataset}").impute(images, missing, seed=seed)
    walks[title] = imputation.trajectory[:, 0]  # (T + 1, C, H, W), from the start to the end
"""
    return Script((LOAD,), body)


def _doubt(dataset: str, names: list[str], at: Slice) -> Script:
    shares = f"[number / {len(SHARES) - 1} for number in range({DOUBTED.start}, {DOUBTED.stop}, {DOUBTED.step})]"
    body = f"""
holes = [Pattern(share)(1, *images.shape[2:], torch.Generator().manual_seed(0)) for share in {shares}]
holes = torch.cat(holes)  # ({len(DOUBTED)}, 1, H, W), each within the next
answers = {{}}
for name in {names!r}:
    classifier = load_classifier(name, "{dataset}")
    answers[name] = classifier.predict(images.expand(len(holes), -1, -1, -1), holes)  # ({len(DOUBTED)}, classes)
    print(name, "with the hole on the screen:", classifier.predict(images, missing)[0].tolist())
"""
    imports = (
        "import torch",
        "from dmfa_demo.masks import Pattern",
        "from dmfa_demo.models.classifier import load_classifier",
    )
    return Script(imports, body)


def _calibration(dataset: str, names: list[str], at: Slice) -> Script:
    body = f"""
hidden = missing.expand_as(images).flatten(1)
for method in {names!r}:
    imputation = load_imputer(method, "{dataset}").impute(images, missing, seed=0)
    apart = (2 * imputation.density.cdf(images.flatten(1)) - 1).abs()  # of each value, the smallest central interval that contains it
    print(method, "inside the {100 * INTERVAL:.0f} % intervals:", (apart <= {INTERVAL})[hidden].float().mean().item())
"""
    return Script((LOAD,), body)


def _training(dataset: str, names: list[str], at: Slice) -> Script:
    body = f"""
classifier = load_classifier("complete", "{dataset}")
nothing = missing & False
print("the picture:", classifier.predict(images, nothing)[0].tolist())
for method in {names!r}:
    imputation = load_imputer(method, "{dataset}").impute(images, missing, seed=0)
    print(method, classifier.predict(imputation.mean, nothing)[0].tolist())
"""
    return Script((LOAD, "from dmfa_demo.models.classifier import load_classifier"), body)


_CHAPTERS: tuple[Callable[[str, list[str], Slice], Script], ...] = (
    _samples,
    _conditions,
    _factors,
    _latents,
    _walks,
    _doubt,
    _calibration,
    _training,
)
