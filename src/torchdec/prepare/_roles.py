"""What a column is by its name, type and values: a feature, a label, or what names the rows."""

import re
import shlex
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from torchdec.prepare._amounts import Amounts
from torchdec.prepare._dates import Dates
from torchdec.prepare._durations import Durations

# As `is_label_name` compares them; where a file has several, the first of these is taken for the labels.
LABEL_NAMES = (
    *("y", "label", "labels", "class", "classes", "target", "targets", "truth", "groundtruth", "truelabel"),
    *("truelabels", "ytrue", "ypred", "classlabel", "species", "variety", "celltype", "celltypes", "cluster"),
    *("clusters", "leiden", "louvain", "klasse", "classe", "clase", "klass", "classi", "clases", "etiqueta"),
    *(
        "etiquetas",
        "étiquette",
        "étiquettes",
        "etichetta",
        "标签",
        "標籤",
        "類別",
        "类别",
        "ラベル",
        "метка",
        "класс",
    ),
)
# Words that leave a name of labels one, as in `class_id` and `fine_label`. No counts: `num_classes` is a feature.
_BESIDE = frozenset(
    (
        *("id", "ids", "idx", "index", "code", "name", "names", "text", "encoded"),
        *("true", "ground", "gt", "gold", "pred", "predicted", "fine", "coarse", "kmeans"),
    )
)

# Columns that a message names.
NAMED = 5
# Rows from which on the values of a column can show that it is an id; of three rows, any may count them.
_ENOUGH = 10
# Values that are looked at to tell what a column of text holds.
_LOOKED_AT = 1000
# Words up to which a text is a name rather than a text to be read.
_FEW_WORDS = 3
# Columns that count the rows: more of them are ranks of what was measured.
_MOST_COUNTERS = 2
_ID_NAMES = frozenset({"id", "ids", "index", "rowid", "uuid", "guid", "nulldaskindex", ""})
_INDEX_NAME = re.compile(r"Unnamed: \d+|__index_level_\d+__")
_ID_ENDING = (
    re.compile(r"(?:^|[\s_.\-])(?:id|uuid|guid|nr)$|nummer$|^level_\d+$", re.IGNORECASE),
    re.compile(r"[a-z0-9](?:I[dD]|N[ro])$"),
)
# Endings of names of whole numbers that are ids if none repeats, but may as well count or measure (NO is a gas).
_NUMBER_ENDING = re.compile(
    r"(?:^|[\s_.\-])(?:no|num|number|numero|key|pk|code|row|record|seq|sequence|zeile)$|[a-z0-9](?:Num|Number|Key)$"
    r"|^(?:[Nn][°º]|[Nn][uú]m[eé]ro)\s"
)
# Columns of assignments, which `torchdec predict --join` writes beside those of the table.
_WRITTEN = ("row", "cluster", "confidence", "name")
# What lists and records begin with, or numbers with marks between them; of a few with blanks, any may be one.
_ONE = r"[-+]?\d*\.?\d+(?:e[-+]?\d+)?"
_LIST = re.compile(
    rf"[\[{{]|\([^()]*,|{_ONE}(?:\s*[,;|]\s*{_ONE}){{2,}}$|{_ONE}(?:\s+{_ONE}){{7,}}$", re.IGNORECASE
)
# Scripts without blanks between words: Thai, Lao, Khmer, kana, Han.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
# Numbers that are no amounts by these names: the postcodes of two places tell nothing by their difference.
_CODE_NAME = re.compile(
    r"zip(?:\s?code)?|(?:postal|post|area)\s?code|plz|postleitzahl|code\s?postal|c[oó]digo\s?postal"
    r"|pin\s?code|cep|(?:(?:tele|mobile )?phone|mobile)(?:\s?(?:no|number))?|t[eé]l[eé](?:phone|fono)|telefone?"
    r"|fax|msisdn|iban|bic|ssn|郵便番号|邮编|電話番号?|电话",
    re.IGNORECASE,
)
_COUNTS = "counts the rows"


def label_name(name: str) -> str:
    """Return a name as `LABEL_NAMES` spells it: small letters without blanks, underscores, hyphens and points."""
    return re.sub(r"[\s_.-]+", "", name).casefold()


