"""The Results tab: our figures beside those of the papers."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.page import hold_requests
from tests.browser.test_accessible import expect_accessible

pytestmark = pytest.mark.browser


def test_results_show_our_figures_beside_those_of_the_papers(page: Page):
    page.get_by_role("tab", name="Results").click()
    chart = page.locator("#chart")
    expect(chart).to_contain_text("Squared error, summed")
    row = chart.locator("tbody tr", has=page.get_by_role("rowheader", name="MFA", exact=True))
    expect(row).to_contain_text("18.59")
    expect(page.locator("#results-table")).to_contain_text("DMFA paper, table 1")
    page.locator("#results-protocol input").click()
    page.get_by_role("option", name="Arbitrary (ACFlow)").click()
    page.locator("#results-measure input").click()
    page.get_by_role("option", name="PSNR, whole image, dB").click()
    expect(chart).to_contain_text("17.30")
    expect(chart.get_by_role("rowheader", name="ACFlow", exact=True)).to_be_visible()


def test_measure_chosen_before_the_answer_to_a_protocol_is_kept(page: Page):
    page.get_by_role("tab", name="Results").click()
    release = hold_requests(page, lambda data: data[1:] == ["arbitrary", "sse"])
    page.locator("#results-protocol input").click()
    page.get_by_role("option", name="Arbitrary (ACFlow)").click()
    page.locator("#results-measure input").click()
    page.get_by_role("option", name="PSNR, whole image, dB").click()
    release()
    expect(page.locator("#results-measure input")).to_have_value("PSNR, whole image, dB")
    expect(page.locator("#chart").get_by_role("rowheader", name="ACFlow", exact=True)).to_be_visible()


def test_protocol_with_different_measures_shows_one_of_them_without_a_message(page: Page):
    page.get_by_role("tab", name="Results").click()
    expect(page.locator("#chart")).to_contain_text("Squared error, summed")
    page.locator("#results-protocol input").click()
    page.get_by_role("option", name="Classify, noise 75 %").click()
    expect(page.locator("#chart")).to_contain_text("Accuracy")
    row = page.locator("#chart tbody tr", has=page.get_by_role("rowheader", name="MisConv (DMFA)", exact=True))
    expect(row).to_contain_text("0.966")
    expect(page.locator("#results-table")).to_contain_text("MisConv paper, table 9")
    page.locator("#results-protocol input").click()
    page.get_by_role("option", name="All but a line, binarised").click()
    expect(page.locator("#chart")).to_contain_text("NLL, nats")
    assert page.locator(".toast-body").count() == 0


def test_results_table_is_sorted_by_its_headings(page: Page):
    page.get_by_role("tab", name="Results").click()
    table = page.locator("#results-table table")
    heading = table.get_by_role("columnheader", name="NLL", exact=True)
    column = heading.evaluate("(heading) => heading.cellIndex")

    def values() -> list[str]:
        return [row.locator("> *").nth(column).get_attribute("data-value") for row in table.locator("tbody tr").all()]

    for direction, reverse in (("ascending", False), ("descending", True)):
        heading.get_by_role("button").click()
        expect(heading).to_have_attribute("aria-sort", direction)
        known = [float(value) for value in values() if value]
        assert len(known) >= 3 and known == sorted(known, reverse=reverse)
        assert values()[len(known) :] == [""] * (len(values()) - len(known)), "methods without a density come last"
    table.get_by_role("columnheader", name="Method").get_by_role("button").click()
    titles = [text.splitlines()[0] for text in table.locator("tbody th").all_inner_texts()]
    assert len(titles) >= 9 and titles == sorted(titles, key=str.lower)


def test_errors_of_tables_unfold(page: Page):
    page.get_by_role("tab", name="Results").click()
    page.get_by_text("Tables of numbers and categories").click()
    errors = page.locator(".of-tables table")
    expect(errors).to_be_visible()
    expect(errors).to_contain_text("WhiteWine")
    expect_accessible(page)
