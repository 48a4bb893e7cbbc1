"""The feature layers of classification networks, and the distance between their features.

Layers and names are those of torchvision, so that its weights files can be loaded.
Sources: K. Simonyan and A. Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015
(arXiv:1409.1556); F. Iandola et al., SqueezeNet, 2016 (arXiv:1602.07360); A. Krizhevsky, One Weird Trick for
Parallelizing Convolutional Neural Networks, 2014 (arXiv:1404.5997).
"""

import torch
from torch import Tensor, nn

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
EPSILON = 1e-10  # added to the norm of features, which may be 0


class Backbone(nn.Module):
    """The first layers of a classifier: pictures (N, 3, H, W), 0…1, to the feature maps of the layers `taps`."""

    mean: Tensor
    std: Tensor

    def __init__(self, layers: list[nn.Module], taps: tuple[int, ...]) -> None:
        super().__init__()
        self.features = nn.Sequential(*layers[: taps[-1] + 1])
        self.taps = taps
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(STD)[:, None, None], persistent=False)

    def forward(self, x: Tensor) -> list[Tensor]:
        """The outputs of the tapped layers."""
        x = (x - self.mean) / self.std
        maps = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.taps:
                maps.append(x)
        return maps


def vgg16() -> Backbone:
    """VGG16 up to its last convolution, tapped before every pooling layer."""
    return Backbone(_vgg_layers((2, 2, 3, 3, 3)), (3, 8, 15, 22, 29))


def vgg19() -> Backbone:
    """VGG19 up to its last convolution, tapped before every pooling layer. The SRGAN paper compares the last tap."""
    return Backbone(_vgg_layers((2, 2, 4, 4, 4)), (3, 8, 17, 26, 35))


def squeezenet() -> Backbone:
    """SqueezeNet 1.1, tapped after its first activation and where the size or width of its maps changes."""
    pool = nn.MaxPool2d(3, 2, ceil_mode=True)
    return Backbone(
        [
            *(nn.Conv2d(3, 64, 3, stride=2), nn.ReLU(), pool),
            *(_Fire(64, 16, 64), _Fire(128, 16, 64), pool),
            *(_Fire(128, 32, 128), _Fire(256, 32, 128), pool),
            *(_Fire(256, 48, 192), _Fire(384, 48, 192), _Fire(384, 64, 256), _Fire(512, 64, 256)),
        ],
        (1, 4, 7, 9, 10, 11, 12),
    )


def alexnet() -> Backbone:
    """AlexNet (the one-stream version), tapped after every activation."""
    pool = nn.MaxPool2d(3, 2)
    return Backbone(
        [
            *(nn.Conv2d(3, 64, 11, 4, padding=2), nn.ReLU(), pool),
            *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), pool),
            *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU()),
        ],
        (1, 4, 7, 9, 11),
    )


BACKBONES = {"vgg16": vgg16, "vgg19": vgg19, "squeezenet": squeezenet, "alexnet": alexnet}


def feature_distance(reference: list[Tensor], candidate: list[Tensor]) -> Tensor:
    """Distance of feature maps (N, C, H, W), 0…4, differentiable: the mean over layers, pictures and positions.

    At each position, the features are divided by their norm over the channels, and the squared differences are summed
    over the channels. Source: R. Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric,
    CVPR 2018 (arXiv:1801.03924), equation 1 with w = 1. Without the calibrated w it is not LPIPS.
    """
    layers = [
        (normalise_channels(left.float()) - normalise_channels(right.float())).square().sum(1).mean()
        for left, right in zip(reference, candidate, strict=True)
    ]
    return torch.stack(layers).mean()


def normalise_channels(features: Tensor) -> Tensor:
    """Features (N, C, H, W), at each position divided by their norm over the channels."""
    norm: Tensor = torch.linalg.vector_norm(features, dim=1, keepdim=True)
    return features / (norm + EPSILON)


class _Fire(nn.Module):
    """The Fire module: a 1 x 1 convolution to few channels, then 1 x 1 and 3 x 3 convolutions in parallel."""

    def __init__(self, inputs: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = torch.relu(self.squeeze(x))
        return torch.cat([self.expand1x1(squeezed), self.expand3x3(squeezed)], 1).relu()


def _vgg_layers(depths: tuple[int, ...]) -> list[nn.Module]:
    """Stages of so many 3 x 3 convolutions, each followed by pooling."""
    layers: list[nn.Module] = []
    inputs = 3
    for outputs, depth in zip((64, 128, 256, 512, 512), depths, strict=True):
        for _ in range(depth):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
            inputs = outputs
        layers.append(nn.MaxPool2d(2))
    return layers
