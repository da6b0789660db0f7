"""Makes the files in this folder, which test_torch_file.c reads. Needs PyTorch (Debian: python3-torch).

checkpoint.*: the form of timm's checkpoints; old.pth.tar before PyTorch 1.6, zip.pth since, deflated.pth the same
repacked with deflate and 64-bit sizes. hostile.pth asks for os.system.

The others have a state dict of two tensors, a.weight and a.bias. beside*.pth: objects of all sorts beside it, in both
forms and a later protocol; attributes.pth: a parameter and a tensor with attributes; nested.pth: deep in dicts and
lists, beside an optimiser's state and tensors of generators; averaged.pth: AveragedModel's, beside the plain one;
several.pth: two of them, and one in averaged form; module.pth: a whole module.
"""
import argparse
import collections
import datetime
import decimal
import enum
import fractions
import functools
import os
import pathlib
import random
import sys
import types
import uuid
import zipfile

import numpy
import torch

HERE = pathlib.Path(__file__).parent


def state(factor):
    base = torch.arange(24, dtype=torch.float32) * factor
    tensors = {
        'module.conv.weight': base.reshape(2, 3, 2, 2),
        'module.turned': base.reshape(4, 6).t(),              # strides (1, 6)
        'module.part': base.reshape(4, 6)[1:3, 2:5],          # offset 8, strides (6, 1), the same storage
        'module.scalar': torch.tensor(2.5 * factor),
        'module.empty': torch.zeros(0, 3),
        'module.half': torch.tensor([1.5, -2, 6e-8, float('inf')], dtype=torch.float16),
        'module.brain': torch.tensor([1.5, -3], dtype=torch.bfloat16),
        'module.double': torch.tensor([0.1], dtype=torch.float64),
        'module.bn.num_batches_tracked': torch.tensor(7),
        'module.flags': torch.tensor([True, False]),
    }
    result = collections.OrderedDict(tensors)
    result['module.parameter'] = torch.nn.Parameter(base[:2].clone())
    result._metadata = collections.OrderedDict({'': {'version': 1}})
    return result


def checkpoint():
    return {'epoch': 3, 'arch': 'Childnet', 'state_dict': state(1), 'state_dict_ema': state(2), 'metric': 71.25,
            'args': argparse.Namespace(lr=0.064, size=[3, 224], names=('a', 'b')), 'version': 2,
            'big': 1 << 80, 'negative': -5, 'nothing': None}


class Evil:
    def __reduce__(self):
        return os.system, ('echo run > /tmp/cream-was-run',)


class Phase(enum.Enum):
    TRAIN = 1


class Settings(dict):
    """A dict of a class that nobody else has."""


class Meter:
    """An object with a state."""

    def __init__(self):
        self.value = torch.zeros(3)
        self.inner = {'scores': [1, 2]}


def numpy2(name, *args):
    """An object of which the pickle names a function of NumPy 2, with any version."""
    module = types.ModuleType('numpy._core.multiarray')
    sys.modules.setdefault('numpy._core', types.ModuleType('numpy._core'))
    module = sys.modules.setdefault('numpy._core.multiarray', module)

    def function():
        pass
    function.__module__, function.__qualname__, function.__name__ = module.__name__, name, name
    if not hasattr(module, name):
        setattr(module, name, function)

    class Made:
        def __reduce__(self):
            return getattr(module, name), args
    return Made()


def small(factor=1, prefix=''):
    return collections.OrderedDict({prefix + 'a.weight': torch.arange(6, dtype=torch.float32).reshape(2, 3) * factor,
                                    prefix + 'a.bias': torch.tensor([1., 2.]) * factor})


