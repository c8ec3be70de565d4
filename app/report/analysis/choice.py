"""Which columns a report should be about, when nobody says so: guessed from their values, and from their names."""

import re
import unicodedata

from app.report.analysis.profile import Profile
from app.report.document import NUMERIC
from app.report.measures import DATES, Measure

#: Words in names of columns: English, and German, French, Spanish, Italian, Portuguese, Dutch where they differ.
#: Numbers that tell one thing from another, or when or where it is: no sum or mean of them says anything.
LABELS = ("id ids uid uuid guid key code zip zipcode postcode postal plz cep cap phone telephone telefon tel telefono "
          "telefone fax mobile handy lat latitude lon lng longitude year jahr annee ano anno jaar month monat mois mes "
          "day tag week woche hour index idx row line no nr num number nummer numero sku ean isbn iban barcode account "
          "konto invoice port version")
#: What a business counts first.
TELLING = ("sales sale revenue amount total price quantity qty turnover income profit cost costs balance value net "
           "gross units items orders visits clicks hours "
           "umsatz betrag summe preis menge anzahl wert kosten erlos ventes montant prix quantite chiffre ventas venta "
           "importe precio cantidad ingresos vendite importo prezzo quantita vendas valor preco quantidade receita "
           "omzet bedrag prijs aantal")
#: A mean of these says something, and a sum does not.
RATES = ("price rate ratio percent pct percentage share age temperature temp score rating average avg mean median "
         "speed height weight length width depth size duration latency ms preis alter satz quote note prix taux "
         "precio edad tasa prezzo eta tasso preco idade taxa prijs leeftijd")
#: Money, mostly: of this a sum is what people look at first.
SUMS = ("total sum sales revenue amount turnover income profit summe gesamt betrag umsatz erlos montant ventes ventas "
        "importe ingresos vendite importo vendas receita omzet bedrag")
BIRTH = "birth birthday birthdate dob born geburtstag geburtsdatum naissance nacimiento nascita nascimento"
MOST_CATEGORIES = 30


def categories(profiles: list[Profile]) -> list[Profile]:
    """Columns worth grouping by, the best first: words before numbers, full before sparse, left before right."""
    good = [p for p in profiles if _is_category(p)]
    return sorted(good, key=lambda p: (p.type == "boolean", p.type == "integer", _is_sparse(p)))


def _is_category(p: Profile) -> bool:
    if p.type not in ("text", "boolean", "integer") or not 2 <= p.distinct <= MOST_CATEGORIES:
        return False
    if p.type == "integer" and (p.distinct > 12 or _has(p, TELLING)):
        return False
    return p.distinct * 2 <= p.filled and not (_has(p, LABELS) and p.distinct * 4 > p.filled)


def dates(profiles: list[Profile]) -> list[Profile]:
    """Columns worth drawing over time, the best first."""
    good = [p for p in profiles if p.type in DATES and p.distinct > 1]
    return sorted(good, key=lambda p: (_has(p, BIRTH), _is_sparse(p)))


def numbers(profiles: list[Profile]) -> list[Profile]:
    """Columns worth adding up, the best first."""
    good = [p for p in profiles if _is_amount(p)]
    return sorted(good, key=lambda p: (_is_sparse(p), p.distinct == 1, not _has(p, SUMS), not _has(p, TELLING)))


def _is_amount(p: Profile) -> bool:
    if p.type not in NUMERIC or not p.filled:
        return False
    if _has(p, LABELS) and not _has(p, TELLING) and "number of" not in p.name.lower():
        return False
    if p.type != "integer" or p.filled < 3:
        return True
    years = p.smallest >= 1900 and p.largest <= 2100 and p.distinct > 1
    counter = p.distinct == p.filled and p.largest - p.smallest == p.filled - 1
    return not years and not counter


def measure(p: Profile) -> Measure:
    """The sum of an amount, the mean of a rate. Small whole numbers are marks, as in answers from 1 to 5."""
    is_mark = p.type == "integer" and p.smallest >= 0 and p.largest <= 10 and not _has(p, TELLING)
    is_rate = p.type == "percent" or "%" in p.name or _has(p, RATES) and not _has(p, SUMS)
    return Measure("mean" if is_rate or is_mark else "sum", p.name)


def _is_sparse(p: Profile) -> bool:
    return p.filled * 2 < p.rows


def _has(p: Profile, words: str) -> bool:
    """Whether the name has one of the words: "orderId", "Order_ID" and "ID 2" have "id". Accents do not count."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", p.name)
    bare = "".join(c for c in unicodedata.normalize("NFKD", apart) if not unicodedata.combining(c))
    return not set(re.findall(r"[^\W\d_]+", bare.lower())).isdisjoint(words.split())
