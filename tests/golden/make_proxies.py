#!/usr/bin/env python3
"""Makes proxies.safetensors: the zero-cost proxies of the paths of path.safetensors, as Abdelfattah et al. compute them
(github.com/SamsungLabs/zero-cost-nas, foresight/pruners/measures), by PyTorch and its autograd in double precision. See
README.md. Needs NumPy as well as PyTorch."""
import pathlib
import sys

import numpy
import torch
import torch.nn.functional as F

import make_golden as golden

HERE = pathlib.Path(__file__).parent


class Plain(golden.Supernet):
    """Without batch norms, and with the absolute values of all weights."""

    def __init__(self, net):
        self.statistics, self.head = net.statistics, net.head
        self.weights = {name: t.detach().abs().requires_grad_() for name, t in net.weights.items()}

    def unit(self, x, name, bn, c, activation, mode):
        return golden.act(activation, golden.conv_forward(x, c, self.weights[name + '.weight']))


def layers(net):
    """The weights that the last backward pass has reached, without those of batch norms."""
    return [t for name, t in net.weights.items() if t.dim() > 1 and t.grad is not None]


def clear(net):
    for t in net.weights.values():
        t.grad = None


def synflow(net, path, x, labels):
    plain = Plain(net)
    plain.forward(torch.ones_like(x[:1]), path, 'batch').sum().backward()
    return sum((t * t.grad).abs().sum() for t in layers(plain))


def jacob_cov(net, path, x, labels):
    x = x.clone().requires_grad_()
    net.forward(x, path, 'batch').sum().backward()
    clear(net)
    values = numpy.linalg.eigvalsh(numpy.corrcoef(x.grad.flatten(1).numpy()))
    k = 1e-5
    return torch.tensor(-numpy.sum(numpy.log(values + k) + 1 / (values + k)))


def grad_norm(net, path, x, labels):
    F.cross_entropy(net.forward(x, path, 'batch'), labels).backward()
    norms = [t.grad.norm() for t in layers(net)]
    clear(net)
    return sum(norms)


def make_proxies():
    draw = golden.Draw(300)  # as make_path
    net = golden.Supernet(draw)
    x = draw.normal(golden.BATCH, 3, golden.SIDE, golden.SIDE).float()
    x = (x / 2 + x[:1]).double()  # images that have something in common
    labels = draw.integers(golden.CLASSES, len(golden.STEPS), golden.BATCH)
    tensors = {}
    for proxy in (synflow, jacob_cov, grad_norm):
        values = [proxy(net, path, x, labels[i]) for i, (path, _, _) in enumerate(golden.STEPS)]
        tensors[proxy.__name__] = torch.stack([v.detach() for v in values])
    return tensors


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    golden.save(folder / 'proxies.safetensors', make_proxies())


if __name__ == '__main__':
    main()
