"""A column of known classes is told by its name."""

import pytest

from torchdec.prepare._roles import LABEL_NAMES, is_label_name, label_name


@pytest.mark.parametrize(
    "name",
    [
        "y",
        "Label",
        " labels ",
        "CLASS",
        "target",
        "Species",
        "ground_truth",
        "Ground Truth",
        "true_label",
        "y_true",
        "Class-Label",
        "cluster",
        "cell_type",
        "celltype",
        "variety\n",
        "Classes",
        "TARGETS",
        "truth",
        "class_id",
        "labels_true",
        "label 1",
        "kmeans_cluster",
        "Class.Name",
        "speciesName",
        "CellTypeID",
        "y_pred",
        *("gt_label", "Étiquette", "etiqueta", "标签", "Метка", "ラベル"),
    ],
)
def test_names_of_known_classes_are_known_in_any_spelling(name: str) -> None:
    assert is_label_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", "x", "yy", "labelled", "classic", "target size", "y1", "年", "clusters of stars"),
        *("num_classes", "class_size", "target_y", "y_id", "name", "subclass", "label%"),
    ],
)
def test_other_names_are_none(name: str) -> None:
    assert not is_label_name(name)


def test_the_names_are_spelt_as_they_are_compared() -> None:
    assert [label_name(name) for name in LABEL_NAMES] == list(LABEL_NAMES)
    assert len(set(LABEL_NAMES)) == len(LABEL_NAMES)
