"""ResNet-50 in plain PyTorch, for the peers that need a module."""

from torch import nn
from torch.nn import functional


def convolution(before, after, kernel, stride=1):
    """Return a convolution with its normalisation."""
    layer = nn.Conv2d(before, after, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(after))


class Block(nn.Module):
    """A bottleneck with its shortcut."""

    def __init__(self, before, width, stride):
        super().__init__()
        self.body = nn.Sequential(
            *(convolution(before, width, 1), nn.ReLU()),
            *(convolution(width, width, 3, stride), nn.ReLU()),
            convolution(width, 4 * width, 1),
        )
        same = stride == 1 and before == 4 * width
        self.shortcut = (
            nn.Identity() if same else convolution(before, 4 * width, 1, stride)
        )

    def forward(self, x):
        return functional.relu(self.body(x) + self.shortcut(x))


def resnet50():
    """Return the network of He et al., 2015, with 25,557,032 parameters."""
    parts = [convolution(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1)]
    before = 64
    for stage, blocks in enumerate((3, 4, 6, 3)):
        for number in range(blocks):
            stride = 2 if stage > 0 and number == 0 else 1
            parts.append(Block(before, 64 * 2**stage, stride))
            before = 256 * 2**stage
    parts += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 1000)]
    return nn.Sequential(*parts)
