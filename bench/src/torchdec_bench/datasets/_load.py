"""Where a data set is looked for, and what is made of what is found."""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

from torchdec_bench.datasets._catalog import ENTRIES, Entry, Original, StandIn
from torchdec_bench.datasets._dataset import Dataset, DatasetError
from torchdec_bench.datasets._download import Progress, fetch
from torchdec_bench.datasets._formats import Parts, naming, read_npz

NAMES = tuple(ENTRIES)
"""tuple of str: the names that `load` knows."""

Read = Callable[[Path], Parts]


def load(
    name: str,
    *,
    folder: str | os.PathLike[str] | None = None,
    download: bool = False,
    progress: Progress | None = None,
) -> Dataset:
    """Load a data set by its name.

    It is looked for as the `.npz` that bench/README.md names, then as the files of its publisher in a folder
    of the data set's name; only then are other data taken in its place, where there are any: see
    `Dataset.stand_in`.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    folder : str or path-like, optional
        The one folder to look in and to download to. The default looks in the folder that the environment
        variable TORCHDEC_DATA names, then in `cache_folder()`, where downloads go.
    download : bool, default=False
        Whether to fetch what is in no folder from its official address: over https, checked where its publisher
        gives a checksum, and resumed where an earlier try broke off.
    progress : callable, optional
        Called while a file is fetched, with its name, the bytes that are there, and those of the whole or None.

    Returns
    -------
    Dataset
        Rows, classes, and what they are.

    Raises
    ------
    DatasetError
        A ValueError, if the name is unknown, the data are in no folder and were not to be fetched, cannot be
        fetched, or are damaged. The message names the file or address and what to try.

    Examples
    --------
    >>> from torchdec_bench.datasets import load
    >>> digits = load("digits")
    >>> digits.x.shape, digits.n_clusters, digits.image_shape
    ((1797, 64), 10, (8, 8))
    """
    entry = entry_of(name)
    places = places_of(folder)
    if entry.bundled:
        return _dataset(name, entry, entry.bundled, Path(name))
    for place in places:
        if (place / entry.file).is_file():
            return _dataset(name, entry, read_npz, place / entry.file)
        if entry.original and _has(entry.original, place):
            return _dataset_of_original(name, entry, entry.original, place)
    if download:
        if entry.original is None:
            raise DatasetError(f"{name} has no address to download it from; {_put(entry)}.")
        for remote in entry.original.remotes:
            fetch(remote, places[-1] / entry.original.folder, progress)
        return _dataset_of_original(name, entry, entry.original, places[-1])
    for place in places:
        if entry.stand_in and (place / entry.stand_in.file).is_file():
            return _dataset_of_stand_in(name, entry, entry.stand_in, place, places[-1])
    fetched = "; or fetch it with download=True (--download on the command line)" if entry.original else ""
    raise DatasetError(f"{name} is not in {' or '.join(map(str, places))}; {_put(entry)}{fetched}.")


def cache_folder() -> Path:
    """Return where downloads are kept: TORCHDEC_CACHE, or else the platform's folder for caches.

    Returns
    -------
    Path
        On Linux ``~/.cache/torchdec``. It need not exist yet.

    Examples
    --------
    >>> from torchdec_bench.datasets import cache_folder
    >>> (cache_folder() / "mnist").name  # where the files of MNIST's publisher are kept
    'mnist'
    """
    named = os.environ.get("TORCHDEC_CACHE")
    return Path(named) if named else user_cache_path("torchdec")


def where(name: str, folder: str | os.PathLike[str] | None = None) -> str:
    """Return in a few words where `load` would take a data set from."""
    entry = entry_of(name)
    if entry.bundled:
        return "bundled with scikit-learn"
    places = places_of(folder)
    for place in places:
        if (place / entry.file).is_file():
            return str(place / entry.file)
        if entry.original and _has(entry.original, place):
            return str(place / entry.original.folder)
    fetched = "--download" if entry.original else ""
    for place in places:
        if entry.stand_in and (place / entry.stand_in.file).is_file():
            return f"stand-in {place / entry.stand_in.file}" + (f", or {fetched}" if fetched else "")
    return fetched or f"not there; wants {entry.file}"


def entry_of(name: str) -> Entry:
    """Return what is known of a data set."""
    if name not in ENTRIES:
        raise DatasetError(f"There is no data set {name!r}; there are {', '.join(NAMES)}.")
    return ENTRIES[name]


def places_of(folder: str | os.PathLike[str] | None) -> list[Path]:
    """Return the folders to look in; what is fetched goes to the last."""
    if folder is not None:
        return [Path(folder)]
    named = os.environ.get("TORCHDEC_DATA")
    return [*([Path(named)] if named else []), cache_folder()]


def _put(entry: Entry) -> str:
    return f"put {entry.file} in a folder and name it by the environment variable TORCHDEC_DATA or by folder="


def _has(original: Original, place: Path) -> bool:
    return all((place / original.folder / remote.file).is_file() for remote in original.remotes)


def _dataset_of_original(name: str, entry: Entry, original: Original, place: Path) -> Dataset:
    read = _keeping(original.read, place / entry.file) if original.keep else original.read
    return _dataset(name, entry, read, place / original.folder)


def _dataset_of_stand_in(name: str, entry: Entry, stand_in: StandIn, place: Path, cache: Path) -> Dataset:
    if stand_in.kept and (cache / stand_in.kept).is_file():
        return _dataset(name, entry, read_npz, cache / stand_in.kept, stand_in)
    read = _keeping(stand_in.read, cache / stand_in.kept) if stand_in.kept else stand_in.read
    return _dataset(name, entry, read, place / stand_in.file, stand_in)


def _keeping(read: Read, kept: Path) -> Read:
    """Spare the next call the reading, where the folder can be written; nothing depends on it."""

    def read_and_keep(path: Path) -> Parts:
        parts = read(path)
        new = kept.with_name(f".{kept.name}.{secrets.token_hex(4)}.partial")
        with suppress(OSError):
            kept.parent.mkdir(parents=True, exist_ok=True)
            try:
                with new.open("wb") as file:
                    np.savez(file, **parts)
                new.replace(kept)
            finally:
                new.unlink(missing_ok=True)
        return parts

    return read_and_keep


def _dataset(name: str, entry: Entry, read: Read, path: Path, stand_in: StandIn | None = None) -> Dataset:
    """Read files and prepare what they hold."""
    with naming(path):
        parts = read(path)
        x = entry.rows(parts)
    y = parts["y"].astype(np.int64) if "y" in parts else None
    if y is not None and len(y) != x.shape[0]:
        raise DatasetError(f"{path}: holds {x.shape[0]:,} rows and {len(y):,} labels; take it away")
    about = stand_in or entry
    return Dataset(
        name,
        x[: entry.n_rows],
        None if y is None else y[: entry.n_rows],
        entry.n_clusters,
        entry.image_shape,
        about.title,
        about.source,
        stand_in is not None,
    )
