"""The charts beside the list of jobs."""

import pytest
from playwright.sync_api import expect


def test_the_charts_follow_what_the_worker_does(page, dynos):
    charts = page.locator("#charts")
    expect(charts).to_contain_text("Nothing yet")
    page.evaluate("window.notReloaded = true")
    dynos.task("sample").delay({"label": "x", "seconds": 0.1})
    expect(charts.locator("figcaption").first).to_contain_text("1 done", timeout=30_000)
    expect(charts.get_by_role("img", name="Finished")).to_be_visible()
    assert charts.locator("path.succeeded").first.bounding_box()["height"] > 40
    assert page.evaluate("window.notReloaded")


@pytest.mark.thorough
def test_the_last_day_is_a_link_away(page, dynos):
    dynos.wait(dynos.task("sample").delay({"label": "x", "seconds": 0.1}).id)
    page.goto(dynos.base + "/?state=succeeded")
    page.click("text=Show the last day")
    expect(page.locator("#charts h2")).to_have_text("The last day")
    assert "state=succeeded" in page.url and "span=day" in page.url
    expect(page.locator("#charts time").first).to_have_text("23 hr. ago")
    page.click("text=Show the last hour")
    expect(page.locator("#charts h2")).to_have_text("The last hour")
