"""Wrong and right answers to 1.17 to 1.19."""

from tests.grading.mistakes import mistakes, right_answers

SHARED = mistakes(
    "1.17",
    "1.17",
    unnamed={
        "an antipodal feature would cancel it": "partner = 5\ntriangle = [3, 17]\nalone = 15",
        "is the feature itself": "partner = 9\ntriangle = [3, 17]\nalone = 15",
        "a feature of the same triangle lowers it by more than 0.3": "partner = 14\ntriangle = [3, 20]\nalone = 15",
        "besides 18": "partner = 14\ntriangle = [3, 18]\nalone = 15",
        "hardly represented": "partner = 14\ntriangle = [3, 17]\nalone = 0",
        "another feature changes the output": "partner = 14\ntriangle = [3, 17]\nalone = 1",
        "expected a feature from 0 to 23": 'partner = "14"\ntriangle = [3, 17]\nalone = 15',
        "expected a list of 2": "partner = 14\ntriangle = [3]\nalone = 15",
    },
)
ADVERSARIES = mistakes(
    "1.18",
    "1.18",
    unnamed={
        "counts, not the cosine": [
            "raises = [7, 11]\nlowers = [2, 10]",
            "raises = [7, 8]\nlowers = [2, 0]",
            "raises = [5, 13]\nlowers = [21, 23]",  # another learner's
        ],
        "name two features besides 12": "raises = [7, 12]\nlowers = [2, 10]",
        "expected a list of 2 different features": "raises = [7, 7]\nlowers = [2, 10]",
    },
)
SCRATCH = mistakes(
    "1.19",
    "fit_toy",
    {},
    unnamed={
        "Are several starts trained": [
            {"starts = len(probability), 8": "starts = len(probability), 1"},
            {"losses(draw(5000)).argmin()": "losses(draw(5000)).argmax()"},
        ],
        "Is the bias trained": {"Adam([W, b]": "Adam([W]"},
        "are the data, the model, the loss": [
            {"+ b[:, None]).relu()": "+ b[:, None])"},
            {"lots < probability": "lots > probability"},
            {"lots < probability": "lots[..., :1] < probability"},
            {"lr=0.02": "lr=1e-3"},
        ],
        "only feature 1 is important": {"@ importance).mean": "@ importance.sqrt() ** 0).mean"},
        "expected [0, 1]": {"lots < probability": "lots < 0.3 * probability"},
        "ten examples, is not": {"lots < probability": "lots < probability.mean()"},
        "have the loss": {"+ b[:, None]).relu()": "+ b[:, None])"},
        "global random state": {
            "torch.rand(2, starts, batch, n_features, generator=generator)": (
                "torch.rand(2, starts, batch, n_features)"
            )
        },
        "require gradients": {
            "with torch.no_grad():": "if True:",
            "W[best].detach().clone()": "W[best].clone()",
        },
        "Expected W and b of shapes": {
            "FittedToy(W[best].detach()": "FittedToy(W[best].T.detach()"
        },
    },
)
RIGHT = [
    *right_answers(
        "1.17", "1.17", {"in another order": "alone = 15\ntriangle = [17, 3]\npartner = 14"}
    ),
    *right_answers("1.18", "1.18", {"in another order": "lowers = [10, 2]\nraises = [8, 7]"}),
    *right_answers(
        "1.19",
        "fit_toy",
        {
            "one start after the other": """
            def sample(n):
                on = torch.rand(n, len(probability), generator=generator) < probability
                return on * torch.rand(n, len(probability), generator=generator)

            def cost(x, W, b):
                error = torch.relu(x @ W.T @ W + b) - x
                return (error * error * importance).sum(1).mean()

            found = []
            for _ in range(6):
                W = 0.5 * torch.randn(d_hidden, len(probability), generator=generator)
                b = torch.zeros(len(probability))
                parameters = [W.requires_grad_(), b.requires_grad_()]
                optimizer = torch.optim.AdamW(parameters, lr=0.02, weight_decay=0.0)
                for step in range(steps):
                    for group in optimizer.param_groups:
                        group["lr"] = 0.02 * (1 - step / steps)
                    optimizer.zero_grad()
                    cost(sample(256), W, b).backward()
                    optimizer.step()
                with torch.no_grad():
                    found.append((cost(sample(4000), W, b).item(), W.detach(), b.detach()))
            _, W, b = min(found, key=lambda one: one[0])
            return FittedToy(W, b)
            """
        },
    ),
]