def is_label_name(name: str) -> bool:
    """Tell whether a column of this name holds known classes, as far as its name says.

    Examples
    --------
    >>> from torchdec.prepare._roles import is_label_name
    >>> [name for name in (" Class", "cell_type", "classId", "label 2", "classic", "Y") if is_label_name(name)]
    [' Class', 'cell_type', 'classId', 'label 2', 'Y']
    """
    if label_name(name) in LABEL_NAMES:
        return True
    words = [
        word.casefold() for word in re.findall(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+|\W", name) if word.strip(" .-\t\n")
    ]
    core = [word for word in words if word not in _BESIDE]
    # A y with a number or beside other words is a coordinate.
    if not core or "y" in core:
        return False
    return "".join(core) in LABEL_NAMES or all(word in LABEL_NAMES for word in core)


class LeftOut(NamedTuple):
    """A column that is no feature: its role is "label", "id", "ignored" (as was asked for) or "other"."""

    name: str
    why: str
    role: str
    is_number: bool


class Sorter:
    """Tells which columns are left out, and keeps what is to be told of those that stay."""

    def __init__(
        self,
        schema: pa.Schema,
        values: Callable[[str], Any],
        may_count: Callable[[str], bool],
        named: bool,
        row_names: Collection[str],
    ) -> None:
        self._names, self._values, self._may_count = schema.names, values, may_count
        self._named, self._row_names = named, row_names
        self.kept: list[str] = []

    def left_out(self, field: pa.Field) -> LeftOut | None:
        """Return why a column is left out, or None where it is not."""
        name, number = field.name, is_number(field.type)
        if is_vector(field.type):
            return None
        if name in self._row_names:
            return LeftOut(name, "names the rows", "id", number)
        if self._named and name in _WRITTEN[-2:] and {*_WRITTEN[:-1]} <= {*self._names}:
            return LeftOut(name, "is what torchdec wrote beside a cluster", "label", number)
        if self._named and _is_label(name, self._names):
            return LeftOut(name, "looks like a label", "label", number)
        if self._named and is_id_name(name):
            what = "an index" if _INDEX_NAME.fullmatch(name) else "an id"
            return LeftOut(name, f"is named like {what}", "id", number)
        if self._named and _has_id_ending(name):
            if _is_distinct(self._column(field)):
                return LeftOut(name, "is named like an id", "id", number)
            if number:
                self.kept.append(
                    f"column {name!r} is named like an id, but its values repeat, so it stays a feature; --ignore "
                    f"{shlex.quote(name)} leaves it out"
                )
        elif number and self._named and _is_number_name(name) and _is_numbering(self._column(field)):
            return LeftOut(name, "is named like an id", "id", is_number=True)
        elif number and self._may_count(name) and _counts_rows(self._column(field)):
            return LeftOut(name, _COUNTS, "id", is_number=True)
        elif is_text(field.type) and _is_name(self._column(field)):
            return LeftOut(name, "holds another text in each row, as an id does,", "id", is_number=False)
        return None

    def ranks_stay(self, features: list[str], left_out: list[LeftOut]) -> tuple[list[str], list[LeftOut]]:
        """Make columns that count the rows features again where there are several: they are ranks."""
        counters = {column.name for column in left_out if column.why == _COUNTS}
        if len(counters) <= _MOST_COUNTERS:
            return features, left_out
        self.kept.append(
            f"columns {first_of([name for name in self._names if name in counters])} each hold the numbers of the "
            "rows, as ranks do, and stay features; --ignore COLUMN leaves one out"
        )
        kept = {*features, *counters}
        return [n for n in self._names if n in kept], [c for c in left_out if c.name not in counters]

    def _column(self, field: pa.Field) -> Any:
        column = self._values(field.name)
        if pa.types.is_float16(column.type):  # of which Arrow has no least value
            column = column.cast(pa.float32())
        return column.cast(field.type.value_type) if pa.types.is_dictionary(field.type) else column


def is_number(kind: pa.DataType) -> bool:
    """Tell whether values of an Arrow type can be cast to floats."""
    tests = (
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_boolean,
        pa.types.is_decimal,
        pa.types.is_null,
    )
    return any(test(kind) for test in tests)


def is_whole(kind: pa.DataType) -> bool:
    """Tell whether values of an Arrow type are whole numbers, of any number of digits."""
    return bool(pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale <= 0))


