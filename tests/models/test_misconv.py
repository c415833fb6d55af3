"""MisConv against Monte Carlo, the layer it replaces, and autograd."""

import math

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from dmfa_demo.densities.factor_analyzer import FactorAnalyzer, MixtureOfFactorAnalyzers
from dmfa_demo.imputation import flatten, flatten_missing
from dmfa_demo.models.misconv import MisConv2d, expected_leaky_relu, expected_relu, replace_first_conv

OPTIONS = {
    "plain": dict(in_channels=2, out_channels=3, kernel_size=3),
    "no bias": dict(in_channels=2, out_channels=3, kernel_size=3, bias=False),
    "stride": dict(in_channels=2, out_channels=3, kernel_size=(3, 2), stride=(2, 1), padding=(1, 0)),
    "same": dict(in_channels=2, out_channels=3, kernel_size=(2, 4), padding="same"),
    "valid": dict(in_channels=2, out_channels=3, kernel_size=3, padding="valid"),
    "dilation": dict(in_channels=2, out_channels=3, kernel_size=3, padding=2, dilation=2),
    "groups": dict(in_channels=4, out_channels=6, kernel_size=3, padding=1, groups=2),
    "depthwise": dict(in_channels=2, out_channels=4, kernel_size=3, padding=1, groups=2),
    "reflect": dict(in_channels=2, out_channels=3, kernel_size=3, padding=1, padding_mode="reflect"),
    "replicate": dict(in_channels=2, out_channels=3, kernel_size=5, padding=2, padding_mode="replicate"),
    "circular": dict(in_channels=2, out_channels=3, kernel_size=3, padding="same", padding_mode="circular"),
    "reflect, groups": dict(in_channels=2, out_channels=4, kernel_size=3, padding=1, padding_mode="reflect", groups=2),
}
SIZE = (5, 6)


