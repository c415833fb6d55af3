"""The papers' figures, for comparison with ours, each with its source."""

from __future__ import annotations

_DMFA = "DMFA paper, table 1"
# Its MFA is weaker than ours: one component instead of all, with a different covariance of the latents.
_ITS_MFA = "the best component only"
# Holes of a different size than in training: there the paper's models were trained on squares only.
_POSTER = "DMFA poster, table 2, trained on squares"
_DYNAMICS = "AE-dynamics paper, table 1"
# Over the same mixture of masks; PSNR of the mean over all pixels.
_ARBITRARY = "ACFlow (Li, Akbar, Oliva, 2020) and Posterior Matching (Strauss, Oliva, 2022)"
_MISCONV = "MisConv paper, table"
# The papers do not say over which pixels; we compare with ours over the whole image.
_VAEAC3, _VAEAC4 = "VAEAC paper, table 3, 162,770 faces", "VAEAC paper, table 4, 162,770 faces of 128x128"
_FACES = "162,770 faces"
# For binarised digits, so in a different unit than a density of grey levels.
_LINE, _UM = "VAEAC paper, table 9, binarised digits", "VAEAC paper, table 5, binarised digits"

# The columns of most tables of the MisConv paper.
_TREATMENTS = ("zero", "mask", "k-NN", "PC", "ACFlow", "MisConv", "GT")

# (number of the table, data set, protocol, metric, row -> figure)
_MISCONV_TABLES: tuple[tuple[int, str, str, str, dict[str, float]], ...] = (
    *(
        (table, dataset, protocol, metric, dict(zip(_TREATMENTS, values)))
        for table, dataset, protocol, metric, values in (
            (1, "mnist", "classify-square14", "accuracy", (0.910, 0.925, 0.875, 0.920, 0.908, 0.931, 0.990)),
            (1, "svhn", "classify-square16", "accuracy", (0.679, 0.493, 0.523, 0.376, 0.666, 0.757, 0.889)),
            (1, "cifar10", "classify-square16", "accuracy", (0.709, 0.563, 0.660, 0.522, 0.671, 0.722, 0.811)),
            (2, "mnist", "classify-square14-complete", "accuracy", (0.984, 0.986, 0.957, 0.987, 0.983, 0.986, 0.990)),
            (2, "svhn", "classify-square16-complete", "accuracy", (0.843, 0.827, 0.805, 0.759, 0.845, 0.860, 0.889)),
            (2, "cifar10", "classify-square16-complete", "accuracy", (0.761, 0.752, 0.742, 0.731, 0.746, 0.769, 0.811)),
            (3, "mnist", "reconstruct-square14", "fid", (9.72, 10.96, 9.46, 9.75, 9.08, 9.60, 6.45)),
            (3, "svhn", "reconstruct-square16", "fid", (21.97, 24.36, 19.90, 22.61, 21.49, 19.53, 19.65)),
            (3, "celeba", "reconstruct-square32", "fid", (56.62, 59.45, 61.48, 64.92, 59.04, 56.60, 51.75)),
            (4, "mnist", "reconstruct-square14", "ssim", (0.696, 0.658, 0.770, 0.662, 0.628, 0.803, 0.944)),
            (4, "svhn", "reconstruct-square16", "ssim", (0.777, 0.775, 0.771, 0.774, 0.787, 0.792, 0.811)),
            (4, "celeba", "reconstruct-square32", "ssim", (0.795, 0.802, 0.798, 0.786, 0.805, 0.812, 0.832)),
            (5, "mnist", "reconstruct-square14", "psnr_image", (15.05, 14.26, 16.01, 14.15, 14.91, 16.27, 21.48)),
            (5, "svhn", "reconstruct-square16", "psnr_image", (23.81, 23.64, 23.62, 23.74, 24.09, 24.25, 24.70)),
            (5, "celeba", "reconstruct-square32", "psnr_image", (22.74, 22.94, 22.74, 22.64, 23.14, 23.40, 24.02)),
            (9, "mnist", "classify-trapezoid", "accuracy", (0.891, 0.905, 0.854, 0.674, 0.799, 0.918, 0.992)),
            (9, "mnist", "classify-noise75", "accuracy", (0.946, 0.703, 0.912, 0.804, 0.788, 0.966, 0.992)),
        )
    ),
    (6, "mnist", "classify-square14", "accuracy", {"MisConv, SMFA": 0.922}),
    (6, "svhn", "classify-square16", "accuracy", {"MisConv, SMFA": 0.554}),
    (6, "cifar10", "classify-square16", "accuracy", {"MisConv, SMFA": 0.640}),
    (7, "svhn", "square16", "nll", {"MFA": -1127.71, "DMFA": -1584.08}),
    (7, "svhn", "square16", "sse", {"MFA": 5.81, "DMFA": 5.34}),
    (7, "svhn", "square16", "psnr_image", {"MFA": 26.90, "DMFA": 30.14}),
    (7, "svhn", "square16", "ssim", {"MFA": 0.86, "DMFA": 0.94}),
    (8, "mnist", "classify-square14", "accuracy", {"MFA imputation": 0.923}),
    (8, "svhn", "classify-square16", "accuracy", {"MFA imputation": 0.720}),
    (8, "cifar10", "classify-square16", "accuracy", {"MFA imputation": 0.716}),
)

