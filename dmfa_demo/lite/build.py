"""Write the light page: a folder of files that any static host serves.

index.html, *.js, *.css, icon.svg     the page; canvas, aligner, walk player and styles are those of the full page
manifest.json                         data sets, methods, presets, and the files of each model
runtime/                              ONNX Runtime Web, three files of the npm package `onnxruntime-web`
DATASET/samples.png                   the bundled pictures
DATASET/maps.json                     the maps of attractors
DATASET/CHECKPOINT/                   graphs, and the weights that they read
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dmfa_demo import __version__
from dmfa_demo.app.canvas import mask_painter, photo_aligner
from dmfa_demo.app.canvas.presets import OFFERS, Offer
from dmfa_demo.app.lessons import lesson_player, quiz
from dmfa_demo.app.lessons.lessons import LESSONS
from dmfa_demo.app.lessons.shows import Shown
from dmfa_demo.app.looking import look_closely
from dmfa_demo.app.scene.scene import Scene, draw_mask
from dmfa_demo.app.sharing.address import Address
from dmfa_demo.app.tabs import walk_player
from dmfa_demo.app.tabs.attractors import EXACT, LATENT_STEPS, OWN, STEP_SIZES, explain, mapped
from dmfa_demo.app.tabs.hole_walks import STEPS, TOLERANCE, load_map
from dmfa_demo.data.datasets import CELEBA_VARIABLE, DATASETS, load_samples, to_float
from dmfa_demo.figures import DIVERGING, SEQUENTIAL, colours_of, grey_or_colour, sheet
from dmfa_demo.imputation import Imputer
from dmfa_demo.lite.functions import GRAPHS
from dmfa_demo.lite.serve import check_page
from dmfa_demo.lite.weights import write_weights
from dmfa_demo.models.classifier import CLASSIFIERS, Classifier, folder_of
from dmfa_demo.models.walks import KNNDynamicsImputer, WalkConfig
from dmfa_demo.networks.engine import SUFFIX, open_session
from dmfa_demo.registry import METHODS, available_among, method_class, shown_first
from dmfa_demo.storage.checkpoints import CONFIG, ROOT, WEIGHTS, load_checkpoint, read_config, weights_of
from dmfa_demo.storage.files import write_text

PAGE = Path(__file__).parent / "page"

# The npm package with the runtime, and its files for WebAssembly.
PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")

# The masks of each preset, which its button shows in turn.
SEEDS = 6
# Pictures in a row of the sheet of samples.
COLUMNS = 10
# The draws behind the mean of a method that averages samples.
DRAWS = 10

# Weights in half precision are used if no pixel of any answer changes by more than this.
HALF = 1e-3
# The answers to compare, for masks of each preset.
COMPARED = 20

# The limits of a method without the guide that it has on the full page.
WITHOUT_GUIDE = (
    "This is the method of the paper, without the linear model of faces that guides it on the full page. Samples of faces are blurred or have "
    "patches of colour that no face has."
)


def build(out: Path, datasets: Sequence[str] = (), methods: Sequence[str] = (), runtime: Path | None = None) -> None:
    """Write the light page to a folder, in place of what it contains.

    Args:
        out: the folder; it must be new, empty, or contain a light page.
        datasets: the data sets to offer; by default all of the full page's.
        methods: the methods and classifiers to offer, by folder; by default all that have graphs.
        runtime: a folder with the files of `RUNTIME`; by default they are downloaded with npm.

    Raises:
        ValueError: If the folder contains something else, a name is unknown, the runtime is missing, or the samples include images that
            may not be distributed.
    """
    if os.environ.get(CELEBA_VARIABLE):
        raise ValueError(
            f"unset {CELEBA_VARIABLE}: the light page would contain images of CelebA, which may not be distributed"
        )
    if unknown := [name for name in datasets if name not in OFFERS]:
        raise ValueError(f"unknown data set {unknown[0]!r:.40}; available: {', '.join(OFFERS)}")
    known = [*METHODS, *map(folder_of, CLASSIFIERS)]
    if unknown := [name for name in methods if name not in known]:
        raise ValueError(f"unknown method {unknown[0]!r:.40}; available: {', '.join(known)}")
    if out.exists() and any(out.iterdir()):
        try:
            check_page(out)
        except ValueError:
            raise ValueError(f"{out} contains other files; choose a new folder") from None
    with TemporaryDirectory(dir=out.parent if out.parent.is_dir() else None) as made:
        folder = Path(made) / "page"
        folder.mkdir()
        _copy_runtime(runtime, folder / "runtime")
        _copy_page(folder)
        chosen = [name for name in OFFERS if not datasets or name in datasets]
        offers = [_dataset(name, OFFERS[name], methods, folder) for name in chosen]
        content: dict[str, Any] = {"version": __version__, "datasets": offers, "draws": DRAWS}
        content["aligner"] = photo_aligner.settings_of(photo_aligner.FACE)
        content["walks"] = {
            "sizes": STEP_SIZES,
            "steps": STEPS,
            "tolerance": TOLERANCE,
            "onMap": LATENT_STEPS,
            "own": OWN,
        }
        content["colours"] = {"error": colours_of(DIVERGING), "deviation": colours_of(SEQUENTIAL)}
        content["lessons"] = [_lesson(number, chosen) for number in range(1, len(LESSONS) + 1)]
        content["quiz"] = quiz.questions()
        write_text(folder / "manifest.json", json.dumps(content, separators=(",", ":")))
        _write_service_worker(folder)
        if out.exists():
            shutil.rmtree(out)
        shutil.move(folder, out)


def _copy_runtime(source: Path | None, folder: Path) -> None:
    """Copy the runtime from a folder, or download it with npm.

    Raises:
        ValueError: If a file is missing, or npm is missing or fails.
    """
    folder.mkdir()
    if source is not None:
        for name in RUNTIME:
            if not (source / name).is_file():
                raise ValueError(f"{source} has no {name}; it needs the files in dist/ of {PACKAGE} {VERSION}")
            shutil.copy(source / name, folder)
        return
    advice = f"give its files by --runtime FOLDER: {', '.join(RUNTIME)} of dist/ in {PACKAGE} {VERSION}"
    with TemporaryDirectory() as made:
        try:
            command = ["npm", "pack", f"{PACKAGE}@{VERSION}", "--pack-destination", made]
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
        except FileNotFoundError:
            raise ValueError(f"npm, which downloads the runtime, is not installed; {advice}") from None
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            reason = str(getattr(error, "stderr", None) or error).strip()
            raise ValueError(f"npm could not download the runtime ({reason:.300}); {advice}") from None
        (package,) = Path(made).glob("*.tgz")
        with tarfile.open(package) as archive:
            for name in RUNTIME:
                file = archive.extractfile(f"package/dist/{name}")
                assert file is not None, f"{PACKAGE} {VERSION} has {name}"
                (folder / name).write_bytes(file.read())


def _copy_page(folder: Path) -> None:
    """Write the page's own files, with the canvas, the aligner and the styles of the full page."""
    for path in PAGE.iterdir():
        if path.is_file() and path.suffix in (".js", ".css", ".svg", ".webmanifest"):
            shutil.copy(path, folder)
    full = Path(mask_painter.__file__).parents[1]
    shutil.copy(full / "page.css", folder)
    for script in ("sharing/query.js", "widgets/keys.js", "looking/cover_truth.js"):
        shutil.copy(full / script, folder)
    index, styles = (PAGE / "index.html").read_text(), []
    for module, place in (
        (mask_painter, "painter"),
        (photo_aligner, "aligner"),
        (walk_player, "player"),
        (look_closely, "look"),
        (lesson_player, "lesson"),
        (quiz, "quiz"),
    ):
        path = Path(str(module.__file__))
        index = index.replace(f"<!-- {path.stem} -->", path.with_suffix(".html").read_text())
        styles.append(f"#{place} {{\n{path.with_suffix('.css').read_text()}}}\n")
        # Gradio calls the script as the body of a function.
        script = path.with_suffix(".js").read_text()
        write_text(
            folder / path.with_suffix(".js").name,
            f"export default function (element, props, trigger, watch, panels) {{\n{script}}}\n",
        )
    write_text(folder / "components.css", "".join(styles))
    write_text(folder / "index.html", index)


