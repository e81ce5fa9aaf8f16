"""Wrong answers to 11.15 to 11.17, and right ones."""

from tests.grading.mistakes import mistakes, right_answers

SCRATCH = mistakes(
    "11.15",
    "fit_clt",
    {},
    unnamed={
        "point backward must be 0": {"W_dec * causal, b_dec)": "W_dec, b_dec)", ".triu()": ""},
        "explain nothing": {"torch.ones(layers, layers).triu()": "torch.eye(layers)"},
        "of the variance of layer": {"optimizer.step()": "pass"},
        "still require gradients": {
            "(w.detach() for w in weights)": "(w for w in weights)",
        },
        "global random state": {
            "torch.randn(layers, d_model, d_sae, generator=generator)": (
                "torch.randn(layers, d_model, d_sae)"
            )
        },
        "active on each token, alone": [
            {".topk(k, dim=2)": ".topk(min(k + 1, d_sae), dim=2)"},
            {
                "values, indices = pre_acts.topk(k, dim=2)": "positive = pre_acts.relu()",
                "torch.zeros_like(pre_acts).scatter(2, indices, values.relu())": (
                    "positive * (positive >= positive.flatten().topk(k * x[..., 0].numel())"
                    ".values[-1])"
                ),
            },
        ],
        "bias is not trained": {" + b_enc": " + 0 * b_enc"},
        "": [
            {"optimizer.zero_grad()": "pass"},
            {"acts, W_dec * causal": "acts.detach() * 0, W_dec * causal"},
        ],
    },
)
CARRIERS = mistakes(
    "11.16",
    "11.16",
    {},
    unnamed={
        "are lost": "carriers = [1, 2, 3, 6, 8, 9, 11]",
        "without latent 0 no": "carriers = [0, 1, 2, 3, 4, 6, 8, 9, 11]",
        "expected a list": "carriers = []",
        "without latent 10 no": "carriers = [1, 2, 3, 4, 6, 8, 9, 10, 11]",
    },
)
SWAP = mistakes(
    "11.17",
    "11.17",
    {},
    unnamed={
        "get the answers": "off = [10]\non = [8]",
        "off: the swap works without": "off = [9, 10]\non = [8]",
        "on: the swap works without": "off = [9]\non = [8, 3]",
        "expected all": "off = [9]\non = [3]",
        "expected a list": "off = [9, 9]\non = [8]",
    },
)
RIGHT = [
    *right_answers(
        "11.15",
        "fit_clt",
        {
            "one decoder per pair": (
                "generator = torch.Generator().manual_seed(3)\n"
                "params = None\n"
                "for x, y in batches:\n"
                "    n, d = x.shape[1:]\n"
                "    if params is None:\n"
                "        enc = [torch.randn(d, d_sae, generator=generator) / d**0.5 for _ in range(n)]\n"
                "        pairs = [(s, t) for s in range(n) for t in range(s, n)]\n"
                "        dec = [0.01 * torch.randn(d_sae, d, generator=generator) for _ in pairs]\n"
                "        b = [torch.zeros(d_sae) for _ in range(n)]\n"
                "        out = [y[:, t].mean(0).clone() for t in range(n)]\n"
                "        params = [*enc, *dec, *b, *out]\n"
                "        for p in params:\n"
                "            p.requires_grad_()\n"
                "        optimizer = torch.optim.Adam(params, lr=lr)\n"
                "    acts = []\n"
                "    for layer in range(n):\n"
                "        z = x[:, layer] @ enc[layer] + b[layer]\n"
                "        floor = z.topk(k, dim=1).values[:, -1:]\n"
                "        acts.append(z.relu() * (z >= floor))\n"
                "    loss = 0.0\n"
                "    for t in range(n):\n"
                "        y_hat = out[t]\n"
                "        for (s, target), W in zip(pairs, dec):\n"
                "            if target == t:\n"
                "                y_hat = y_hat + acts[s] @ W\n"
                "        loss = loss + (y_hat - y[:, t]).square().sum(1).mean()\n"
                "    optimizer.zero_grad()\n"
                "    loss.backward()\n"
                "    optimizer.step()\n"
                "W_dec = torch.zeros(n, n, d_sae, d)\n"
                "for (s, t), W in zip(pairs, dec):\n"
                "    W_dec[s, t] = W.detach()\n"
                "stack = lambda ws: torch.stack([w.detach() for w in ws])\n"
                "return CLTWeights(stack(enc), stack(b), W_dec, stack(out))"
            )
        },
    ),
    *right_answers("11.16", "11.16", {"in another order": "carriers = [11, 9, 8, 6, 4, 3, 2, 1]"}),
    *right_answers("11.17", "11.17", {"in another order": "on = [8]\noff = [9]"}),
]
