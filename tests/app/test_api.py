"""The page's HTTP API: answers, and bad input, which does not affect the server."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
import torch
from gradio_client import Client
from gradio_client.exceptions import AppError
from PIL import Image

from dmfa_demo import load_imputer
from dmfa_demo.app.canvas.mask_painter import decode_mask
from dmfa_demo.app.server.api import ENDPOINTS, _decoded
from dmfa_demo.data.datasets import load_samples, to_float
from dmfa_demo.models.classifier import available_classifiers
from dmfa_demo.registry import available_methods
from tests.conftest import PATIENCE, REPOSITORY

MASK = {"height": 28, "width": 28, "runs": [200, 100, 400, 7]}


@pytest.fixture(scope="module")
def client(served: str) -> Client:
    return connect(served)


def connect(served: str) -> Client:
    """Return Gradio's client, without certificates, which take a while to read and are not needed for plain HTTP."""
    return Client(served, verbose=False, ssl_verify=False, httpx_kwargs={"timeout": PATIENCE})


@pytest.fixture(scope="module")
def http(served: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served, timeout=PATIENCE) as http:
        yield http


def ask(client: Client, image=42, mask=MASK, **options):
    return client.predict(image=image, mask=mask, **options, api_name="/impute")


def test_answer_equals_the_librarys(client):
    answer = ask(client)
    image, missing = to_float(load_samples("mnist").images[42:43]), decode_mask(MASK)[None, None]
    twin = load_imputer("dmfa", "mnist").impute(image, missing, seed=0)
    torch.testing.assert_close(torch.tensor(answer["mean"]), twin.mean[0, 0], atol=1e-4, rtol=1e-3)
    nll = -twin.density.log_prob(image.flatten(1), missing.flatten(1)).item()
    assert answer["nll"] == pytest.approx(nll, rel=1e-2, abs=1)
    assert answer["psnr"] > 5 and 0 < answer["ssim"] < 1


def test_image_with_unknown_hidden_pixels_is_accepted(client):
    rows = to_float(load_samples("mnist").images[42, 0]).tolist()
    whole = ask(client, image=rows)
    flat = decode_mask(MASK)
    holes = [[None if flat[y, x] else rows[y][x] for x in range(28)] for y in range(28)]
    partial = ask(client, image=holes)
    assert partial["mean"] == whole["mean"] and whole["nll"] is not None
    assert partial["nll"] is partial["psnr"] is partial["ssim"] is None


def test_concurrent_visitors_get_their_own_answers(served):
    def visit(number: int) -> bool:
        own = {"height": 28, "width": 28, "runs": [20 * number, 60 + number]}
        client, image = (
            connect(served),
            to_float(load_samples("mnist").images[number : number + 1]),
        )
        twin = load_imputer("dmfa", "mnist").impute(image, decode_mask(own)[None, None], seed=0).mean[0, 0]
        return all((torch.tensor(ask(client, number, own)["mean"]) - twin).abs().max() < 1e-3 for _ in range(3))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(visit, range(0, 32, 8)))


def test_face_is_sent_and_returned_as_three_lists(client):
    face = to_float(load_samples("celeba").images[0])
    mask = {"height": 64, "width": 64, "runs": [1000, 300]}
    answer = ask(client, image=face.tolist(), mask=mask, dataset="celeba", method="mean")
    twin = load_imputer("mean", "celeba").impute(face[None], decode_mask(mask)[None, None]).mean[0]
    torch.testing.assert_close(torch.tensor(answer["mean"]), twin, atol=1e-6, rtol=0)


def test_empty_mask_returns_the_image(client):
    answer = ask(client, mask={"height": 28, "width": 28, "runs": []})
    torch.testing.assert_close(
        torch.tensor(answer["mean"]), to_float(load_samples("mnist").images[42, 0]), atol=0, rtol=0
    )
    assert answer["nll"] is None


def test_full_mask_is_accepted(client):
    assert ask(client, mask={"height": 28, "width": 28, "runs": [0, 784]})["nll"] is not None


BLACK = [[0.0] * 28] * 28

