"""What a person recognises rows by: their ids, their texts, pictures or values, and when they were."""

import base64
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchdec.clusters._describe import Cluster
from torchdec.clusters._traits import is_table, missing_in, parsed_rows, written
from torchdec.prepare._parsed import Parsed
from torchdec.rows._derived import numbered
from torchdec.rows._ids import row_ids, row_name
from torchdec.rows._protocol import Rows

# Larger images are thinned out to at most this many pixels a side.
_SIDE = 64
# Pictures in files are photographs, which show something from this side on.
_FILE_SIDE = 128
# Bytes of a sheet of pictures that a page may hold; beyond them some sharpness is given up, and then the sheet.
_MOST_BYTES = 3_000_000

# Columns of a table that are told of an example, and columns that a map can be coloured by.
_TOLD, _COLORED = 6, 24
_MOST_CHARACTERS = 220
# Values of rows that are held at a time.
_MOST_VALUES = 1 << 22
# Rows that the range of brightness is taken from.
_BRIGHTNESS = 1000

# Days up to which rows are counted by the day, and from which on by the year.
_SHORT, _LONG = 92, 3_700
# Fewer dates in time are no course of it.
_FEWEST = 3


def as_pixels(rows: NDArray[np.float32], low: float, high: float, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Scale values between `low` and `high` to 0 ... 255, as small images (n, height, width, channels)."""
    span = high - low if high > low else 1.0
    height, width, *channels = shape
    step = math.ceil(max(height, width) / _SIDE)
    images = rows.reshape(-1, height, width, *(channels or [1]))[:, ::step, ::step]
    return np.clip(np.round((images - low) / span * 255), 0, 255).astype(np.uint8)


def data_uri(image: NDArray[np.uint8]) -> str:
    """Encode one image of (height, width, channels) as a PNG in a data URI."""
    return _uri(_encoded(image, "PNG"), "png")


def file_uri(path: Path) -> str | None:
    """Return a picture in a file, made small, as a data URI; None where the file is no picture."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as picture:
            picture.draft("RGB", (2 * _SIDE, 2 * _SIDE))
            small = ImageOps.exif_transpose(picture).convert("RGB")
            small.thumbnail((_FILE_SIDE, _FILE_SIDE))
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    file = io.BytesIO()
    small.save(file, "WEBP", quality=80)
    return _uri(file.getvalue(), "webp")


def sheet(images: NDArray[np.uint8]) -> tuple[str, int] | None:
    """Lay images (n, height, width, channels) out in lines of one picture, far smaller than each by itself.

    Returns its data URI and how many there are in a line, or None where the page would become too large.
    """
    n, height, width, channels = images.shape
    per_line = math.ceil(math.sqrt(n))
    tiles = np.zeros((math.ceil(n / per_line) * per_line, height, width, channels), dtype=np.uint8)
    tiles[:n] = images
    tiled = tiles.reshape(-1, per_line, height, width, channels).swapaxes(1, 2)
    whole = tiled.reshape(-1, per_line * width, channels)
    for kind in ("PNG", "WEBP"):
        encoded = _encoded(whole, kind)
        if len(encoded) <= _MOST_BYTES:
            return _uri(encoded, kind.lower()), per_line
    return None


def _encoded(image: NDArray[np.uint8], kind: str) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(file, kind)
    return file.getvalue()


def _uri(encoded: bytes, kind: str) -> str:
    return f"data:image/{kind};base64," + base64.b64encode(encoded).decode()


class Content:
    """The content of the rows of a run, read only for the rows that are asked for.

    Without rows, they have numbers alone. Where each row is a picture, `image_shape` is its height, width and
    perhaps channels; with 1 or 3 of these it is shown. What tells the clusters apart is told first.
    """

    def __init__(
        self, rows: Rows | None, image_shape: tuple[int, ...] | None, clusters: tuple[Cluster, ...]
    ) -> None:
        self._rows = rows
        self._pictures = None
        if rows is not None and image_shape is not None and image_shape[2:] in ((), (1,), (3,)):
            self._pictures = rows, image_shape
        self._ids = None if rows is None else row_ids(rows)
        self._texts: Sequence[str] | None = getattr(rows, "texts", None)
        self._paths: Sequence[str] = getattr(rows, "pictures", ())
        self._files: Path | None = getattr(rows, "folder_of_pictures", None)
        strength: dict[str, float] = {}
        for cluster in clusters:
            effects = [(trait.column, trait.effect) for trait in cluster.traits] or cluster.features
            for column, effect in effects:
                strength[column] = max(abs(effect), strength.get(column, 0.0))
        self._columns = sorted(strength, key=lambda name: -strength[name])
        self.is_table = rows is not None and image_shape is None and is_table(rows)
        if self._pictures and rows is not None:
            some = rows.take(np.unique(np.linspace(0, len(rows) - 1, _BRIGHTNESS).astype(np.int64)))
            self._low, self._high = float(np.nanmin(some)), float(np.nanmax(some))

    @property
    def has_pictures(self) -> bool:
        """Whether rows are pictures."""
        return self._pictures is not None

    def name(self, row: int) -> str:
        """Name a row by its ids, or else by its number."""
        return f"row {row}" if self._ids is None else row_name(self._ids, row)

    def names(self, rows: NDArray[np.int64], most: int) -> str:
        """Name the first rows of several."""
        if self._ids is None:
            return numbered(rows, most)
        more = ", ..." if len(rows) > most else ""
        return ", ".join(map(self.name, rows[:most].tolist())) + more

    def text(self, row: int) -> str:
        """Return the beginning of the text of a row; nothing where rows are no texts."""
        if self._texts is None:
            return ""
        words = " ".join((self._texts[row] or "").split())
        return words if len(words) <= _MOST_CHARACTERS else f"{words[: _MOST_CHARACTERS - 1]}…"

    def examples(self, numbers: NDArray[np.int64]) -> dict[int, dict[str, Any]]:
        """Tell of each row its name, and its text, picture or most telling values."""
        told = {row: {"row": row, "name": self.name(row), "text": self.text(row)} for row in numbers.tolist()}
        if self.has_pictures and len(numbers):
            for row, image in zip(numbers.tolist(), self._pixels(numbers), strict=True):
                told[row]["picture"] = data_uri(image)
        elif self._files is not None:
            for row in numbers.tolist():
                if uri := file_uri(self._files / self._paths[row]):
                    told[row]["picture"] = uri
        elif self.is_table and len(numbers):
            columns = {column.name: written(column) for column in self._parsed(numbers)}
            chosen = [name for name in self._columns if name in columns][:_TOLD]
            for place, row in enumerate(numbers.tolist()):
                told[row]["told"] = [(name, columns[name][place]) for name in chosen]
        return told

    def of_points(self, points: NDArray[np.int64]) -> dict[str, Any]:
        """Return what the map tells of its points: names, texts, a sheet of pictures, and columns to colour by."""
        told: dict[str, Any] = {"columns": [self._column(column) for column in self._parsed(points)]}
        if self._ids is not None:
            told["name"] = [self.name(row) for row in points.tolist()]
        if self.has_pictures:
            pixels = self._pixels(points)
            if found := sheet(pixels):
                told |= {"sheet": found[0], "per_line": found[1], "shape": pixels.shape[1:3]}
        elif self._texts is not None:
            told["text"] = [self.text(row) for row in points.tolist()]
        return told

    def _parsed(self, numbers: NDArray[np.int64]) -> list[Parsed]:
        """Return the columns that say something by themselves, those that tell clusters apart first."""
        rows = self._rows
        if rows is None or self.has_pictures or self._texts is not None:
            return []
        if self.is_table:
            parsed = {column.name: column for column in parsed_rows(rows, numbers)}
            order = [*(name for name in self._columns if name in parsed), *parsed]
            return [parsed[name] for name in list(dict.fromkeys(order))[:_COLORED]]
        names = rows.feature_names
        if names is None:
            return []
        place = {name: number for number, name in enumerate(names)}
        chosen = [place[name] for name in self._columns[:_COLORED]]
        parts = [rows.take(part)[:, chosen] for part in _at_a_time(numbers, rows)]
        values = np.concatenate(parts).astype(np.float64)
        return [Parsed(names[j], "number", values[:, place]) for place, j in enumerate(chosen)]

    @staticmethod
    def _column(column: Parsed) -> dict[str, Any]:
        """Return a column as the texts that it has, which of them each point has, and its numbers where it has."""
        texts, which = np.unique(np.array(written(column), dtype=object).astype(str), return_inverse=True)
        told = {"name": column.name, "texts": texts.tolist(), "which": which.astype("<i4")}
        if column.values.dtype.kind == "f":
            values = np.where(missing_in(column), np.nan, column.values)
            told["values"] = values.astype("<f8")  # float32 would round unix seconds
        return told

    def _pixels(self, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        rows, shape = self._pictures or (None, ())
        if rows is None:
            return np.empty((0, 1, 1, 1), dtype=np.uint8)
        parts = _at_a_time(numbers, rows)
        return np.concatenate([as_pixels(rows.take(part), self._low, self._high, shape) for part in parts])


def _at_a_time(numbers: NDArray[np.int64], rows: Rows) -> list[NDArray[np.int64]]:
    """Cut numbers of rows so that the rows of each part fit well into memory."""
    return np.array_split(numbers, max(1, math.ceil(len(numbers) * rows.shape[1] / _MOST_VALUES)))


class OverTime(NamedTuple):
    """Rows of each cluster by day, month or year of a column, (clusters, periods), and how many have no date."""

    column: str
    unit: Literal["day", "month", "year"]
    periods: list[str]
    counts: NDArray[np.int64]
    n_undated: int


def over_time(rows: Rows | None, labels: NDArray[np.int32], n_clusters: int) -> OverTime | None:
    """Count the rows of each cluster over time; None of rows without dates, or of fewer than three periods."""
    dated: Any = getattr(rows, "dated", None)
    if dated is None:
        return None
    known = np.isfinite(dated.days) & (labels >= 0)
    days = np.floor(dated.days[known]).astype(np.int64)
    if not len(days):
        return None
    span = int(days.max() - days.min())
    unit: Literal["day", "month", "year"] = "day" if span < _SHORT else "month" if span < _LONG else "year"
    at = days.astype("datetime64[D]").astype(f"datetime64[{unit[0].upper()}]")
    periods = np.arange(at.min(), at.max() + 1)  # those without rows too
    if len(periods) < _FEWEST:
        return None
    counts = np.zeros((n_clusters, len(periods)), dtype=np.int64)
    np.add.at(counts, (labels[known], (at - at.min()).astype(np.int64)), 1)
    return OverTime(dated.name, unit, periods.astype(str).tolist(), counts, int((labels >= 0).sum() - len(days)))
