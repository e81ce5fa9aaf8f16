"""Mistakes in compose_convolutions (1.16), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

FLIP = "second.flip(-2, -1)"
OUT = 'rearrange(whole, "d_in d_out H W -> d_out d_in H W")'
PADDING = "padding=(rows - 1, columns - 1)"
COMPOSE_CONVOLUTIONS = mistakes(
    "1.16",
    "compose_convolutions",
    {
        "The kernel is cut off. It has h + h2 - 1 rows, so pad by h2 - 1 and w2 - 1.": {
            ", " + PADDING: ""
        },
        "Rows and columns are exchanged in the padding.": {
            PADDING: "padding=(columns - 1, rows - 1)"
        },
        "The two channel axes are exchanged. The shape is [d_out, d_in, H, W].": {OUT: "whole"},
        "The sum over middle channels is divided by the root of their number.": {
            OUT: f"{OUT} / len(first) ** 0.5"
        },
        "The middle channels are averaged. Sum over them.": {OUT: f"{OUT} / len(first)"},
        "The padding is the same in both directions. Pad rows by h2 - 1 and columns by w2 - 1.": [
            {PADDING: "padding=rows - 1"},
            {PADDING: "padding=columns - 1"},
        ],
        "The padding keeps the size of the first kernel. Pad by h2 - 1 and w2 - 1.": [
            {PADDING: "padding='same'"},
            {PADDING: "padding=(rows // 2, columns // 2)"},
            {PADDING: "padding=((rows - 1) // 2, (columns - 1) // 2)"},
        ],
        "The padding is that of the first kernel's size. Pad by h2 - 1 and w2 - 1.": {
            "second.shape[2:]": "first.shape[2:]"
        },
        "The padding is h2 and w2, one too many on each side.": {
            PADDING: "padding=(rows, columns)"
        },
        "Is the first kernel flipped too, or does it slide unflipped? Flip only the kernel that "
        "slides.": {"rearrange(first,": "rearrange(first.flip(-2, -1),"},
        "The middle channels are flipped too. Flip along rows and columns only.": [
            {FLIP: "second.flip(1, 2, 3)"},
            {FLIP: "second.flip(0, 1, 2, 3)"},
            {FLIP: "second.flip(1, -2, -1)"},
        ],
        "The second kernel is transposed. Flip it along rows and columns.": [
            {FLIP: "second.mT"},
            {FLIP: "second.transpose(2, 3).flip(-2, -1)"},
            {FLIP: "second.rot90(1, (-2, -1))"},
        ],
        "The channel axes are flipped. Flip rows and columns.": {FLIP: "second.flip(0, 1)"},
        "The input channels of `first` are not on the batch axis. Swap its first two axes.": {
            'rearrange(first, "d_mid d_in h w -> d_in d_mid h w")': "first"
        },
        "The kernels are multiplied without a shift. The result has h + h2 - 1 rows.": (
            "return torch.einsum('omhw,mihw->oihw', second, first)"
        ),
        "Negative weights of the first kernel are removed. There is no ReLU in between.": {
            "rearrange(first,": "rearrange(first.relu(),"
        },
        "The input channels are summed. Each has its own kernel.": [
            {OUT: OUT + ".sum(1, keepdim=True)"},
            {OUT: OUT + ".sum(1, keepdim=True).expand(-1, first.shape[1], -1, -1)"},
        ],
        "The input channels are averaged. Each has its own kernel.": {
            OUT: OUT + ".mean(1, keepdim=True).expand(-1, first.shape[1], -1, -1)"
        },
        "Only the middle channel 0 is used. Sum over all of them.": {
            'd_in d_mid h w")': 'd_in d_mid h w")[:, :1]',
            FLIP: FLIP + "[:, :1]",
        },
        "Are the middle channels summed before the convolution? Convolve each, then sum.": """
            rows, columns = second.shape[2:]
            total = first.sum(dim=0, keepdim=True).transpose(0, 1)
            kernel = second.sum(dim=1, keepdim=True).flip(-2, -1)
            whole = F.conv2d(total, kernel, padding=(rows - 1, columns - 1))
            return whole.transpose(0, 1)
            """,
        "Are the kernels multiplied pixel by pixel? Each number shifts the whole first kernel.": """
            pad = [0, second.shape[3] - 1, 0, second.shape[2] - 1]
            wide = F.pad(first, pad)
            pad = [0, first.shape[3] - 1, 0, first.shape[2] - 1]
            return torch.einsum("omhw,mihw->oihw", F.pad(second, pad), wide)
            """,
        "The second kernel is not flipped. Where conv2d slides it over the first, flip it in both "
        "directions: C[u] = sum_v B[v] A[u - v].": {FLIP: "second"},
        "The second kernel is flipped top to bottom only. Flip it in both directions.": {
            FLIP: "second.flip(-2)"
        },
        "The second kernel is flipped left to right only. Flip it in both directions.": {
            FLIP: "second.flip(-1)"
        },
        "Is the kernel rotated by 180 degrees? conv2d does not flip its kernel.": {
            "rearrange(first,": "rearrange(first.flip(-2, -1),",
            FLIP: "second",
        },
    },
    unnamed={
        "[d_out, d_in, h + h2 - 1": [
            {PADDING: "padding=(columns - 1, rows - 1)"},
        ],
        "in place": {"rows, columns =": "first.mul_(1 + 1e-12)\nrows, columns ="},
    },
)
RIGHT_1_16 = right_answers(
    "1.16",
    "compose_convolutions",
    {
        "transposed": "return F.conv_transpose2d(second, first)",
        "place by place": """
            rows, columns = second.shape[2:]
            size = (first.shape[2] + rows - 1, first.shape[3] + columns - 1)
            whole = first.new_zeros(len(second), first.shape[1], *size)
            for row in range(rows):
                for column in range(columns):
                    part = torch.einsum("om,mihw->oihw", second[:, :, row, column], first)
                    place = slice(row, row + part.shape[2]), slice(column, column + part.shape[3])
                    whole[:, :, place[0], place[1]] += part
            return whole
            """,
        "an impulse through both layers": """
            (h, w), (h2, w2) = first.shape[2:], second.shape[2:]
            H, W, d_in = h + h2 - 1, w + w2 - 1, first.shape[1]
            dots = torch.zeros(d_in, d_in, 2 * H - 1, 2 * W - 1, dtype=first.dtype)
            dots[range(d_in), range(d_in), H - 1, W - 1] = 1
            seen = F.conv2d(F.conv2d(dots, first), second)
            return seen.transpose(0, 1).flip(-2, -1)
            """,
    },
)
