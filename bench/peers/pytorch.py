"""Times PyTorch on the steps that `npm run bench -- --only steps` times, for the comparison in docs.

    python pytorch.py --work pgd-step --ratio 0.05 0.1 0.3 1 --threads 2 --repeat 5
    python pytorch.py --work search-step --ratio 0.1 --implementation pytorch-tuned

Prints one JSON line for each ratio and implementation:
{work, arch, ratio, batch, threads, implementation, seconds: [...], median}.

The network is `resnet18-cifar`: post-activation ResNet-18 for 32x32 images, every convolution masked (stem,
shortcuts and the 1x1 classifier too), no biases, batch norm without affine parameters, weights +-sqrt(2/fanIn).
Weights, images and labels are random: none of the timings depends on their values.

pgd-step     one L-infinity PGD iteration in eval mode: forward, gradient to the input, sign step, projection.
  pytorch-plain     module in eval mode; the masked weights are computed beforehand
  pytorch-best      the same with batch norm folded into the convolutions and channels_last

search-step  one step of the search in train mode: PGD-7 with batch statistics, then SGD on the scores.
  pytorch-official  the official algorithm: each forward sorts the scores of each layer, and each backward,
                    the attack's too, goes through to the scores
  pytorch-tuned     masks selected once a step, the attack differentiates the input only, channels_last

One untimed attack iteration comes first. Needs torch (written with 2.13, CPU).
"""

import argparse
import json
import math
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn

ARCH = "resnet18-cifar"
EPSILON = 8 / 255
STEP_SIZE = 2 / 255
ATTACK_STEPS = 7
WIDTHS = (64, 128, 256, 512)
CLASSES = 10
MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.2471, 0.2435, 0.2616)


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

    def __init__(self, channels, width, size, stride, ratio):
        super().__init__()
        shape = (width, channels, size, size)
        fan_in = channels * size * size
        constant = math.sqrt(2 / fan_in)
        self.register_buffer("weight", torch.empty(shape).bernoulli_().mul_(2).sub_(1).mul_(constant))
        self.scores = nn.Parameter(torch.empty(shape).uniform_(-1, 1).div_(math.sqrt(fan_in)))
        self.keep = max(1, math.floor(ratio * self.weight.numel() + 0.5))
        self.stride, self.padding = stride, size // 2
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
    def __init__(self, channels, width, size, stride, ratio):
        super().__init__()
        self.conv = MaskedConv2d(channels, width, size, stride, ratio)
        self.norm = nn.BatchNorm2d(width, affine=False)

    def forward(self, x):
        return self.norm(self.conv(x))

    def fold(self):
        """Moves the running statistics into the convolution's fixed weight and a bias."""
        scale = torch.rsqrt(self.norm.running_var + self.norm.eps)
        self.conv.fixed = self.conv.fixed * scale.view(-1, 1, 1, 1)
        self.conv.bias = -self.norm.running_mean * scale
        self.norm = nn.Identity()


class BasicBlock(nn.Module):
    def __init__(self, channels, width, stride, ratio):
        super().__init__()
        self.first = ConvNorm(channels, width, 3, stride, ratio)
        self.second = ConvNorm(width, width, 3, 1, ratio)
        same = stride == 1 and channels == width
        self.shortcut = nn.Identity() if same else ConvNorm(channels, width, 1, stride, ratio)

    def forward(self, x):
        return F.relu(self.second(F.relu(self.first(x))) + self.shortcut(x))


class ResNet18(nn.Module):
    def __init__(self, ratio):
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))
        self.stem = ConvNorm(3, WIDTHS[0], 3, 1, ratio)
        blocks, channels = [], WIDTHS[0]
        for stage, width in enumerate(WIDTHS):
            for block in range(2):
                stride = 2 if stage > 0 and block == 0 else 1
                blocks.append(BasicBlock(channels, width, stride, ratio))
                channels = width
        self.blocks = nn.Sequential(*blocks)
        self.classifier = MaskedConv2d(channels, CLASSES, 1, 1, ratio)

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


def project(images, adversarial):
    """Onto the L-infinity ball around `images` and the pixel range."""
    return torch.clamp(torch.min(torch.max(adversarial, images - EPSILON), images + EPSILON), 0, 1)


def random_start(images):
    return project(images, images + torch.empty_like(images).uniform_(-EPSILON, EPSILON))


def pgd_step(network, images, labels, adversarial):
    adversarial = adversarial.detach().requires_grad_()
    loss = F.cross_entropy(network(adversarial), labels)
    (gradient,) = torch.autograd.grad(loss, adversarial)
    return project(images, adversarial.detach() + STEP_SIZE * gradient.sign())