def make(options, mixture=True, batch=2, dtype=torch.float64, seed=0):
    """Return a convolution, images with holes, and a density over all their pixels."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    conv = nn.Conv2d(**OPTIONS[options]).to(dtype)
    channels = conv.in_channels
    images = torch.rand(batch, channels, *SIZE, dtype=dtype, generator=generator)
    missing = torch.rand(batch, 1, *SIZE, generator=generator) < 0.4
    lead, n = (batch, 2) if mixture else (batch,), channels * SIZE[0] * SIZE[1]
    density = FactorAnalyzer(
        torch.randn(*lead, n, dtype=dtype, generator=generator),
        torch.randn(*lead, 3, n, dtype=dtype, generator=generator) * 0.4,
        torch.rand(*lead, n, dtype=dtype, generator=generator) * 0.3 + 0.01,
    )
    if mixture:
        density = MixtureOfFactorAnalyzers(torch.randn(*lead, dtype=dtype, generator=generator), density)
    return conv, images, missing, density


CASES = [*((name, 0.0) for name in OPTIONS), ("plain", 0.2), ("reflect", 0.2), ("plain", 1.0)]


@pytest.fixture(scope="module")
def averages() -> dict[tuple[str, float], tuple[torch.Tensor, torch.Tensor]]:
    """Return, for each case, the average of the layer's output over a million samples, and its standard error.

    Images with the same number of channels share holes, density and samples.
    """
    found, chunks, count = {}, 250, 4_000
    with torch.no_grad():
        for channels in {options["in_channels"] for options in OPTIONS.values()}:
            layers = {
                (name, slope): make(name, batch=1, dtype=torch.float32)
                for name, slope in CASES
                if OPTIONS[name]["in_channels"] == channels
            }
            _, images, missing, density = next(iter(layers.values()))
            pinned = density.restrict(flatten(images), flatten_missing(missing, channels))
            total, square = dict.fromkeys(layers, 0), dict.fromkeys(layers, 0)
            generator = torch.Generator().manual_seed(0)
            for _ in range(chunks):
                drawn = pinned.sample(count, generator)[:, 0].view(count, *images.shape[1:])
                for case, (conv, *_) in layers.items():
                    answers = F.leaky_relu(conv(drawn), case[1]).double()
                    total[case], square[case] = total[case] + answers.sum(0), square[case] + answers.square().sum(0)
            for case in layers:
                average = total[case] / (chunks * count)
                variance = (square[case] / (chunks * count) - average.square()).clamp(min=0)
                found[case] = average, (variance / (chunks * count)).sqrt()
    return found


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize(("options", "slope"), CASES)
def test_layer_equals_the_average_over_samples(averages, options, slope):
    conv, images, missing, density = make(options, batch=1, dtype=torch.float32)
    average, error = averages[options, slope]
    with torch.no_grad():
        expected = MisConv2d(conv, slope)(images, missing, density)
    assert error.max() > 0
    # Among some hundred values a deviation of five standard errors occurs once in thousands of runs.
    assert ((expected[0] - average).abs() <= 5 * error + 1e-6).all()


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("mixture", [False, True])
def test_layer_equals_the_plain_one_where_nothing_is_missing(options, mixture):
    conv, images, missing, density = make(options, mixture, dtype=torch.float32)
    missing[1] = False
    missing[0] = False
    missing[0, 0, 0, 0] = True
    answer, plain = MisConv2d(conv)(images, missing, density), conv(images).relu()
    assert torch.equal(answer[1], plain[1])
    # In the other image, windows without the missing pixel equal the plain layer's exactly.
    seen = torch.autograd.functional.jacobian(lambda x: conv(x).sum((0, 1)), images[:1])[..., 0, :, 0, 0].abs().sum(-1)
    assert (seen == 0).any() and (seen > 0).any()
    assert torch.equal(answer[0][:, seen == 0], plain[0][:, seen == 0])


def test_complete_images_ignore_the_density():
    conv, images, missing, density = make("plain")
    assert torch.equal(MisConv2d(conv, 0.1)(images, missing & False, density), F.leaky_relu(conv(images), 0.1))


def test_hidden_values_and_the_density_of_visible_ones_are_ignored():
    conv, images, missing, density = make("reflect", mixture=False)
    hidden = flatten_missing(missing, images.shape[1])
    spoilt = FactorAnalyzer(
        torch.where(hidden, density.mean, torch.nan),
        torch.where(hidden.unsqueeze(-2), density.factors, torch.nan),
        torch.where(hidden, density.noise, torch.nan),
    )
    layer = MisConv2d(conv)
    answer = layer(torch.where(missing, torch.nan, images), missing, spoilt)
    assert torch.equal(answer, layer(images, missing, density))


def test_mixture_of_one_equals_its_component_and_weights_count():
    conv, images, missing, density = make("stride")
    layer, parts = MisConv2d(conv), [density.component(index) for index in (0, 1)]
    answers = torch.stack([layer(images, missing, part) for part in parts], 1)
    weighted = (density.weights[:, :, None, None, None] * answers).sum(1)
    torch.testing.assert_close(layer(images, missing, density), weighted)


@pytest.mark.parametrize("options", ["plain", "stride", "groups", "replicate"])
def test_gradients_reach_weights_images_and_density(options):
    conv, images, missing, density = make(options, batch=1)
    parts = density.components

    def layer(images, log_weights, mean, factors, noise, weight, bias):
        given = MixtureOfFactorAnalyzers(log_weights, FactorAnalyzer(mean, factors, noise))
        named = {"conv.weight": weight, "conv.bias": bias}
        return torch.func.functional_call(MisConv2d(conv, 0.1), named, (images, missing, given))

    inputs = (images, density.log_weights, parts.mean, parts.factors, parts.noise, conv.weight, conv.bias)
    assert torch.autograd.gradcheck(layer, tuple(value.detach().requires_grad_() for value in inputs))


def test_expected_relu_without_variance_is_relu_with_finite_gradients():
    conv, images, missing, density = make("plain", mixture=False, dtype=torch.float32)
    mean, factors, noise = (
        value.clone().requires_grad_() for value in (density.mean, density.factors * 0, density.noise * 0)
    )
    answer = MisConv2d(conv)(images, missing, FactorAnalyzer(mean, factors, noise))
    filled = torch.where(missing, mean.view_as(images), images)
    torch.testing.assert_close(answer, conv(filled).relu())
    answer.sum().backward()
    assert all(value.grad.isfinite().all() for value in (mean, factors, noise, conv.weight, conv.bias))


def test_expected_relu_has_the_right_constant():
    # The paper's formula gives 0.2956 for the first and a negative value for the second.
    values = expected_relu(
        torch.tensor([0.3, -1.0], dtype=torch.float64), torch.tensor([1.44, 0.49], dtype=torch.float64)
    )
    for value, (mean, deviation) in zip(values, [(0.3, 1.2), (-1.0, 0.7)]):
        grid = torch.linspace(-9, 9, 200_001, dtype=torch.float64)
        weight = torch.exp(-0.5 * grid.square()) / math.sqrt(2 * math.pi)
        assert abs(value - torch.trapezoid((mean + deviation * grid).relu() * weight, grid)) < 1e-8


def test_expected_relu_handles_extreme_values():
    mean, variance = torch.tensor([50.0, -50.0, 0.0, 1e-3, -1e3]), torch.tensor([1e-12, 1e-12, 1e-30, 1e6, 1e-6])
    values = expected_relu(mean, variance)
    assert values.isfinite().all() and (values >= mean.relu() - 1e-4).all()
    torch.testing.assert_close(values[:3], mean[:3].relu())
    torch.testing.assert_close(expected_leaky_relu(mean, variance, 1.0), mean)


def normal(images, missing):
    """Return a density that ignores the image."""
    n = images[0].numel()
    return FactorAnalyzer(torch.full((1, n), 0.4), torch.full((1, 2, n), 0.1), torch.full((1, n), 0.02))


def test_resnet_accepts_incomplete_images_and_is_unchanged_on_complete_ones():
    torch.manual_seed(0)
    model = torchvision.models.resnet18(num_classes=5).eval()
    for norm in (module for module in model.modules() if isinstance(module, nn.BatchNorm2d)):
        norm.running_mean.normal_(std=0.1)
        norm.running_var.uniform_(0.5, 1.5)
    network = replace_first_conv(model, normal)
    images, missing = torch.rand(2, 3, 64, 64), torch.zeros(2, 1, 64, 64, dtype=torch.bool)
    with torch.no_grad():
        torch.testing.assert_close(network(images, missing), model(images), rtol=1e-4, atol=1e-5)
        missing[:, :, 10:40, 10:40] = True
        answer = network(images, missing)
        # The first activation, averaged over samples, through the rest of the network.
        pinned = normal(images, missing).restrict(flatten(images), flatten_missing(missing, 3))
        samples = pinned.sample(2_000, torch.Generator().manual_seed(0)).view(-1, 3, 64, 64)
        first = [model.relu(model.bn1(model.conv1(part))).view(-1, 2, 64, 32, 32).sum(0) for part in samples.split(400)]
        rest = model.layer4(model.layer3(model.layer2(model.layer1(model.maxpool(sum(first) / 2_000)))))
        torch.testing.assert_close(answer, model.fc(model.avgpool(rest).flatten(1)), rtol=0.02, atol=0.02)
        imputed = torch.where(missing, 0.4, images)
        # The answer is five times as far from that for the mean alone as from the average over samples.
        sampled = model.fc(model.avgpool(rest).flatten(1))
        assert (answer - model(imputed)).abs().max() > 5 * (answer - sampled).abs().max()


class Functional(nn.Module):
    """A network whose activation is a function, not a module."""

    def __init__(self):
        super().__init__()
        self.conv, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)

    def forward(self, x):
        return F.relu(self.second(F.relu(self.conv(x))))


class Named(nn.Module):
    """A network whose activation, of any kind, is called `relu`."""

    def __init__(self, activation):
        super().__init__()
        self.conv, self.relu = nn.Conv2d(3, 4, 3), activation

    def forward(self, x):
        return self.relu(self.conv(x))


class Leaky(nn.Module):
    """A network with a leaky ReLU that is a function."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return F.leaky_relu(self.conv(x), 0.3)


