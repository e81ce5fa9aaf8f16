"""Variants of rotary positions (2.10)."""

from tests.grading.variants import Right, Wrong

FREQUENCY = "self.base ** (-2 * pair / self.n)"
HALVES = (
    "first, second, rest = wide.split([self.n // 2, self.n // 2, x.shape[-1] - self.n], dim=-1)"
)
TURNED = "[first * cos - second * sin, second * cos + first * sin, rest]"
ANGLE = "(position[:, None] * frequency)"

REPLACED = {
    "the wrong way": (
        {TURNED: "[first * cos + second * sin, second * cos - first * sin, rest]"},
        "It turns the wrong way",
    ),
    "not a rotation: both signs plus": (
        {"first * cos - second": "first * cos + second"},
        "unit vector 2 of 4 turns towards",
    ),
    "halves exchanged at the end": (
        {TURNED: "[second * cos + first * sin, first * cos - second * sin, rest]"},
        "unit vector",
    ),
    "sine and cosine exchanged": ({"angle.cos(), angle.sin()": "angle.sin(), angle.cos()"}, "Sine"),
    "the second half reads the turned first": (
        {TURNED: "[first := first * cos - second * sin, second * cos + first * sin, rest]"},
        "Turning keeps the length",
    ),
    "the rest comes first": (
        {TURNED: "[rest, first * cos - second * sin, second * cos + first * sin]"},
        "stay, in their places",
    ),
    "the last dimensions turn": (
        {
            HALVES: "rest, first, second = wide.split([x.shape[-1] - self.n, self.n // 2, "
            "self.n // 2], dim=-1)",
            TURNED: "[rest, first * cos - second * sin, second * cos + first * sin]",
        },
        "stay, in their places",
    ),
    "the rest is left out": ({"sin, rest]": "sin]"}, "wrong shape or type"),
    "the rest is zero": ({"sin, rest]": "sin, 0 * rest]"}, "stay, in their places"),
    "exponent i/n": ({"-2 * pair": "-pair"}, "it must be -2i/n"),
    "exponent with the wrong sign": ({"-2 * pair": "2 * pair"}, "exponent has the wrong sign"),
    "exponent over d_head": ({"/ self.n)": "/ x.shape[-1])"}, "divided by d_head instead of n"),
    "base always 10000": ({"self.base": "10000"}, "not always 10000"),
    "all pairs alike": ({FREQUENCY: "torch.ones_like(pair)"}, "Every pair turns by 1"),
    "positions from 1": ({"position[:, None]": "(position[:, None] + 1)"}, "of the next position"),
    "start ignored": ({"position[:, None]": "(position - start)[:, None]"}, "`start` is ignored"),
    "start twice": ({"position[:, None]": "(position + start)[:, None]"}, "position * base"),
    "angles differ by head": (
        {f"{ANGLE}[:, None, :]": "position[:x.shape[2], None] * frequency"},
        "Pair i turns by",
    ),
    "angles in x's own precision": (
        {"position[:, None] * frequency": "position[:, None].to(x) * frequency.to(x)"},
        "Are positions and angles computed in float32",
    ),
    "result stays in float32": ({".to(x.dtype)": ""}, "must go on in it"),
    "float64 lowered to float32": (
        {"angle.cos(), angle.sin()": "angle.float().cos(), angle.float().sin()"},
        "They differ by rounding alone",
    ),
    "positions squared": ({"position[:, None]": "position[:, None] ** 2"}, "three places after"),
    "no gradient": ({"dim=-1).to(x.dtype)": "dim=-1).to(x.dtype).detach()"}, "must reach x"),
    "gradient through one half only": (
        {"first * cos - second * sin": "first * cos - second.detach() * sin"},
        "squared length is 2 x",
    ),
    "nothing turns": ({TURNED: "[first, second, rest]"}, "Nothing turns"),
}

