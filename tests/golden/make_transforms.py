#!/usr/bin/env python3
"""Makes transforms.safetensors: images resized by Pillow, and RandAugment's operations as timm defines them
on Pillow's, for tests/io/image/test_resample.c and tests/io/image/test_transform.c. See README.md.

Needs Pillow and NumPy (Debian: python3-pil, python3-numpy)."""
import json
import math
import pathlib
import struct
import sys

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

HERE = pathlib.Path(__file__).parent
FILTERS = [Image.BILINEAR, Image.BICUBIC]  # in the order of cream_filter
FILL = (124, 116, 104)


def save(path, tensors):
    """Safetensors; the widest elements first."""
    names = {np.dtype('float64'): 'F64', np.dtype('uint8'): 'U8'}
    header, data = {}, b''
    for name, value in sorted(tensors.items(), key=lambda item: -item[1].dtype.itemsize):
        raw = value.tobytes()
        header[name] = {'dtype': names[value.dtype], 'shape': list(value.shape),
                        'data_offsets': [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    path.write_bytes(struct.pack('<Q', len(text)) + text + data)


def sample(width, height, seed):
    """Slopes, an edge and noise: values at both ends of the range, and every channel different."""
    random = np.random.RandomState(seed)
    y, x = np.mgrid[0:height, 0:width]
    channels = [x * 255 / width, y * 255 / height, 128 + 90 * np.sin(x / 3.0 + y / 5.0)]
    pixels = np.stack(channels, 2) + random.normal(0, 20, (height, width, 3))
    pixels[height // 3:height // 2, width // 4:width // 2] = 255
    pixels[: height // 5, width // 2:, 1:] = 0
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def resizes(tensors):
    image = sample(47, 35, 1)
    tensors['resize.picture'] = np.asarray(image)
    whole = (0, 0, 47, 35)
    cases = [(whole, 24, 24), (whole, 16, 9), (whole, 59, 41), (whole, 47, 20), (whole, 20, 35), (whole, 1, 1),
             ((3, 5, 40, 30), 28, 28), ((10.25, 2.5, 30.75, 33.125), 32, 17), ((46, 34, 47, 35), 5, 3),
             ((0, 0, 2, 35), 9, 30), ((20, 10, 44, 22), 12, 6)]
    count = 0
    for box, width, height in cases:
        for which, pillow in enumerate(FILTERS):
            tensors['resize.%d' % count] = np.asarray(image.resize((width, height), pillow, box=box))
            tensors['resize.%d.job' % count] = np.array(list(box) + [width, height, which], np.float64)
            count += 1


def operation(name, image, magnitude, increasing, negate, pillow):
    """An operation of timm.data.auto_augment at a magnitude of 0..10."""
    share, sign = magnitude / 10, -1 if negate else 1
    move = dict(resample=pillow, fillcolor=FILL)

    def affine(*matrix):
        return image.transform(image.size, Image.AFFINE, matrix, **move)

    def enhance(kind):
        factor = max(0.1, 1 + sign * share * 0.9) if increasing else share * 1.8 + 0.1
        return kind(image).enhance(factor)

    if name == 'AutoContrast':
        return ImageOps.autocontrast(image)
    if name == 'Equalize':
        return ImageOps.equalize(image)
    if name == 'Invert':
        return ImageOps.invert(image)
    if name == 'Rotate':
        return image.rotate(sign * share * 30, **move)
    if name == 'Posterize':
        bits = int(share * 4)
        bits = 4 - bits if increasing else bits
        return image if bits >= 8 else ImageOps.posterize(image, bits)
    if name == 'Solarize':
        threshold = min(256, int(share * 256))
        return ImageOps.solarize(image, 256 - threshold if increasing else threshold)
    if name == 'SolarizeAdd':
        add = min(128, int(share * 110))
        return image.point([min(255, v + add) if v < 128 else v for v in range(256)] * 3)
    if name in ('Color', 'Contrast', 'Brightness', 'Sharpness'):
        return enhance(getattr(ImageEnhance, name))
    if name == 'ShearX':
        return affine(1, sign * share * 0.3, 0, 0, 1, 0)
    if name == 'ShearY':
        return affine(1, 0, 0, sign * share * 0.3, 1, 0)
    if name == 'TranslateXRel':
        return affine(1, 0, sign * share * 0.45 * image.size[0], 0, 1, 0)
    if name == 'TranslateYRel':
        return affine(1, 0, 0, 0, 1, sign * share * 0.45 * image.size[1])
    raise ValueError(name)


MOVING = ['Rotate', 'ShearX', 'ShearY', 'TranslateXRel', 'TranslateYRel']
SETTINGS = {'AutoContrast': 1, 'Equalize': 1, 'Invert': 1}


def operations(tensors):
    image = sample(24, 19, 2)
    tensors['ops.picture'] = np.asarray(image)
    tensors['ops.fill'] = np.array(FILL, np.uint8)
    # A narrow range of values, one value only, and few pixels for a histogram.
    flat = Image.fromarray((np.asarray(image) // 4 + np.array([60, 90, 0], np.uint8)).astype(np.uint8))
    grey = Image.new('RGB', image.size, (7, 7, 200))
    for name, other in (('narrow', flat), ('plain', grey)):
        tensors['ops.' + name] = np.asarray(other)
        for op in ('AutoContrast', 'Equalize'):
            tensors['ops.%s.%s' % (name, op)] = np.asarray(operation(op, other, 0, False, False, None))
    names = ['AutoContrast', 'Equalize', 'Invert', 'Rotate', 'Posterize', 'Solarize', 'SolarizeAdd', 'Color',
             'Contrast', 'Brightness', 'Sharpness', 'ShearX', 'ShearY', 'TranslateXRel', 'TranslateYRel']
    count = 0
    for op, name in enumerate(names):
        levels = [(9, False, False)] if name in SETTINGS else [(9.3, False, False), (3.7, True, True),
                                                               (6, True, False)]
        for i, (magnitude, increasing, negate) in enumerate(levels):
            for which, pillow in enumerate(FILTERS if name in MOVING else FILTERS[:1]):
                result = operation(name, image, magnitude, increasing, negate, pillow)
                tensors['ops.%d' % count] = np.asarray(result)
                tensors['ops.%d.job' % count] = np.array([op, magnitude, increasing, negate, which], np.float64)
                count += 1


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    tensors = {}
    resizes(tensors)
    operations(tensors)
    save(folder / 'transforms.safetensors', {name: np.ascontiguousarray(t) for name, t in tensors.items()})


if __name__ == '__main__':
    main()