@pytest.mark.parametrize(
    "model",
    [
        Functional(),
        Leaky(),
        Named(nn.LeakyReLU(0.2)),
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.LeakyReLU(0.2), nn.Conv2d(4, 4, 3)),
        torchvision.models.vgg11(),
    ],
    ids=["functional", "leaky function", "leaky by the name of relu", "leaky", "vgg"],
)
def test_other_networks_are_converted_with_shared_weights(model):
    model = model.eval()
    images, missing = torch.rand(1, 3, 32, 32), torch.zeros(1, 1, 32, 32, dtype=torch.bool)
    network = replace_first_conv(model, normal)
    torch.testing.assert_close(network(images, missing), model(images))
    first = next(module for module in model.modules() if isinstance(module, nn.Conv2d))
    assert any(first.weight is weight for weight in network.parameters())


class Branches(nn.Module):
    """A network that uses its input twice."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, x):
        return x + self.conv(x).relu()


class Depends(nn.Module):
    """A network whose control flow depends on its input."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, x):
        return self.conv(x).relu() if x.sum() > 0 else x


def test_mask_per_channel_and_mismatched_density_are_refused():
    conv, images, missing, density = make("plain")
    for wrong in (missing.expand_as(images), missing[:1], missing.float(), missing[..., 1:]):
        with pytest.raises(ValueError, match=r"missing must be bool \(2, 1, 5, 6\)"):
            MisConv2d(conv)(images, wrong, density)
    with pytest.raises(ValueError, match="the density is over 60 values, the images have 50 each"):
        MisConv2d(conv)(images[..., 1:], missing[..., 1:], density)


def test_conversion_does_not_change_the_model():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout()).train()
    model[1].eval()
    weight = model[0].weight.clone()
    replace_first_conv(model, normal)
    assert model[0].training and model[3].training and torch.equal(model[0].weight, weight)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (nn.Sequential(nn.Linear(3, 3)), "must be used by one Conv2d"),
        (Branches(), "Conv2d only"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh()), "must be followed by ReLU or leaky ReLU, not Tanh"),
        (nn.Sequential(nn.Conv2d(3, 4, 3)), "must be followed by ReLU or leaky ReLU"),
        (Named(nn.GELU()), "must be followed by ReLU or leaky ReLU, not GELU"),
        (Depends(), "cannot trace"),
        (
            nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False), nn.ReLU()).eval(),
            "with running statistics",
        ),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()), "evaluation mode"),
    ],
)
def test_unsupported_networks_are_refused(model, says):
    with pytest.raises(ValueError, match=says):
        replace_first_conv(model, normal)
