"""Mistakes in rotary positions (2.10), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

ROTATED = "[first * cos - second * sin, second * cos + first * sin, rest]"

ROTARY_FORWARD = mistakes(
    "2.10",
    "Rotary.forward",
    {
        "It rotates in the wrong direction.": {
            ROTATED: "[first * cos + second * sin, second * cos - first * sin, rest]"
        },
        "Sine and cosine are exchanged, or the halves are at the end.": {
            "angle.cos(), angle.sin()": "angle.sin(), angle.cos()"
        },
        "The exponent is -i/n; it must be -2i/n.": {"-2 * pair": "-pair"},
        "The exponent has the wrong sign.": {"-2 * pair": "2 * pair"},
        "The exponent is divided by d_head instead of n.": {"/ self.n)": "/ x.shape[-1])"},
        "The base is rotary_base, not always 10000.": {"self.base": "10000"},
        "Every pair is rotated by 1 radian per position.": {
            "self.base ** (-2 * pair / self.n)": "torch.ones_like(pair)"
        },
        "The angles are those of the next position: the first is `start`.": {
            "position[:, None]": "(position[:, None] + 1)"
        },
        "`start` is ignored: the first position is number `start`.": {
            "position[:, None]": "(position - start)[:, None]"
        },
        "They agree to five digits: is a precision lower, or a small number added?": {
            "angle.cos(), angle.sin()": "angle.float().cos(), angle.float().sin()"
        },
        "Nothing is rotated.": {ROTATED: "[first, second, rest]"},
        "Neighbours are paired, and then written as halves; i belongs with i + n/2.": """
            angle = (position[:, None] * self.base ** (-2 * pair / self.n))[:, None, :]
            even, odd, rest = wide[..., 0 : self.n : 2], wide[..., 1 : self.n : 2], wide[..., self.n :]
            first = even * angle.cos() - odd * angle.sin()
            second = odd * angle.cos() + even * angle.sin()
            return torch.cat([first, second, rest], dim=-1).to(x.dtype)
            """,
        "Neighbours are paired; dimension i belongs with i + n/2.": """
            angle = (position[:, None] * self.base ** (-2 * pair / self.n))[:, None, :]
            turned = wide.clone()
            even, odd = wide[..., 0 : self.n : 2], wide[..., 1 : self.n : 2]
            turned[..., 0 : self.n : 2] = even * angle.cos() - odd * angle.sin()
            turned[..., 1 : self.n : 2] = odd * angle.cos() + even * angle.sin()
            return turned.to(x.dtype)
            """,
        "All dimensions are rotated; only the first n = rotary_dims may be.": """
            half = x.shape[-1] // 2
            frequency = self.base ** (-torch.arange(half).to(wide) / half)
            angle = (position[:, None] * frequency)[:, None, :]
            first, second = wide.chunk(2, dim=-1)
            turned = [first * angle.cos() - second * angle.sin(), second * angle.cos() + first * angle.sin()]
            return torch.cat(turned, dim=-1).to(x.dtype)
            """,
        "The sign of sin is wrong in the first half: (a, b) becomes (a cos - b sin, b cos + a sin).": {
            "first * cos - second * sin": "first * cos + second * sin"
        },
        "The sign of sin is wrong in the second half: (a, b) becomes (a cos - b sin, b cos + a sin).": {
            "second * cos + first * sin": "second * cos - first * sin"
        },
        "The exponent is divided by n/2; it must be -2i/n.": {
            "pair / self.n": "pair / (self.n // 2)"
        },
        "The exponent is -i / (n/2 - 1); it must be -2i/n.": {
            "frequency = self.base ** (-2 * pair / self.n)": "frequency = self.base ** (-pair / (self.n // 2 - 1))"
        },
        "The dimensions from n on are left out.": {", rest]": "]"},
        "The dimensions from n on are set to 0; they are unchanged.": {", rest]": ", rest * 0]"},
        ".to(x.dtype) is left out.": {".to(x.dtype)": ""},
        "The second half is rotated from the first half's new value.": {
            "turned = [first * cos - second * sin, second * cos + first * sin, rest]": "first = first * cos - second * sin\nsecond = second * cos + first * sin\nturned = [first, second, rest]"
        },
        "`start` is counted twice: `position` has it already.": {
            "position[:, None] * frequency": "(position[:, None] + start) * frequency"
        },
        "The two halves are in the other order.": {
            "turned = [first * cos - second * sin, second * cos + first * sin, rest]": "turned = [second * cos + first * sin, first * cos - second * sin, rest]"
        },
        "The angle is in degrees.": {
            "frequency = self.base ** (-2 * pair / self.n)": "frequency = self.base ** (-2 * pair / self.n) * math.pi / 180"
        },
        "The angle is multiplied by 2 pi.": {
            "frequency = self.base ** (-2 * pair / self.n)": "frequency = 2 * math.pi * self.base ** (-2 * pair / self.n)"
        },
        "The angles belong to heads, and not to positions: they lack an axis for heads.": {
            "[:, None, :]  # [pos, 1, pair]": ""
        },
        "The frequencies are in reverse order: the first pair is the fastest.": {
            "cos, sin = angle.cos(), angle.sin()": "angle = angle.flip(-1)\ncos, sin = angle.cos(), angle.sin()"
        },
        "The angle is divided by the number of positions.": {
            "position[:, None] * frequency": "position[:, None] / len(position) * frequency"
        },
        "Every position gets the angle of `start`.": {
            "position[:, None] * frequency": "(position[:, None] * 0 + start) * frequency"
        },
        "The last n dimensions are rotated; it is the first n.": """
            frequency = self.base ** (-2 * pair / self.n)
            angle = (position[:, None] * frequency)[:, None, :]
            cos, sin = angle.cos(), angle.sin()
            rest, first, second = wide.split([x.shape[-1] - self.n, self.n // 2, self.n // 2], dim=-1)
            return torch.cat([rest, first * cos - second * sin, second * cos + first * sin], dim=-1).to(x.dtype)
            """,
        "Sines and cosines are added; they multiply.": {
            "turned = [first * cos - second * sin, second * cos + first * sin, rest]": "turned = [first + cos, second + sin, rest]"
        },
        "The frequencies come in pairs of equal ones; each of the n/2 pairs has its own.": {
            "-2 * pair / self.n": "-2 * (pair // 2) / self.n"
        },
        "The frequency is base^(2i/n - 1); it must be base^(-2i/n).": {
            "-2 * pair / self.n": "2 * pair / self.n - 1"
        },
        "The frequencies begin with pair 1; the first pair is 0.": {"-2 * pair": "-2 * (pair + 1)"},
        "The second half begins at d_head/2; it begins at n/2.": {
            "wide.split([self.n // 2, self.n // 2, x.shape[-1] - self.n], dim=-1)": "(wide[..., : self.n // 2], wide[..., x.shape[-1] // 2 : x.shape[-1] // 2 + self.n // 2], wide[..., self.n :])"
        },
        "x is added to the rotated x.": {
            "return torch.cat(turned, dim=-1).to(x.dtype)": "return (wide + torch.cat(turned, dim=-1)).to(x.dtype)"
        },
    },
    unnamed={
        "unit vector 2 of 4 is rotated towards": {"first * cos - second": "first * cos + second"},
        "unit vector": {ROTATED: "[second * cos + first * sin, first * cos - second * sin, rest]"},
        "A rotation keeps the length": {
            ROTATED: "[first := first * cos - second * sin, second * cos + first * sin, rest]"
        },
        "stay, in their places": [
            {ROTATED: "[rest, first * cos - second * sin, second * cos + first * sin]"},
            {
                "first, second, rest = wide.split([self.n // 2, self.n // 2, x.shape[-1] - self.n], dim=-1)": "rest, first, second = wide.split([x.shape[-1] - self.n, self.n // 2, self.n // 2], dim=-1)",
                ROTATED: "[rest, first * cos - second * sin, second * cos + first * sin]",
            },
            {"sin, rest]": "sin, 0 * rest]"},
        ],
        "wrong shape or type": {"sin, rest]": "sin]"},
        "position * base": {"position[:, None]": "(position + start)[:, None]"},
        "Pair i is rotated by": {
            "(position[:, None] * frequency)[:, None, :]": "position[:x.shape[2], None] * frequency"
        },
        "Are positions and angles computed in float32": {
            "position[:, None] * frequency": "position[:, None].to(x) * frequency.to(x)"
        },
        "Expected a result in x's": {".to(x.dtype)": ""},
        "three places after a key": {"position[:, None]": "position[:, None] ** 2"},
        "must reach x": {"dim=-1).to(x.dtype)": "dim=-1).to(x.dtype).detach()"},
        "squared length is 2 x": {
            "first * cos - second * sin": "first * cos - second.detach() * sin"
        },
        "is changed in place. The caller": """
            angle = (position[:, None] * self.base ** (-2 * pair / self.n))[:, None, :]
            first, second = wide[..., : self.n // 2].clone(), wide[..., self.n // 2 : self.n].clone()
            wide[..., : self.n // 2] = first * angle.cos() - second * angle.sin()
            wide[..., self.n // 2 : self.n] = second * angle.cos() + first * angle.sin()
            return wide.to(x.dtype)
            """,
        "far more than rounding": """
            angle = torch.outer(torch.arange(start, start + x.shape[1]).to(x), (
                self.base ** (-2 * pair / self.n)).to(x))[:, None, :]
            first, second, rest = x.split([self.n // 2, self.n // 2, x.shape[-1] - self.n], dim=-1)
            cos, sin = angle.cos(), angle.sin()
            return torch.cat([first * cos - second * sin, second * cos + first * sin, rest], dim=-1)
            """,
    },
)
RIGHT_2_10 = right_answers(
    "2.10",
    "Rotary.forward",
    {
        "two by two matrices, into a copy": """
            half, out = self.n // 2, wide.clone()
            angle = torch.outer(position, 1 / torch.pow(self.base, 2 * pair / self.n))
            cos, sin = angle.cos(), angle.sin()
            columns = [torch.stack([cos, sin], -1), torch.stack([-sin, cos], -1)]
            pairs = torch.stack([wide[..., :half], wide[..., half : self.n]], dim=-1)
            pairs = torch.einsum("picd,bphid->bphic", torch.stack(columns, dim=-1), pairs)
            out[..., :half], out[..., half : self.n] = pairs.unbind(-1)
            return out.type_as(x)
            """,
        "complex numbers": """
            angle = torch.outer(position, torch.exp(-2 * pair / self.n * math.log(self.base)))
            turn = torch.polar(torch.ones_like(angle), angle).unsqueeze(1)
            half = self.n // 2
            pairs = torch.complex(wide[..., :half], wide[..., half : self.n]) * turn
            return torch.cat([pairs.real, pairs.imag, wide[..., self.n :]], dim=-1).to(x.dtype)
            """,
        "rotate_half, as in the transformers library": """
            angle = einsum(position, 1.0 / self.base ** (2 * pair / self.n), "pos, pair -> pos pair")
            angle = torch.cat([angle, angle], dim=-1)[None, :, None, :]
            turning, rest = wide[..., : self.n], wide[..., self.n :]
            first, second = turning.chunk(2, dim=-1)
            swapped = torch.cat((-second, first), dim=-1)
            turning = turning * torch.cos(angle) + swapped * torch.sin(angle)
            return torch.cat((turning, rest), dim=-1).to(x.dtype)
            """,
        "pair by pair into a copy": """
            out = wide.clone()
            for i in range(self.n // 2):
                j = i + self.n // 2
                angle = position * self.base ** (-2 * i / self.n)
                for p, a in enumerate(angle.tolist()):
                    out[:, p, :, i] = wide[:, p, :, i] * math.cos(a) - wide[:, p, :, j] * math.sin(a)
                    out[:, p, :, j] = wide[:, p, :, j] * math.cos(a) + wide[:, p, :, i] * math.sin(a)
            return out.to(x.dtype)
            """,
    },
)