BAD = [
    (dict(image=100), "samples are numbered 0 to 99"),
    (dict(image=-1), "samples are numbered 0 to 99"),
    (dict(image="zero"), "is not a picture that can be read"),
    (dict(image="!!"), "not a picture in base64"),
    (dict(image="file:///etc/passwd"), "not a picture in base64"),
    (dict(image="http://127.0.0.1/secret.png"), "not a picture in base64"),
    (dict(image=""), "0 bytes"),
    (dict(mask="PHN2Zy8+"), "is not a picture that can be read"),
    (dict(mask=[[0] * 28] * 27), "the mask is 27x28, the image 28x28"),
    (dict(mask=[[2] * 28] * 28), "true and false"),
    (dict(mask=[[0] * 28, [0]]), "true and false"),
    (dict(seed=-1), "seed must be a whole number"),
    (dict(seed=1.5), "seed must be a whole number"),
    (dict(seed=True), "seed must be a whole number"),
    (dict(image=[[0.0] * 28] * 27), "28 rows of 28 numbers .* got 27 x 28"),
    (
        dict(image=[[0.0] * 27] * 27, mask={"height": 27, "width": 27, "runs": []}),
        "28 rows of 28 numbers .* got 27 x 27",
    ),
    (dict(image=[]), "image is a list of rows"),
    (dict(image=True), "image is a list of rows"),
    (dict(image=[[0.0] * 28] * 27 + [[0.0] * 5]), "image is a list of rows"),
    (dict(image=[[2.0] * 28] * 28), "got 2 to 2"),
    (dict(image=[[None] * 28] * 28), "NaN or infinity"),
    (dict(image=[[[0.0] * 4] * 28] * 28), "28 rows of 28 numbers .* got 28 x 28 x 4"),
    (
        dict(image=[[0.0] * 64] * 64, mask={"height": 64, "width": 64, "runs": []}, dataset="celeba"),
        "3 lists of 64 rows of 64 numbers .* or 64 rows of 64 pixels of 3 numbers each.* got 64 x 64",
    ),
    (dict(image=[["a"] * 28] * 28), "image is a list of rows"),
    (dict(image=None), "image is a list of rows"),
    (dict(image=BLACK, mask={"height": 28, "width": 27, "runs": []}), "the mask is 28x27, the image 28x28"),
    (dict(mask={"height": 28, "width": 28, "runs": [780, 5]}), "leaves the 28x28 image"),
    (dict(mask={"height": 28, "width": 28, "runs": [0, -3]}), "leaves the 28x28 image"),
    (dict(mask={"height": 28, "width": 28, "runs": [0, 10**12]}), "leaves the 28x28 image"),
    (dict(mask={"height": "28", "width": 28, "runs": []}), "height and width"),
    (dict(mask=[1, 2]), "a mask as rows"),
    (dict(mask=None), "a mask is"),
    (dict(dataset="cifar"), "dataset must be one of mnist, fashion-mnist, omniglot, celeba"),
    (dict(image=BLACK, dataset="../.."), "dataset must be one of"),
    (dict(method="gan"), "known methods"),
    (dict(method=[]), "method must be a name"),
    (dict(dataset=["mnist"]), "dataset must be one of"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[str(i) for i in range(len(BAD))])
def test_bad_input_is_named_and_the_next_request_succeeds(client, arguments, message):
    with pytest.raises(AppError, match=message):
        ask(client, **arguments)
    assert ask(client)["psnr"] > 5


OTHERS = [
    ("/sample", dict(count=0), "count must be a whole number from 1 to 64"),
    ("/sample", dict(count=65), "count must be a whole number from 1 to 64"),
    ("/sample", dict(method="knn"), "single imputation and cannot sample"),
    ("/factors", dict(method="knn"), "knn has no factors; choose one of dmfa, mfa"),
    ("/factors", dict(component=99), "component must be a whole number"),
    ("/factors", dict(mask={"height": 28, "width": 28, "runs": []}), "nothing is hidden"),
    ("/trajectory", dict(method="dmfa"), "dmfa does not walk; choose one of dynamics"),
    ("/trajectory", dict(frames=1), "frames must be a whole number from 2"),
    (
        "/predict",
        dict(image=[[1e38] * 28] * 28, mask=[[1] * 28] * 28),
        r"uses the complete image.* in \[0, 1\] too; got 1e\+38",
    ),
    (
        "/predict",
        dict(image=[[None] * 28] * 28, mask={"height": 28, "width": 28, "runs": [0, 784]}),
        "uses the complete image",
    ),
]


@pytest.mark.parametrize(("endpoint", "arguments", "message"), OTHERS, ids=[str(i) for i in range(len(OTHERS))])
def test_unsupported_requests_are_named(client, endpoint, arguments, message):
    with pytest.raises(AppError, match=message):
        client.predict(**{"image": 42, "mask": MASK, **arguments}, api_name=endpoint)


def test_unknown_data_set_is_refused_by_the_list_of_methods(client):
    with pytest.raises(AppError, match="dataset must be one of"):
        client.predict(dataset="cifar", api_name="/methods")


def raw(http: httpx.Client, body: str, endpoint: str = "impute") -> str:
    """Return the event stream for a body that no well-behaved client would send."""
    address = f"/gradio_api/call/{endpoint}"
    request = http.post(address, content=body, headers={"Content-Type": "application/json"})
    if request.status_code != 200:
        return request.text
    return http.get(f"{address}/{request.json()['event_id']}").text


def test_addresses_are_not_fetched(http, client):
    file = {"path": "http://93.184.215.14/large.png", "meta": {"_type": "gradio.FileData"}}
    assert "fetches no addresses" in raw(http, json.dumps({"data": [file, MASK, "mnist", "dmfa", 0]}))
    assert ask(client)["psnr"] > 5


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_nan_and_infinity_are_refused(http, client, number):
    rows = "[" + ",".join(["[" + ",".join([number] * 28) + "]"] * 28) + "]"
    answer = raw(http, f'{{"data": [{rows}, {{"height": 28, "width": 28, "runs": []}}, "mnist", "dmfa", 0]}}')
    assert "event: error" in answer and "mean" not in answer
    assert ask(client)["psnr"] > 5


@pytest.mark.parametrize("body", ["", "{", "[]", '{"data": []}', '{"data": "x"}', '{"data": [1, 2, 3, 4, 5, 6]}'])
def test_malformed_bodies_do_no_harm(http, client, body):
    answer = raw(http, body)
    assert "event: complete" not in answer and answer
    assert ask(client)["psnr"] > 5


@pytest.mark.parametrize(
    ("endpoint", "sent", "message"),
    [
        ("impute", [], "image and mask missing: impute takes image, mask, dataset, method, seed"),
        ("impute", [42], "mask missing: impute takes"),
        ("trajectory", [42], "mask missing: trajectory takes"),
        ("predict", [], "image and mask missing"),
    ],
)
def test_missing_arguments_are_named(http, endpoint, sent, message):
    assert message in raw(http, json.dumps({"data": sent}), endpoint)
    direct = http.post(f"/gradio_api/run/{endpoint}", json={"data": sent})
    assert message in direct.json()["error"]


def test_arguments_with_a_default_are_optional(http):
    short, whole = (raw(http, json.dumps({"data": [42, MASK, *rest]})) for rest in ([], ["mnist", "dmfa", 0]))
    assert short == whole and "event: complete" in short
    assert "event: complete" in raw(http, json.dumps({"data": []}), "methods")


@pytest.mark.parametrize(
    ("endpoint", "sent", "status", "message"),
    [
        ("impute", {"image": 42}, 422, "required argument: mask"),
        ("impute", {"image": 42, "mask": MASK, "sead": 1}, 422, "`sead` is not a valid"),
        ("nothing", {}, 404, "no such endpoint"),
    ],
)
def test_missing_or_unknown_named_arguments_are_reported(http, endpoint, sent, status, message):
    answer = http.post(f"/gradio_api/call/v2/{endpoint}", json=sent)
    assert answer.status_code == status and message in answer.json()["error"]


# The page's requests: the element of an event, the event, and its values in the order of the layout.
CANVAS = {**MASK, "dataset": "mnist", "sample": 42}
SMALL = {"height": 32, "width": 32, "runs": []}
PAINT = "painter", "tab-compare", [CANVAS, "mean", ["dmfa", "knn"]]
FACTORS = "painter", "tab-factors", [CANVAS, "dmfa", 0, 0, 0, 0, 0]
SAMPLES = "painter", "tab-samples", [CANVAS, False, 0, 0, 0]
ATTRACTORS = "painter", "tab-attractors", [CANVAS, "autoencoder-2d", 0.3, "dynamics", 0, None, None]
PREDICTIONS = "painter", "tab-predictions", [CANVAS, "blobs", 0]
LEARN = "painter", "tab-learn", [CANVAS, 3, None]
TURN = {"sample": 3, "reader": "mfa", "way": "information", "pixels": [400], "reveal": False, "run": 1}
GAME = "pixel-game", "input", [CANVAS, {"turn": TURN}]
DROP = "player", "input", [CANVAS, {"plane": "autoencoder-2d", "at": [0.0, 0.0]}]
GROWTH = "growth", "input", [CANVAS, "specks", 0]
FILL = "fill-universal-marginalizer", "click", [CANVAS, 0]
MORE = "more", "click", [CANVAS, False, 0]
CHART = "results-protocol", "input", [CANVAS, "square14", "sse"]
CHOICE = "results-measure", "input", [CANVAS, "line3-binarised", "sse"]
PICK = "samples", "select", [{"dataset": "mnist", "chosen": 3}, CANVAS]
# A change of the data set: preferred methods, canvas, chosen methods, other controls that depend on the data set, and its name.
SWITCH = (
    "dataset",
    "input",
    [["dmfa"], CANVAS, ["dmfa", "knn"], "dmfa", "autoencoder-2d", "dynamics", "square14", "sse", "celeba"],
)
FACE = (
    "aligner",
    "input",
    [
        {"pixels": base64.b64encode(bytes(64 * 64 * 3)).decode()},
        {"height": 64, "width": 64, "runs": [0, 9], "dataset": "celeba", "sample": 0},
    ],
)
_SHEET = torch.full((280, 280, 3), 255, dtype=torch.uint8)
_SHEET[60:220, 130:150] = 0  # a 1
DIGIT = "digit-aligner", "input", [{"pixels": base64.b64encode(_SHEET.numpy().tobytes()).decode()}, CANVAS]
# The contents of the address: the tab, the canvas, and all controls in a link.
DESCRIBE = (
    "painter",
    "release",
    [
        "samples",
        CANVAS,
        "mean",
        ["dmfa"],
        "dmfa",
        *[0] * 5,
        False,
        *[0] * 3,
        "autoencoder-2d",
        0.3,
        "dynamics",
        0,
        "blobs",
        0,
        1,
        {"slice": [1.5, 0.8]},
        "square14",
        "sse",
    ],
)
TAKE = "take", "input", [*DESCRIBE[2], {"wanted": "zip"}]
EXAMPLE = "examples", "select", [{"number": 3}]

# Invalid canvases.
NO_CANVAS = (
    None,
    "x",
    SMALL,
    {**SMALL, "dataset": "mnist", "sample": 42},
    {**CANVAS, "dataset": "celeba"},
    {**CANVAS, "dataset": "../.."},
    {**CANVAS, "sample": 100},
    {**CANVAS, "sample": None, "image": "http://127.0.0.1:1/x.png"},
    {**CANVAS, "sample": None, "image": "file:///etc/passwd"},
)

HOSTILE = [
    *((LEARN, 1, value) for value in (None, 0, 7, True, "1", [], 1e308)),
    *(
        (usual, place, {"slice": value})
        for usual, place in ((LEARN, 2), (DESCRIBE, 21))
        for value in (5, "12", [1], [3.1, 0], [0, -1], [None, {}], {"0": 0, "1": 0})
    ),
    *((TAKE, len(DESCRIBE[2]), value) for value in (None, {}, {"wanted": "../.."}, {"wanted": []})),
    *((EXAMPLE, 0, value) for value in (None, {}, {"number": 10}, {"number": True}, {"number": "1"})),
    *((DESCRIBE, 0, value) for value in (None, "../..", 5, ["learn"], {})),
    *((DESCRIBE, place, value) for place in range(2, 21) for value in (None, "../..", [], {}, 1e308)),
    *((PAINT, 0, value) for value in NO_CANVAS),
    *(
        (usual, usual[2].index(CANVAS), value)
        for usual in (FACTORS, SAMPLES, ATTRACTORS, PREDICTIONS, LEARN, FILL, MORE, CHART, PICK, SWITCH, DESCRIBE)
        for value in NO_CANVAS[::3]
    ),
    *((PAINT, 1, value) for value in (None, "smell", 5, ["mean"])),
    *((PAINT, 2, value) for value in (None, "dmfa", 5, ["gan"], [["dmfa"]], ["mice"])),
    *((FACTORS, 1, value) for value in (None, "gan", "knn", [])),
    *((FACTORS, 2, value) for value in ("high", 10**9, True, -1, None)),
    *((FACTORS, 3, value) for value in ("NaN", None, [1], 1e308, "1")),
    *((SAMPLES, 1, value) for value in (None, "loud", 5, [True])),
    *((SAMPLES, 2, value) for value in (None, "loud", -1, 1e308, [True])),
    *((SAMPLES, 4, value) for value in ("NaN", None, [1], 1e308, "1")),
    *((ATTRACTORS, 1, value) for value in (None, "../..", 5, "dmfa", [])),
    *((ATTRACTORS, 2, value) for value in (None, "NaN", 1e308, 0.30001, [0.3])),
    *((ATTRACTORS, 3, value) for value in (None, "../..", 5, [])),
    *((ATTRACTORS, 6, value) for value in (None, "../..", 5, [])),
    *(
        (GAME, 1, {"turn": {**TURN, "pixels": value}})
        for value in (None, 5, [0, 0], ["0"], [-1], [784], list(range(13)))
    ),
    *((GAME, 1, {"turn": {**TURN, "reader": value}}) for value in (None, "../..", "mean", 5)),
    *((GAME, 1, value) for value in (None, {}, {"turn": 5}, {"turn": {**TURN, "sample": 10**8}})),
    *((DROP, 1, {"plane": "autoencoder-2d", "at": value}) for value in (None, 5, [0], ["0", "0"], [1e308, 0], {})),
    *((DROP, 1, {"plane": value, "at": [0, 0]}) for value in (None, "../..", "dmfa", [])),
    *((PREDICTIONS, 1, value) for value in (None, "../..", 5, [])),
    *((GROWTH, 1, value) for value in (None, "down", {})),
    *((MORE, 1, value) for value in (None, "loud")),
    *((CHART, 1, value) for value in (None, "../..", 5, ["square14"])),
    *((CHART, 2, value) for value in (None, "smell", 5, ["sse"])),
    *((CHOICE, place, value) for place in (1, 2) for value in (None, "../..", 5, ["sse"], {})),
    *((SWITCH, 8, value) for value in (None, "../..", 5, ["celeba"], "celeba32")),
    *((SWITCH, place, value) for place in (0, 2) for value in (None, "dmfa", ["../.."], [None])),
    *((SWITCH, place, value) for place in (3, 4, 5, 6, 7) for value in (None, "../..", [])),
    *(
        (usual, 0, value)
        for usual in (FACE, DIGIT)
        for value in (
            None,
            {},
            {"pixels": 5},
            {"pixels": "A" * 16384},
            {"pixels": "!" * 16384},
            {"pixels": "A" * 10**6},
        )
    ),
]


@cache
def config_of(http: httpx.Client) -> dict[str, Any]:
    """Return the page's configuration."""
    return http.get("/config").json()


def send(http: httpx.Client, element: str, event: str, data: list) -> str:
    """Return the last event from the page's handler of an element's event with this number of values."""
    config = config_of(http)
    (number,) = (one["id"] for one in config["components"] if one["props"].get("elem_id") == element)
    (index,) = (
        one["id"]
        for one in config["dependencies"]
        if one["backend_fn"] and len(one["inputs"]) == len(data) and [number, event] in one["targets"]
    )
    session = {
        "fn_index": index,
        "session_hash": uuid4().hex,
    }  # a new one each time, since a stream takes a while to end
    joined = http.post("/gradio_api/queue/join", json={"data": data, **session})
    if joined.status_code != 200:
        return joined.text
    with http.stream("GET", f"/gradio_api/queue/data?session_hash={session['session_hash']}") as stream:
        return next(line for line in stream.iter_lines() if "process_completed" in line or "close_stream" in line)


@pytest.mark.parametrize(
    ("usual", "answer"),
    [
        (PAINT, "k-NN"),
        (FACTORS, "Factor 1"),
        (SAMPLES, "spread"),
        (ATTRACTORS, "Noise"),
        (GAME, "bits"),
        (DROP, "Your start"),
        (PREDICTIONS, "MisConv"),
        (GROWTH, "changes"),
        (FILL, "filled"),
        (MORE, "spread"),
        (CHART, "Squared error"),
        (CHOICE, "NLL"),
        (PICK, "data:image/png"),
        (SWITCH, "Eileen Collins"),
        (DESCRIBE, "methods"),
        (DESCRIBE, '"tab":"samples"'),
        (LEARN, "Factors: why"),
        (TAKE, "data:application/zip"),
        (EXAMPLE, "data:image/png"),
        (FACE, "data:image/png"),
        (DIGIT, "data:image/png"),
    ],
)
def test_page_handlers_answer_the_pages_requests(http, usual, answer):
    assert answer in send(http, *usual)


@pytest.mark.parametrize(("usual", "place", "value"), HOSTILE)
def test_page_handlers_survive_any_value(http, client, usual, place, value):
    element, event, data = usual
    answer = send(http, element, event, [*data[:place], value, *data[place + 1 :]])
    assert "Traceback" not in answer and ("process_completed" in answer or "detail" in answer)
    assert ask(client)["psnr"] > 5


@pytest.mark.parametrize(
    "path", [str(REPOSITORY / "app.py"), "app.py", "/etc/passwd", "checkpoints/mnist/dmfa/config.json"]
)
def test_files_are_not_served(http, path):
    assert http.get(f"/gradio_api/file={path}").status_code in (403, 404)


def test_only_these_endpoints_are_offered(client):
    offered = list(client.view_api(return_format="dict")["named_endpoints"])
    assert offered == [f"/{one.__name__}" for one in ENDPOINTS]


def test_data_sets_and_their_methods_are_listed(client):
    known = {one["name"]: one for one in client.predict(api_name="/datasets")}
    assert known["mnist"]["shape"] == [1, 28, 28] and known["celeba"]["shape"] == [3, 64, 64]
    for dataset in known:
        offered = client.predict(dataset=dataset, api_name="/methods")
        assert [one["name"] for one in offered] == available_methods(dataset)
    assert {one["name"] for one in client.predict(api_name="/methods") if one["has_factors"]} == {"dmfa", "mfa"}


def test_samples_equal_the_librarys(client):
    answer = client.predict(image=42, mask=MASK, count=3, noise=True, seed=5, api_name="/sample")["samples"]
    image, missing = to_float(load_samples("mnist").images[42:43]), decode_mask(MASK)[None, None]
    twin = load_imputer("dmfa", "mnist").impute(image, missing, seed=5).sample(3, noise=True)[:, 0, 0]
    torch.testing.assert_close(torch.tensor(answer), twin, atol=1e-3, rtol=1e-2)


def test_factors_and_noise_give_the_variance_of_their_gaussian(client):
    answer = client.predict(image=42, mask=MASK, method="mfa", component=1, api_name="/factors")
    hidden = decode_mask(MASK).flatten()
    image = to_float(load_samples("mnist").images[42:43])
    density = load_imputer("mfa", "mnist").impute(image, hidden.view(1, 1, 28, 28), seed=0).density
    weights = density.weights[0].sort(descending=True).values
    assert answer["weights"] == pytest.approx(weights[:5].tolist(), rel=1e-2, abs=1e-4)
    one = density.leading(2).component(1)
    torch.testing.assert_close(
        torch.tensor(answer["mean"]).flatten()[hidden], one.mean[0][hidden], atol=1e-3, rtol=1e-2
    )
    factors, noise = torch.tensor(answer["factors"]).flatten(1), torch.tensor(answer["noise"]).flatten()
    spread = factors.square().sum(0) + noise.square()
    torch.testing.assert_close(spread[hidden], one.variance[0][hidden], atol=1e-4, rtol=1e-2)


def test_trajectory_ends_at_the_answer(client):
    answer = client.predict(image=42, mask=MASK, frames=5, api_name="/trajectory")
    assert len(answer["frames"]) == len(answer["steps"]) == 5 and answer["steps"][0] == 0
    assert answer["frames"][-1] == ask(client, method="dynamics-knn")["mean"]


def test_every_classifier_gives_a_probability_to_every_class(client):
    answer = client.predict(image=42, mask=MASK, api_name="/predict")
    assert list(answer) == available_classifiers("mnist")
    assert all(len(shares) == 10 and sum(shares.values()) == pytest.approx(1, abs=1e-4) for shares in answer.values())
    assert max(answer["complete"], key=answer["complete"].get) == "4"


def test_one_image_is_evaluated_with_every_method(client):
    answer = client.predict(image=42, mask=MASK, api_name="/evaluate")
    assert list(answer) == available_methods("mnist")
    assert answer["dmfa"] == {name: ask(client)[name] for name in ("nll", "psnr", "ssim")}


def in_base64(values: torch.Tensor) -> str:
    file = io.BytesIO()
    Image.fromarray((values * 255).round().to(torch.uint8).numpy()).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.mark.parametrize("head", ["", "data:image/png;base64,"])
def test_image_and_mask_are_accepted_as_base64_or_rows(client, head):
    image, hidden = to_float(load_samples("mnist").images[42, 0]), decode_mask(MASK)
    as_pictures = ask(client, image=head + in_base64(image), mask=head + in_base64(hidden.float()))
    assert as_pictures == ask(client) == ask(client, mask=hidden.tolist())


def test_colour_picture_in_base64_is_read_exactly(client):
    face = to_float(load_samples("celeba").images[0])
    mask = {"height": 64, "width": 64, "runs": [1000, 300]}
    request = dict(mask=mask, dataset="celeba", method="mean")
    assert ask(client, image=in_base64(face.permute(1, 2, 0)), **request) == ask(client, image=0, **request)


def broken_into_lines(text: str) -> str:
    return base64.encodebytes(base64.b64decode(text)).decode()


@pytest.mark.parametrize(
    "written",
    [
        broken_into_lines,
        lambda text: text.rstrip("="),
        lambda text: text.replace("+", "-").replace("/", "_"),
        lambda text: text.replace("+", "-").replace("/", "_").rstrip("="),
        lambda text: f" {text}\r\n",
        lambda text: "data:image/png;base64," + broken_into_lines(text),
        lambda text: "data:image/png;base64," + quote(text, safe=""),
    ],
    ids=["lines", "no padding", "URL-safe", "both", "white space", "address with lines", "percent-encoded"],
)
def test_all_usual_forms_of_base64_are_accepted(written):
    symbols = bytes(range(256)) + b"\xff\xfe\xfb"  # includes + and /
    for length in (len(symbols), len(symbols) - 1, len(symbols) - 2):
        plain = base64.b64encode(symbols[:length]).decode()
        assert _decoded("image", written(plain)) == symbols[:length]


@pytest.mark.parametrize("text", ["A", "AAAAA", "AA*A", "file:///etc/passwd", "AA=AAA"])
def test_invalid_base64_is_refused(text):
    with pytest.raises(ValueError, match="image is text, but not a picture in base64"):
        _decoded("image", text)


def test_image_with_channels_last_is_accepted(client):
    face, digit = (to_float(load_samples(name).images[0]) for name in ("celeba", "mnist"))
    mask = {"height": 64, "width": 64, "runs": [1000, 300]}
    request = dict(mask=mask, dataset="celeba", method="mean")
    assert ask(client, image=face.permute(1, 2, 0).tolist(), **request) == ask(client, image=face.tolist(), **request)
    assert ask(client, image=digit.permute(1, 2, 0).tolist()) == ask(client, image=digit[0].tolist())


def test_mask_as_a_picture_hides_the_part_that_is_not_background(client):
    hidden = decode_mask(MASK)
    red = hidden[..., None] * torch.tensor([1.0, 0.0, 0.0])
    assert ask(client, mask=in_base64(red)) == ask(client, mask=in_base64(hidden / 255)) == ask(client)
    with pytest.raises(AppError, match="hides nothing; its values are 0"):
        ask(client, mask=in_base64(0 * red[..., 0]))


def test_image_of_12_bits_is_read_exactly(client):
    file = io.BytesIO()
    image = to_float(load_samples("mnist").images[42, 0])
    Image.fromarray((image * 4095).round().numpy().astype("uint16")).save(file, "PNG")
    answer = ask(client, image=base64.b64encode(file.getvalue()).decode())
    torch.testing.assert_close(torch.tensor(answer["mean"]), torch.tensor(ask(client)["mean"]), atol=0.01, rtol=0)