def _lesson(number: int, datasets: Sequence[str]) -> dict[str, Any]:
    """Return a chapter as the player takes it, without films and without questions about other pictures, which Python makes.

    Args:
        datasets: those of the page; the chapter has no link to a picture of another one.
    """
    chapter = lesson_player.Chapter(number, LESSONS[number - 1], Shown([]), lesson_player.Slice())
    about = lesson_player.LessonPlayer().postprocess(chapter) or {}
    setting = chapter.lesson.setting
    return {
        **about,
        "short": chapter.lesson.short,
        "transfers": False,
        "setting": about["setting"] if setting and setting.dataset in datasets else "",
    }


def _dataset(name: str, offer: Offer, wanted: Sequence[str], folder: Path) -> dict[str, Any]:
    """Write a data set's pictures and models; return its description."""
    about, samples = DATASETS[name], load_samples(name)
    images = to_float(samples.images)
    (folder / name).mkdir()
    Image.fromarray(sheet(images, COLUMNS)).save(folder / name / "samples.png", optimize=True)
    first = Scene.sample(name, offer.sample)
    holes = {label: [draw_mask(family, first, seed) for seed in range(SEEDS)] for label, family in offer.presets}
    masks = [mask for same in holes.values() for mask in same]
    compared = images[torch.arange(COMPARED) % len(images)], torch.stack(masks[::2])[:COMPARED, None]
    writer = _Models(name, folder, wanted, compared)
    return {
        "name": name,
        "title": offer.title,
        "shape": about.shape,
        "captions": [Scene.sample(name, number).caption for number in range(len(samples))],
        "sheet": f"{name}/samples.png",
        "columns": COLUMNS,
        "first": offer.sample,
        "start": _bits(Address.first(name).mask),
        "presets": [{"label": label, "masks": [*map(_bits, same)]} for label, same in holes.items()],
        "caution": about.caution,
        "aligner": name == "celeba",
        "licence": about.licence,
        "classes": about.classes,
        "several": about.several,
        "labels": [Scene.sample(name, number).labels for number in range(len(samples))],
        "methods": [*writer.methods()],
        "sliders": [*writer.sliders()],
        "maps": [*writer.maps()],
        "explanation": explain(name),
        "classifiers": [*writer.classifiers()],
    }