def official_pgd_step(network, images, labels, adversarial):
    """As pgd_step, but the backward pass fills the scores' gradients as well."""
    adversarial = adversarial.detach().requires_grad_()
    F.cross_entropy(network(adversarial), labels).backward()
    return project(images, adversarial.detach() + STEP_SIZE * adversarial.grad.sign())


def eval_network(ratio, images):
    """A network without trainable parameters, its running statistics those of one batch."""
    network = ResNet18(ratio).requires_grad_(False)
    network.fix_masks()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(images[:32])
    return network.eval()


class PgdStep:
    """`run` is the timed repetition, `warm_up` the untimed iteration before it."""

    def __init__(self, ratio, images, labels, best):
        network = eval_network(ratio, images)
        if best:
            network.fold()
            for conv in network.convolutions():
                conv.fixed = conv.fixed.contiguous(memory_format=torch.channels_last)
            images = images.contiguous(memory_format=torch.channels_last)
        start = random_start(images)
        self.run = self.warm_up = lambda: pgd_step(network, images, labels, start)


class SearchStep:
    def __init__(self, ratio, images, labels):
        self.network = ResNet18(ratio).train()
        self.images, self.labels = images, labels
        self.optimizer = torch.optim.SGD(
            [conv.scores for conv in self.network.convolutions()], lr=0.1, momentum=0.9, weight_decay=5e-4
        )

    def attack(self, step, steps):
        adversarial = random_start(self.images)
        for _ in range(steps):
            adversarial = step(self.network, self.images, self.labels, adversarial)
        return adversarial


class OfficialSearchStep(SearchStep):
    def warm_up(self):
        self.attack(official_pgd_step, 1)

    def run(self):
        adversarial = self.attack(official_pgd_step, ATTACK_STEPS)
        self.optimizer.zero_grad()
        F.cross_entropy(self.network(adversarial), self.labels).backward()
        self.optimizer.step()


class TunedSearchStep(SearchStep):
    def __init__(self, ratio, images, labels):
        super().__init__(ratio, images.contiguous(memory_format=torch.channels_last), labels)
        self.network.to(memory_format=torch.channels_last)

    def warm_up(self):
        self.network.fix_masks()
        self.attack(pgd_step, 1)

    def run(self):
        convolutions = self.network.convolutions()
        self.network.fix_masks()
        adversarial = self.attack(pgd_step, ATTACK_STEPS)
        for conv in convolutions:
            conv.fixed.requires_grad_()
        F.cross_entropy(self.network(adversarial), self.labels).backward()
        for conv in convolutions:
            conv.set_score_gradient()
        self.optimizer.step()


WORKS = {
    "pgd-step": {
        "pytorch-plain": lambda *inputs: PgdStep(*inputs, best=False),
        "pytorch-best": lambda *inputs: PgdStep(*inputs, best=True),
    },
    "search-step": {"pytorch-official": OfficialSearchStep, "pytorch-tuned": TunedSearchStep},
}


def measure(work, implementation, ratio, batch, repeat):
    """Seconds of each repetition."""
    torch.manual_seed(0)
    images, labels = torch.rand(batch, 3, 32, 32), torch.randint(CLASSES, (batch,))
    task = WORKS[work][implementation](ratio, images, labels)
    task.warm_up()
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        task.run()
        seconds.append(time.perf_counter() - start)
    return seconds


def main():
    parser = argparse.ArgumentParser(description="Times PyTorch on one PGD step or one search step of " + ARCH)
    parser.add_argument("--work", choices=WORKS, required=True)
    parser.add_argument("--ratio", type=float, nargs="+", default=[0.1], help="remaining ratios in (0, 1]")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=5, help="timed repetitions")
    parser.add_argument("--implementation", help="one of the work's implementations; all of them by default")
    options = parser.parse_args()
    chosen = [options.implementation] if options.implementation else list(WORKS[options.work])
    if not set(chosen) <= set(WORKS[options.work]):
        parser.error(f"--implementation: expected {' or '.join(WORKS[options.work])} for {options.work}")
    if not all(0 < ratio <= 1 for ratio in options.ratio):
        parser.error("--ratio: expected numbers in (0, 1]")
    if min(options.batch, options.threads, options.repeat) < 1:
        parser.error("--batch, --threads and --repeat: expected positive integers")

    torch.set_num_threads(options.threads)
    for ratio in options.ratio:
        for implementation in chosen:
            seconds = measure(options.work, implementation, ratio, options.batch, options.repeat)
            row = {
                "work": options.work,
                "arch": ARCH,
                "ratio": ratio,
                "batch": options.batch,
                "threads": options.threads,
                "implementation": implementation,
                "seconds": [round(value, 6) for value in seconds],
                "median": round(statistics.median(seconds), 6),
            }
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
