"""What is said of rows: all that follows, what contradicts itself, and what it costs not to keep it."""

import pytest
import torch

from torchdec._core.constraints import ContradictionError, constraint_loss, facts


def test_all_that_follows_is_known() -> None:
    known = facts([(1, 2), (2, 7)], [(7, 9)], {4: "a", 5: "a", 9: "b"})
    assert known.rows.tolist() == [1, 2, 4, 5, 7, 9]
    one, two, three = known.groups[[0, 2, 5]]
    assert known.groups.tolist() == [one, one, two, two, one, three]
    assert known.names == {two: "a", three: "b"}
    assert known.apart[one, three]
    assert known.apart[two, three]
    assert not known.apart[one, two]
    assert (known.apart == known.apart.T).all()


def test_nothing_said_is_nothing_known() -> None:
    known = facts([], [], {})
    assert (len(known.rows), known.apart.shape) == (0, (0, 0))


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            ([(1, 2), (2, 3)], [(1, 3)], {}),
            r"rows 1 and 3 are apart, but they are together by 1 = 2 = 3; take one",
        ),
        (([(1, 2)], [], {1: "a", 2: "b"}), r"row 1 is 'a' and row 2 is 'b', but they are together by 1 = 2"),
        (([], [(1, 2)], {1: "a", 2: "a"}), r"rows 1 and 2 are apart, but they are together by 1 = 2"),
    ],
)
def test_what_contradicts_itself_is_refused_with_the_rows(said, message) -> None:
    with pytest.raises(ContradictionError, match=message):
        facts(*said)


def test_the_loss_is_that_of_the_paper() -> None:
    q = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
    same, apart = torch.zeros(2, 3, 3, dtype=torch.bool)
    same[0, 1] = apart[0, 2] = True
    wanted = -torch.log(torch.tensor(0.9 * 0.8 + 0.1 * 0.2)) - torch.log(torch.tensor(1 - (0.9 * 0.3 + 0.1 * 0.7)))
    assert constraint_loss(q, same, apart).item() == pytest.approx(wanted.item() / 2, rel=1e-5)
    sure = torch.tensor([[1.0, 0.0], [0.0, 1.0]], requires_grad=True)
    broken = constraint_loss(sure, torch.ones(2, 2, dtype=torch.bool), torch.zeros(2, 2, dtype=torch.bool))
    broken.backward()
    assert broken.isfinite()
    assert sure.grad.isfinite().all()
