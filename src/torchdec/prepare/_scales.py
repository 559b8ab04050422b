"""Words that stand in an order: "low", "medium", "high"; "18-24", "25-34", "65+"; and pairs that say yes or no."""

import re
from collections.abc import Sequence

from torchdec.prepare._durations import UNITS

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
        "niski/niska/niskie, średni/średnia/średnie, wysoki/wysoka/wysokie",
        "düşük, orta, yüksek",
        "低い/低, 普通/中/中程度/ふつう, 高い/高",
        "never, yearly/annually/once a year, quarterly, monthly, biweekly/fortnightly, weekly, daily",
        "strongly disagree, disagree, somewhat disagree, neutral/undecided, somewhat agree, agree, strongly agree",
        "strongly disagree, somewhat disagree, neither agree nor disagree, somewhat agree, strongly agree",
        "strongly disagree, disagree, neither agree nor disagree, agree, strongly agree",
        "trifft nicht zu, trifft eher nicht zu, teils teils/weder noch, trifft eher zu, trifft zu",
        "pas du tout d'accord, plutôt pas d'accord, neutre, plutôt d'accord, tout à fait d'accord",
        "very dissatisfied, dissatisfied/unsatisfied, neutral, satisfied, very satisfied",
        "very unlikely, unlikely, neutral, likely, very likely",
        "very bad, bad, okay/ok/neutral, good, very good, excellent",
        "very poor, poor, fair, average, good, very good, excellent/ideal",
        "fair, good, very good, premium, ideal",
        "sehr schlecht, schlecht, befriedigend/mittel, gut, sehr gut, ausgezeichnet",
        "xxs, xs, s, m, l, xl, xxl/2xl, xxxl/3xl, 4xl",
        "extra small, small, medium, large, extra large",
        "klein, mittel, groß/gross, sehr groß",
        "小, 中, 大",
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
        "lunedì, martedì, mercoledì, giovedì, venerdì, sabato, domenica",
        "lunes, martes, miércoles, jueves, viernes, sábado, domingo",
        "january, february, march, april, may, june, july, august, september, october, november, december",
        "jan, feb, mar, apr, may, jun, jul, aug, sep/sept, oct, nov, dec",
        "januar, februar, märz, april, mai, juni, juli, august, september, oktober, november, dezember",
    )
)
# Words that say no, and words that say yes.
_NO = "no n false f 0 off nein non não nao nee nej nie hayır нет いいえ 否 아니요"
_YES = "yes y true t 1 on ja j oui o sí si sì sim s tak evet да はい 是 예"
_SIDES = {
    **dict.fromkeys(_NO.split(), 0),
    **dict.fromkeys(_YES.split(), 1),
}
_NUMBER = r"[^\w\s<>≤≥+-]?\s*\d[\d.,]*\s*[kKmM%]?\s*[^\W\d_]{0,8}\.?"
_OVER = "over|above|more than|über|ab|mehr als|plus de|más de|mais de|più di|acima de|oltre"
_UNDER = (
    "under|below|less than|up to|unter|bis|weniger als|moins de|menos de|meno di|jusqu'à|hasta|até|fino a|poniżej"
)
_RANGE = re.compile(
    rf"(?:de |von |from )?(?P<low>{_NUMBER})\s*(?:-|–|—|~|〜|to|bis|à|a|do|\.\.)\s*{_NUMBER}"
    rf"|(?P<least>{_NUMBER})\s*(?:\+|(?:(?:and|or) )?(?:over|more|above|older)|und (?:mehr|älter)|(?:et|ou) plus"
    r"|(?:y|o) más|(?:e|ou) mais|e oltre|以上)"
    rf"|(?:>=?|≥|{_OVER})\s*(?P<above>{_NUMBER})"
    rf"|(?:<=?|≤|{_UNDER})\s*(?P<below>{_NUMBER})"
    rf"|(?P<until>{_NUMBER})\s*(?:(?:or|and) (?:less|under|fewer|younger)|et moins|(?:o|ou) menos|未満|以下)"
    rf"|(?:tier|level|stage|grade|rank|step|phase|stufe|niveau|nivel|nível|livello)\s(?P<step>\d+)"
    r"|(?P<exactly>\d+)",
    re.IGNORECASE,
)
# Levels from which on words can be steps of a scale: of two, either order gives the same distances.
_ENOUGH = 3


def side(level: str) -> str:
    """Return "yes" or "no" for a word that says it, in any language and spelling; other words as they are."""
    level = level.casefold()
    return ("no", "yes")[_SIDES[level]] if level in _SIDES else level


def is_yes_no(levels: Sequence[str]) -> bool:
    """Tell whether levels say yes and no, at least one of them in a word."""
    is_word = any(len(level) > 1 for level in levels) or (len(levels) == 2 and any(map(str.isalpha, levels)))
    return is_word and {side(level) for level in levels} == {"yes", "no"}


def in_order(levels: Sequence[str]) -> tuple[str, ...] | None:
    """Return levels in the order that their words or ranges have; None where they have none that is known."""
    if len(levels) < _ENOUGH:
        return None
    plain = {level: re.sub(r"[\s_-]+", " ", level.strip().casefold()) for level in levels}
    for scale in _SCALES:
        step = {word: number for number, words in enumerate(scale) for word in words}
        if all(word in step for word in plain.values()):
            return tuple(sorted(levels, key=lambda level: step[plain[level]]))
    starts = {level: start for level in levels if (start := _start(level)) is not None}
    if len(starts) < len(levels) or all(map(str.isdecimal, levels)):
        return None
    units = {level: _unit(level) for level in levels}
    if not all(units.values()):  # 18-24 stands beside 65 years
        units = dict.fromkeys(levels, 1.0)
    return tuple(sorted(levels, key=lambda level: (starts[level][0] * units[level], starts[level][1])))


def _start(level: str) -> tuple[float, int] | None:
    """Return where a range begins; one without a beginning comes before the others of its end."""
    match = _RANGE.fullmatch(level.strip())
    if match is None:
        return None
    text = next(part for part in match.groups() if part)
    number = float(re.sub(r"[^\d.]", "", text.replace(",", "")).strip(".") or 0)
    times = re.search(r"\d\s*([km])(?![^\W\d_])", text, re.IGNORECASE)
    number *= {"k": 1e3, "m": 1e6}[times[1].casefold()] if times else 1.0
    return number, 0 if match["below"] or match["until"] else 2 if match["above"] or match["least"] else 1


def _unit(level: str) -> float:
    """Return the seconds of the first unit of time in a range; 0 without one."""
    words = re.findall(r"[^\W\d_]{2,}", level.casefold())
    return next((UNITS[word] for word in words if word in UNITS), 0.0)
