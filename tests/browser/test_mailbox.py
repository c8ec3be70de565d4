"""The outbox pages: mail as it would have arrived."""

import io
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import expect


@pytest.fixture
def pixel():
    """Returns (address of a picture of another origin, list of who asked for it)."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/pixel.png", asked
    server.shutdown()
    server.server_close()


def send(dynos, **params):
    id = dynos.task("email").delay({"to": ["ada@example.com"], "subject": "Hallo", "text": "Hallo"} | params).id
    assert dynos.wait(id)["state"] == "succeeded"
    return id


def test_without_smtp_a_mail_lands_in_the_outbox_of_the_page(page, dynos):
    page.click("text=Outbox")
    expect(page.locator("main")).to_contain_text("Nothing yet")
    page.click("text=New email")
    expect(page.locator("form#new-email")).to_be_visible()
    page.go_back()
    send(dynos, subject="Grüße & <b>", text="Hallo, Ada", cc=["eve@example.com"], bcc=["bob@example.com"],
         reply_to="desk@example.com")
    page.reload()
    page.click("text=Grüße & <b>")
    expect(page.locator("h1")).to_have_text("Grüße & <b>")
    for title, value in {"To": "ada@example.com", "Cc": "eve@example.com", "Reply to": "desk@example.com",
                         "Delivered to": "ada@example.com, eve@example.com, bob@example.com"}.items():
        expect(page.locator(f"dt:text-is('{title}') + dd")).to_have_text(value)
    expect(page.locator("pre")).to_have_text("Hallo, Ada\n")
    page.click("text=its job")
    expect(page.locator("#live .state").first).to_contain_text("succeeded")


def test_html_is_seen_but_runs_nothing_and_loads_nothing(page, dynos, pixel):
    address, asked = pixel
    id = send(dynos, html=f"""<style>h1 {{ color: rgb(1, 2, 3) }}</style><h1 onclick="this.remove()">Hello</h1>
        <img src="{address}"><img src=x onerror="document.body.append('ran')"><script>document.body.append('ran');
        fetch('{address}')</script><iframe src="{address}"></iframe><link rel=stylesheet href="{address}">""")
    page = page.context.new_page()  # another, as what is blocked is an error in its console
    page.goto(f"{dynos.base}/outbox/{id}")
    assert page.locator("main .mail iframe").get_attribute("sandbox") == ""
    frame = page.frame_locator("main .mail iframe")
    expect(frame.locator("h1")).to_have_css("color", "rgb(1, 2, 3)")
    frame.locator("h1").click()
    page.goto(f"{dynos.base}/outbox/{id}/html")  # by itself too, without the frame that holds it
    expect(page.locator("h1")).to_have_text("Hello")
    page.wait_for_timeout(500)
    assert "ran" not in page.locator("body").inner_text()
    assert asked == []


@pytest.mark.thorough
def test_the_frame_of_a_message_is_low_and_can_be_drawn_out(page, dynos):
    page.goto(f"{dynos.base}/outbox/{send(dynos, html='<p>Hello</p>')}")
    frame, around = page.locator("iframe"), page.locator(".mail")
    around.scroll_into_view_if_needed()
    height, box = frame.bounding_box()["height"], around.bounding_box()
    assert height < page.viewport_size["height"] / 2
    corner = box["x"] + box["width"] - 5, box["y"] + box["height"] - 5
    page.mouse.move(*corner)
    page.mouse.down()
    page.mouse.move(corner[0], corner[1] + 100)
    page.mouse.up()
    assert frame.bounding_box()["height"] > height + 50


def test_an_attachment_is_downloaded_byte_for_byte_while_it_is_kept(page, dynos):
    content = bytes(range(256)) * 3000
    file = dynos.celery.files.put("Größe – Q1.pdf", "application/pdf", io.BytesIO(content), most_mb=5, limit="X").id
    gone = dynos.celery.files.put("old.pdf", "application/pdf", io.BytesIO(b"x"), most_mb=5, limit="X").id
    id = send(dynos, attachments=[file, gone])
    dynos.celery.files.delete(gone)
    page.goto(dynos.base + "/outbox")
    expect(page.locator("tr", has_text="2 attachments")).to_be_visible()
    page.click("text=Hallo")
    with page.expect_download() as download:
        page.click("text=Größe – Q1.pdf")
    assert download.value.suggested_filename == "Größe – Q1.pdf"
    assert download.value.path().read_bytes() == content
    expect(page.locator("li", has_text="old.pdf")).to_contain_text("has expired")
    assert page.locator("li a").count() == 1
    assert page.request.get(f"{dynos.base}/outbox/{id}/attachments/1").status == 410
    assert page.request.get(f"{dynos.base}/outbox/{id}/attachments/2").status == 404


@pytest.mark.thorough
def test_a_mail_may_be_all_hostile_and_all_spanish(browser, page, dynos):
    subject = "<img src=x onerror=alert(1)> \"'&quot; ¿Qué tal, señor? " + "ñ" * 150
    id = send(dynos, subject=subject, text="</pre><script>alert(1)</script> ¡Año nuevo!")
    context = browser.new_context(locale="es-MX", storage_state=page.context.storage_state())
    page = context.new_page()
    page.goto(dynos.base + "/outbox")
    expect(page.locator("h1")).to_have_text("Bandeja de salida")
    page.locator("td a").first.click()
    expect(page.locator("h1")).to_have_text(subject)
    expect(page.locator("dt:text-is('Entregado a') + dd")).to_have_text("ada@example.com")
    expect(page.locator("pre")).to_have_text("</pre><script>alert(1)</script> ¡Año nuevo!\n")
    assert page.locator("main img, main script").count() == 0
    assert page.url.endswith(id)
    context.close()


@pytest.mark.thorough
def test_what_is_too_large_to_keep_is_said(page, dynos):
    id = send(dynos, text="ñ" * 90_000, html="<p>" + "ñ" * 90_000)
    page.goto(f"{dynos.base}/outbox/{id}")
    expect(page.locator(".notice")).to_contain_text("more than 100 kB")
    assert page.locator("main iframe, main pre").count() == 0


def test_a_message_that_is_not_there_is_an_answer(page, dynos):
    for path in ("/outbox/x", "/outbox/x/html", "/outbox/x/attachments/0"):
        assert page.request.get(dynos.base + path).status == 404
    id = send(dynos)
    assert page.request.get(f"{dynos.base}/outbox/{id}/html").status == 404
    page.context.clear_cookies()
    for path in ("/outbox", f"/outbox/{id}", f"/outbox/{id}/html", f"/outbox/{id}/attachments/0"):
        assert page.request.get(dynos.base + path).url.endswith("/sign-in")