BODIES = {
    "neighbours are paired and put back as halves": (
        """
angle = (position[:, None] * self.base ** (-2 * pair / self.n))[:, None, :]
even, odd, rest = wide[..., 0 : self.n : 2], wide[..., 1 : self.n : 2], wide[..., self.n :]
first = even * angle.cos() - odd * angle.sin()
second = odd * angle.cos() + even * angle.sin()
return torch.cat([first, second, rest], dim=-1).to(x.dtype)
""",
        "put back as halves",
    ),
    "neighbours are paired": (
        """
angle = (position[:, None] * self.base ** (-2 * pair / self.n))[:, None, :]
turned = wide.clone()
even, odd = wide[..., 0 : self.n : 2], wide[..., 1 : self.n : 2]
turned[..., 0 : self.n : 2] = even * angle.cos() - odd * angle.sin()
turned[..., 1 : self.n : 2] = odd * angle.cos() + even * angle.sin()
return turned.to(x.dtype)
""",
        "Neighbours are paired",
    ),
    "all dimensions turn": (
        """
half = x.shape[-1] // 2
frequency = self.base ** (-torch.arange(half).to(wide) / half)
angle = (position[:, None] * frequency)[:, None, :]
first, second = wide.chunk(2, dim=-1)
turned = [first * angle.cos() - second * angle.sin(), second * angle.cos() + first * angle.sin()]
return torch.cat(turned, dim=-1).to(x.dtype)
""",
        "All dimensions turn",
    ),
    "x changed in place": (
        """
angle = (position[:, None] * self.base ** (-2 * pair / self.n))[:, None, :]
first, second = wide[..., : self.n // 2].clone(), wide[..., self.n // 2 : self.n].clone()
wide[..., : self.n // 2] = first * angle.cos() - second * angle.sin()
wide[..., self.n // 2 : self.n] = second * angle.cos() + first * angle.sin()
return wide.to(x.dtype)
""",
        "x came out changed",
    ),
    "angles computed in bfloat16 by hand": (
        """
angle = torch.outer(torch.arange(start, start + x.shape[1]).to(x), (
    self.base ** (-2 * pair / self.n)).to(x))[:, None, :]
first, second, rest = x.split([self.n // 2, self.n // 2, x.shape[-1] - self.n], dim=-1)
cos, sin = angle.cos(), angle.sin()
return torch.cat([first * cos - second * sin, second * cos + first * sin, rest], dim=-1)
""",
        "far more than rounding",
    ),
}

WRONG = [Wrong("2.10", name, old, says=says) for name, (old, says) in REPLACED.items()]
WRONG += [
    Wrong("2.10", name, body={"Rotary.forward": body}, says=says)
    for name, (body, says) in BODIES.items()
]

RIGHT = [
    Right(
        "2.10",
        "two by two matrices, into a copy",
        body={
            "Rotary.forward": """
half, out = self.n // 2, wide.clone()
angle = torch.outer(position, 1 / torch.pow(self.base, 2 * pair / self.n))
cos, sin = angle.cos(), angle.sin()
columns = [torch.stack([cos, sin], -1), torch.stack([-sin, cos], -1)]
pairs = torch.stack([wide[..., :half], wide[..., half : self.n]], dim=-1)
pairs = torch.einsum("picd,bphid->bphic", torch.stack(columns, dim=-1), pairs)
out[..., :half], out[..., half : self.n] = pairs.unbind(-1)
return out.type_as(x)
"""
        },
    ),
    Right(
        "2.10",
        "complex numbers",
        body={
            "Rotary.forward": """
angle = torch.outer(position, torch.exp(-2 * pair / self.n * math.log(self.base)))
turn = torch.polar(torch.ones_like(angle), angle).unsqueeze(1)
half = self.n // 2
pairs = torch.complex(wide[..., :half], wide[..., half : self.n]) * turn
return torch.cat([pairs.real, pairs.imag, wide[..., self.n :]], dim=-1).to(x.dtype)
"""
        },
    ),
    Right(
        "2.10",
        "rotate_half, as in the transformers library",
        body={
            "Rotary.forward": """
angle = einsum(position, 1.0 / self.base ** (2 * pair / self.n), "pos, pair -> pos pair")
angle = torch.cat([angle, angle], dim=-1)[None, :, None, :]
turning, rest = wide[..., : self.n], wide[..., self.n :]
first, second = turning.chunk(2, dim=-1)
swapped = torch.cat((-second, first), dim=-1)
turning = turning * torch.cos(angle) + swapped * torch.sin(angle)
return torch.cat((turning, rest), dim=-1).to(x.dtype)
"""
        },
    ),
    Right(
        "2.10",
        "pair by pair into a copy",
        body={
            "Rotary.forward": """
out = wide.clone()
for i in range(self.n // 2):
    j = i + self.n // 2
    angle = position * self.base ** (-2 * i / self.n)
    for p, a in enumerate(angle.tolist()):
        out[:, p, :, i] = wide[:, p, :, i] * math.cos(a) - wide[:, p, :, j] * math.sin(a)
        out[:, p, :, j] = wide[:, p, :, j] * math.cos(a) + wide[:, p, :, i] * math.sin(a)
return out.to(x.dtype)
"""
        },
    ),
]
