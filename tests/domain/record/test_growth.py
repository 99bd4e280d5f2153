"""A tree that grows leaf by leaf has the roots of one that is there whole."""

from hypothesis import given
from hypothesis import strategies as st

from domain.record.growth import Growth
from domain.record.merkle import EMPTY, leaf_hash
from ledgers import naive_root


@given(st.integers(0, 400))
def test_at_every_size_the_root_is_that_of_the_whole_tree(size: int) -> None:
    leaves = [leaf_hash(b"%d" % number) for number in range(size)]
    tree = Growth()
    assert tree.root == EMPTY
    for leaf in leaves:
        tree.add(leaf)
    assert tree.size == size
    assert tree.root == naive_root(leaves)


@given(st.integers(1, 400))
def test_a_leaf_tells_every_subtree_that_it_completes(size: int) -> None:
    leaves = [leaf_hash(b"%d" % number) for number in range(size)]
    tree = Growth()
    for leaf in leaves[:-1]:
        tree.add(leaf)
    completed = tree.add(leaves[-1])
    assert completed == [naive_root(leaves[size - 2**height :]) for height in range(len(completed))]
    assert size % 2 ** len(completed) != 0
