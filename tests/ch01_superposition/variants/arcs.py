"""Answers to 1.16, two convolutions in one."""

from tests.grading.variants import Right, Wrong

PICTURES = 'pictures = rearrange(first, "d_mid d_in h w -> d_in d_mid h w")'
FLIP, PAD = "second.flip(-2, -1)", "padding=(rows - 1, columns - 1)"
BACK = 'rearrange(whole, "d_in d_out H W -> d_out d_in H W")'

WRONG = [
    Wrong("1.16", "not flipped", {FLIP: "second"}, says="The second kernel is not flipped"),
    Wrong("1.16", "rows flipped", {FLIP: "second.flip(-2)"}, says="flipped top to bottom only"),
    Wrong("1.16", "columns flipped", {FLIP: "second.flip(-1)"}, says="flipped left to right only"),
    Wrong(
        "1.16",
        "first flipped instead",
        {"rearrange(first,": "rearrange(first.flip(-2, -1),", FLIP: "second"},
        says="turned by half a turn",
    ),
    Wrong("1.16", "no padding", {f", {PAD}": ""}, says="so pad by h2 - 1 and w2 - 1"),
    Wrong("1.16", "same size", {PAD: 'padding="same"'}, says="[d_out, d_in, h + h2 - 1"),
    Wrong(
        "1.16",
        "padding the other way round",
        {PAD: "padding=(columns - 1, rows - 1)"},
        says="[d_out, d_in, h + h2 - 1",
    ),
    Wrong(
        "1.16",
        "padded by the first",
        {"rows, columns = second.shape[2:]": "rows, columns = first.shape[2:]"},
        says="[d_out, d_in, h + h2 - 1",
    ),
    Wrong("1.16", "not swapped back", {BACK: "whole"}, says="in each other's place"),
    Wrong(
        "1.16",
        "mean over the middle",
        {f"return {BACK}": f"return {BACK} / len(first)"},
        says="The middle channels are averaged",
    ),
    Wrong(
        "1.16",
        "one middle channel",
        {'d_in d_mid h w")': 'd_in d_mid h w")[:, :1]', FLIP: f"{FLIP}[:, :1]"},
        says="Only the middle channel 0 is used",
    ),
    Wrong(
        "1.16",
        "channels summed in the wrong place",
        body={
            "compose_convolutions": """
            rows, columns = second.shape[2:]
            total = first.sum(dim=0, keepdim=True).transpose(0, 1)
            kernel = second.sum(dim=1, keepdim=True).flip(-2, -1)
            whole = F.conv2d(total, kernel, padding=(rows - 1, columns - 1))
            return whole.transpose(0, 1)
            """
        },
        says="Are the middle channels summed before",
    ),
    Wrong(
        "1.16",
        "multiplied point by point",
        body={
            "compose_convolutions": """
            pad = [0, second.shape[3] - 1, 0, second.shape[2] - 1]
            wide = F.pad(first, pad)
            pad = [0, first.shape[3] - 1, 0, first.shape[2] - 1]
            return torch.einsum("omhw,mihw->oihw", F.pad(second, pad), wide)
            """
        },
        says="Are the kernels multiplied pixel by pixel",
    ),
    Wrong(
        "1.16",
        "in place",
        {PICTURES: f"{PICTURES}.mul_(1)\n    first.add_(1)"},
        says="is edited in place",
    ),
]

RIGHT = [
    Right(
        "1.16",
        "transposed",
        body={"compose_convolutions": "return F.conv_transpose2d(second, first)"},
    ),
    Right(
        "1.16",
        "place by place",
        body={
            "compose_convolutions": """
            rows, columns = second.shape[2:]
            size = (first.shape[2] + rows - 1, first.shape[3] + columns - 1)
            whole = first.new_zeros(len(second), first.shape[1], *size)
            for row in range(rows):
                for column in range(columns):
                    part = torch.einsum("om,mihw->oihw", second[:, :, row, column], first)
                    place = slice(row, row + part.shape[2]), slice(column, column + part.shape[3])
                    whole[:, :, place[0], place[1]] += part
            return whole
            """
        },
    ),
    Right(
        "1.16",
        "an impulse through both layers",
        body={
            "compose_convolutions": """
            (h, w), (h2, w2) = first.shape[2:], second.shape[2:]
            H, W, d_in = h + h2 - 1, w + w2 - 1, first.shape[1]
            dots = torch.zeros(d_in, d_in, 2 * H - 1, 2 * W - 1, dtype=first.dtype)
            dots[range(d_in), range(d_in), H - 1, W - 1] = 1
            seen = F.conv2d(F.conv2d(dots, first), second)
            return seen.transpose(0, 1).flip(-2, -1)
            """
        },
    ),
]
