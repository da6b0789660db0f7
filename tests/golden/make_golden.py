#!/usr/bin/env python3
"""Makes ops.safetensors, same.safetensors and path.safetensors: what the ops of core/backend.h, its convolutions
with TensorFlow's padding, and a path of a small supernet must compute, as PyTorch and its autograd compute it in double precision. See README.md."""
import json
import math
import pathlib
import struct
import sys

import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).parent
EPS, MOMENTUM = 1e-5, 0.1

# The order of cream_act.
ACTS = {
    'none': lambda x: x,
    'relu': F.relu,
    'swish': F.silu,
    'hard_swish': F.hardswish,
    'sigmoid': torch.sigmoid,
    'hard_sigmoid': lambda x: F.relu6(x + 3) / 6,
}
KINKS = {'relu': (0,), 'hard_swish': (-3, 3), 'hard_sigmoid': (-3, 3)}


def act(name, x):
    """The activation; no input may lie where single precision could fall on the other side of a kink."""
    for kink in KINKS.get(name, ()):
        assert (x - kink).abs().min() > 3e-6, 'an input of %s lies on its kink: change the seed' % name
    return ACTS[name](x)


def save(path, tensors):
    """Safetensors: length of the header, header (JSON), little-endian float32 data."""
    header, data = {}, b''
    for name, value in tensors.items():
        value = torch.as_tensor(value).detach().to(torch.float32).contiguous()
        raw = struct.pack('<%df' % value.numel(), *value.flatten().tolist())
        header[name] = {'dtype': 'F32', 'shape': list(value.shape),
                        'data_offsets': [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    path.write_bytes(struct.pack('<Q', len(text)) + text + data)


def nhwc(x):
    return x.permute(0, 2, 3, 1)


class Draw:
    """Random inputs that single precision holds exactly, as double."""

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape, std=1.0, mean=0.0):
        x = torch.randn(shape, generator=self.generator, dtype=torch.float64) * std + mean
        return x.float().double()

    def uniform(self, low, high, *shape):
        x = torch.rand(shape, generator=self.generator, dtype=torch.float64) * (high - low) + low
        return x.float().double()

    def integers(self, bound, *shape):
        return torch.randint(bound, shape, generator=self.generator)


# ---- ops ---------------------------------------------------------------------------------------------------

def conv(cin, cout, kernel=1, stride=1, dilation=1, depthwise=False):
    return dict(cin=cin, cout=cout, kernel=kernel, stride=stride, pad=dilation * (kernel - 1) // 2,
                dilation=dilation, depthwise=depthwise)


def dw(c, kernel, stride=1, dilation=1):
    return conv(c, c, kernel, stride, dilation, True)


def chain_cases():
    """name -> size of the input, first convolution, its activation, squeeze-excite (reduced, act, gate),
    second convolution, its activation. Both convolutions have batch norm; the mean over pixels ends it."""
    point = conv(5, 13)
    cases = {
        'stem': ((2, 11, 9), conv(3, 8, 3, 2), 'swish', None, conv(8, 12), 'swish'),
        'dense_k3': ((2, 7, 9), point, 'swish', None, conv(13, 11, 3), 'swish'),
        'dense_k3_s2_d2': ((2, 9, 11), point, 'swish', None, conv(13, 10, 3, 2, 2), 'swish'),
        'pointwise': ((2, 7, 5), conv(17, 33), 'swish', None, conv(33, 19), 'swish'),
        'pointwise_s2': ((3, 7, 10), point, 'swish', None, conv(13, 14, 1, 2), 'swish'),
        'se': ((3, 7, 5), point, 'swish', (8, 'relu', 'hard_sigmoid'), conv(13, 9), 'swish'),
        'se_smooth': ((3, 5, 6), point, 'hard_swish', (5, 'swish', 'sigmoid'), conv(13, 9), 'relu'),
        'se_depthwise': ((2, 8, 7), dw(20, 5, 2), 'swish', (8, 'relu', 'hard_sigmoid'), conv(20, 7), 'swish'),
    }
    for kernel in (3, 5, 7):
        for stride in (1, 2):
            for dilation in (1, 2):
                name = 'dw_k%d_s%d_d%d' % (kernel, stride, dilation)
                cases[name] = ((2, 9, 8), point, 'swish', None, dw(13, kernel, stride, dilation), 'swish')
    for i, name in enumerate(ACTS):
        second = list(ACTS)[-i] if i else 'swish'
        cases['act_' + name] = ((2, 5, 7), conv(4, 9), name, None, dw(9, 3), second)
    return cases


def conv_forward(x, c, weight, bias=None):
    return F.conv2d(x, weight, bias, c['stride'], c['pad'], c['dilation'], c['cin'] if c['depthwise'] else 1)


def conv_parameters(draw, prefix, c):
    shape = (c['cout'], 1 if c['depthwise'] else c['cin'], c['kernel'], c['kernel'])
    fan_in = shape[1] * shape[2] * shape[3]
    return {
        prefix + '.weight': draw.normal(*shape, std=fan_in ** -0.5),
        prefix + '.gamma': draw.uniform(0.5, 1.5, shape[0]),
        prefix + '.beta': draw.normal(shape[0], std=0.5),
    }


def se_parameters(draw, c, r):
    return {
        'se.w1': draw.normal(r, c, 1, 1, std=2 * c ** -0.5),
        'se.b1': draw.normal(r, std=0.5),
        'se.w2': draw.normal(c, r, 1, 1, std=2 * r ** -0.5),
        'se.b2': draw.normal(c, std=0.5),
    }


def squeeze_excite(x, p, inner, gate, prefix='se.', names=('w1', 'b1', 'w2', 'b2')):
    w1, b1, w2, b2 = (p[prefix + n] for n in names)
    hidden = act(inner, F.conv2d(x.mean((2, 3), keepdim=True), w1, b1))
    return act(gate, F.conv2d(hidden, w2, b2))


def chain_forward(p, statistics, training, first, act0, se, second, act1):
    """The gate, the value after the second batch norm, and its mean over pixels.
    statistics: name of the convolution -> (mean, var)."""
    out = {}
    x = p['x']
    for prefix, c, name in (('conv0', first, act0), ('conv1', second, act1)):
        mean, var = statistics[prefix]
        y = conv_forward(x, c, p[prefix + '.weight'])
        gamma, beta = p[prefix + '.gamma'], p[prefix + '.beta']
        x = act(name, F.batch_norm(y, mean, var, gamma, beta, training, MOMENTUM, EPS))
        if prefix == 'conv0' and se:
            out['se.gate'] = gate = squeeze_excite(x, p, se[1], se[2])
            x = x * gate
    out.update(value=x, pooled=x.mean((2, 3)))
    return out


def chain(draw, size, first, act0, se, second, act1):
    n, h, w = size
    p = {'x': draw.normal(n, first['cin'], h, w)}
    p.update(conv_parameters(draw, 'conv0', first))
    p.update(conv_parameters(draw, 'conv1', second))
    if se:
        p.update(se_parameters(draw, first['cout'], se[0]))
    statistics = {k: (draw.normal(c['cout'], std=0.5), draw.uniform(0.5, 2, c['cout']))
                  for k, c in (('conv0', first), ('conv1', second))}
    dout = draw.normal(n, second['cout'])

    act_index = list(ACTS).index
    tensors = {'size': torch.tensor(size),
               'acts': torch.tensor([act_index(act0), act_index(act1)]),
               'dout': dout}
    for prefix, c in (('conv0', first), ('conv1', second)):
        tensors[prefix + '.shape'] = torch.tensor([int(c[k]) for k in (
            'cin', 'cout', 'kernel', 'stride', 'pad', 'dilation', 'depthwise')])
        for name, t in zip(('running_mean', 'running_var'), statistics[prefix]):
            tensors['%s.%s' % (prefix, name)] = t.clone()
    if se:
        tensors['se.shape'] = torch.tensor([se[0], act_index(se[1]), act_index(se[2])])

    evaluated = chain_forward(p, statistics, False, first, act0, se, second, act1)
    tensors['eval.pooled'] = evaluated['pooled']
    for t in p.values():
        t.requires_grad_()
    trained = chain_forward(p, statistics, True, first, act0, se, second, act1)
    (trained['pooled'] * dout).sum().backward()
    for name, t in trained.items():
        tensors['train.' + name] = t.flatten(1) if name == 'se.gate' else nhwc(t) if name == 'value' else t
    for prefix in ('conv0', 'conv1'):
        for name, t in zip(('running_mean', 'running_var'), statistics[prefix]):
            tensors['train.%s.%s' % (prefix, name)] = t
    for name, t in p.items():
        tensors[name] = nhwc(t) if name == 'x' else t
        tensors['grad.' + name] = nhwc(t.grad) if name == 'x' else t.grad
    return tensors


def residual(draw):
    """conv0 -> bn, swish = u;  conv1 -> bn;  u + that;  conv2 -> bn, swish -> mean over pixels.
    conv2 pads: behind a 1x1 convolution with batch norm, the gradient of conv1's beta would be zero."""
    convs = (conv(6, 11), dw(11, 3), conv(11, 7, 3))
    p = {'x': draw.normal(2, 6, 5, 7)}
    for i, c in enumerate(convs):
        p.update(conv_parameters(draw, 'conv%d' % i, c))
    dout = draw.normal(2, 7)
    for t in p.values():
        t.requires_grad_()

    def layer(i, x, name):
        prefix = 'conv%d' % i
        y = conv_forward(x, convs[i], p[prefix + '.weight'])
        return act(name, F.batch_norm(y, None, None, p[prefix + '.gamma'], p[prefix + '.beta'], True, 0, EPS))

    u = layer(0, p['x'], 'swish')
    total = u + layer(1, u, 'none')
    pooled = layer(2, total, 'swish').mean((2, 3))
    (pooled * dout).sum().backward()
    tensors = {'dout': dout, 'sum': nhwc(total), 'pooled': pooled}
    for name, t in p.items():
        tensors[name] = nhwc(t) if name == 'x' else t
        tensors['grad.' + name] = nhwc(t.grad) if name == 'x' else t.grad
    return tensors


def smooth_loss(logits, labels, smoothing):
    return F.cross_entropy(logits, labels, label_smoothing=smoothing)


def soft_loss(logits, target):
    return F.cross_entropy(logits, target)


def head(draw):
    """linear (bias) -> swish -> linear (bias) -> 0.65 smoothed CE + 0.35 CE(softmax of a teacher)."""
    n, c, features, classes, hard, soft, smoothing = 6, 19, 37, 11, 0.65, 0.35, 0.1
    p = {
        'x': draw.normal(n, c),
        'fc0.weight': draw.normal(features, c, std=c ** -0.5),
        'fc0.bias': draw.normal(features, std=0.5),
        'fc1.weight': draw.normal(classes, features, std=2 * features ** -0.5),
        'fc1.bias': draw.normal(classes, std=0.5),
    }
    teacher, labels = draw.normal(n, classes, std=2), draw.integers(classes, n)
    for t in p.values():
        t.requires_grad_()
    features_value = F.silu(F.linear(p['x'], p['fc0.weight'], p['fc0.bias']))
    logits = F.linear(features_value, p['fc1.weight'], p['fc1.bias'])
    labels[:2] = logits[:2].argmax(1)
    logits.retain_grad()
    target = F.softmax(teacher, 1)
    ce, kd = smooth_loss(logits, labels, smoothing), soft_loss(logits, target)
    loss = hard * ce + soft * kd
    loss.backward()
    correct = (logits.argmax(1) == labels).sum()
    assert 0 < correct < n
    tensors = {'weights': torch.tensor([hard, soft, smoothing]), 'teacher': teacher, 'target': target,
               'labels': labels, 'logits': logits, 'grad.logits': logits.grad,
               'result': torch.stack((loss.detach(), ce.detach(), kd.detach(), correct.double()))}
    for name, t in p.items():
        tensors[name], tensors['grad.' + name] = t, t.grad
    return tensors


def match(draw):
    entries, length = 3, 23
    p, phi = draw.uniform(0, 1, entries, length), draw.uniform(0, 1, entries, length)
    theta = draw.normal(length + 1)
    scores = F.linear(p - phi, theta[None, :-1], theta[-1:])
    return {'p': p, 'phi': phi, 'theta': theta, 'diff': p - phi, 'scores': scores}


def pixels(draw):
    image = draw.integers(256, 2, 5, 3, 3).double()
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    value = (image / 255 - mean.double()) / std.double()
    return {'pixels': image, 'mean': mean, 'std': std, 'value': value}


class RMSpropTF(torch.optim.Optimizer):
    """RMSprop in TensorFlow's form: the mean square starts at 1, eps is inside the root, and the learning
    rate is inside the momentum."""

    def step(self):
        for group in self.param_groups:
            for w in group['params']:
                state = self.state[w]
                if not state:
                    state['square_avg'] = torch.ones_like(w)
                    state['momentum_buffer'] = torch.zeros_like(w)
                d = w.grad + group['weight_decay'] * w.data
                state['square_avg'] += (1 - group['alpha']) * (d * d - state['square_avg'])
                root = torch.sqrt(state['square_avg'] + group['eps'])
                state['momentum_buffer'].mul_(group['momentum']).add_(group['lr'] * d / root)
                w.data -= state['momentum_buffer']


def optimiser(draw, make):
    """Three steps on two slices, the first with weight decay, and the average of the weights."""
    counts, steps, ema_decay = (37, 10), 3, 0.9
    w = [draw.normal(c).requires_grad_() for c in counts]
    tensors = {'w': torch.cat([t.detach() for t in w]), 'counts': torch.tensor(counts),
               'ema_decay': torch.tensor([ema_decay], dtype=torch.float64)}
    ema = tensors['w'].clone()
    settings, step = make(w)
    for i in range(steps):
        for t in w:
            t.grad = draw.normal(*t.shape)
        tensors['g%d' % i] = torch.cat([t.grad for t in w])
        step.step()
        now = torch.cat([t.detach() for t in w])
        ema += (1 - ema_decay) * (now - ema)
        tensors['w%d' % i] = now
    tensors['settings'] = torch.tensor(settings, dtype=torch.float64)
    for name, keys in {'m': ('momentum_buffer', 'exp_avg'), 'v': ('square_avg', 'exp_avg_sq')}.items():
        for key in keys:
            if key in step.state[w[0]]:
                tensors[name] = torch.cat([step.state[t][key] for t in w])
    tensors['ema'] = ema
    return tensors


def sgd(nesterov):
    lr, momentum, decay = 0.1, 0.9, 0.01
    return lambda w: ((lr, momentum, decay, 0, 0), torch.optim.SGD(
        [{'params': w[:1], 'weight_decay': decay}, {'params': w[1:]}], lr, momentum, nesterov=nesterov))


def rmsprop_tf(w):
    lr, momentum, decay, alpha, eps = 0.05, 0.9, 0.01, 0.9, 1e-3
    defaults = dict(lr=lr, momentum=momentum, alpha=alpha, eps=eps, weight_decay=0)
    return (lr, momentum, decay, alpha, eps), RMSpropTF(
        [{'params': w[:1], 'weight_decay': decay}, {'params': w[1:]}], defaults)


def adam(kind):
    lr, betas, decay, eps = 0.05, (0.9, 0.99), 0.02, 1e-6
    return lambda w: ((lr, betas[0], decay, betas[1], eps), kind(
        [{'params': w[:1], 'weight_decay': decay}, {'params': w[1:], 'weight_decay': 0}], lr, betas, eps))


def make_ops():
    parts = {name: chain(Draw(100 + i), *case) for i, (name, case) in enumerate(chain_cases().items())}
    parts['residual'] = residual(Draw(200))
    parts['head'] = head(Draw(201))
    parts['match'] = match(Draw(202))
    parts['pixels'] = pixels(Draw(203))
    parts['sgd'] = optimiser(Draw(204), sgd(False))
    parts['nesterov'] = optimiser(Draw(205), sgd(True))
    parts['rmsprop_tf'] = optimiser(Draw(206), rmsprop_tf)
    parts['adam'] = optimiser(Draw(207), adam(torch.optim.Adam))
    parts['adamw'] = optimiser(Draw(208), adam(torch.optim.AdamW))
    return {part + '.' + name: t for part, tensors in parts.items() for name, t in tensors.items()}


def pad_same(x, c):
    """TensorFlow's SAME padding: ceil(side / stride) outputs, the odd row or column of zeros at the end."""
    pads = []
    for side in (x.shape[3], x.shape[2]):
        total = max((-(-side // c['stride']) - 1) * c['stride'] + c['dilation'] * (c['kernel'] - 1) + 1 - side, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads)


def make_same():
    """SAME padding, and the epsilon 1e-3: swish(batch norm(conv(x))), and the gradients of sum(conv(x) * dy)."""
    draw, tensors = Draw(500), {}
    cases = {
        'dense_k3_s2': ((2, 8, 9), conv(3, 8, 3, 2)),
        'dense_k5_s2_d2': ((1, 11, 14), conv(4, 7, 5, 2, 2)),
        'dense_k3_s3': ((2, 7, 6), conv(5, 6, 3, 3)),
        'dw_k3_s1': ((1, 6, 7), dw(9, 3)),
        'dw_k3_s2': ((2, 9, 8), dw(20, 3, 2)),
        'dw_k5_s2': ((1, 12, 13), dw(17, 5, 2)),
        'dw_k7_s2': ((1, 10, 16), dw(5, 7, 2)),
        'dw_k3_s2_d2': ((1, 12, 9), dw(8, 3, 2, 2)),
        'dw_k3_s4': ((1, 7, 6), dw(6, 3, 4)),
    }
    for case, ((n, h, w), c) in cases.items():
        p = {'x': draw.normal(n, c['cin'], h, w), **conv_parameters(draw, 'conv', c)}
        x, weight = p['x'].requires_grad_(), p['conv.weight'].requires_grad_()
        y = conv_forward(pad_same(x, c), {**c, 'pad': 0}, weight)
        assert y.shape[2:] == (-(-h // c['stride']), -(-w // c['stride']))
        dy = draw.normal(*y.shape)
        (y * dy).sum().backward()
        value = F.silu(F.batch_norm(y, None, None, p['conv.gamma'], p['conv.beta'], True, 0, 1e-3))
        keys = ('cin', 'cout', 'kernel', 'stride', 'dilation', 'depthwise')
        named = {**p, 'x': nhwc(x), 'size': torch.tensor((n, h, w)), 'dy': nhwc(dy), 'value': nhwc(value),
                 'grad.x': nhwc(x.grad), 'grad.weight': weight.grad,
                 'shape': torch.tensor([int(c[k]) for k in keys])}
        tensors.update({'%s.%s' % (case, name): t for name, t in named.items()})
    return tensors


# ---- a path of a supernet ----------------------------------------------------------------------------------

# name -> kind, kernel, dilation, expand
OPS = {
    'ds': ('separable', 3, 1, 1),
    'k3e4': ('mbconv', 3, 1, 4),
    'k5e6': ('mbconv', 5, 1, 6),
    'k7e3': ('mbconv', 7, 1, 3),
    'k5e3d2': ('mbconv', 5, 2, 3),
    'bottleneck': ('bottleneck', 3, 1, 0.5),
    'skip': ('skip', 1, 1, 0),
}
CHOICES = ['k3e4', 'k5e6', 'k7e3', 'k5e3d2', 'bottleneck', 'skip']
STAGES = [(8, 1, ['ds']), (12, 2, CHOICES), (16, 2, CHOICES)]  # channels, stride, options
STEM, HEAD, FEATURES, CLASSES = 8, 32, 64, 5
DEPTHS, SIDE, BATCH, SMOOTHING = (1, 2, 2), 32, 4, 0.1
# A path, its teacher and rho for each step. Every op runs at a stride and, where there is room, without one.
STEPS = [
    ([0, 1, 0, 2, 4], [0, 1, 3, 2, 5], 0.7),
    ([0, 2, 5, 3, 1], [0, 1, 0, 2, 4], 0.35),
    ([0, 4, 3, 5, 0], [0, 2, 5, 3, 1], 0.5),
    ([0, 5, 4, 1, 2], [0, 5, 3, 5, 0], 0.9),
    ([0, 3, 1, 0, 5], [0, 3, 1, 1, 2], 0.1),
]
LR, NESTEROV, DECAY = 0.05, 0.9, 1e-3


def make_divisible(v, d=8):
    n = max(d, int(v + d / 2) // d * d)
    return n + d if n < 0.9 * v else n


def units(op, cin, cout, stride):
    """[(name of the convolution, of its batch norm, convolution, activation, reduced channels of the SE)]"""
    kind, kernel, dilation, expand = OPS[op]
    if kind == 'mbconv':
        mid = make_divisible(cin * expand)
        return [('conv_pw', 'bn1', conv(cin, mid), 'swish', 0),
                ('conv_dw', 'bn2', dw(mid, kernel, stride, dilation), 'swish', make_divisible(mid * 0.25)),
                ('conv_pwl', 'bn3', conv(mid, cout), 'none', 0)]
    if kind == 'separable':
        return [('conv_dw', 'bn1', dw(cin, kernel, stride, dilation), 'swish', make_divisible(cin * 0.25)),
                ('conv_pw', 'bn2', conv(cin, cout), 'none', 0)]
    if kind == 'bottleneck':
        mid = make_divisible(cout * expand)
        return [('conv1', 'bn1', conv(cin, mid), 'swish', 0),
                ('conv2', 'bn2', conv(mid, mid, kernel, stride, dilation), 'swish', 0),
                ('conv3', 'bn3', conv(mid, cout), 'none', 0)]
    return [] if cin == cout and stride == 1 else [('conv', 'bn1', conv(cin, cout, 1, stride), 'none', 0)]


def layers():
    """(names of the options, in, out, stride, options) of every layer; a single option has no index."""
    cin = STEM
    for s, ((cout, stride, options), depth) in enumerate(zip(STAGES, DEPTHS)):
        for i in range(depth):
            name = 'blocks.%d.%d.' % (s, i)
            names = ['%s%d.' % (name, o) for o in range(len(options))] if len(options) > 1 else [name]
            yield names, cin, cout, stride if i == 0 else 1, options
            cin = cout


class Supernet:
    """Every choice of every layer as flat dictionaries of named tensors, with timm's names."""

    def __init__(self, draw):
        self.weights, self.statistics = {}, {}
        self.draw = draw
        self.conv_bn('conv_stem', 'bn1', conv(3, STEM, 3, 2))
        for names, cin, cout, stride, options in layers():
            for prefix, op in zip(names, options):
                for conv_name, bn_name, c, _, se in units(op, cin, cout, stride):
                    self.conv_bn(prefix + conv_name, prefix + bn_name, c)
                    if se:
                        self.conv_bias(prefix + 'se.conv_reduce', c['cout'], se)
                        self.conv_bias(prefix + 'se.conv_expand', se, c['cout'])
        self.head = 'blocks.%d.0.' % len(STAGES)
        self.conv_bn(self.head + 'conv', self.head + 'bn1', conv(STAGES[-1][0], HEAD))
        self.conv_bias('conv_head', HEAD, FEATURES)
        self.weights['classifier.weight'] = draw.uniform(-0.3, 0.3, CLASSES, FEATURES)
        self.weights['classifier.bias'] = draw.normal(CLASSES, std=0.1)
        for t in self.weights.values():
            t.requires_grad_()

    def conv_bn(self, name, bn, c):
        p = conv_parameters(self.draw, 'p', c)
        self.weights[name + '.weight'], self.weights[bn + '.weight'], self.weights[bn + '.bias'] = p.values()
        self.statistics[bn + '.running_mean'] = self.draw.normal(c['cout'], std=0.2)
        self.statistics[bn + '.running_var'] = self.draw.uniform(0.5, 1.5, c['cout'])

    def conv_bias(self, name, cin, cout):
        self.weights[name + '.weight'] = self.draw.normal(cout, cin, 1, 1, std=1.5 * cin ** -0.5)
        self.weights[name + '.bias'] = self.draw.normal(cout, std=0.3)

    def unit(self, x, name, bn, c, activation, mode):
        """mode: 'train', 'batch' (statistics of the batch, running ones untouched) or 'running'."""
        y = conv_forward(x, c, self.weights[name + '.weight'])
        mean, var = (None, None) if mode == 'batch' else (
            self.statistics[bn + '.running_mean'], self.statistics[bn + '.running_var'])
        y = F.batch_norm(y, mean, var, self.weights[bn + '.weight'], self.weights[bn + '.bias'],
                         mode != 'running', MOMENTUM, EPS)
        return act(activation, y)

    def block(self, x, prefix, op, cin, cout, stride, mode):
        y = x
        for name, bn, c, activation, se in units(op, cin, cout, stride):
            y = self.unit(y, prefix + name, prefix + bn, c, activation, mode)
            if se:
                y = y * squeeze_excite(y, self.weights, 'relu', 'hard_sigmoid', prefix + 'se.conv_',
                                       ('reduce.weight', 'reduce.bias', 'expand.weight', 'expand.bias'))
        return x + y if cin == cout and stride == 1 and op != 'skip' else y

    def forward(self, x, path, mode):
        x = self.unit(x, 'conv_stem', 'bn1', conv(3, STEM, 3, 2), 'swish', mode)
        for (names, cin, cout, stride, options), choice in zip(layers(), path):
            x = self.block(x, names[choice], options[choice], cin, cout, stride, mode)
        x = self.unit(x, self.head + 'conv', self.head + 'bn1', conv(STAGES[-1][0], HEAD), 'swish', mode)
        w = self.weights
        x = F.silu(F.conv2d(x.mean((2, 3), keepdim=True), w['conv_head.weight'], w['conv_head.bias']))
        return F.linear(x.flatten(1), w['classifier.weight'], w['classifier.bias'])


def make_path():
    draw = Draw(300)
    net = Supernet(draw)
    x = draw.normal(BATCH, 3, SIDE, SIDE)
    labels = draw.integers(CLASSES, len(STEPS), BATCH)
    tensors = {'x': nhwc(x), 'labels': labels,
               'paths': torch.tensor([s[0] for s in STEPS]), 'teachers': torch.tensor([s[1] for s in STEPS]),
               'rho': torch.tensor([s[2] for s in STEPS], dtype=torch.float64),
               'settings': torch.tensor([SMOOTHING, LR, NESTEROV, DECAY], dtype=torch.float64)}

    def keep(prefix, named):
        tensors.update({prefix + k: t.detach().clone() for k, t in named.items()})

    keep('init.', {**net.weights, **net.statistics})

    decayed = [t for t in net.weights.values() if t.dim() > 1]
    others = [t for t in net.weights.values() if t.dim() == 1]
    sgd_step = torch.optim.SGD([{'params': decayed, 'weight_decay': DECAY}, {'params': others}], LR, NESTEROV,
                               nesterov=True)
    losses, initial = [], {k: t.clone() for k, t in net.statistics.items()}
    for i, (path, teacher, rho) in enumerate(STEPS):
        if i == 0:
            with torch.no_grad():
                tensors['logits.eval'] = net.forward(x, path, 'running')
        sgd_step.zero_grad(set_to_none=True)
        logits = net.forward(x, path, 'train')
        with torch.no_grad():
            taught = net.forward(x, teacher, 'batch')
        kd, ce = soft_loss(logits, F.softmax(taught, 1)), smooth_loss(logits, labels[i], SMOOTHING)
        loss = 0.5 * (rho * kd + (2 - rho) * ce)
        loss.backward()
        losses.append(loss.detach())
        if i == 0:
            keep('logits.', {'train': logits, 'teacher': taught})
            keep('grad.', {k: t.grad for k, t in net.weights.items() if t.grad is not None})
        sgd_step.step()
        if i in (0, len(STEPS) - 1):  # what no path has used yet is not stored
            used = {k: t for k, t in net.weights.items() if t in sgd_step.state}
            used.update({k: t for k, t in net.statistics.items() if not torch.equal(t, initial[k])})
            keep('step%d.' % (i + 1), used)
    tensors['losses'] = torch.stack(losses)
    return tensors


if __name__ == '__main__':
    torch.set_num_threads(1)
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    save(folder / 'ops.safetensors', make_ops())
    save(folder / 'same.safetensors', make_same())
    save(folder / 'path.safetensors', make_path())
