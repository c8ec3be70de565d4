"""Numbers that are names: a year, an id, a postcode, a moment. Nobody adds them up, nor writes 2,024 for 2024."""

import re
import unicodedata

import pandas as pd

from app.report.analysis.plain import plain
from app.report.document import Value
from app.report.measures import Columns

#: Words in names of columns: English, and German, French, Spanish, Italian, Portuguese, Dutch where they differ.
#: Of what tells one thing from another, or when or where it is.
LABELS = ("id ids uid uuid guid key code zip zipcode postcode postal plz cep cap phone telephone telefon tel telefono "
          "telefone fax mobile handy lat latitude lon lng longitude year jahr annee ano anno jaar month monat mois mes "
          "day tag week woche hour index idx row line no nr num number nummer numero sku ean isbn iban barcode account "
          "konto invoice port version")
#: As these, when they are numbers.
NUMBERED = "status created updated modified timestamp ts epoch unix date datum fecha"
#: What a business counts first, whatever else the name says.
TELLING = ("sales sale revenue amount total price quantity qty turnover income profit cost costs balance value net "
           "gross units items orders visits clicks hours "
           "umsatz betrag summe preis menge anzahl wert kosten erlos ventes montant prix quantite chiffre ventas venta "
           "importe precio cantidad ingresos vendite importo prezzo quantita vendas valor preco quantidade receita "
           "omzet bedrag prijs aantal")
YEARS = (1900, 2100)
#: From 2000 to 2050, in seconds and in milliseconds.
MOMENTS = ((946_684_800, 2_524_608_000), (946_684_800_000, 2_524_608_000_000))


def has(name: str, words: str) -> bool:
    """Whether the name has one of the words: "orderId", "Order_ID" and "ID 2" have "id". Accents do not count."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    bare = "".join(c for c in unicodedata.normalize("NFKD", apart) if not unicodedata.combining(c))
    return not set(re.findall(r"[^\W\d_]+", bare.lower())).isdisjoint(words.split())


def is_name(column: str, smallest: Value, largest: Value) -> bool:
    """Whether the numbers of a column, between these two, are names; guessed from what it is called, or from them."""
    if has(column, TELLING) or "number of" in column.lower():
        return False
    if has(column, f"{LABELS} {NUMBERED}"):
        return True
    ranges = (YEARS, *MOMENTS) if isinstance(smallest, int) else MOMENTS
    return smallest is not None and smallest < largest and any(
        least <= smallest and largest <= most for least, most in ranges)


def told_apart(frame: pd.DataFrame, columns: Columns) -> Columns:
    """The columns, those of whole numbers that are names as "code"."""
    return [(name, "code" if type == "integer" and is_name(name, *_ends(frame[name])) else type)
            for name, type in columns]


def _ends(numbers: pd.Series) -> list[Value]:
    return plain(pd.Series([numbers.min(), numbers.max()], dtype="Int64"), "integer")