class _Models:
    """The models of one data set.

    Args:
        dataset: its name.
        out: the folder of the light page.
        wanted: folders of methods and classifiers; all if empty.
        compared: images `(N, C, H, W)` and missing `(N, 1, H, W)` on which half precision is compared with full precision.
    """

    def __init__(self, dataset: str, out: Path, wanted: Sequence[str], compared: tuple[Tensor, Tensor]):
        self.dataset, self.out, self.wanted, self.compared = dataset, out, wanted, compared

    def methods(self) -> Iterator[dict[str, Any]]:
        """Yield the description of each method with a graph, and a recorded answer to the first scene where there is one."""
        first = available_among(self.dataset, shown_first())
        for name in METHODS:
            if self.wanted and name not in self.wanted:
                continue
            kind = method_class(name)
            about: dict[str, Any] = {**_words(kind), "starts": kind.starts_walks}
            about["shown"] = name in first or kind.other_start in first
            if kind.has_trajectory:
                if walk := self.walk(kind):
                    yield {**about, **walk}
                continue
            # Where the method has a guide and no graph, the one without it.
            if model := self.answer(name):
                recorded = self.record(model) if name == first[0] else None
                yield {**about, **model, "recorded": recorded}
            elif model := self.answer(f"{name}-plain"):
                yield {**about, **model, **_unguided(kind), "recorded": None}

    def answer(self, folder: str) -> dict[str, Any] | None:
        """Write the answer of a method; return its description, with the other graphs that it needs. None if it has no graph."""
        path = ROOT / self.dataset / folder
        if not (graph := path / f"answer{SUFFIX}").is_file():
            return None
        needed, others = _signature(graph)[0], dict[str, Any]()
        if "linear_mean" in needed:
            guide = read_config(path)["network"]["guide"]
            others = {"guide": self.answer(guide), "score": self.model(path.parent / guide, "score")}
        model = cast(dict[str, Any], self.model(path, "answer"))  # first, since it decides the precision
        if "whole" in needed:
            others = {"products": self.model(path, "products")}
        return {**model, **others}

    def sliders(self) -> Iterator[dict[str, Any]]:
        """Yield the methods of the tab Factors: those whose draws are combinations of a few factors."""
        for name in METHODS:
            kind = method_class(name)
            if not kind.has_factors or (self.wanted and name not in self.wanted):
                continue
            for folder in (name, f"{name}-plain"):
                model = self.answer(folder)
                if model and not {"linear_mean", "whole"} & {*model["inputs"]}:
                    yield {**_words(kind), **model, **({} if folder == name else _unguided(kind))}
                    break

    def walk(self, kind: type[Imputer]) -> dict[str, Any] | None:
        """Write the step of a walk; return its description with its settings. None for a walk from neighbours, which need training images."""
        folder = ROOT / self.dataset / kind.name
        if not (folder / CONFIG).is_file() or issubclass(kind, KNNDynamicsImputer):
            return None
        config, _ = load_checkpoint(folder, WalkConfig)
        settings = {"size": config.step_size, "steps": config.steps, "tolerance": config.tolerance}
        model = self.model(weights_of(folder).parent, "step")
        return None if model is None else {**model, "walk": settings}

    def maps(self) -> Iterator[dict[str, Any]]:
        """Write the maps of attractors, and yield their models; none if no method walks."""
        if self.wanted and not any(method_class(name).has_trajectory for name in self.wanted if name in METHODS):
            return
        found = mapped(self.dataset)
        planes = {name: load_map(self.dataset, name) for name in found}
        encoded = walk_player.encode_maps(walk_player.Maps(planes, DATASETS[self.dataset].kinds))
        write_text(self.out / self.dataset / "maps.json", encoded)
        for name, title in found.items():
            folder, exact = ROOT / self.dataset / name, EXACT * planes[name].points.std().item()
            step, move = self.model(folder, "step"), self.model(folder, "map")
            if step and move:
                yield {"name": name, "title": title, "step": step, "move": move, "tolerance": exact}

    def classifiers(self) -> Iterator[dict[str, Any]]:
        """Yield the description of each classifier with a graph."""
        for name, kind in CLASSIFIERS.items():
            folder = ROOT / self.dataset / folder_of(name)
            if self.wanted and folder.name not in self.wanted:
                continue
            if model := self.model(folder, "prediction"):
                source = read_config(folder)["network"].get("source")
                belief = self.model(ROOT / self.dataset / source, "belief") if source else None
                yield {**_words(kind), **model, "belief": belief, "complete": kind.takes_complete}

    def model(self, folder: Path, graph: str) -> dict[str, Any] | None:
        """Write a graph and its weights; return their description, or None if there is no such graph."""
        path = folder / f"{graph}{SUFFIX}"
        if not path.is_file():
            return None
        target = self.out / self.dataset / folder.name
        weights = folder / WEIGHTS
        if not weights.is_file():  # a method without weights
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        elif not (target / WEIGHTS).is_file():
            graphs = [path for path in folder.glob(f"*{SUFFIX}") if path.stem in GRAPHS]
            write_weights(weights, graphs, target, half=True)
            if graph == "answer" and self.difference(path, target / path.name) > HALF:
                write_weights(weights, graphs, target, half=False)
        inputs, outputs = _signature(target / path.name)
        files = [file for file in (target / path.name, target / WEIGHTS) if file.is_file()]
        places = [file.relative_to(self.out).as_posix() for file in files]
        return {
            "graph": places[0],
            "weights": places[1] if len(places) > 1 else None,
            "bytes": sum(file.stat().st_size for file in files),
            "graphs": len([*target.glob(f"*{SUFFIX}")]),
            "inputs": inputs,
            "outputs": outputs,
        }

    def record(self, model: dict[str, Any]) -> str:
        """Write a method's answer to the first scene as a picture; return its path."""
        first = Address.first(self.dataset)
        scene = Scene.sample(self.dataset, first.sample)
        filled = torch.from_numpy(_answers(self.out / model["graph"], scene.image[None], first.mask[None, None]))[0]
        path = self.out / self.dataset / "first.png"
        Image.fromarray(grey_or_colour(filled)).save(path)
        return path.relative_to(self.out).as_posix()

    def difference(self, one: Path, other: Path) -> float:
        """Return the largest difference between two graphs of an answer, over all pixels of all pictures."""
        return float(np.abs(_answers(one, *self.compared) - _answers(other, *self.compared)).max())