def beside():
    log = collections.defaultdict(list)
    log['loss'].append(1.5)
    return {
        'state_dict': small(), 'best': numpy.float64(71.25), 'count': numpy.int64(3), 'history': numpy.arange(5.),
        'names': numpy.array(['a', 'b'], dtype=object), 'best2': numpy2('scalar', numpy.dtype('f8'), b'12345678'),
        'history2': numpy2('_reconstruct', numpy.ndarray, (0,), b'b'),
        'rng': {'python': random.getstate()[:2], 'numpy': numpy.random.RandomState(1).get_state()[2:],
                'generator': numpy.random.Generator(numpy.random.PCG64(1)).bit_generator.state,
                'torch': torch.zeros(16, dtype=torch.uint8)},
        'date': datetime.datetime(2024, 1, 2, 3, 4, 5), 'zone': datetime.timezone(datetime.timedelta(hours=2)),
        'path': pathlib.PurePosixPath('/x'), 'windows': pathlib.PureWindowsPath('c:/x'), 'dtype': torch.float16,
        'device': torch.device('cpu'), 'size': torch.Size([1]), 'layout': torch.strided, 'log': log,
        'phase': Phase.TRAIN, 'settings': Settings(lr=0.1), 'meter': Meter(), 'function': os.path.join,
        'partial': functools.partial(int, base=2), 'set': {1, 2}, 'frozen': frozenset([3]), 'bytes': bytearray(b'xy'),
        'range': range(3), 'slice': slice(1, 2), 'complex': 1 + 2j, 'decimal': decimal.Decimal('1.5'),
        'fraction': fractions.Fraction(1, 3), 'uuid': uuid.UUID(int=5), 'queue': collections.deque([1], 2),
        'counter': collections.Counter('aab'), 'args': argparse.Namespace(lr=0.1), 'object': object(),
        'complex tensor': torch.zeros(3, dtype=torch.complex64),
    }


def attributes():
    parameter, tensor = torch.nn.Parameter(small()['a.weight']), small()['a.bias']
    parameter.tag, tensor.tag = 'x', [1]
    if hasattr(torch._utils, '_rebuild_parameter_with_state'):
        return {'a.weight': parameter, 'a.bias': tensor}

    class WithState:  # as PyTorch 2 writes a parameter with attributes
        def __reduce__(self):
            return torch._utils._rebuild_parameter_with_state, (
                small()['a.weight'], True, collections.OrderedDict(), {'tag': 'x'})

    def function():
        pass
    name = '_rebuild_parameter_with_state'
    function.__module__, function.__qualname__, function.__name__ = 'torch._utils', name, name
    torch._utils._rebuild_parameter_with_state = function
    return {'a.weight': WithState(), 'a.bias': tensor}


def nested():
    tensors = small()
    optimizer = {'state': {0: {'step': torch.tensor(1.), 'exp_avg': torch.zeros(2)}}, 'param_groups': [{'lr': 0.1}]}
    return {'epoch': 3, 'what': [{'net': {'weights': Settings(tensors)}}, 'x'], 'optimizer': optimizer,
            'rng': {'cpu': torch.zeros(4, dtype=torch.uint8)}, 'rng_state': torch.zeros(4, dtype=torch.uint8)}


def averaged():
    model = torch.nn.Sequential(collections.OrderedDict(a=torch.nn.Linear(3, 2)))
    model.load_state_dict(small())
    average = torch.optim.swa_utils.AveragedModel(model)
    average.load_state_dict(dict(small(2, 'module.'), n_averaged=torch.tensor(4)))
    return {'model': model.state_dict(), 'model_ema': average.state_dict(), 'epoch': 1}


if __name__ == '__main__':
    torch.save(checkpoint(), HERE / 'old.pth.tar', _use_new_zipfile_serialization=False)
    torch.save(checkpoint(), HERE / 'zip.pth')
    torch.save({'state_dict': state(1), 'args': Evil()}, HERE / 'hostile.pth')
    torch.save(beside(), HERE / 'beside.pth')
    torch.save(beside(), HERE / 'beside-old.pth', _use_new_zipfile_serialization=False)
    torch.save(beside(), HERE / 'beside-4.pth', pickle_protocol=4)
    torch.save(attributes(), HERE / 'attributes.pth')
    torch.save(nested(), HERE / 'nested.pth')
    torch.save(averaged(), HERE / 'averaged.pth')
    torch.save({'student': small(1, 'student.'), 'teacher': small(3), 'ema': {'shadow': small(2)}}, HERE / 'several.pth')
    torch.save(torch.nn.Sequential(torch.nn.Linear(3, 2)), HERE / 'module.pth')
    zipfile.ZIP64_LIMIT = 0
    with zipfile.ZipFile(HERE / 'zip.pth') as plain:
        with zipfile.ZipFile(HERE / 'deflated.pth', 'w', zipfile.ZIP_DEFLATED) as packed:
            for name in plain.namelist():
                info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                info.compress_type = zipfile.ZIP_DEFLATED
                with packed.open(info, 'w', force_zip64=True) as entry:
                    entry.write(plain.read(name))
