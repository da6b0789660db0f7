"""Renames the tensors of a safetensors file as other programs name them: rename_weights.py SCHEME IN OUT.

A stand-in for published files. The names follow from those of the file and not from the program's tables; metadata are
dropped. Schemes: efficientnet_pytorch, efficientnet, mobilenet_v2, mobilenet_v3, mnasnet (the last four are torchvision's).
"""
import json
import re
import sys


def rename(names, scheme):
    """A dict from the names to those of a scheme."""
    blocks, parts = [], {}
    for name in names:
        found = re.match(r'blocks\.(\d+)\.(\d+)\.(?!conv\.|bn1\..*#)', name)
        if found and 'blocks.%s.%s.conv_dw.weight' % found.groups() in names:
            blocks.append(tuple(map(int, found.groups())))
    blocks = sorted(set(blocks))
    stages, total = blocks[-1][0] + 1, len(blocks)
    for name in names:
        found = re.match(r'blocks\.(\d+)\.(\d+)\.(.*)\.(\w+)$', name)
        if found and (int(found[1]), int(found[2])) in blocks:
            stage, layer, part, end = int(found[1]), int(found[2]), found[3], found[4]
            start = 'blocks.%d.%d.' % (stage, layer)
            wide = start + 'conv_pwl.weight' in names
            se = start + 'se.conv_reduce.weight' in names
            if not wide:
                part = {'bn1': 'bn2', 'conv_pw': 'conv_pwl', 'bn2': 'bn3'}.get(part, part)
            block = blocks.index((stage, layer))
            parts[name] = inner(scheme, stage, layer, block, part, wide, se) + '.' + end
        else:
            start, end = name.rsplit('.', 1)
            parts[name] = outer(scheme, start, stages, total) + '.' + end
    return parts


def inner(scheme, stage, layer, block, part, wide, se):
    if scheme == 'efficientnet_pytorch':
        return '_blocks.%d.%s' % (block, {
            'conv_pw': '_expand_conv', 'bn1': '_bn0', 'conv_dw': '_depthwise_conv', 'bn2': '_bn1',
            'se.conv_reduce': '_se_reduce', 'se.conv_expand': '_se_expand', 'conv_pwl': '_project_conv',
            'bn3': '_bn2'}[part])
    if scheme == 'mnasnet':
        start = '' if stage == 0 else 'layers.%d.%d.' % (stage + 7, layer)
        return start + 'layers.%d' % {'conv_pw': 0, 'bn1': 1, 'conv_dw': 3, 'bn2': 4, 'conv_pwl': 6, 'bn3': 7}[part]
    unit = {'conv_pw': 0, 'bn1': 0, 'conv_dw': 1, 'bn2': 1, 'se.conv_reduce': 2, 'se.conv_expand': 2,
            'conv_pwl': 3, 'bn3': 3}[part]
    unit -= (not wide) + (unit == 3 and not se)
    if scheme == 'efficientnet':
        start = 'features.%d.%d.block.' % (stage + 1, layer)
    else:
        start = 'features.%d.%s.' % (block + 1, 'conv' if scheme == 'mobilenet_v2' else 'block')
    if part.startswith('se.'):
        return start + '%d.fc%d' % (unit, 1 if 'reduce' in part else 2)
    if scheme == 'mobilenet_v2' and part in ('conv_pwl', 'bn3'):
        return start + str(unit + (part == 'bn3'))
    return start + '%d.%d' % (unit, part.startswith('bn'))


def outer(scheme, start, stages, total):
    head = 'conv_head' if scheme != 'mobilenet_v3' else 'blocks.%d.0.conv' % stages
    bn = 'bn2' if scheme != 'mobilenet_v3' else 'blocks.%d.0.bn1' % stages
    last = {'efficientnet': stages + 1}.get(scheme, total + 1)
    return {
        'efficientnet_pytorch': {'conv_stem': '_conv_stem', 'bn1': '_bn0', head: '_conv_head', bn: '_bn1',
                                 'classifier': '_fc'},
        'mnasnet': {'conv_stem': 'layers.0', 'bn1': 'layers.1', head: 'layers.14', bn: 'layers.15',
                    'classifier': 'classifier.1'},
    }.get(scheme, {'conv_stem': 'features.0.0', 'bn1': 'features.0.1', head: 'features.%d.0' % last,
                   bn: 'features.%d.1' % last,
                   **({'conv_head': 'classifier.0', 'classifier': 'classifier.3'} if scheme == 'mobilenet_v3'
                      else {'classifier': 'classifier.1'})})[start]


def main(scheme, source, target):
    data = open(source, 'rb').read()
    size = int.from_bytes(data[:8], 'little')
    header = json.loads(data[8:8 + size])
    header.pop('__metadata__', None)
    names = rename(header, scheme)
    assert len(set(names.values())) == len(names)
    renamed = {names[k]: v for k, v in header.items()}
    if scheme == 'mobilenet_v3':
        renamed['classifier.0.weight']['shape'] = renamed['classifier.0.weight']['shape'][:2]
    text = json.dumps(renamed).encode()
    text += b' ' * (-len(text) % 8)
    with open(target, 'wb') as file:
        file.write(len(text).to_bytes(8, 'little') + text + data[8 + size:])


main(*sys.argv[1:])
