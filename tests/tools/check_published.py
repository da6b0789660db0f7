"""Compares built-in networks with those of timm and torchvision: check_published.py CREAM SIDE [NETWORK...]

Works in the current folder. For each network and each program that has it, with random weights and statistics: `cream
convert` reads the program's names, the result loads into timm's network with strict=True, the logits of `cream predict`
are at most 1e-4 of the largest from the program's, and one step of `cream retrain` changes each weight by the gradient
that PyTorch computes in float64, to 1e-3 of the largest gradient in its tensor.

Gradients jump at the kinks of relu, relu6, hard-swish and hard-sigmoid. Where a value is so near to a kink that rounding
decides on its side, PyTorch's own gradients in float32 differ from those in float64: in mnasnet_100, with a value within
1e-6 of 0, by 2e-2 to 2e-1 of a tensor's largest; with all values 5e-4 away from 0 by less than 1e-4. So biases are moved
until no value of the step is near a kink (place_kinks).
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy
import timm
import torch
import torchvision
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tools/python'))
from cream_nas.torch_model import load_safetensors  # noqa: E402

TIMM = {'efficientnet-b%d' % i: 'efficientnet_b%d' % i for i in range(5)}
TIMM.update({'efficientnet-lite%d' % i: 'efficientnet_lite%d' % i for i in range(5)})
TIMM.update({'mobilenet-v2': 'mobilenetv2_100', 'mnasnet-100': 'mnasnet_100',
             'mobilenet-v3-large': 'mobilenetv3_large_100'})
TORCHVISION = {'efficientnet-b%d' % i: 'efficientnet_b%d' % i for i in range(5)}
TORCHVISION.update({'mobilenet-v2': 'mobilenet_v2', 'mobilenet-v3-large': 'mobilenet_v3_large',
                    'mnasnet-100': 'mnasnet1_0'})
TF = {'efficientnet-lite0': 'tf_efficientnet_lite0', 'efficientnet-b0': 'tf_efficientnet_b0'}
MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
STEP, CLASSES = 8, 2  # of the training step
KINKS = {'ReLU': (0,), 'ReLU6': (0, 6), 'Hardswish': (-3, 3), 'Hardsigmoid': (-3, 3), 'HardSwish': (-3, 3),
         'HardSigmoid': (-3, 3)}
NEAR = 1e-4  # to a kink: rounding moves values by less than a tenth of it


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, '%s: %s' % (' '.join(words), done.stderr)
    return done.stdout


def image(side):
    coarse = torch.nn.functional.interpolate(torch.rand(1, 3, 8, 8), side)
    mixed = 0.7 * coarse[0] + 0.3 * torch.rand(3, side, side)
    return (255 * mixed.permute(1, 2, 0).numpy()).astype(numpy.uint8)


def inputs(images):
    return ((torch.from_numpy(numpy.stack(images)).float() / 255 - MEAN) / STD).permute(0, 3, 1, 2)


def model_of(program, name):
    torch.manual_seed(1)
    if program == 'timm':
        return timm.create_model(name, pretrained=False, drop_path_rate=0, drop_rate=0)
    kind = {'stochastic_depth_prob': 0.0} if name.startswith('efficientnet') else {}
    return getattr(torchvision.models, name)(weights=None, dropout=0.0, **kind)


def prepare(model, side):
    """Random weights with running statistics that fit them: those of one batch."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.data.uniform_(0.8, 1.2)
            module.bias.data.normal_(0, 0.1)
            module.momentum = 1.0
        if isinstance(module, torch.nn.Linear):
            torch.nn.init.normal_(module.weight, 0, 0.05)
        elif not isinstance(module, torch.nn.Conv2d):
            continue
        if module.bias is not None:
            torch.nn.init.normal_(module.bias, 0, 0.05)
    model.train()
    with torch.no_grad():
        model(inputs([image(side) for _ in range(16)]))