def is_text(kind: pa.DataType) -> bool:
    """Tell whether values of an Arrow type are texts, be they stored as categories."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_readable(kind: pa.DataType) -> bool:
    """Tell whether values of an Arrow type can be features: numbers, texts, categories, dates and times."""
    inside = kind.value_type if pa.types.is_dictionary(kind) else kind
    return (
        is_number(inside) or is_text(inside) or (pa.types.is_temporal(inside) and not pa.types.is_interval(inside))
    )


def is_vector(kind: pa.DataType) -> bool:
    """Tell whether values of an Arrow type are lists of numbers."""
    tests = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(kind) for test in tests) and is_number(kind.value_type)


def _is_label(name: str, names: Sequence[str]) -> bool:
    """Tell whether a column is named like a label; but a `y` beside an `x` is a coordinate."""
    is_coordinate = label_name(name) == "y" and any(label_name(other) == "x" for other in names)
    return is_label_name(name) and not is_coordinate


def is_id_name(name: str) -> bool:
    """Tell whether a name is that of an id or of the index of a data frame."""
    return label_name(name) in _ID_NAMES or _INDEX_NAME.fullmatch(name) is not None


def is_code_name(name: str) -> bool:
    """Tell whether a column is named like one of codes, such as postcodes."""
    return _CODE_NAME.fullmatch(re.sub(r"[\s_.-]+", " ", name).strip()) is not None


def may_be_id_name(name: str) -> bool:
    """Tell whether a name is that of an id if the values allow it."""
    return is_id_name(name) or _has_id_ending(name) or _is_number_name(name)


def _has_id_ending(name: str) -> bool:
    return any(ending.search(name) for ending in _ID_ENDING)


def _is_number_name(name: str) -> bool:
    return any(_NUMBER_ENDING.search(spelt) for spelt in (name, name.lower()))


def _counts_rows(column: Any) -> bool:
    """Tell whether values are 0 to n - 1 or 1 to n in any order, or other whole numbers that go on by 1."""
    n, kind = len(column), column.type
    if n < _ENOUGH or column.null_count or not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return False
    least, most = pc.min_max(column).as_py().values()
    if most - least != n - 1:
        return False
    values, counted = column.to_numpy(), least + np.arange(n)
    if least in (0, 1):
        values = np.sort(values)
    return least % 1 == 0 and any(np.array_equal(values, way) for way in (counted, counted[::-1]))


def _is_numbering(column: Any) -> bool:
    """Tell whether values are whole numbers of which none repeats."""
    if len(column) < _ENOUGH or column.null_count or not _is_distinct(column):
        return False
    return is_whole(column.type) or (
        pa.types.is_floating(column.type) and bool((column.to_numpy() % 1 == 0).all())
    )


def _is_distinct(column: Any) -> bool:
    return bool(len(column) and pc.count_distinct(column, mode="all").as_py() == len(column))


def _is_name(column: Any) -> bool:
    """Tell whether texts are another in each row, and short: no text to be read, no amount and no date."""
    if len(column) < _ENOUGH or not _is_distinct(column):
        return False
    looked_at = [text.strip() for text in column.slice(0, _LOOKED_AT).to_pylist() if text is not None]
    if _are_measured(looked_at):
        return False
    words = sorted(len(text.split()) + len(_UNSPACED.findall(text)) // 3 for text in looked_at)
    return words[len(words) // 2] <= _FEW_WORDS


def _are_measured(texts: Sequence[str]) -> bool:
    """Tell whether most texts are amounts, dates, durations or lists."""
    if are_lists(texts):
        return True
    try:
        return any(written.fit(texts) is not None for written in (Amounts, Dates, Durations))
    except ValueError:  # they are, but of several kinds
        return True


def are_lists(texts: Sequence[str]) -> bool:
    """Tell whether most texts are lists or records, as "[0.1, 0.2]" and "0.1;0.2;0.3" are."""
    return 2 * sum(_LIST.match(text) is not None for text in texts) >= len(texts)


def first_of(names: Sequence[str]) -> str:
    """Return names as a message shows them."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(map(repr, names[:NAMED])) + more
