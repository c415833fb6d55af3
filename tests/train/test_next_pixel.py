"""The study of which pixels tell most."""

import json

import torch

from dmfa_demo.data.datasets import load_samples, to_float
from dmfa_demo.models.classifier import load_classifier
from dmfa_demo.next_pixel import believe
from dmfa_demo.registry import load_imputer
from train.report import docs, next_pixel
from train.report.next_pixel import PLAYERS, NextPixel, compare, draw, follow


def test_course_begins_with_nothing_and_shows_one_pixel_more_each_time(monkeypatch):
    images, seen = to_float(load_samples("mnist").images)[:5], []

    def watching(imputer, classifier, images, missing, seed):
        seen.append(784 - missing.flatten(1).sum(1))
        return believe(imputer, classifier, images, missing, seed)

    monkeypatch.setattr(next_pixel, "BATCH", 3)
    monkeypatch.setattr(next_pixel, "believe", watching)
    course = follow(load_imputer("mfa", "mnist"), "raster", images, torch.zeros(5), pixels=2)
    assert course.right.shape == course.bits.shape == (3, 5)
    assert [one.tolist() for one in seen] == [[n] * size for size in (3, 2) for n in range(3)]
    nothing = torch.ones(3, 1, 28, 28, dtype=torch.bool)
    alone = believe(load_imputer("mfa", "mnist"), load_classifier("complete", "mnist"), images[:3], nothing, seed=0)
    torch.testing.assert_close(course.bits[0, :3], alone.bits)


def test_table_and_picture(tmp_path, monkeypatch):
    samples = load_samples("mnist")
    monkeypatch.setattr(next_pixel, "load_split", lambda *place: samples)
    monkeypatch.setattr(next_pixel, "PLAYERS", PLAYERS[:3])
    study, picture = tmp_path / "studies.json", tmp_path / "picture.png"
    study.write_text("{}")
    for module in (docs, next_pixel):
        monkeypatch.setattr(module, "STUDIES", study)
    monkeypatch.setattr(next_pixel, "PICTURE", picture)
    compare(NextPixel(rows=4, pixels=3, folder=tmp_path))
    monkeypatch.setattr(next_pixel, "follow", None)  # measured once
    compare(NextPixel(rows=4, pixels=3, folder=tmp_path))
    written = json.loads(study.read_text())[next_pixel.STUDY]
    assert written["columns"][2:] == ["0 pixels", "3 pixels"] and len(written["rows"]) == 3
    assert "4 test digits" in written["about"] and all("bits" in row[3] for row in written["rows"])
    assert picture.stat().st_size > 5_000


def test_picture_has_a_line_for_each_player():
    course = next_pixel.Course(torch.ones(4, 2), torch.rand(4, 2))
    figure = draw({("mfa", "information"): course, ("vaeac", "random"): course})
    assert [len(axes.lines) for axes in figure.axes] == [2, 2]
