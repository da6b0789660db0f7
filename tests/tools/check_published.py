"""Compares built-in networks with those of timm and torchvision: check_published.py CREAM SIDE [NETWORK...]

Works in the current folder. For each network and each program that has it, with random weights and statistics: `cream
convert` reads the program's names, the result loads into timm's network with strict=True, the logits of `cream predict`
are at most 1e-4 of the largest from the program's, and one step of `cream retrain` changes the weights by the gradients
that PyTorch computes, to 1e-3 of the norm of each tensor. NETWORK may be followed by `:logits`, to leave out the step.
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
STEP, DRAWS = 8, 4  # images in the training step; sets of images that are tried


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


def gradients(cream, model, names, arch, side):
    """The largest norm of a difference between gradients of a tensor, relative to the gradient's."""
    shutil.rmtree('step', ignore_errors=True)
    shutil.rmtree('data', ignore_errors=True)
    images = [image(side) for _ in range(STEP)]
    for i, pixels in enumerate(images):
        for part in ('train', 'val'):
            os.makedirs('data/%s/%d' % (part, i % 2), exist_ok=True)
            Image.fromarray(pixels).save('data/%s/%d/%d.png' % (part, i % 2, i))
    rate = 0.5
    settings = ['heldout=0', 'retrain.epochs=1', 'retrain.batch=%d' % STEP, 'retrain.optim=sgd',
                'retrain.momentum=0', 'retrain.nesterov=false', 'retrain.weight_decay=0', 'retrain.smoothing=0',
                'retrain.dropout=0', 'retrain.drop_path=0', 'retrain.ema=0', 'retrain.clip=0',
                'retrain.lr.lr=%g' % (rate * 1024 / STEP), 'retrain.lr.warmup_epochs=0', 'retrain.eval_every=0',
                'augment.scale_min=1', 'augment.ratio_min=1', 'augment.ratio_max=1', 'augment.flip=0',
                'augment.colour=0', 'augment.erase=0', 'augment.randaugment=none']
    # With two classes: the classifier is new. It starts from what a training at a rate of nearly 0 writes.
    step = [cream, 'retrain', '--arch', arch, '--data', 'folder:data', '--threads', '1']
    step += [word for s in settings for word in ('--set', s)]
    run(*step, '--weights', 'out.safetensors', '--set', 'retrain.lr.lr=1e-30', '--out', 'step/first')
    run(*step, '--weights', 'step/first/weights.safetensors', '--out', 'step/second')
    before, _ = load_safetensors('step/first/weights.safetensors')
    after, _ = load_safetensors('step/second/weights.safetensors')
    last = [m for m in model.modules() if isinstance(m, torch.nn.Linear)][-1]
    last.weight = torch.nn.Parameter(before['classifier.weight'].clone())
    last.bias = torch.nn.Parameter(before['classifier.bias'].clone())
    state = model.state_dict()
    with torch.no_grad():
        for ours, theirs in names.items():
            state[theirs].copy_(before[ours].reshape(state[theirs].shape))
    model.train().double()
    loss = torch.nn.functional.cross_entropy(model(inputs(images).double()),
                                             torch.tensor([i % 2 for i in range(STEP)]))
    model.zero_grad()
    loss.backward()
    worst = 0.0
    params = dict(model.named_parameters())
    largest = max(p.grad.norm().item() for p in params.values())
    for ours, theirs in names.items():
        if theirs not in params:
            continue
        want = params[theirs].grad
        got = ((before[ours].double() - after[ours].double()) / rate).reshape(want.shape)
        worst = max(worst, ((got - want).norm() / max(want.norm().item(), 1e-4 * largest)).item())
    model.float()
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
        names = pair_names(model, tensors)
        # Where rounding puts a value on the other side of a kink of relu, gradients differ; with other images it does not.
        worst = 1.0
        for _ in range(DRAWS):
            worst = min(worst, gradients(cream, model, names, arch, side))
            if worst < 1e-3:
                break
        line += ', gradients %.1e' % worst
        assert worst < 1e-3, line
    print(line, flush=True)


def pair_names(model, tensors):
    """Our names and the model's: the tensors are the same, and their first values identify them."""
    theirs = {k: t for k, t in model.state_dict().items() if t.dim()}
    sums = {(tuple(t.flatten()[:8].tolist()), t.numel()): k for k, t in theirs.items()}
    return {k: sums[tuple(t.flatten()[:8].tolist()), t.numel()] for k, t in tensors.items()}


def main(cream, side, *networks):
    torch.set_num_threads(1)
    side = int(side)
    for word in networks or TIMM:
        ours, _, only = word.partition(':')
        step = only != 'logits'
        check(cream, ours, 'timm', TIMM[ours], side, step)
        if ours in TORCHVISION:
            check(cream, ours, 'torchvision', TORCHVISION[ours], side, step)
        if ours in TF:
            check(cream, ours, 'timm', TF[ours], side, step, ('--padding', 'same', '--bn-eps', '0.001'))


main(*sys.argv[1:])
