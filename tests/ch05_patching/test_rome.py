"""Graders of rome.py: the second moment of keys, and the edit of rank one."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, is_close, normal

SIZES = [(6, 6), (5, 8), (9, 4)]


def key_samples(n, d_mlp, seed):
    """Keys whose mean is not zero, and whose neurons are of different size and correlated."""
    mixed = normal(n, d_mlp, seed=seed) @ normal(d_mlp, d_mlp, seed=seed + 1)
    return mixed * torch.linspace(0.5, 2.0, d_mlp) + 1.5


def moment_by_loop(keys, ridge=0.0):
    """Entry by entry, key by key."""
    n, d = keys.shape
    found = torch.zeros(d, d, dtype=torch.float64)
    for i in range(d):
        for j in range(d):
            found[i, j] = sum(keys[row, i] * keys[row, j] for row in range(n)) / n
    found += ridge * sum(found[i, i] for i in range(d)) / d * torch.eye(d, dtype=torch.float64)
    return found


@exercise("5.12")
@pytest.mark.parametrize("ridge", [0.0, 0.3])
@pytest.mark.parametrize(("n", "d_mlp"), [(11, 4), (3, 7)])
def test_the_second_moment_is_the_mean_outer_product_of_keys(rome, n, d_mlp, ridge):
    keys = key_samples(n, d_mlp, seed=n)
    right, plain = moment_by_loop(keys, ridge), moment_by_loop(keys)
    eye = torch.eye(d_mlp, dtype=torch.float64)
    level = plain.diagonal().mean()
    centred = torch.cov(keys.T, correction=0)
    words = {
        "This is the covariance: nothing is centred.": (
            centred + ridge * centred.diagonal().mean() * eye
        ),
        "This is the covariance, divided by n - 1: nothing is centred.": (
            torch.cov(keys.T) + ridge * torch.cov(keys.T).diagonal().mean() * eye
        ),
        "These are sums over keys: divide by their number.": right * n,
        "It is divided by n - 1: a mean of n is asked for.": right * n / (n - 1),
        "It is divided by d_mlp: the mean is over keys.": right * n / d_mlp,
    }
    if ridge:
        words |= {
            "The ridge is added as it is: it counts in units of the mean diagonal.": (
                plain + ridge * eye
            ),
            "The ridge multiplies the SUM of the diagonal (its trace), not its mean.": (
                plain + ridge * plain.trace() * eye
            ),
            "The ridge is added to every entry: it belongs on the diagonal.": plain + ridge * level,
            "The ridge is missing.": plain,
            "The ridge multiplies each diagonal entry: all get the same.": (
                plain + ridge * plain.diagonal().diag()
            ),
        }
    came = rome.second_moment(keys, ridge)
    assert_close(came, right, f"The second moment of {n} keys, ridge {ridge}, is wrong.", words)


def problem(d_mlp, d_model, seed):
    """W, C, key and value of one edit."""
    C = moment_by_loop(key_samples(3 * d_mlp, d_mlp, seed=seed))
    W = normal(d_mlp, d_model, seed=seed + 10)
    return W, C, normal(d_mlp, seed=seed + 20), 3 * normal(d_model, seed=seed + 30)


def constrained(W, C, key, value):
    """The same by Lagrange: for each output, smallest d C d with key d = what is lacking."""
    size = len(key)
    system = torch.zeros(size + 1, size + 1, dtype=torch.float64)
    system[:size, :size], system[:size, size], system[size, :size] = 2 * C, key, key
    columns = []
    for output in range(W.shape[1]):
        lacking = value[output] - sum(key[i] * W[i, output] for i in range(size))
        right = torch.cat([torch.zeros(size, dtype=torch.float64), lacking[None]])
        columns.append(torch.linalg.inv(system) @ right)
    return W + torch.stack(columns, dim=1)[:size]


def edit_mistakes(W, C, k, v):
    """Words -> what the usual mistakes about an edit give; W is square."""
    inverse = torch.linalg.inv(C)

    def put(direction, lack=None, below=None):
        lack = v - k @ W if lack is None else lack
        return W + torch.outer(direction, lack / (k @ direction if below is None else below))

    u = inverse @ k
    values, vectors = torch.linalg.eigh(C)
    root = vectors @ (values**-0.5 * vectors).mT @ k
    return {
        "The outer product is transposed: rows of W are neurons (d_mlp), as in x @ W.": (
            W + torch.outer((v - k @ W) / (k @ u), u)
        ),
        "What is lacking is measured with W @ key: here weights are used as x @ W.": (
            put(u, lack=v - W @ k)
        ),
        "All is as in the paper, whose weights multiply from the left: here it is x @ W.": (
            W + torch.outer((v - W @ k) / (k @ u), u)
        ),
        "C is not inverted: the direction is C^-1 k.": put(C @ k),
        "C is not inverted in the direction, but in the denominator.": put(C @ k, below=k @ u),
        "C is inverted twice.": put(inverse @ u),
        "C is left out: the direction is C^-1 k, not the key.": put(k),
        "The root of C is inverted: the direction is C^-1 k.": put(root),
        "The denominator k C^-1 k is missing.": put(u, below=1.0),
        "The denominator is k k: it is k C^-1 k.": put(u, below=k @ k),
        "The denominator is the squared length of C^-1 k: it is k C^-1 k.": put(u, below=u @ u),
        "The denominator is |C^-1 k|: it is k C^-1 k.": put(u, below=u.norm()),
        "The denominator is k C k: it is k C^-1 k.": put(u, below=k @ C @ k),
        "What the key gives already is not taken away from the value.": put(u, lack=v),
        "The sign is turned: value minus what the key gives.": put(u, lack=k @ W - v),
        "Key and value are exchanged.": (
            W + torch.outer(inverse @ v, (k - v @ W) / (v @ inverse @ v))
        ),
        "Only the change came: add it to W.": put(u) - W,
        "Nothing was changed.": W,
    }


@exercise("5.12")
@pytest.mark.parametrize("seed", [0, 100])
@pytest.mark.parametrize(("d_mlp", "d_model"), SIZES)
def test_the_key_gives_the_value_and_nothing_else_is_disturbed_more_than_it_must(
    rome, d_mlp, d_model, seed
):
    if d_mlp != d_model:  # a square one comes first: there a wrong way round can be named
        test_the_key_gives_the_value_and_nothing_else_is_disturbed_more_than_it_must(
            rome, 6, 6, seed + 1
        )
    W, C, key, value = problem(d_mlp, d_model, seed)
    right = constrained(W, C, key, value)
    came = rome.rome_edit(W, C, key, value)
    claim = f"The edit of a W of shape {[d_mlp, d_model]} is wrong."
    if torch.is_tensor(came) and is_close(key @ came, value):
        claim += " The key gives the value, but other keys change more than they must."
    known = edit_mistakes(W, C, key, value) if d_mlp == d_model else {}
    assert_close(came, right, claim, known, tolerance=1e-8)


@exercise("5.12")
@pytest.mark.parametrize(("d_mlp", "d_model"), SIZES)
def test_the_change_has_rank_one_and_spares_keys_that_have_nothing_of_the_key(rome, d_mlp, d_model):
    W, C, key, value = problem(d_mlp, d_model, seed=7)
    came = rome.rome_edit(W, C, key, value)
    assert_close(key @ came, value, "key @ W_new must be the value.")
    sizes = torch.linalg.svdvals(came - W)
    assert sizes[1] < 1e-10 * sizes[0], (
        f"The change must have rank one; its second singular value is {sizes[1] / sizes[0]:.2g} of "
        "the first."
    )
    others = normal(20, d_mlp, seed=8)
    u = torch.linalg.inv(C) @ key
    spared = others - torch.outer(others @ u / (key @ u), key)  # others with k' C^-1 k = 0
    claim = "A key with k' C^-1 k = 0 must give what it gave before."
    assert_close(spared @ came, spared @ W, claim, tolerance=1e-8)


@exercise("5.12")
def test_no_other_change_that_obeys_is_smaller(rome):
    W, C, key, value = problem(5, 8, seed=9)
    change = rome.rome_edit(W, C, key, value) - W

    def size(delta):
        return torch.einsum("ki,kl,li->", delta, C, delta).item()

    for seed in range(200):
        other = normal(5, 8, seed=1000 + seed)
        other = change + 0.1 * (other - torch.outer(key, key @ other) / (key @ key))
        assert size(other) >= size(change) - 1e-9, (
            f"Another change gives the value too and disturbs usual keys less: {size(other):.4f} "
            f"against {size(change):.4f}. Is the direction C^-1 k?"
        )


@exercise("5.12")
def test_the_unit_of_c_does_not_matter_and_a_value_that_is_there_changes_nothing(rome):
    W, C, key, value = problem(6, 3, seed=11)
    before = W.clone()
    claim = "C in other units is the same C: the edit must not change. Is the denominator there?"
    assert_close(
        rome.rome_edit(W, 40 * C, key, value), rome.rome_edit(W, C, key, value), claim, None, 1e-8
    )
    assert_close(rome.rome_edit(W, C, key, key @ W), W, "The key gives this value already.")
    assert_close(W, before, "The W that came in was changed: give a new one.")


@exercise("5.12")
def test_the_last_edit_wins_and_the_one_before_bends_a_little(rome):
    W, C, key, value = problem(6, 3, seed=12)
    second, other = normal(6, seed=13), normal(3, seed=14)
    once = rome.rome_edit(W, C, key, value)
    came = rome.rome_edit(once, C, second, other)
    u = torch.linalg.inv(C) @ second
    moved = (key @ u) / (second @ u) * (other - second @ once)
    assert_close(second @ came, other, "The second edit must hold.", None, 1e-8)
    assert_close(
        key @ came, value + moved, "The first key moves by its share of the second.", None, 1e-8
    )


def test_a_moment_that_cannot_be_inverted_is_refused(rome):
    W, C, key, value = problem(6, 3, seed=15)
    too_few = key_samples(4, 6, seed=16)
    for bad in (too_few.T @ too_few, -C, C + torch.ones(6, 6).triu(1)):
        with pytest.raises(ValueError, match="symmetric C with positive eigenvalues"):
            rome.rome_edit(W, bad, key, value)
    with pytest.raises(ValueError, match="at least one key"):
        rome.second_moment(torch.zeros(0, 6))
    with pytest.raises(ValueError, match="ridge=-1"):
        rome.second_moment(too_few, -1.0)
