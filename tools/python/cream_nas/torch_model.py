"""The network of an arch.json as a PyTorch module; reading and writing of safetensors files.

Needs only PyTorch (1.11 or later), and works as a file of its own too. Names and shapes are those of cream's weights
files and of timm.
"""
import json
import struct

import numpy
import torch
import torch.nn as nn
import torch.nn.functional as F

ACTS = {'none': nn.Identity, 'relu': nn.ReLU, 'swish': nn.SiLU, 'hard-swish': nn.Hardswish,
        'sigmoid': nn.Sigmoid, 'hard-sigmoid': nn.Hardsigmoid, 'relu6': nn.ReLU6}


def make_divisible(v, divisor=8):
    n = max(divisor, int(v + divisor / 2) // divisor * divisor)
    return n + divisor if n < 0.9 * v else n


class SameConv2d(nn.Conv2d):
    """Pads as TensorFlow does: ceil(side / stride) outputs, the odd row or column of zeros at the end."""

    def forward(self, x):
        pads = []
        for i in (1, 0):
            stride, side = self.stride[i], x.shape[2 + i]
            reach = self.dilation[i] * (self.kernel_size[i] - 1) + 1
            total = max((-(-side // stride) - 1) * stride + reach - side, 0)
            pads += [total // 2, total - total // 2]
        return super().forward(F.pad(x, pads))


def conv(cin, cout, kernel=1, stride=1, dilation=1, groups=1, bias=False, padding='symmetric'):
    if padding == 'same':
        return SameConv2d(cin, cout, kernel, stride, 0, dilation, groups, bias)
    return nn.Conv2d(cin, cout, kernel, stride, dilation * (kernel - 1) // 2, dilation, groups, bias)


class SqueezeExcite(nn.Module):
    def __init__(self, channels, reduced, act, gate):
        super().__init__()
        self.conv_reduce = conv(channels, reduced, bias=True)
        self.act = ACTS[act]()
        self.conv_expand = conv(reduced, channels, bias=True)
        self.gate = ACTS[gate]()

    def forward(self, x):
        s = x.mean((2, 3), keepdim=True)
        return x * self.gate(self.conv_expand(self.act(self.conv_reduce(s))))


class Block(nn.Module):
    """One layer: convolutions with batch norm, an optional squeeze-excite, an optional residual connection."""

    def __init__(self, op, cin, cout, stride, padding, bn_eps):
        super().__init__()
        kind, kernel, dilation, self.bn_eps = op['block'], op['kernel'], op['dilation'], bn_eps
        same = cin == cout and stride == 1
        self.residual = same and kind != 'skip'
        self.act = ACTS[op['act']]()
        self.steps = []  # (convolution, batch norm, whether the activation follows), by name
        mid = cin
        if kind == 'mbconv':
            mid = make_divisible(cin * op['expand'])
            self.add('conv_pw', 'bn1', conv(cin, mid), True)
        if kind in ('mbconv', 'separable'):
            last = ('conv_pwl', 'bn3') if kind == 'mbconv' else ('conv_pw', 'bn2')
            self.add('conv_dw', 'bn2' if kind == 'mbconv' else 'bn1',
                     conv(mid, mid, kernel, stride, dilation, mid, padding=padding), True)
            if op['se'] > 0:
                reduced = (max(1, int(cin * op['se'] + 0.5)) if op['se_of_input']
                           else make_divisible(mid * op['se']))
                self.se = SqueezeExcite(mid, reduced, op['se_act'], op['se_gate'])
            self.add(*last, conv(mid, cout), False)
        elif kind == 'bottleneck':
            mid = make_divisible(cout * op['expand'])
            self.add('conv1', 'bn1', conv(cin, mid), True)
            self.add('conv2', 'bn2', conv(mid, mid, kernel, stride, dilation, padding=padding), True)
            self.add('conv3', 'bn3', conv(mid, cout), False)
        elif not same:
            self.add('conv', 'bn1', conv(cin, cout, 1, stride), False)

    def add(self, name, bn, layer, act):
        self.add_module(name, layer)
        self.add_module(bn, nn.BatchNorm2d(layer.out_channels, self.bn_eps))
        self.steps.append((name, bn, act))

    def forward(self, x):
        y = x
        for name, bn, act in self.steps:
            y = getattr(self, bn)(getattr(self, name)(y))
            y = self.act(y) if act else y
            if name == 'conv_dw' and hasattr(self, 'se'):
                y = self.se(y)
        return x + y if self.residual else y


class ConvBnAct(nn.Module):
    def __init__(self, cin, cout, act, bn_eps):
        super().__init__()
        self.conv = conv(cin, cout)
        self.bn1 = nn.BatchNorm2d(cout, bn_eps)
        self.act = act

    def forward(self, x):
        return self.act(self.bn1(self.conv(x)))


class Network(nn.Module):
    """`arch` is the content of an arch.json (a dict) or its path."""

    def __init__(self, arch):
        super().__init__()
        if not isinstance(arch, dict):
            with open(arch) as file:
                arch = json.load(file)
        stem, head = arch['stem'], arch['head']
        padding, bn_eps = arch.get('padding', 'symmetric'), arch.get('bn_eps', 1e-5)
        channels = stem['channels']
        self.conv_stem = conv(3, channels, stem['kernel'], stem['stride'], padding=padding)
        self.bn1 = nn.BatchNorm2d(channels, bn_eps)
        self.act1, self.act2 = ACTS[stem['act']](), ACTS[head['act']]()
        self.blocks = nn.Sequential()
        for stage in arch['stages']:
            layers = nn.Sequential()
            for i, name in enumerate(stage['layers']):
                stride = stage['stride'] if i == 0 else 1
                layers.append(Block(arch['ops'][name], channels, stage['channels'], stride, padding, bn_eps))
                channels = stage['channels']
            self.blocks.append(layers)
        self.features = head['features']
        if self.features:  # as in MobileNetV3: the last convolution follows the pooling
            self.blocks.append(nn.Sequential(ConvBnAct(channels, head['channels'], self.act2, bn_eps)))
            self.conv_head = conv(head['channels'], self.features, bias=True)
        else:
            self.conv_head = conv(channels, head['channels'])
            self.bn2 = nn.BatchNorm2d(head['channels'], bn_eps)
        self.classifier = nn.Linear(self.features or head['channels'], arch['classes'])

    def forward(self, x):
        x = self.blocks(self.act1(self.bn1(self.conv_stem(x))))
        if not self.features:
            x = self.act2(self.bn2(self.conv_head(x)))
        x = x.mean((2, 3), keepdim=True)
        if self.features:
            x = self.act2(self.conv_head(x))
        return self.classifier(x.flatten(1))


def load_safetensors(path):
    """Returns the state dict, in the order of the file, and the metadata."""
    with open(path, 'rb') as file:
        header = json.loads(file.read(struct.unpack('<Q', file.read(8))[0]))
        data = file.read()
    metadata, state = header.pop('__metadata__', {}), {}
    for name, entry in header.items():
        begin, end = entry['data_offsets']
        numbers = numpy.frombuffer(data[begin:end], {'F32': '<f4', 'I64': '<i8'}[entry['dtype']]).copy()
        state[name] = torch.from_numpy(numbers).reshape(entry['shape'])
    return state, metadata


def save_safetensors(path, state, metadata):
    """Writes a file that load_safetensors reads, without num_batches_tracked of batch norms."""
    state = {k: t.detach().cpu().float() for k, t in state.items() if not k.endswith('num_batches_tracked')}
    header, offset = {'__metadata__': metadata} if metadata else {}, 0
    for name, t in state.items():
        end = offset + 4 * t.numel()
        header[name] = {'dtype': 'F32', 'shape': list(t.shape), 'data_offsets': [offset, end]}
        offset = end
    text = json.dumps(header, ensure_ascii=False).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text)
        for t in state.values():
            file.write(t.contiguous().numpy().astype('<f4').tobytes())
