"""Serves one piece of work in PyTorch to `npm run bench -- --only peers`.

    python pytorch.py --work pgd-step --implementation pytorch-best --model FILE --threads 2

Prints `ready` after an untimed warm-up, then answers each line on standard input (the protocol of peer-process.ts):
    run N   -> seconds S   of one repetition, the mean of N
    check   -> check JSON  {logits}
    memory  -> memory B    bytes resident at the peak

forward      logits in eval mode.
  pytorch-plain     the masked weights computed beforehand
  pytorch-best      the same with batch norm folded into the convolutions and channels_last
  pytorch-compile   the best one through torch.compile, its weights frozen

pgd-step     one L-infinity PGD iteration in eval mode: forward, gradient to the input, sign step, projection.
  pytorch-plain, pytorch-best, pytorch-compile

autoattack   as many passes of the batch as AutoAttack makes here: --backwards N of them forward and gradient to the
             input, the rest of --forwards M forward only; nothing else of the attacks is done.
  pytorch-plain, pytorch-best

search-step  one step of the search in train mode: PGD-7 with batch statistics, then SGD on the scores.
  pytorch-official  the official algorithm: each forward sorts the scores of each layer, and each backward,
                    the attack's too, goes through to the scores
  pytorch-tuned     masks selected once a step, the attack differentiates the input only, channels_last

train-step   one step of dense adversarial training: PGD-7 with batch statistics, then SGD on the weights.
  pytorch-plain     the attack differentiates the input only
  pytorch-tuned     the same in channels_last
  pytorch-compile   the same through torch.compile

Needs torch (written with 2.13, CPU).
"""

import argparse
import json
import resource
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

from resnet18 import ResNet18, read_model_file

EPSILON = 8 / 255
STEP_SIZE = 2 / 255
ATTACK_STEPS = 7
SGD = {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4}


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


def eval_network(model, best):
    network = ResNet18(model).requires_grad_(False).eval()
    network.fix_masks()
    if best:
        network.fold()
        for conv in network.convolutions():
            conv.fixed = conv.fixed.contiguous(memory_format=torch.channels_last)
    return network


def inputs(model, channels_last):
    images, labels = model["images"], model["labels"].long()
    return images.contiguous(memory_format=torch.channels_last) if channels_last else images, labels


class Forward:
    def __init__(self, model, best, compiled=False):
        self.network = eval_network(model, best)
        self.images, _ = inputs(model, best)
        if compiled:
            import torch._inductor.config as inductor

            inductor.freezing = True
            self.network = torch.compile(self.network)

    @torch.no_grad()
    def logits(self):
        return self.network(self.images)

    run = warm_up = logits


class PgdStep:
    """`run` is the timed repetition, `warm_up` the untimed iteration before it."""

    def __init__(self, model, best, compiled=False):
        self.network = eval_network(model, best)
        if compiled:
            self.network = torch.compile(self.network)
        self.images, self.labels = inputs(model, best)
        self.start = random_start(self.images)

    def run(self):
        pgd_step(self.network, self.images, self.labels, self.start)

    warm_up = run

    @torch.no_grad()
    def logits(self):
        return self.network(self.images)


class AutoAttackPasses(PgdStep):
    def __init__(self, model, best, forwards, backwards):
        super().__init__(model, best)
        self.forwards, self.backwards = forwards, backwards

    def run(self):
        for _ in range(self.backwards):
            images = self.images.detach().requires_grad_()
            torch.autograd.grad(F.cross_entropy(self.network(images), self.labels), images)
        for _ in range(self.forwards - self.backwards):
            self.logits()

    def warm_up(self):
        pgd_step(self.network, self.images, self.labels, self.start)


class TrainingStep:
    def __init__(self, model, channels_last):
        self.network = ResNet18(model).train()
        self.images, self.labels = inputs(model, channels_last)
        if channels_last:
            self.network.to(memory_format=torch.channels_last)

    def attack(self, step, steps):
        adversarial = random_start(self.images)
        for _ in range(steps):
            adversarial = step(self.network, self.images, self.labels, adversarial)
        return adversarial

    @torch.no_grad()
    def logits(self):
        return self.network(self.images)


class OfficialSearchStep(TrainingStep):
    def __init__(self, model):
        super().__init__(model, channels_last=False)
        self.optimizer = torch.optim.SGD([conv.scores for conv in self.network.convolutions()], **SGD)

    def warm_up(self):
        self.attack(official_pgd_step, 1)

    def run(self):
        adversarial = self.attack(official_pgd_step, ATTACK_STEPS)
        self.optimizer.zero_grad()
        F.cross_entropy(self.network(adversarial), self.labels).backward()
        self.optimizer.step()