def _answers(graph: Path, images: Tensor, missing: Tensor) -> np.ndarray:
    """Return the completed images `(B, C, H, W)` of an answer's graph, with the same draws in every call."""
    rows = 1 if open_session(graph).get_inputs()[0].shape[0] == 1 else len(images)
    return np.concatenate([_answer(graph, *scene)["filled"] for scene in zip(images.split(rows), missing.split(rows))])


def _answer(graph: Path, images: Tensor, missing: Tensor) -> dict[str, np.ndarray]:
    """Return the outputs of an answer's graph. A guided one needs those of its guide, whose graphs are in a folder beside its own."""
    session, given = open_session(graph), {"images": images.numpy(), "missing": missing.numpy()}
    needed = {one.name: one.shape for one in session.get_inputs()}
    if "normals" in needed:
        draws = torch.randn(DRAWS, needed["normals"][1], generator=torch.Generator().manual_seed(0))
        given["normals"] = draws.numpy()
    if "whole" in needed:
        products = open_session(graph.with_name(f"products{SUFFIX}"))
        given["whole"] = np.asarray(products.run(None, {"missing": np.ones_like(missing.numpy())})[0])
    if "linear_mean" in needed:
        guide = read_config(ROOT / graph.parts[-3] / graph.parts[-2])["network"]["guide"]
        given |= _answer(graph.parents[1] / guide / graph.name, images, missing)
    outputs = [one.name for one in session.get_outputs()]
    return dict(zip(outputs, map(np.asarray, session.run(outputs, {name: given[name] for name in needed}))))


