"""Clusters named by themselves: by the traits of a table, the words of texts, or features that have names."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from torchdec.clusters._traits import Trait, in_few_words
from torchdec.prepare._words import is_unusual, words_and_characters

# Texts that words are counted in, drawn at random from more; terms that are compared; and terms a cluster.
_MOST_TEXTS, _MOST_TERMS, _WORDS = 50_000, 20_000, 8
# Terms of a cluster that are looked at, and the fraction of a word's texts from which on a phrase stands for it.
_LOOKED_AT, _MOSTLY = 60, 0.6
# Fewer texts than this hold a term by chance.
_FEWEST = 3
# Words of a name that come from words or features; those of a table have what makes them differ.
_IN_NAME = 3


def automatic_names(
    traits: Sequence[Sequence[Trait]],
    words: Sequence[Sequence[str]] = (),
    features: Sequence[Sequence[tuple[str, float]]] = (),
) -> list[str]:
    """Name each cluster by its words, or by its strongest traits, or by the named features that it has most of."""
    if any(words):
        return distinct(words, _IN_NAME)
    if any(traits):
        return distinct([in_few_words(own) or ["average"] * bool(own) for own in traits], 2)
    most = [[name for name, by in own if by > 0] for own in features]
    return distinct(most, _IN_NAME) if any(most) else [""] * len(traits)


def distinct(parts: Sequence[Sequence[str]], n: int) -> list[str]:
    """Join the first `n` parts of each name, and as many more as make names differ in more than their order."""
    lengths = [min(n, len(own)) for own in parts]
    while True:
        said = [frozenset(own[:length]) for own, length in zip(parts, lengths, strict=True)]
        alike = [i for i, own in enumerate(parts) if said.count(said[i]) > 1]
        longer = [i for i in alike if lengths[i] < len(parts[i])]
        if not longer:
            break
        for i in longer:
            lengths[i] += 1
    names = [", ".join(own[:length]) for own, length in zip(parts, lengths, strict=True)]
    return [f"{name} ({i})" if name and i in alike else name for i, name in enumerate(names)]


def words_of(texts: Sequence[str], labels: NDArray[np.int32], n_clusters: int) -> list[tuple[str, ...]]:
    """Return the words and phrases that tell the texts of each cluster from all others, the clearest first.

    They are ranked by class-based tf-idf (Grootendorst, "BERTopic", 2022): the fraction of the cluster's texts
    that have a term, times the logarithm of 1 + how rare the term is among all clusters. A phrase of two words
    stands for one of them where most texts that have that word have the phrase.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    index = np.flatnonzero(labels >= 0)
    if len(index) > _MOST_TEXTS:
        index = np.sort(np.random.default_rng(0).choice(index, _MOST_TEXTS, replace=False))
    some = [texts[i] for i in index.tolist()]
    vectorizer = CountVectorizer(
        analyzer=_terms(any(map(is_unusual, some[:1000]))), binary=True, max_features=_MOST_TERMS
    )
    try:
        counts = csr_array(vectorizer.fit_transform(some))
    except ValueError:  # no text has a word
        return [()] * n_clusters
    own = csr_array((np.ones(len(index)), (labels[index], np.arange(len(index)))), (n_clusters, len(index)))
    in_cluster = (own @ counts).toarray()
    fraction = in_cluster / np.maximum(np.bincount(labels[index], minlength=n_clusters), 1)[:, None]
    score = fraction * np.log1p(1 / fraction.sum(axis=0))
    score[in_cluster < min(_FEWEST, len(index))] = 0
    terms = vectorizer.get_feature_names_out()
    return [_clearest(terms, *scored) for scored in zip(score, in_cluster, strict=True)]


def _clearest(terms: NDArray[Any], score: NDArray[Any], count: NDArray[Any]) -> tuple[str, ...]:
    """Take the terms with the highest scores that share no word with one before; phrases in place of words."""
    best = [i for i in np.argsort(-score, kind="stable")[:_LOOKED_AT] if score[i] > 0]
    phrases = [i for i in best if " " in terms[i]]
    taken: list[str] = []
    for i in best:
        longer = (j for j in phrases if terms[i] in terms[j].split() and count[j] >= _MOSTLY * count[i])
        term = str(terms[next(longer, i)])
        if not set(term.split()) & {word for other in taken for word in other.split()}:
            taken.append(term)
    return tuple(taken[:_WORDS])


def _terms(has_unspaced: bool) -> Callable[[str], list[str]]:
    """Return what cuts a text into words that mean something and phrases of two of them."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    def terms(text: str) -> list[str]:
        words = [
            word if word not in ENGLISH_STOP_WORDS and not word.isdecimal() else ""
            for word in words_and_characters(text)
        ]
        phrases = [f"{a} {b}" for a, b in pairwise(words) if a and b and not has_unspaced]
        return [word for word in words if word] + phrases

    return terms
