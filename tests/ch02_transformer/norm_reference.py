"""Norms by loops, number by number, and their values after each usual mistake."""

import math

import torch


def one_by_one(norm, x):
    """(divisor, normalised before gain and bias) of each vector, number by number."""
    divisors, normalised, width = [], [], x.shape[-1]
    for vector in x.reshape(-1, width).tolist():
        mean = sum(vector) / width if norm.centers else 0.0
        squares = sum((entry - mean) ** 2 for entry in vector) / width
        divisors.append(math.sqrt(squares + norm.eps))
        normalised.append([(entry - mean) / divisors[-1] for entry in vector])
    divisor = torch.tensor(divisors, dtype=torch.float64).reshape(*x.shape[:-1], 1)
    return divisor, torch.tensor(normalised, dtype=torch.float64).reshape(x.shape)


def divisors(norm, x):
    """Words -> the divisor that a usual mistake leads to."""
    centred = x - x.mean(-1, keepdim=True) if norm.centers else x
    square, width = centred.pow(2).mean(-1, keepdim=True), x.shape[-1]
    found = {
        "Is eps forgotten?": square.sqrt(),
        "Is eps added outside the root? It belongs under it.": square.sqrt() + norm.eps,
        "Is the square root missing?": square + norm.eps,
        "Is eps squared?": (square + norm.eps**2).sqrt(),
        "Is it the sum of squares, where the mean (sum divided by d_model) is asked for?": (
            square * width + norm.eps
        ).sqrt(),
        "Is it divided by d_model - 1 (torch.var and torch.std do so)? The mean of squares divides "
        "by d_model.": (square * width / (width - 1) + norm.eps).sqrt(),
        "Is it the mean of absolute values, not of squares?": centred.abs().mean(-1, keepdim=True),
    }
    for eps in (1e-5, 1e-6):
        words = f"Is eps {eps} written into the code? It comes from the config, as self.eps."
        found[words] = (square + eps).sqrt()
    if norm.centers:
        found["Are the squares taken of x itself, before its mean is taken away?"] = (
            x.pow(2).mean(-1, keepdim=True) + norm.eps
        ).sqrt()
    else:
        found["Is it the variance? RMSNorm takes the squares of x itself, mean included."] = (
            x.var(-1, keepdim=True, correction=0) + norm.eps
        ).sqrt()
    return found


def mistaken(norm, x, gain, bias):
    """Words -> what comes out of a norm after a usual mistake."""
    mean = x.mean(-1, keepdim=True)
    centred = x - mean if norm.centers else x
    divisor, right = one_by_one(norm, x)
    found = {words: centred / wrong * gain + bias for words, wrong in divisors(norm, x).items()}
    if norm.centers:
        rms = (x.pow(2).mean(-1, keepdim=True) + norm.eps).sqrt()
        found |= {
            "Is the mean taken away in the variance only?": x / divisor * gain + bias,
            "Is the mean never taken away, as in RMSNorm?": x / rms * gain + bias,
            "Is the bias b forgotten?": right * gain,
            "Are gain and bias forgotten?": right,
            "Is the bias added before the gain is multiplied?": (right + bias) * gain,
        }
    else:
        spread = (x.var(-1, keepdim=True, correction=0) + norm.eps).sqrt()
        found |= {
            "Is the mean taken away? RMSNorm does not centre.": (x - mean) / divisor * gain,
            "Is this LayerNorm? RMSNorm does not centre.": (x - mean) / spread * gain,
        }
    early = one_by_one(norm, x * gain)[1]
    found |= {
        "Is the gain w forgotten?": right + bias,
        "Does the gain come before the normalising? It comes after.": early + bias,
        "Is the gain 1 + w? Here it is w itself.": right * (1 + gain) + bias,
    }
    for axes in ([axis] for axis in range(x.ndim - 1)):
        found |= over_other_axes(norm, x, axes, gain, bias)
    return found | over_other_axes(norm, x, list(range(x.ndim)), gain, bias)


def over_other_axes(norm, x, axes, gain, bias):
    """The norm over axes other than the last alone."""
    centred = x - x.mean(axes, keepdim=True) if norm.centers else x
    wrong = centred / (centred.pow(2).mean(axes, keepdim=True) + norm.eps).sqrt()
    words = (
        f"That is normalised over axes {axes}, so that tokens see each other. Each vector is "
        "normalised alone, over d_model: dim=-1."
    )
    return {} if axes == [x.ndim - 1] else {words: wrong * gain + bias}
