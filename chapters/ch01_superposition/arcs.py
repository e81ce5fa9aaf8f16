"""A circuit in a small vision network, read from its weights: from line detectors to arc detectors.

A picture holds one arc, light or dark; the network classifies the direction in which it bulges.

1. Line detectors, light and dark, for each orientation (`line_detectors`), then ReLU.
2. Arc detectors: the lines of an arc at their places, light OR dark (a union over cases). Then ReLU
   and the maximum over all places.
3. One score per direction, linear in the arc detectors.

`hand_written` sets all weights by this description, without training. Axes: batch, height, width
(of pictures), h, w (of kernels), line and arc (the detectors), direction (the classes).
Source: Olah et al. 2020, "Zoom In", whose curve detectors this imitates.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

Pictures = Float[Tensor, "batch 1 height width"]
SIZE = 24
"""Height and width of a picture."""
DIRECTIONS = 8
"""Number of classes: right (0), up and right (1), up (2), ... each 45 degrees wide."""
RADII = (4.0, 7.0)
"""Smallest and largest radius of an arc, in pixels."""
HALF_SPAN = 1.0
"""Half of an arc's angle, in radians."""


class Arcs(NamedTuple):
    """A batch of pictures of one arc each."""

    picture: Pictures
    """A light or a dark stroke on a background of 0, with noise."""
    direction: Float[Tensor, " batch"]
    """Direction of the bulge, in radians, anticlockwise from the right."""
    light: Bool[Tensor, " batch"]
    """Whether the stroke is lighter than the background."""


def draw_arcs(
    directions: Float[Tensor, " batch"],
    light: Bool[Tensor, " batch"],
    generator: torch.Generator,
    noise: float = 0.2,
) -> Arcs:
    """Draw one arc per direction, at a random place and of a random size."""
    place, size, grain = (
        torch.rand(len(directions), 2, generator=generator),
        torch.rand(len(directions), 1, 1, generator=generator),
        torch.randn(len(directions), SIZE, SIZE, generator=generator),
    )
    radius = RADII[0] + (RADII[1] - RADII[0]) * size
    # The middle of the arc stays within the inner pixels; the circle's own centre may lie outside.
    apex = (SIZE - 1) / 2 + 8 * (place - 0.5)
    toward = rearrange(directions, "batch -> batch 1 1")
    across = torch.arange(SIZE) - apex[:, :1, None] + 0.8 * radius * toward.cos()
    up = apex[:, 1:, None] - torch.arange(SIZE)[:, None] + 0.8 * radius * toward.sin()
    sign = torch.where(light, 1.0, -1.0)[:, None, None]
    picture = sign * stroke(across, up, toward, radius, thick=0.8) + noise * grain
    return Arcs(rearrange(picture, "batch height width -> batch 1 height width"), directions, light)


def stroke(across: Tensor, up: Tensor, toward: Tensor, radius: Tensor, thick: float) -> Tensor:
    """Compute the intensity of an arc, 0 to 1, at coordinates relative to the circle's centre."""
    angle = torch.atan2(up, across)
    off = torch.remainder(angle - toward + math.pi, 2 * math.pi) - math.pi
    on_circle = torch.exp(-((torch.hypot(across, up) - radius) ** 2) / (2 * thick**2))
    return on_circle * torch.sigmoid((HALF_SPAN - off.abs()) * radius / 0.5)


def random_arcs(batch: int, generator: torch.Generator) -> Arcs:
    """Draw arcs of uniformly random directions, half of them light."""
    directions = 2 * math.pi * torch.rand(batch, generator=generator)
    return draw_arcs(directions, torch.rand(batch, generator=generator) < 0.5, generator)


def nearest_direction(directions: Float[Tensor, " batch"]) -> Int[Tensor, " batch"]:
    """Return the index of the nearest of the eight directions."""
    return (directions / (2 * math.pi / DIRECTIONS)).round().long() % DIRECTIONS


def line_detectors(orientations: int = 4, size: int = 5) -> Float[Tensor, "line 1 h w"]:
    """Make the kernels of light-line detectors, then of dark-line detectors, their negatives.

    Line i is rotated by 180 i / orientations degrees, anticlockwise from the horizontal.
    """
    along = torch.arange(size) - (size - 1) / 2
    up, right = torch.meshgrid(-along, along, indexing="ij")
    angles = math.pi * torch.arange(orientations)[:, None, None] / orientations
    across = up * angles.cos() - right * angles.sin()
    ridge = (1 - across**2) * torch.exp(-(across**2) / 2)
    kernels = ridge * torch.exp(-(up**2 + right**2) / (2 * 1.6**2))
    kernels = kernels - kernels.mean(dim=(1, 2), keepdim=True)
    kernels = kernels / kernels.norm(dim=(1, 2), keepdim=True)
    return torch.cat([kernels, -kernels])[:, None]


def compose_convolutions(
    first: Float[Tensor, "d_mid d_in h w"], second: Float[Tensor, "d_out d_mid h2 w2"]
) -> Float[Tensor, "d_out d_in H W"]:
    """Compose two convolutions with no nonlinearity in between into a single kernel.

    `F.conv2d(F.conv2d(x, first), second)` equals `F.conv2d(x, compose_convolutions(first, second))`
    everywhere in the picture (no padding). H = h + h2 - 1, and W likewise. The kernel shows the
    pattern of pixels that excites each unit of the second layer.

    Raises: ValueError when `second` has another number of inputs than `first` has outputs.
    """
    if first.shape[0] != second.shape[1]:
        raise ValueError(
            f"expected as many input channels of second as output channels of first, "
            f"got {second.shape[1]} and {first.shape[0]}"
        )
    # exercise 1.16
    raise NotImplementedError("exercise 1.16")


