"""`resnet18-cifar` in PyTorch with the weights, scores and statistics of a model file (model-file.ts).

Post-activation ResNet-18 for 32x32 images: every convolution masked (stem, shortcuts and the 1x1 classifier too), no
biases, batch norm without affine parameters.
"""

import json
import struct

import torch
import torch.nn.functional as F
from torch import nn

STAGES = 4
DTYPES = {"F32": torch.float32, "I32": torch.int32, "U8": torch.uint8}


def read_model_file(path):
    """The tensors of a safetensors file by name."""
    with open(path, "rb") as file:
        (header_bytes,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(header_bytes))
        data = bytearray(file.read())
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        view = memoryview(data)[begin:end]
        tensors[name] = torch.frombuffer(view, dtype=DTYPES[entry["dtype"]]).reshape(entry["shape"]).clone()
    return tensors


class SortedTopK(torch.autograd.Function):
    """0/1 mask of the `keep` largest magnitudes, by sorting; the gradient passes straight through."""

    @staticmethod
    def forward(ctx, magnitude, keep):
        order = magnitude.flatten().argsort(descending=True)
        mask = torch.zeros_like(magnitude)
        mask.view(-1)[order[:keep]] = 1
        return mask

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None


class MaskedConv2d(nn.Module):
    """Convolution by weight * topk(|scores|), or by `fixed`, a ready effective weight, where that is set."""

    def __init__(self, model, name, stride=1):
        super().__init__()
        self.register_buffer("weight", model[f"{name}.weight"])
        self.scores = nn.Parameter(model[f"{name}.scores"])
        self.keep = int(model[f"{name}.mask"].sum())
        self.stride, self.padding = stride, self.weight.shape[-1] // 2
        self.fixed = self.bias = None

    def forward(self, x):
        weight = self.fixed
        if weight is None:
            weight = self.weight * SortedTopK.apply(self.scores.abs(), self.keep)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding)

    @torch.no_grad()
    def fix(self):
        """Selects the mask without a full sort and keeps the effective weight for later forwards."""
        chosen = self.scores.abs().flatten().topk(self.keep, sorted=False).indices
        mask = torch.zeros(self.scores.numel())
        mask[chosen] = 1
        self.fixed = self.weight * mask.view_as(self.weight)

    @torch.no_grad()
    def set_score_gradient(self):
        """scores.grad from the gradient of `fixed`: dL/dW_eff * weight * sign(score)."""
        self.scores.grad = self.fixed.grad * self.weight * self.scores.sign()


class ConvNorm(nn.Module):
    def __init__(self, model, conv, norm, stride=1):
        super().__init__()
        self.conv = MaskedConv2d(model, conv, stride)
        mean, variance = model[f"{norm}.running_mean"], model[f"{norm}.running_var"]
        self.norm = nn.BatchNorm2d(len(mean), affine=False)
        self.norm.running_mean.copy_(mean)
        self.norm.running_var.copy_(variance)

    def forward(self, x):
        return self.norm(self.conv(x))

    def fold(self):
        """Moves the running statistics into the convolution's fixed weight and a bias."""
        scale = torch.rsqrt(self.norm.running_var + self.norm.eps)
        self.conv.fixed = self.conv.fixed * scale.view(-1, 1, 1, 1)
        self.conv.bias = -self.norm.running_mean * scale
        self.norm = nn.Identity()


class BasicBlock(nn.Module):
    def __init__(self, model, name, stride):
        super().__init__()
        self.first = ConvNorm(model, f"{name}.conv1", f"{name}.bn1", stride)
        self.second = ConvNorm(model, f"{name}.conv2", f"{name}.bn2")
        changes = f"{name}.shortcut.weight" in model
        self.shortcut = (
            ConvNorm(model, f"{name}.shortcut", f"{name}.shortcutBn", stride) if changes else nn.Identity()
        )

    def forward(self, x):
        return F.relu(self.second(F.relu(self.first(x))) + self.shortcut(x))


class ResNet18(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.register_buffer("mean", model["mean"].view(1, 3, 1, 1))
        self.register_buffer("std", model["std"].view(1, 3, 1, 1))
        self.stem = ConvNorm(model, "conv1", "bn1")
        blocks = []
        for stage in range(STAGES):
            for block in range(2):
                stride = 2 if stage > 0 and block == 0 else 1
                blocks.append(BasicBlock(model, f"layer{stage + 1}.{block}", stride))
        self.blocks = nn.Sequential(*blocks)
        self.classifier = MaskedConv2d(model, "linear")

    def forward(self, images):
        x = self.blocks(F.relu(self.stem((images - self.mean) / self.std)))
        return self.classifier(F.adaptive_avg_pool2d(x, 1)).flatten(1)

    def convolutions(self):
        return [module for module in self.modules() if isinstance(module, MaskedConv2d)]

    def fix_masks(self):
        for conv in self.convolutions():
            conv.fix()

    def fold(self):
        for module in self.modules():
            if isinstance(module, ConvNorm):
                module.fold()
