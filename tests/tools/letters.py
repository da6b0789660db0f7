#!/usr/bin/env python3
"""letters.py FOLDER: images of ten letters in all fonts that are installed, as FOLDER/train and FOLDER/val with
a folder for each letter, JPEG and PNG in turn. Exits with 77 where Pillow or fonts are missing."""
import pathlib
import random
import sys

try:
    from PIL import Image, ImageDraw, ImageFont
except ImportError:
    sys.exit(77)

SIDE, TRAIN, VAL = 56, 60, 12
DARK, LIGHT = (0, 90), (150, 255)


def fonts():
    found = []
    for path in sorted(pathlib.Path('/usr/share/fonts').rglob('*.ttf')):
        try:
            if 'Math' not in path.name and 'lyx' not in str(path):
                found.append(ImageFont.truetype(str(path), 40))
        except OSError:
            pass
    return found


def colour(draw, bounds):
    return tuple(draw.randint(*bounds) for _ in range(3))


def letter(draw, text, font):
    ink, paper = (DARK, LIGHT) if draw.random() < 0.5 else (LIGHT, DARK)
    paper = colour(draw, paper)
    image = Image.new('RGB', (SIDE, SIDE + draw.randint(-6, 6)), paper)
    left, top, right, bottom = font.getbbox(text)
    place = ((image.width - right - left) / 2 + draw.randint(-4, 4),
             (image.height - bottom - top) / 2 + draw.randint(-4, 4))
    ImageDraw.Draw(image).text(place, text, font=font, fill=colour(draw, ink))
    return image.rotate(draw.uniform(-12, 12), Image.BICUBIC, fillcolor=paper)


def main():
    folder, draw, faces = pathlib.Path(sys.argv[1]), random.Random(1), fonts()
    if not faces:
        sys.exit(77)
    for part, count in (('train', TRAIN), ('val', VAL)):
        for text in 'ABCDEFGHIJ':
            place = folder / part / text
            place.mkdir(parents=True)
            for i in range(count):
                image = letter(draw, text, draw.choice(faces))
                image.save(place / ('%s %d.%s' % (text, i, 'jpg' if i % 2 else 'png')))


if __name__ == '__main__':
    main()