class ArcNet(nn.Module):
    """Lines, arcs, directions: two convolutions and a linear map."""

    W_line: Float[Tensor, "line 1 h w"]
    b_line: Float[Tensor, " line"]
    W_arc: Float[Tensor, "arc line h w"]
    b_arc: Float[Tensor, " arc"]
    W_U: Float[Tensor, "arc direction"]
    b_U: Float[Tensor, " direction"]

    def __init__(self, lines: Float[Tensor, "line 1 h w"], n_arcs: int, seed: int = 0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        # Small random weights, so that the structure seen after training was learned.
        arcs = torch.randn(n_arcs, len(lines), 7, 7, generator=generator)
        out = torch.randn(n_arcs, DIRECTIONS, generator=generator)
        self.W_line, self.b_line = nn.Parameter(lines), nn.Parameter(torch.zeros(len(lines)))
        self.W_arc = nn.Parameter(0.3 / math.sqrt(arcs[0].numel()) * arcs)
        self.b_arc = nn.Parameter(torch.zeros(n_arcs))
        self.W_U, self.b_U = nn.Parameter(out / n_arcs**0.5), nn.Parameter(torch.zeros(DIRECTIONS))

    def arc_activations(self, picture: Pictures) -> Float[Tensor, "batch arc"]:
        """Compute each arc detector's largest activation over all places."""
        lines = F.relu(F.conv2d(picture, self.W_line, self.b_line))
        arcs = F.relu(F.conv2d(lines, self.W_arc, self.b_arc, stride=2))
        return arcs.amax(dim=(2, 3))

    def forward(self, picture: Pictures) -> Float[Tensor, "batch direction"]:
        """Compute one logit per direction."""
        return self.arc_activations(picture) @ self.W_U + self.b_U


def arc_kernels(
    directions: Float[Tensor, " arc"], orientations: int = 4, size: int = 7
) -> Float[Tensor, "arc line h w"]:
    """Construct the kernels of arc detectors for the given directions by hand.

    The weight of a line detector is cos(2 x the angle between line and arc): excited by lines along
    the arc, inhibited by lines across it. Light and dark lines have equal weights.
    """
    along, radius = torch.arange(size) - (size - 1) / 2, torch.tensor(5.0)
    up, right = torch.meshgrid(-along, along, indexing="ij")
    toward = directions[:, None, None]
    up, right = up + radius * toward.sin(), right + radius * toward.cos()
    place = stroke(right, up, toward, radius, thick=1.6)
    tangent = torch.atan2(up, right) + math.pi / 2
    angles = math.pi * torch.arange(orientations)[:, None, None] / orientations
    # [arc, 1, h, w] minus [line, 1, 1]
    weights = torch.cos(2 * (tangent[:, None] - angles)) * place[:, None]
    return repeat(weights, "arc line h w -> arc (case line) h w", case=2)


def hand_written() -> ArcNet:
    """Build a network with hand-set weights: one arc detector per direction."""
    net = ArcNet(line_detectors(), n_arcs=DIRECTIONS)
    with torch.no_grad():
        net.W_arc.copy_(arc_kernels(2 * math.pi * torch.arange(DIRECTIONS) / DIRECTIONS))
        net.b_line.fill_(-0.2)
        net.W_U.copy_(torch.eye(DIRECTIONS))
    return net


@dataclass(frozen=True)
class ArcTrainConfig:
    """Hyperparameters of a training run; the defaults take some seconds."""

    steps: int = 600
    """Number of updates."""
    batch_size: int = 128
    """Pictures per step."""
    lr: float = 5e-3
    """Peak learning rate, after 50 steps of warm-up; it then falls linearly to zero."""
    activation_penalty: float = 0.05
    """L1 penalty on arc activations, from a third of the run on; it makes them selective."""
    weight_decay: float = 1.0
    """AdamW's weight decay; it removes weights that are never used."""
    seed: int = 0
    """Seed of the pictures; the network has its own seed for the weights."""


def train_arcs(net: ArcNet, config: ArcTrainConfig) -> Iterator[float]:
    """Train in place on new pictures each step, and yield the cross-entropy before each update."""
    generator = torch.Generator().manual_seed(config.seed + 1000)
    trained = [w for w in net.parameters() if w.requires_grad]
    groups = [
        {"params": [w for w in trained if w.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [w for w in trained if w.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=config.lr)
    for step in range(config.steps):
        done = step / config.steps
        for group in optimizer.param_groups:
            group["lr"] = config.lr * min(1.0, (step + 1) / 50) * (1 - done)
        batch = random_arcs(config.batch_size, generator)
        arcs = net.arc_activations(batch.picture)
        loss = F.cross_entropy(arcs @ net.W_U + net.b_U, nearest_direction(batch.direction))
        penalty = config.activation_penalty * min(1.0, max(0.0, 3 * done - 1))
        optimizer.zero_grad()
        (loss + penalty * arcs.sum(dim=1).mean()).backward()
        optimizer.step()
        yield loss.item()


@torch.no_grad()
def tuning_curves(
    net: ArcNet, light: bool, angles: int = 36, copies: int = 64
) -> Float[Tensor, "arc angle"]:
    """Compute each arc detector's mean activation for arcs of each direction, without noise.

    Every angle is shown at the same places and in the same sizes, `copies` of them.
    """
    curves = []
    for angle in range(angles):
        directions = torch.full((copies,), 2 * math.pi * angle / angles)
        shade = torch.full((copies,), light)
        seen = draw_arcs(directions, shade, torch.Generator().manual_seed(0), noise=0.0)
        curves.append(net.arc_activations(seen.picture).mean(dim=0))
    return torch.stack(curves, dim=-1)
