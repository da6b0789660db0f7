"""What test_cli_convert.sh does with PyTorch and cream_nas.torch_model: check_torch.py COMMAND ARGUMENT..."""
import argparse
import collections
import json
import os
import pathlib
import sys

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / 'tools/python'))
from cream_nas import torch_model  # noqa: E402


def is_weight(name):
    return not name.endswith('num_batches_tracked')


def make(arch, folder):
    """FOLDER/{old.pth.tar,zip.pth,state.pth}: random weights of ARCH; their EMA is twice the weights."""
    torch.manual_seed(1)
    net = torch_model.Network(arch)
    for m in net.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            m.weight.data.uniform_(0.5, 1.5)
            m.bias.data.normal_(0, 0.2)
            m.running_mean.normal_(0, 0.2)
            m.running_var.uniform_(0.5, 1.5)
    state = net.state_dict()
    first = next(k for k in state if state[k].dim() == 4)
    state[first] = state[first].transpose(2, 3)  # not contiguous
    optimiser = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
    net(torch.randn(2, 3, 64, 64)).sum().backward()
    optimiser.step()
    checkpoint = {
        'epoch': 3, 'arch': 'Childnet', 'version': 2, 'metric': 71.25, 'args': argparse.Namespace(lr=0.064),
        'state_dict': collections.OrderedDict(('module.' + k, t) for k, t in state.items()),
        'state_dict_ema': collections.OrderedDict((k, 2 * t) for k, t in state.items()),
        'optimizer': optimiser.state_dict()}
    torch.save(checkpoint, folder + '/old.pth.tar', _use_new_zipfile_serialization=False)
    torch.save(checkpoint, folder + '/zip.pth')
    torch.save(state, folder + '/state.pth')
    smaller = {k: t for k, t in state.items() if not k.startswith(('bn1.', 'classifier.bias'))}
    smaller['classifier.weight'] = torch.zeros(3, 5)
    smaller['fc.weight'] = torch.zeros(1)
    torch.save(smaller, folder + '/misfit.pth')


def equal(checkpoint, key, path):
    """The safetensors file PATH has exactly the tensors under KEY of CHECKPOINT."""
    state = torch.load(checkpoint, weights_only=False)  # argparse.Namespace beside the tensors
    state = state[key] if key else state
    state = {k.replace('module.', ''): t for k, t in state.items() if is_weight(k)}
    ours, _ = torch_model.load_safetensors(path)
    assert set(ours) == set(state), 'names: %s' % sorted(set(ours) ^ set(state))[:3]
    for name, t in ours.items():
        assert t.shape == state[name].shape and torch.equal(t, state[name]), name


def strict(arch, path, again, pth):
    """PATH loads with strict=True; what the model then has goes to AGAIN (safetensors) and PTH."""
    net = torch_model.Network(arch)
    state, metadata = torch_model.load_safetensors(path)
    net.load_state_dict(state, strict=True)
    net_state = net.state_dict()
    torch_model.save_safetensors(again, {k: net_state[k] for k in state}, metadata)
    torch.save(net_state, pth)


def logits(arch, path, predicted, *images):
    """PyTorch's logits for the images are those that `cream predict --json` wrote to PREDICTED."""
    import numpy
    from PIL import Image
    net = torch_model.Network(arch).eval()
    state, metadata = torch_model.load_safetensors(path)
    net.load_state_dict(state, strict=True)
    # Without them, ImageNet's, as predict has it.
    mean = torch.tensor(json.loads(metadata.get('mean', '[0.485, 0.456, 0.406]')))
    std = torch.tensor(json.loads(metadata.get('std', '[0.229, 0.224, 0.225]')))
    images = [numpy.asarray(Image.open(p).convert('RGB'), numpy.float32) for p in images]
    x = ((torch.from_numpy(numpy.stack(images)) / 255 - mean) / std).permute(0, 3, 1, 2)
    with torch.no_grad():
        expected = net.double()(x.double())
    with open(predicted) as file:
        got = torch.tensor([i['logits'] for i in json.load(file)['images']], dtype=torch.float64)
    assert expected.std() > 0.01, 'logits that say nothing'
    worst = (got - expected).abs().max().item()
    print('%s: logits of %.3f to %.3f, at most %.2g apart' % (arch, expected.min(), expected.max(), worst))
    assert worst < 1e-4, worst


def images(side, *paths):
    import numpy
    from PIL import Image
    rng = numpy.random.default_rng(3)
    for path in paths:
        coarse = rng.integers(0, 256, (8, 8, 3), numpy.uint8)
        Image.fromarray(coarse).resize((int(side), int(side)), Image.BICUBIC).save(path)


def hostile(path):
    class Evil:
        def __reduce__(self):
            return os.system, ('touch was-run',)
    torch.save({'state_dict': {'w': torch.zeros(2)}, 'args': Evil()}, path)


if __name__ == '__main__':
    torch.set_num_threads(1)
    globals()[sys.argv[1]](*sys.argv[2:])