def logits(cream, model, arch, side):
    pixels = image(side)
    Image.fromarray(pixels).save('image.png')
    said = run(cream, 'predict', '--arch', arch, '--weights', 'out.safetensors', '--no-resize', '--json',
               '--threads', '1', 'image.png')
    got = torch.tensor(json.loads(said)['images'][0]['logits']).double()
    model.eval().double()
    with torch.no_grad():
        want = model(inputs([pixels]).double())[0]
    model.float()
    assert want.std() > 0.01, 'logits that say nothing'
    return ((got - want).abs().max() / want.abs().max()).item()


def place_kinks(model, images):
    """Moves biases by up to 0.25, so that the values that these images give are as far from kinks as they can be."""
    shifts = torch.linspace(-0.25, 0.25, 257, dtype=torch.float64)

    def place(owner, x, kinks):
        rows = x.transpose(0, 1).flatten(1).contiguous().sort(1).values
        distance = torch.full((len(rows), len(shifts)), torch.inf, dtype=torch.float64)
        for kink in kinks:
            at = (kink - shifts).expand(len(rows), -1).contiguous()
            above = torch.searchsorted(rows, at)
            for neighbour in (above - 1, above):
                values = rows.gather(1, neighbour.clamp(0, rows.shape[1] - 1))
                distance = torch.minimum(distance, (values - at).abs())
        shift = shifts[distance.argmax(1)]
        owner.bias.data += shift
        return (x + shift.reshape([-1] + [1] * (x.dim() - 2)),)

    at_activations(model, images, place)


def distance_to_kinks(model, images):
    distances = [1.0]
    at_activations(model, images, lambda owner, x, kinks: distances.extend(
        (x - kink).abs().min().item() for kink in kinks))
    return min(distances)


def at_activations(model, images, act):
    """Calls act(layer with the bias, input, kinks) at the activations of a training step; it may return another input."""
    owner, hooks = [], []

    def enter(module, args):
        owner[:] = [module]

    def activate(module, args):
        return act(owner[0], args[0], KINKS[type(module).__name__])

    for module in model.modules():
        if type(module).__name__ in KINKS:
            hooks.append(module.register_forward_pre_hook(activate))
        elif getattr(module, 'bias', None) is not None:
            hooks.append(module.register_forward_pre_hook(enter))
    model.train().double()
    with torch.no_grad():
        model(inputs(images).double())
    model.float()
    for hook in hooks:
        hook.remove()


def torch_gradients(model, images):
    model.train().double()
    labels = torch.tensor([i % CLASSES for i in range(STEP)])
    model.zero_grad()
    torch.nn.functional.cross_entropy(model(inputs(images).double()), labels).backward()
    model.float()
    return {k: p.grad.clone() for k, p in model.named_parameters()}


def our_gradients(cream, ours, arch, options, images):
    """Those of the tensors of step.pth, by our names; and our tensors before the step."""
    for i, pixels in enumerate(images):
        for part in ('train', 'val'):
            os.makedirs('data/%s/%d' % (part, i % CLASSES), exist_ok=True)
            Image.fromarray(pixels).save('data/%s/%d/%d.png' % (part, i % CLASSES, i))
    rate = 0.5
    settings = ['heldout=0', 'retrain.epochs=1', 'retrain.batch=%d' % STEP, 'retrain.optim=sgd',
                'retrain.momentum=0', 'retrain.nesterov=false', 'retrain.weight_decay=0', 'retrain.smoothing=0',
                'retrain.dropout=0', 'retrain.drop_path=0', 'retrain.ema=0', 'retrain.clip=0',
                'retrain.lr.lr=%g' % (rate * 1024 / STEP), 'retrain.lr.warmup_epochs=0', 'retrain.eval_every=0',
                'augment.scale_min=1', 'augment.ratio_min=1', 'augment.ratio_max=1', 'augment.flip=0',
                'augment.colour=0', 'augment.erase=0', 'augment.randaugment=none']
    run(cream, 'convert', 'step.pth', 'step.safetensors', '--arch', ours, *options)
    run(cream, 'retrain', '--arch', arch, '--weights', 'step.safetensors', '--data', 'folder:data', '--threads', '1',
        '--out', 'step', *[word for s in settings for word in ('--set', s)])
    before, _ = load_safetensors('step.safetensors')
    after, _ = load_safetensors('step/weights.safetensors')
    return {k: (before[k].double() - after[k].double()) / rate for k in before}, before


