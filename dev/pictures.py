"""The pictures of a report under docs/, for the README: python -m dev.pictures"""

import random
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pypdfium2
from playwright.sync_api import sync_playwright

from app.report.analysis import analyse
from app.report.formats import render
from app.report.frame import Builder

DOCS = Path(__file__).parent.parent / "docs"
COLUMNS = [("Date", "date"), ("Region", "text"), ("Product", "text"), ("Units", "integer"), ("Revenue", "number")]
PRICES = {"Armchair": 289.0, "Bookcase": 179.5, "Desk": 349.0, "Lamp": 48.9, "Sofa": 899.0}


def main():
    builder = Builder(COLUMNS)
    builder.add(list(rows()))
    document = analyse(builder.frame(), COLUMNS, title="Furniture sales", source="sales.csv, 600 rows",
                       made_at=datetime(2026, 11, 23, 9, tzinfo=UTC))
    DOCS.mkdir(exist_ok=True)
    page = pypdfium2.PdfDocument(render(document, "pdf"))[0]
    page.render(scale=1.2).to_pil().quantize(64).save(DOCS / "report-pdf.png", optimize=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        view = browser.new_page(viewport={"width": 900, "height": 1000})
        view.set_content(render(document, "html").decode())
        view.screenshot(path=DOCS / "report-html.png")
        browser.close()


def rows():
    chance = random.Random(7)
    for number in range(600):
        day = date(2026, 1, 1) + timedelta(days=number * 320 // 600)
        product = chance.choice(list(PRICES))
        units = chance.randrange(1, 9)
        region = chance.choices(["North", "South", "East", "West"], [4, 2, 3, 5])[0]
        yield [day, region, product, units, round(units * PRICES[product] * (1 + day.month / 40), 2)]


if __name__ == "__main__":
    main()
