"""Writes a data set for detectors in YOLO's format: a square on each grey image, 14 to train and 4 to test.

python3 squares.py FOLDER
"""
import os
import random
import struct
import sys
import zlib

SIDE = 64
COLOURS = (220, 40, 40), (40, 220, 40)


def write_png(path, box, colour):
    rows = b''
    for y in range(SIDE):
        rows += b'\0'
        for x in range(SIDE):
            inside = box[0] <= x < box[2] and box[1] <= y < box[3]
            rows += bytes(colour if inside else (60, 60, 60))

    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))

    with open(path, 'wb') as out:
        out.write(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', SIDE, SIDE, 8, 2, 0, 0, 0)) +
                  chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b''))


def main(folder):
    numbers = random.Random(1)
    for part, count in (('train', 14), ('val', 4)):
        os.makedirs(f'{folder}/images/{part}')
        os.makedirs(f'{folder}/labels/{part}')
        for i in range(count):
            w = numbers.randrange(20, 36)
            x, y = numbers.randrange(SIDE - w), numbers.randrange(SIDE - w)
            write_png(f'{folder}/images/{part}/{i:02}.png', (x, y, x + w, y + w), COLOURS[i % 2])
            with open(f'{folder}/labels/{part}/{i:02}.txt', 'w') as out:
                out.write(f'{i % 2} {(x + w / 2) / SIDE} {(y + w / 2) / SIDE} {w / SIDE} {w / SIDE}\n')
    with open(f'{folder}/data.yaml', 'w') as out:
        out.write('train: images/train\nval: images/val\nnames: [red, green]\n')


main(sys.argv[1])