# (row of the paper, data set, protocol, metric) -> (figure, its source)
REPORTED: dict[tuple[str, str, str, str], tuple[float, str]] = {
    ("DMFA", "mnist", "square14", "nll"): (-244.81, _DMFA),
    ("DMFA", "mnist", "square14", "sse"): (12.96, _DMFA),
    ("MFA", "mnist", "square14", "nll"): (58.10, f"{_DMFA}, {_ITS_MFA}"),
    ("MFA", "mnist", "square14", "sse"): (18.59, f"{_DMFA}, {_ITS_MFA}"),
    ("DMFA", "mnist", "rect10x15", "nll"): (-147.29, _POSTER),
    ("DMFA", "mnist", "rect10x15", "sse"): (9.04, _POSTER),
    ("MFA", "mnist", "rect10x15", "nll"): (5.85, f"{_POSTER}, {_ITS_MFA}"),
    ("MFA", "mnist", "rect10x15", "sse"): (12.09, f"{_POSTER}, {_ITS_MFA}"),
    ("DMFA", "fashion-mnist", "square14", "nll"): (-252.49, _DMFA),
    ("DMFA", "fashion-mnist", "square14", "sse"): (6.03, _DMFA),
    ("MFA", "fashion-mnist", "square14", "nll"): (-85.15, f"{_DMFA}, {_ITS_MFA}"),
    ("MFA", "fashion-mnist", "square14", "sse"): (6.12, f"{_DMFA}, {_ITS_MFA}"),
    ("AE dynamics, random start", "mnist", "square13", "ssim"): (0.830, _DYNAMICS),
    ("AE dynamics, k-NN start", "mnist", "square13", "ssim"): (0.875, _DYNAMICS),
    ("pseudo-Gibbs, random start", "mnist", "square13", "ssim"): (0.828, _DYNAMICS),
    ("pseudo-Gibbs, k-NN start", "mnist", "square13", "ssim"): (0.868, _DYNAMICS),
    ("context encoder", "mnist", "square13", "ssim"): (0.871, _DYNAMICS),
    ("k-NN", "mnist", "square13", "ssim"): (0.829, _DYNAMICS),
    ("MICE", "mnist", "square13", "ssim"): (0.797, _DYNAMICS),
    ("AE dynamics, random start", "fashion-mnist", "square13", "ssim"): (0.903, _DYNAMICS),
    ("AE dynamics, k-NN start", "fashion-mnist", "square13", "ssim"): (0.919, _DYNAMICS),
    ("pseudo-Gibbs, random start", "fashion-mnist", "square13", "ssim"): (0.904, _DYNAMICS),
    ("pseudo-Gibbs, k-NN start", "fashion-mnist", "square13", "ssim"): (0.918, _DYNAMICS),
    ("context encoder", "fashion-mnist", "square13", "ssim"): (0.879, _DYNAMICS),
    ("k-NN", "fashion-mnist", "square13", "ssim"): (0.841, _DYNAMICS),
    ("MICE", "fashion-mnist", "square13", "ssim"): (0.809, _DYNAMICS),
    ("DMFA", "celeba32", "square16", "nll"): (-1325.13, f"{_DMFA}, fully convolutional, {_FACES}"),
    ("DMFA", "celeba32", "square16", "sse"): (4.14, f"{_DMFA}, fully convolutional, {_FACES}"),
    ("DMFA, dense", "celeba32", "square16", "nll"): (-1222.85, f"{_DMFA}, {_FACES}"),
    ("DMFA, dense", "celeba32", "square16", "sse"): (7.73, f"{_DMFA}, {_FACES}"),
    ("MFA", "celeba32", "square16", "nll"): (-882.54, f"{_DMFA}, {_ITS_MFA}, {_FACES}"),
    ("MFA", "celeba32", "square16", "sse"): (9.82, f"{_DMFA}, {_ITS_MFA}, {_FACES}"),
    ("DMFA", "celeba32", "rect12x20", "nll"): (-885.85, f"{_POSTER}, {_FACES}"),
    ("DMFA", "celeba32", "rect12x20", "sse"): (10.03, f"{_POSTER}, {_FACES}"),
    ("MFA", "celeba32", "rect12x20", "nll"): (-815.60, f"{_POSTER}, {_ITS_MFA}, {_FACES}"),
    ("MFA", "celeba32", "rect12x20", "sse"): (11.73, f"{_POSTER}, {_ITS_MFA}, {_FACES}"),
    ("AE dynamics, random start", "celeba", "square25", "ssim"): (0.901, _DYNAMICS),
    ("AE dynamics, k-NN start", "celeba", "square25", "ssim"): (0.914, _DYNAMICS),
    ("pseudo-Gibbs, random start", "celeba", "square25", "ssim"): (0.899, _DYNAMICS),
    ("pseudo-Gibbs, k-NN start", "celeba", "square25", "ssim"): (0.907, _DYNAMICS),
    ("context encoder", "celeba", "square25", "ssim"): (0.930, _DYNAMICS),
    ("k-NN", "celeba", "square25", "ssim"): (0.857, _DYNAMICS),
    **{
        ("VAEAC", "celeba", protocol, f"psnr_{kind}_image"): (value, source)
        for source, protocols, values in (
            (
                _VAEAC3,
                ("centre", "pattern", "noise80", "half"),
                {"sample": (22.1, 21.4, 29.3, 14.9), "best10": (23.7, 23.3, 29.3, 17.4)},
            ),
            (
                _VAEAC4,
                tuple(f"gfc-o{number}" for number in range(1, 7)),
                {"sample": (20.8, 21.0, 19.5, 20.3, 20.3, 21.0), "best10": (22.0, 22.2, 20.8, 21.7, 21.8, 22.2)},
            ),
        )
        for kind, row in values.items()
        for protocol, value in zip(protocols, row)
    },
    ("VAEAC", "mnist", "arbitrary", "psnr_image"): (19.6, _ARBITRARY),
    ("ACFlow", "mnist", "arbitrary", "psnr_image"): (17.3, _ARBITRARY),
    ("ACFlow, best guess", "mnist", "arbitrary", "psnr_image"): (20.83, _ARBITRARY),
    ("VAEAC, 100 importance samples", "mnist", "line3-binarised", "nll"): (61, _LINE),
    ("VAEAC, 10,000 Monte Carlo samples", "mnist", "line3-binarised", "nll"): (94, _LINE),
    ("VAEAC, 100 Monte Carlo samples", "mnist", "line3-binarised", "nll"): (156, _LINE),
    ("GSNN, 10,000 Monte Carlo samples", "mnist", "line3-binarised", "nll"): (141, _LINE),
    ("naive Bayes", "mnist", "line3-binarised", "nll"): (205, _LINE),
    ("GSNN, 100 Monte Carlo samples", "mnist", "line3-binarised", "nll"): (141, _LINE),
    ("Universal Marginalizer", "mnist", "line3-binarised", "nll"): (41, _UM),
    ("VAEAC", "mnist", "line3-binarised", "milliseconds_100"): (0.7, _UM),
    ("Universal Marginalizer", "mnist", "line3-binarised", "milliseconds_100"): (1000, _UM),
    **{
        (row, dataset, protocol, metric): (value, f"{_MISCONV} {table}")
        for table, dataset, protocol, metric, rows in _MISCONV_TABLES
        for row, value in rows.items()
    },
}


def published(dataset: str) -> list[dict[str, object]]:
    """Return all figures reported for a data set, as rows."""
    return [
        {"row": row, "protocol": protocol, "metric": metric, "value": value, "source": source}
        for (row, known, protocol, metric), (value, source) in REPORTED.items()
        if known == dataset
    ]
