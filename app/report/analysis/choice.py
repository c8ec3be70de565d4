"""Which columns a report should be about, when nobody says so: guessed from their values, and from their names."""

from app.report.analysis.names import LABELS, TELLING, has, is_name
from app.report.analysis.profile import Profile
from app.report.document import NUMERIC
from app.report.measures import DATES, Measure

#: Words in names of columns, as in app.report.analysis.names. A mean of these says something, and a sum does not.
RATES = ("price rate ratio percent pct percentage share age temperature temp score rating average avg mean median "
         "speed height weight length width depth size preis alter satz quote note prix taux "
         "precio edad tasa prezzo eta tasso preco idade taxa prijs leeftijd")
#: One that lasts long says little of the others: of these the median is what people look at.
DURATIONS = "seconds secs sec ms duration latency elapsed dauer duree duracion durata duracao duur"
#: Money, mostly: of this a sum is what people look at first.
SUMS = ("total sum sales revenue amount turnover income profit summe gesamt betrag umsatz erlos montant ventes ventas "
        "importe ingresos vendite importo vendas receita omzet bedrag")
BIRTH = "birth birthday birthdate dob born geburtstag geburtsdatum naissance nacimiento nascita nascimento"
#: A bar for each, or for the largest of many.
FEW_CATEGORIES, MOST_CATEGORIES = 30, 150


def categories(profiles: list[Profile]) -> list[Profile]:
    """Columns worth grouping by, the best first: no labels, words before numbers, full before sparse, left first."""
    good = [p for p in profiles if _is_category(p)]
    return sorted(good, key=lambda p: (is_label(p), p.distinct > FEW_CATEGORIES, p.type == "boolean",
                                       p.type == "integer", _is_sparse(p)))


def is_label(p: Profile) -> bool:
    return p.type == "code" or has(p.name, LABELS)


def _is_category(p: Profile) -> bool:
    if p.type not in ("text", "boolean", "integer", "code") or not 2 <= p.distinct <= MOST_CATEGORIES:
        return False
    if p.type in ("integer", "code") and (p.distinct > 12 or has(p.name, TELLING)):
        return False
    return p.distinct * 2 <= p.filled and not (has(p.name, LABELS) and p.distinct * 4 > p.filled)


def dates(profiles: list[Profile]) -> list[Profile]:
    """Columns worth drawing over time, the best first."""
    good = [p for p in profiles if p.type in DATES and p.distinct > 1]
    return sorted(good, key=lambda p: (has(p.name, BIRTH), _is_sparse(p)))


def numbers(profiles: list[Profile]) -> list[Profile]:
    """Columns worth adding up, the best first."""
    good = [p for p in profiles if _is_amount(p)]
    return sorted(good, key=lambda p: (_is_sparse(p), p.distinct == 1, not has(p.name, SUMS), not has(p.name, TELLING)))


def _is_amount(p: Profile) -> bool:
    if p.type not in NUMERIC or not p.filled or is_name(p.name, p.smallest, p.largest):
        return False
    counter = p.distinct == p.filled and p.largest - p.smallest == p.filled - 1
    return p.type != "integer" or p.filled < 3 or not counter


def measure(p: Profile) -> Measure:
    """The sum of an amount, the mean of a rate. Small whole numbers are marks, as in answers from 1 to 5."""
    if p.type == "seconds" or has(p.name, DURATIONS):
        return Measure("median", p.name)
    is_mark = p.type == "integer" and p.smallest >= 0 and p.largest <= 10 and not has(p.name, TELLING)
    is_rate = p.type == "percent" or "%" in p.name or has(p.name, RATES) and not has(p.name, SUMS)
    return Measure("mean" if is_rate or is_mark else "sum", p.name)


def _is_sparse(p: Profile) -> bool:
    return p.filled * 2 < p.rows

