"""Clusters named by themselves: by the traits of a table, the words of texts, or features that have names."""

from collections.abc import Sequence

from torchdec.clusters._traits import Trait, in_few_words

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