def gradients(cream, model, ours, arch, side, options):
    """The largest difference of a gradient, relative to the largest gradient in its tensor.

    The gradient of a shift before a batch norm is 0; what rounding leaves of it is compared with the network's largest.
    """
    for name in ('step', 'data'):
        shutil.rmtree(name, ignore_errors=True)
    images = [image(side) for _ in range(STEP)]
    last = [m for m in model.modules() if isinstance(m, torch.nn.Linear)][-1]
    last.weight = torch.nn.Parameter(last.weight[:CLASSES].clone())
    last.bias = torch.nn.Parameter(last.bias[:CLASSES].clone())
    place_kinks(model, images)
    assert distance_to_kinks(model, images) > NEAR, 'a value is near a kink'
    torch.save(model.state_dict(), 'step.pth')
    got, tensors = our_gradients(cream, ours, arch, options, images)
    names = pair_names(model, tensors)
    want = torch_gradients(model, images)
    top = max(w.abs().max().item() for w in want.values())
    worst, compared = 0.0, 0
    for k, theirs in names.items():
        if theirs not in want:
            continue
        w = want[theirs]
        own = w.abs().max().item()
        scale, compared = (own, compared + 1) if own > 1e-9 * top else (top, compared)
        worst = max(worst, (got[k].reshape(w.shape) - w).abs().max().item() / scale)
    assert compared > len(want) / 2, 'gradients that say nothing'
    return worst


def check(cream, ours, program, name, side, step, options=()):
    model = model_of(program, name)
    prepare(model, side)
    torch.save(model.state_dict(), 'in.pth')
    said = json.loads(run(cream, 'convert', 'in.pth', 'out.safetensors', '--arch', ours, '--json', *options))
    assert said['names'].startswith(program) and said['not_used'] == 0, said
    arch = 'side.json'
    with open(said.get('arch', str(ROOT / 'io/config/archs' / (ours + '.json')))) as source, open(arch, 'w') as file:
        file.write(re.sub(r'"resolution": \d+', '"resolution": %d' % side, source.read()))
    tensors, _ = load_safetensors('out.safetensors')
    twin = model if program == 'timm' else timm.create_model(TIMM[ours], pretrained=False)
    twin.load_state_dict(tensors, strict=True)
    line = '%-19s %-11s %-23s %s: logits %.1e' % (ours, program, name, said['padding'],
                                                  logits(cream, model, arch, side))
    assert float(line.split()[-1]) < 1e-4, line
    if step:
        worst = gradients(cream, model, ours, arch, side, options)
        line += ', gradients %.1e' % worst
        assert worst < 1e-3, line
    print(line, flush=True)


def pair_names(model, tensors):
    """Our names and the model's: the tensors are the same, and their first values identify them."""
    theirs = {k: t for k, t in model.state_dict().items() if t.dim()}
    sums = {(tuple(t.flatten()[:8].tolist()), t.numel()): k for k, t in theirs.items()}
    assert len(sums) == len(theirs), 'tensors that look the same'
    return {k: sums[tuple(t.flatten()[:8].tolist()), t.numel()] for k, t in tensors.items()}


def main(cream, side, *networks):
    torch.set_num_threads(1)
    side = int(side)
    for ours in networks or TIMM:
        check(cream, ours, 'timm', TIMM[ours], side, True)
        if ours in TORCHVISION:
            check(cream, ours, 'torchvision', TORCHVISION[ours], side, False)
        if ours in TF:
            check(cream, ours, 'timm', TF[ours], side, True, ('--padding', 'same', '--bn-eps', '0.001'))


main(*sys.argv[1:])
