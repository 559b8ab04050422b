"""Words that stand in an order: "low", "medium", "high"; "18-24", "25-34", "65+"; and pairs that say yes or no."""

import re
from collections.abc import Sequence

_SCALES = tuple(
    tuple(step.split("/") for step in scale.split(", "))
    for scale in (
        "very low/lowest, low, medium/moderate/mid/middle/normal/average, high, very high/highest/critical",
        "sehr niedrig, niedrig/gering, mittel, hoch, sehr hoch",
        "très faible, faible/bas, moyen/moyenne, élevé/élevée/haut, très élevé/très élevée",
        "muy bajo, bajo/baja, medio/media, alto/alta, muy alto",
        "muito baixo/muito baixa, baixo/baixa, médio/média, alto/alta, muito alto/muito alta",
        "basso/bassa, medio/media, alto/alta",
        "never, rarely/seldom, sometimes/occasionally, often/frequently, usually, always",
        "nie, selten, manchmal, oft/häufig, immer",
        "jamais, rarement, parfois, souvent, toujours",
        "nunca, raramente, a veces, a menudo, siempre",
        "strongly disagree, disagree, neutral/neither agree nor disagree/undecided, agree, strongly agree",
        "very dissatisfied, dissatisfied/unsatisfied, neutral, satisfied, very satisfied",
        "very unlikely, unlikely, neutral, likely, very likely",
        "very bad, bad, okay/ok/neutral, good, very good, excellent",
        "very poor, poor, fair, average, good, very good, excellent/ideal",
        "fair, good, very good, premium, ideal",
        "sehr schlecht, schlecht, befriedigend/mittel, gut, sehr gut, ausgezeichnet",
        "xxs, xs, s, m, l, xl, xxl/2xl, xxxl/3xl, 4xl",
        "extra small, small, medium, large, extra large",
        "klein, mittel, groß/gross, sehr groß",
        "petit/petite, moyen/moyenne, grand/grande",
        "pequeño, mediano, grande",
        "bronze, silver, gold, platinum, diamond",
        "none, mild/minor, moderate, severe/major, critical",
        "beginner, intermediate, advanced, expert",
        "junior, mid/middle/intermediate, senior, lead, principal",
        "cold, cool, mild, warm, hot",
        "high school, associate, bachelor/bachelors/bachelor's, master/masters/master's, phd/doctorate",
        "first/1st, second/2nd, third/3rd, fourth/4th, fifth/5th, sixth/6th",
        "mon/monday, tue/tues/tuesday, wed/wednesday, thu/thurs/thursday, fri/friday, sat/saturday, sun/sunday",
        "montag/mo, dienstag/di, mittwoch/mi, donnerstag/do, freitag/fr, samstag/sa, sonntag/so",
        "lundi, mardi, mercredi, jeudi, vendredi, samedi, dimanche",
        "lunes, martes, miércoles, jueves, viernes, sábado, domingo",
        "january, february, march, april, may, june, july, august, september, october, november, december",
        "jan, feb, mar, apr, may, jun, jul, aug, sep/sept, oct, nov, dec",
        "januar, februar, märz, april, mai, juni, juli, august, september, oktober, november, dezember",
    )
)
_YES_NO = {
    frozenset(pair.split())
    for pair in (
        "no yes",
        "n y",
        "false true",
        "f t",
        "off on",
        "nein ja",
        "n j",
        "non oui",
        "no sí",
        "no si",
        "não sim",
        "nee ja",
        "nie tak",
        "いいえ はい",
        "否 是",
    )
}
_NUMBER = r"[^\w\s<>≤≥+-]?\s*\d[\d.,]*\s*[kKmM%]?\s*[^\W\d_]{0,3}\.?"
_RANGE = re.compile(
    rf"(?P<low>{_NUMBER})\s*(?:-|–|—|to|bis|à|a|\.\.)\s*{_NUMBER}"
    rf"|(?P<least>{_NUMBER})\s*(?:\+|(?:and|or) (?:over|more|above|older)|und (?:mehr|älter))"
    rf"|(?:>=?|≥|over|above|more than|über|ab)\s*(?P<above>{_NUMBER})"
    rf"|(?:<=?|≤|under|below|less than|up to|unter|bis)\s*(?P<below>{_NUMBER})",
    re.IGNORECASE,
)
# Levels from which on words can be steps of a scale: of two, either order gives the same distances.
_ENOUGH = 3


def is_yes_no(levels: Sequence[str]) -> bool:
    """Tell whether two levels say yes and no."""
    return frozenset(level.casefold() for level in levels) in _YES_NO


def in_order(levels: Sequence[str]) -> tuple[str, ...] | None:
    """Return levels in the order that their words or ranges have; None where they have none that is known."""
    if len(levels) < _ENOUGH:
        return None
    plain = {level: re.sub(r"[\s_-]+", " ", level.strip().casefold()) for level in levels}
    for scale in _SCALES:
        step = {word: number for number, words in enumerate(scale) for word in words}
        if all(word in step for word in plain.values()):
            return tuple(sorted(levels, key=lambda level: step[plain[level]]))
    starts = {level: _start(level) for level in levels}
    if any(start is None for start in starts.values()):
        return None
    return tuple(sorted(levels, key=lambda level: starts[level] or (0.0, 0)))


def _start(level: str) -> tuple[float, int] | None:
    """Return where a range begins; one without a beginning comes before the others of its end."""
    match = _RANGE.fullmatch(level.strip())
    if match is None:
        return None
    text = next(part for part in match.groups() if part)
    number = float(re.sub(r"[^\d.]", "", text.replace(",", "")).strip(".") or 0)
    number *= {"k": 1e3, "m": 1e6}.get(re.sub(r"[\d\s.,]|[^\w]", "", text)[:1].casefold(), 1.0)
    return number, 0 if match["below"] else 2 if match["above"] or match["least"] else 1
