"""The preview of a link to the page, the explanations, and the footer."""

import re

import httpx
import pytest

from dmfa_demo.app.lessons import explainer
from dmfa_demo.app.lessons.explainer import Explainer
from dmfa_demo.app.sharing.preview import DESCRIPTION, TITLE
from dmfa_demo.models.classifier import CLASSIFIERS
from dmfa_demo.registry import METHODS, method_class
from tests.conftest import PATIENCE


def tags(page: str) -> dict[str, list[str]]:
    """Return the contents of all tags for previews, by name."""
    found: dict[str, list[str]] = {}
    for name, content in re.findall(r'<meta\s+(?:property|name)="([^"]+)"\s+content="([^"]*)"', page):
        found.setdefault(name, []).append(content)
    return found


def test_preview_has_title_description_and_picture_of_the_page(served):
    found = tags(httpx.get(served, timeout=PATIENCE).text)
    assert found["og:title"] == [TITLE] and found["og:description"] == [DESCRIPTION] == found["description"]
    assert found["og:image"] == [f"{served}/preview.png"] and "Gradio" not in str(found)
    picture = httpx.get(found["og:image"][0], timeout=PATIENCE)
    assert picture.headers["content-type"] == "image/png" and picture.content.startswith(b"\x89PNG")


def test_picture_has_the_public_address_behind_a_proxy(served):
    headers = {"X-Forwarded-Proto": "https", "Host": "paint.example.org"}
    assert tags(httpx.get(served, headers=headers, timeout=PATIENCE).text)["og:image"] == [
        "https://paint.example.org/preview.png"
    ]


def test_rest_of_the_page_is_unchanged(served):
    answer = httpx.get(served, timeout=PATIENCE)
    assert "window.gradio_config" in answer.text and answer.text.count("<head>") == 1
    assert answer.text.rstrip().endswith("</html>")


@pytest.mark.parametrize("kind", [*map(method_class, METHODS), *CLASSIFIERS.values()], ids=lambda kind: kind.name)
def test_every_method_has_an_entry_with_its_description(kind):
    html = Explainer(render=False).html_template
    (entry,) = (
        part
        for part in re.findall(r"<section.*?</section>", html)
        if f"<h2>{kind.title}</h2>".replace("'", "&#x27;") in part and kind.summary[:20].replace("'", "&#x27;") in part
    )
    assert "Limits: " in entry and (not kind.url or kind.url in entry)


@pytest.mark.parametrize(
    ("variables", "address"),
    [
        ({}, None),
        ({"SPACE_ID": "me/paint"}, "https://huggingface.co/spaces/me/paint/tree/main"),
        ({"SPACE_ID": "me/paint", "DMFA_DEMO_SOURCE": "https://example.org/code"}, "https://example.org/code"),
    ],
)
def test_footer_links_to_the_source_if_known(monkeypatch, variables, address):
    for name in ("SPACE_ID", explainer.SOURCE_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    html = Explainer(render=False).html_template
    assert (f'<a href="{address}"' in html) == ("Source code" in html) == (address is not None)


def test_footer_offers_the_light_page_if_its_address_is_known(monkeypatch):
    monkeypatch.delenv(explainer.LIGHT_VARIABLE, raising=False)
    assert "light page" not in Explainer(render=False).html_template
    monkeypatch.setenv(explainer.LIGHT_VARIABLE, "https://example.org/paint/?a=1&b=2")
    html = Explainer(render=False).html_template
    assert 'data-explain="light">Open the light page</button>' in html
    assert 'href="https://example.org/paint/?a=1&amp;b=2"' in html and "<svg" in html
