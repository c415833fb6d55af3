"""The Python that makes again, with the library alone, what is on the screen."""

from __future__ import annotations

from collections.abc import Callable

from dmfa_demo.app.sharing.address import Address
from dmfa_demo.app.sharing.lesson_scripts import lesson_script
from dmfa_demo.app.sharing.script import LOAD, Script, whole
from dmfa_demo.app.tabs.changing_mind import SHARES
from dmfa_demo.app.tabs.factors import COMPONENTS
from dmfa_demo.app.tabs.hole_walks import STEPS, TOLERANCE
from dmfa_demo.app.tabs.latent_walk import DIRECTIONS
from dmfa_demo.app.tabs.results import ALSO
from dmfa_demo.app.tabs.samples import DRAWN
from dmfa_demo.data.mask_text import mask_text
from dmfa_demo.registry import available_methods, method_class


def code_for(address: Address) -> str:
    """A script for the open tab of an address; of a picture that somebody brought it reads `image.png`."""
    script = _TABS[address.tab](address)
    return whole([_picture(address), _hole(address), script] if script.of_picture else [script])


def _picture(address: Address) -> Script:
    if address.sample is None:
        height, width = address.mask.shape
        read = 'torch.from_numpy(np.asarray(Image.open("image.png")) / np.float32(255))'
        line = f"images = {read}.view(1, {height}, {width}, -1).movedim(-1, 1)  # (1, C, H, W) in [0, 1]; it lies in the zip\n"
        return Script(("import numpy as np", "import torch", "from PIL import Image"), line)
    at = address.sample
    line = f'images = to_float(load_samples("{address.dataset}").images[{at}:{at + 1}])  # (1, C, H, W) in [0, 1]\n'
    return Script(("from dmfa_demo.data import load_samples, to_float",), line)


def _hole(address: Address) -> Script:
    height, width = address.mask.shape
    read = f'mask_from_text("{mask_text(address.mask)}", {height}, {width})'
    line = f"missing = {read}[None, None]  # (1, 1, {height}, {width}), True where a pixel is hidden\n"
    return Script(("from dmfa_demo.data.mask_text import mask_from_text",), line)


def _compare(address: Address) -> Script:
    body = f"""
imputations = {{}}
for method in {list(address.methods)!r}:
    imputation = load_imputer(method, "{address.dataset}").impute(images, missing, seed=0)
    error = (imputation.mean - images)[missing.expand_as(images)]
    print(f"{{method}}: PSNR {{-10 * error.square().mean().log10():.1f}} dB in the hole")
    imputations[method] = imputation  # .mean and .variance are (1, C, H, W); the latter is None for a single answer
"""
    return Script((LOAD,), body)


def _factors(address: Address) -> Script:
    body = f"""
density = load_imputer("{address.of}", "{address.dataset}").impute(images, missing, seed=0).density
gaussian = density.leading({COMPONENTS}).component({address.gaussian}).principal()  # mean (1, n), factors (1, l, n), noise (1, n)
walk = torch.tensor({list(address.z)})[: gaussian.factors.shape[1]]
walked = gaussian.mean[0] + walk @ gaussian.factors[0, : len(walk)]
walked = walked.view_as(images)  # (1, C, H, W)
"""
    return Script(("import torch", LOAD), body)


def _samples(address: Address) -> Script:
    drawing, walking = (available_methods(address.dataset, trait) for trait in ("has_samples", "has_latents"))
    body = f"""
samples = {{}}
for method in {[name for name in drawing if not method_class(name).fills_in_steps]!r}:
    imputation = load_imputer(method, "{address.dataset}").impute(images, missing, seed={address.seed})
    samples[method] = imputation.sample({DRAWN}, noise={address.noise})[:, 0]  # ({DRAWN}, C, H, W)
"""
    if not walking:
        return Script((LOAD,), body)
    body += f"""
space = load_imputer("{walking[0]}", "{address.dataset}").impute(images, missing, seed={address.seed}).latents
place = torch.tensor([{list(address.latent)}]) @ space.directions({DIRECTIONS})  # in standard deviations
walked = space.decode(place)[0]  # (1, C, H, W)
"""
    return Script(("import torch", LOAD), body)


def _attractors(address: Address) -> Script:
    imports = (
        "import torch",
        "from dmfa_demo.storage.checkpoints import ROOT, load_network",
        "from dmfa_demo.models.attractors import LatentMap",
        "from dmfa_demo.models.autoencoder import Autoencoder, AutoencoderConfig",
        "from dmfa_demo.models.dynamics import impute_along",
    )
    body = f"""
folder = ROOT / "{address.dataset}" / "{address.map}"
plane = LatentMap.load(folder).plane(load_network(folder, Autoencoder, AutoencoderConfig))
noise = torch.rand(images.shape[1:], generator=torch.Generator().manual_seed({address.walk}))
start = torch.where(missing, noise, images)
with torch.inference_mode():
    states = list(impute_along(plane.reconstruct, start, missing, {address.step:g}, {STEPS}, {TOLERANCE:g}))
    walk = torch.cat([state.points for state in states])  # (T + 1, C, H, W), from noise to where it arrived
    places = plane.encode(walk)  # (T + 1, 2), on the map
"""
    return Script(imports, body)


def _predictions(address: Address) -> Script:
    family, shares = {"blobs": ("Pattern", "share"), "specks": ("Noise", "share, share")}[address.growth]
    body = f"""
answers = {{}}
for name in available_classifiers("{address.dataset}"):
    answers[name] = load_classifier(name, "{address.dataset}").predict(images, missing)[0]  # probability of each class
    print(name, [round(share, 2) for share in answers[name].tolist()])

shares = [number / {len(SHARES) - 1} for number in range({len(SHARES)})]
holes = [{family}({shares})(1, *images.shape[2:], torch.Generator().manual_seed({address.hole})) for share in shares]
holes = torch.cat(holes)  # ({len(SHARES)}, 1, H, W), each within the next
courses = {{}}
for name in answers:
    courses[name] = load_classifier(name, "{address.dataset}").predict(images.expand(len(holes), -1, -1, -1), holes)
"""
    imports = (
        "import torch",
        f"from dmfa_demo.masks import {family}",
        "from dmfa_demo.models.classifier import available_classifiers, load_classifier",
    )
    return Script(imports, body)


def _results(address: Address) -> Script:
    folders = (address.dataset, *ALSO.get(address.dataset, ()))
    body = f"""files = [ROOT / dataset / RESULTS for dataset in {folders!r}]
rows = [row for file in files if file.is_file() for row in json.loads(file.read_text())["rows"]]
rows = [row for row in rows if (row["protocol"], row["metric"]) == ("{address.protocol}", "{address.measure}")]
for row in rows:
    print(row["method"], row["value"], "±", row["stderr"], "paper:", row["paper"])
"""
    return Script(("import json", "from dmfa_demo.storage.checkpoints import RESULTS, ROOT"), body, of_picture=False)


_TABS: dict[str, Callable[[Address], Script]] = {
    "compare": _compare,
    "learn": lesson_script,
    "factors": _factors,
    "samples": _samples,
    "attractors": _attractors,
    "predictions": _predictions,
    "results": _results,
}
