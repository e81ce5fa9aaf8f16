"""Answers to 4.8."""

from tests.grading.variants import Right, Wrong

MIDDLE = "centred = losses - losses.mean(dim=0)"
PATH = "path = U[:, :n_components] * S[:n_components]"
SIGNS = "return path * torch.where(path[-1] < path[0], -1.0, 1.0)"


def path(name: str, old: str, new: str, says: str) -> Wrong:
    """A mistake in loss_pca."""
    return Wrong("4.8", name, {old: new}, says=says)


WRONG = [
    path(
        "over tokens",
        MIDDLE,
        "centred = losses - losses.mean(dim=1, keepdim=True)",
        "Each snapshot's mean over tokens is taken away",
    ),
    path("not centred", MIDDLE, "centred = losses", "The losses are not centred"),
    path("one mean", MIDDLE, "centred = losses - losses.mean()", "One mean of all is taken away"),
    path("from the first", MIDDLE, "centred = losses - losses[0]", "The first snapshot is taken"),
    path(
        "standardised",
        MIDDLE,
        MIDDLE + " \n    centred = centred / centred.std(dim=0)",
        "Each token is divided by its spread",
    ),
    path("U alone", PATH, "path = U[:, :n_components]", "not multiplied by S"),
    path("S twice", PATH, PATH + " ** 2", "multiplied by S twice"),
    path(
        "V",
        "U, S, _ = torch.linalg.svd(centred, full_matrices=False)\n    " + PATH,
        "U, S, Vh = torch.linalg.svd(centred, full_matrices=False)\n"
        "    path = (Vh[:n_components].mT * S[:n_components])[: len(losses)]",
        "expected",
    ),
    path("signs not fixed", SIGNS, "return path", "The sizes are right and signs are not"),
    path("signs turned", "path[-1] < path[0]", "path[-1] > path[0]", "each component by itself"),
    path(
        "one sign for all",
        SIGNS,
        "return path * (-1.0 if path[-1, 0] < path[0, 0] else 1.0)",
        "each component by itself",
    ),
    path("ends above zero", "path[-1] < path[0]", "path[-1] < 0", "each component by itself"),
    path("smallest", PATH, "path = U[:, -n_components:] * S[-n_components:]", "is expected"),
    path("two always", PATH, "path = U[:, :2] * S[:2]", "expected"),
    path(
        "begins at zero",
        SIGNS,
        "path = path - path[0]\n    " + SIGNS,
        "The path is moved to begin at zero",
    ),
]

RIGHT = [
    Right(
        "4.8",
        "through V",
        body={
            "loss_pca": """
            centred = losses - losses.mean(0, keepdim=True)
            Vh = torch.linalg.svd(centred, full_matrices=False).Vh
            path = centred @ Vh[:n_components].mT
            for i in range(n_components):
                if path[-1, i] < path[0, i]:
                    path[:, i] *= -1
            return path
            """
        },
    ),
    Right(
        "4.8",
        "products of snapshots",
        body={
            "loss_pca": """
            centred = losses - losses.mean(dim=0)
            values, vectors = torch.linalg.eigh(centred @ centred.mT)
            path = vectors * values.clamp(min=0).sqrt()
            path = path.flip(1)[:, :n_components]
            return path * (path[-1] - path[0]).sign()
            """
        },
    ),
]