class TunedSearchStep(TrainingStep):
    def __init__(self, model):
        super().__init__(model, channels_last=True)
        self.optimizer = torch.optim.SGD([conv.scores for conv in self.network.convolutions()], **SGD)

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


class DenseTrainingStep(TrainingStep):
    def __init__(self, model, channels_last, compiled=False):
        super().__init__(model, channels_last)
        self.weights = []
        for conv in self.network.convolutions():
            conv.fixed = nn.Parameter(conv.weight)
            self.weights.append(conv.fixed)
        self.optimizer = torch.optim.SGD(self.weights, **SGD)
        self.compiled = compiled
        if compiled:
            self.network = torch.compile(self.network)

    def attack_inputs(self, steps):
        """The weights need no gradient while the images are attacked."""
        for weight in self.weights:
            weight.requires_grad_(False)
        adversarial = self.attack(pgd_step, steps)
        for weight in self.weights:
            weight.requires_grad_()
        return adversarial

    def warm_up(self):
        self.attack_inputs(1)
        if not self.compiled:
            return
        # A whole step, so that all of it is compiled; then the weights as they were.
        weights = [weight.detach().clone() for weight in self.weights]
        self.run()
        with torch.no_grad():
            for weight, before in zip(self.weights, weights):
                weight.copy_(before)

    def run(self):
        adversarial = self.attack_inputs(ATTACK_STEPS)
        self.optimizer.zero_grad()
        F.cross_entropy(self.network(adversarial), self.labels).backward()
        self.optimizer.step()


def eval_variants(task):
    return {
        "pytorch-plain": lambda model: task(model, best=False),
        "pytorch-best": lambda model: task(model, best=True),
        "pytorch-compile": lambda model: task(model, best=True, compiled=True),
    }


WORKS = {
    "forward": eval_variants(Forward),
    "pgd-step": eval_variants(PgdStep),
    "autoattack": {
        "pytorch-plain": lambda model, **passes: AutoAttackPasses(model, best=False, **passes),
        "pytorch-best": lambda model, **passes: AutoAttackPasses(model, best=True, **passes),
    },
    "search-step": {"pytorch-official": OfficialSearchStep, "pytorch-tuned": TunedSearchStep},
    "train-step": {
        "pytorch-plain": lambda model: DenseTrainingStep(model, channels_last=False),
        "pytorch-tuned": lambda model: DenseTrainingStep(model, channels_last=True),
        "pytorch-compile": lambda model: DenseTrainingStep(model, channels_last=True, compiled=True),
    },
}


def timed(task, repetitions):
    """Seconds of one repetition, the mean of several; several are preceded by one that is not timed."""
    if repetitions > 1:
        task.run()
    start = time.perf_counter()
    for _ in range(repetitions):
        task.run()
    return (time.perf_counter() - start) / repetitions


def peak_memory():
    try:
        # Not ru_maxrss, which on Linux starts at the peak of the process that started this one.
        with open("/proc/self/status") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def serve(task):
    print("ready", flush=True)
    for line in sys.stdin:
        command, *arguments = line.split()
        if command == "run":
            print("seconds", timed(task, int(arguments[0])), flush=True)
        elif command == "check":
            print("check", json.dumps({"logits": task.logits().flatten().tolist()}), flush=True)
        elif command == "memory":
            print("memory", peak_memory(), flush=True)


def main():
    parser = argparse.ArgumentParser(description="Serves PyTorch's part of the benchmark")
    parser.add_argument("--work", choices=WORKS, required=True)
    parser.add_argument("--implementation", required=True, help="one of the work's implementations")
    parser.add_argument("--model", required=True, help="safetensors file with images, labels and network")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--forwards", type=int, default=1, help="of autoattack")
    parser.add_argument("--backwards", type=int, default=0, help="of autoattack")
    options = parser.parse_args()
    variants = WORKS[options.work]
    if options.implementation not in variants:
        parser.error(f"--implementation: expected {' or '.join(variants)} for {options.work}")
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    passes = {}
    if options.work == "autoattack":
        passes = {"forwards": options.forwards, "backwards": options.backwards}
    task = variants[options.implementation](read_model_file(options.model), **passes)
    task.warm_up()
    serve(task)


if __name__ == "__main__":
    main()
