#!/usr/bin/env python3
"""bench_loader.py CREAM [--quality N]: images a second on one core, 500x375 JPEGs to normalised 224x224: cream's
loader on files and on packed images, and torchvision's pipeline with Pillow, in turns; medians of the rounds.

Needs Debian's python3-torchvision, python3-pil and python3-numpy."""
import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy as np
import torch
from PIL import Image
from torchvision import datasets, transforms

SIDE, COUNT, CLASSES = 224, 128, 4
SETTINGS = ['augment.randaugment=none', 'augment.colour=0', 'augment.erase=0', 'augment.interpolation=bilinear']


def photograph(random, width=500, height=375):
    """Noise with the spectrum of natural images, its channels correlated."""
    f = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    f[0, 0] = 1

    def noise():
        spectrum = (random.normal(size=f.shape) + 1j * random.normal(size=f.shape)) / f ** 1.1
        return np.fft.irfft2(spectrum, (height, width))

    base = noise()
    channels = [base + 0.4 * noise() for _ in range(3)]
    pixels = np.stack([128 + 55 * (c - c.mean()) / c.std() for c in channels], 2)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def make(folder, quality):
    random = np.random.RandomState(1)
    for i in range(COUNT):
        image = photograph(random)
        for part in ('train', 'val'):
            place = folder / part / str(i % CLASSES)
            place.mkdir(parents=True, exist_ok=True)
            image.save(place / ('%d.jpg' % i), quality=quality)
    sizes = [path.stat().st_size for path in (folder / 'train').rglob('*.jpg')]
    print('%d JPEGs of 500x375, quality %d, %.0f kB each' % (COUNT, quality, sum(sizes) / len(sizes) / 1000))


class Cream:
    def __init__(self, cream, data):
        self.command = [cream, 'data', 'speed', '--data', data, '--side', str(SIDE), '--batch', '64', '--count', '4',
                        '--threads', '1', '--json'] + [word for s in SETTINGS for word in ('--set', s)]

    def rate(self):
        return json.loads(subprocess.run(self.command, capture_output=True, check=True).stdout)['images_per_second']


class Torchvision:
    def __init__(self, folder):
        self.data = datasets.ImageFolder(folder / 'train', transforms.Compose([
            transforms.RandomResizedCrop(SIDE), transforms.RandomHorizontalFlip(), transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))]))

    def rate(self):
        start = time.perf_counter()
        for i in range(len(self.data)):
            self.data[i]
        return len(self.data) / (time.perf_counter() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('cream')
    parser.add_argument('--quality', type=int, default=75, help="of the JPEGs (default: 75, Pillow's own)")
    parser.add_argument('--rounds', type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make(folder, arguments.quality)
        packed = folder / 'set.pack'
        subprocess.run([arguments.cream, 'data', 'pack', '--data', 'folder:%s' % folder, '--out', str(packed)],
                       stdout=subprocess.DEVNULL, check=True)
        ways = {'torchvision': Torchvision(folder), 'cream, files': Cream(arguments.cream, 'folder:%s' % folder),
                'cream, packed': Cream(arguments.cream, 'pack:%s' % packed)}
        rates = {way: [] for way in ways}
        for _ in range(arguments.rounds):
            for way, runner in ways.items():
                rates[way].append(runner.rate())
        for way, values in rates.items():
            ratio = statistics.median(v / t for v, t in zip(values, rates['torchvision']))
            print('%-14s %7.0f images/s (%.0f to %.0f), %.2f x torchvision' % (
                way, statistics.median(values), min(values), max(values), ratio if way != 'torchvision' else 1))


if __name__ == '__main__':
    main()