def _signature(path: Path) -> tuple[dict[str, int], list[str]]:
    """Return the inputs of a graph, each with its last dimension, and the names of its outputs."""
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    inputs = {one.name: one.type.tensor_type.shape.dim[-1].dim_value for one in graph.input}
    return inputs, [one.name for one in graph.output]


def _unguided(kind: type[Imputer]) -> dict[str, Any]:
    """Return what is different for a method without its guide."""
    return {"title": f"{kind.title} without a guide", "limits": WITHOUT_GUIDE}


def _words(kind: type[Imputer] | type[Classifier]) -> dict[str, Any]:
    """Return what a method or classifier says of itself."""
    names = ("name", "title", "summary", "limits", "formula", "citation", "url", "colour")
    return {name: getattr(kind, name) for name in names}


def _bits(missing: Tensor) -> str:
    """Return a mask `(H, W)` as base64, eight pixels per byte, the first in the highest bit."""
    return base64.b64encode(np.packbits(missing.numpy()).tobytes()).decode()


def _write_service_worker(folder: Path) -> None:
    """Insert the list of the page's files, and a version that changes with any of them, into the service worker."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "service-worker.js")
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    # Models and maps are stored when they are first used.
    own = [
        path.relative_to(folder).as_posix()
        for path in files
        if path.suffix not in (".onnx", ".safetensors") and path.name != "maps.json"
    ]
    path = folder / "service-worker.js"
    lines = f"const VERSION = {digest.hexdigest()[:12]!r};\nconst FILES = {json.dumps(['./', *own])};\n"
    write_text(path, lines + path.read_text())
