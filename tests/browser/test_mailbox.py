"""The outbox page."""

from playwright.sync_api import expect


def test_without_smtp_a_mail_lands_in_the_outbox_of_the_page(page, dynos):
    params = {"to": ["ada@example.com"], "subject": "Grüße & <b>", "text": "Hallo, Ada"}
    dynos.wait(dynos.task("email").delay(params).id)
    page.click("text=Outbox")
    expect(page.locator("article h2")).to_have_text("Grüße & <b>")
    expect(page.locator("article")).to_contain_text("To ada@example.com")
    expect(page.locator("article pre")).to_have_text("Hallo, Ada\n")
    page.click("text=its job")
    expect(page.locator("#live .state").first).to_have_text("succeeded")
