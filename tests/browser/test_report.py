"""Reports on the page: from a dropped table to a document that is looked at, downloaded, mailed and repeated."""

import csv
import io
from importlib.util import find_spec

import pytest
from playwright.sync_api import expect

NEEDS_EMAIL = pytest.mark.skipif(not find_spec("app.jobs.email"), reason="the kind email was deleted")
SALES = "Region;Datum;Umsatz\r\nNord;01.02.2026;1.000,50\r\nSüd;15.02.2026;200,25\r\nNord;03.03.2026;300,00\r\n"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "Umsätze <b>.csv"
    path.write_bytes(SALES.encode("latin-1"))
    return path


def open_report(page):
    page.click(".kinds a:has-text('report')")
    page.wait_for_load_state()  # and with it the script that sends what is chosen


@pytest.fixture
def report(page, table):
    """The page with a table uploaded."""
    open_report(page)
    page.set_input_files("#file", table)
    expect(page.locator("#preview")).to_be_visible()
    return page


def drop(page, path):
    """As a person drops a file from their desktop."""
    data = page.evaluate_handle("""([name, bytes]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], name, {type: "text/csv"}));
        return data;
    }""", [path.name, list(path.read_bytes())])
    page.dispatch_event("#upload", "drop", {"dataTransfer": data})


def test_a_dropped_table_is_previewed_with_its_columns_and_types(page, table):
    open_report(page)
    drop(page, table)
    expect(page.locator("main p").first).to_contain_text("Umsätze <b>.csv: 3 rows, 3 columns")
    assert page.locator("#preview th").all_inner_texts() == ["Region\ntext", "Datum\ndate", "Umsatz\nnumber"]
    assert page.locator("#preview tbody tr").first.locator("td").all_inner_texts() == ["Nord", "2026-02-01", "1000.5"]


def test_what_is_no_table_is_refused_with_what_to_do(page, tmp_path):
    path = tmp_path / "picture.csv"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    open_report(page)
    page.set_input_files("#file", path)
    expect(page.locator("#file-error")).to_contain_text("This is a picture")
    expect(page.locator("#file")).to_be_visible()


def test_an_html_report_is_chosen_watched_and_looked_at_in_place(report):
    report.fill("#report-title", "Umsatz <i>")
    report.select_option("#report-format", "html")
    report.select_option("#report-group", "Region")
    report.select_option("#report-measure", "sum:Umsatz")
    report.click("text=Make the report")
    expect(report.locator("#live .state").first).to_have_text("succeeded", timeout=30_000)
    frame = report.frame_locator("iframe")
    expect(frame.locator("h1")).to_have_text("Umsatz <i>")
    expect(frame.locator("table").first).to_contain_text("1,300.5")
    assert report.locator("iframe").get_attribute("sandbox") == ""


@NEEDS_EMAIL
def test_a_csv_report_is_downloaded_and_mailed(report, dynos):
    report.select_option("#report-format", "csv")
    report.select_option("#report-group", "Datum:month")
    report.select_option("#report-measure", "sum:Umsatz")
    report.select_option("#report-measure-1", "count")
    report.click("text=Make the report")
    expect(report.locator("#live .state").first).to_have_text("succeeded", timeout=30_000)
    with report.expect_download() as download:
        report.click("a.download")
    rows = list(csv.reader(io.StringIO(download.value.path().read_text("utf-8-sig"))))
    assert download.value.suggested_filename.endswith(".csv")
    assert [row[1:] for row in rows[1:3]] == [["1200.75", "2"], ["300", "1"]]
    report.fill("input[name=to]", "ada@example.com")
    report.click("text=Send")
    expect(report.locator("#live .state").first).to_have_text("succeeded", timeout=30_000)
    report.click("text=Outbox")
    report.locator("td a").click()
    expect(report.locator("li")).to_contain_text("Umsätze b.csv")


def test_a_report_is_made_weekly_and_its_schedule_paused_changed_and_deleted(report, dynos):
    report.select_option("#report-repeat", "Monday")
    report.fill("#report-time", "07:05")
    report.click("text=Make the report")
    row = report.locator("tbody tr")
    expect(row).to_contain_text("At 07:05 on Monday, America/New_York")
    (schedule,) = dynos.store.schedules()
    assert (schedule["cron"], schedule["timezone"], schedule["kind"]) == ("5 7 * * 1", "America/New_York", "report")
    report.click("text=Pause")
    expect(row).to_contain_text("paused")
    report.click("text=Resume")
    report.click("text=Change")
    report.fill("input[name=cron]", "0 8 1 * *")
    report.click("text=Save")
    expect(row).to_contain_text("At 08:00 on the first day of every month")
    report.click("text=Change")
    report.fill("input[name=cron]", "whenever")
    report.click("text=Save")
    expect(report.locator("td .error")).to_contain_text("no cron expression")
    expect(report.locator("input[name=cron]")).to_have_value("whenever")
    report.click("text=Delete")
    expect(report.locator("h1")).to_have_text("Delete this schedule?")
    report.locator("main button").click()
    expect(report.locator("#said")).to_have_text("The schedule is deleted.")
    expect(report.locator("main")).to_contain_text("Nothing is repeated yet")


@pytest.mark.thorough
def test_a_job_that_was_made_once_is_repeated_from_its_page(report):
    report.select_option("#report-format", "csv")
    report.click("text=Make the report")
    expect(report.locator("#live .state").first).to_have_text("succeeded", timeout=30_000)
    report.click("summary:has-text('Repeat')")
    report.click("button:has-text('Repeat')")
    expect(report.locator("tbody tr")).to_contain_text("At 09:00 on Monday, America/New_York")


@pytest.mark.thorough
def test_the_apps_own_jobs_are_a_table_too(page, dynos):
    dynos.wait(dynos.work("a"))
    open_report(page)
    page.click("text=Or report on the jobs of this app")
    page.select_option("#report-format", "html")
    page.click("text=Make the report")
    expect(page.locator("#live .state").first).to_have_text("succeeded", timeout=30_000)
    expect(page.frame_locator("iframe").locator("body")).to_contain_text("tests.ledger.work")
