"""Makes the files in this folder, which test_torch_file.c reads. Needs PyTorch (Debian: python3-torch).

checkpoint.*: the form of timm's checkpoints; old.pth.tar before PyTorch 1.6, zip.pth since, deflated.pth the same
repacked with deflate and 64-bit sizes. hostile.pth asks for os.system.
"""
import argparse
import collections
import os
import pathlib
import zipfile

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


if __name__ == '__main__':
    torch.save(checkpoint(), HERE / 'old.pth.tar', _use_new_zipfile_serialization=False)
    torch.save(checkpoint(), HERE / 'zip.pth')
    torch.save({'state_dict': state(1), 'args': Evil()}, HERE / 'hostile.pth')
    zipfile.ZIP64_LIMIT = 0
    with zipfile.ZipFile(HERE / 'zip.pth') as plain:
        with zipfile.ZipFile(HERE / 'deflated.pth', 'w', zipfile.ZIP_DEFLATED) as packed:
            for name in plain.namelist():
                info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                info.compress_type = zipfile.ZIP_DEFLATED
                with packed.open(info, 'w', force_zip64=True) as entry:
                    entry.write(plain.read(name))
