#!/usr/bin/env python3
"""Small odd image files, and what Pillow's convert('RGB') makes of each, as NAME.ppm beside it.

Needs Pillow (Debian: python3-pil), which has to use the same libjpeg-turbo as the program under test.
"""
import random
import struct
import zlib
from io import BytesIO
from pathlib import Path

from PIL import Image

FOLDER = Path(__file__).parent / "images"
W, H = 23, 17
GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def sample(width=W, height=H):
    """A smooth image with an edge in it."""
    out = Image.new("RGB", (width, height))
    for y in range(height):
        for x in range(width):
            edge = 90 if 3 * x > 4 * y else 0
            out.putpixel((x, y), (255 * x // width, 255 * y // height, (7 * x + 5 * y + edge) % 256))
    return out


def expect(name, data, draft=None):
    path = FOLDER / name
    path.write_bytes(data)
    image = Image.open(path)
    if draft:
        image.draft("RGB", draft)
    image = image.convert("RGB")
    suffix = f"-{image.width}" if draft else ""
    with open(FOLDER / f"{name}{suffix}.ppm", "wb") as out:
        out.write(b"P6 %d %d 255\n" % image.size + image.tobytes())


# ---- JPEG -----------------------------------------------------------------------------------------------


def jpeg(image, **options):
    out = BytesIO()
    image.save(out, "JPEG", quality=90, **options)
    return out.getvalue()


def adobe(data, transform):
    """The APP14 segment with another colour transform; None: without the segment."""
    at = data.index(b"\xff\xee")
    end = at + 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    segment = b"" if transform is None else data[at : end - 1] + bytes([transform])
    return data[:at] + segment + data[end:]


def make_jpegs():
    image = sample()
    for name, subsampling in (("420", 2), ("422", 1), ("444", 0)):
        expect(f"rgb-{name}.jpg", jpeg(image, subsampling=subsampling))
    expect("grey.jpg", jpeg(image.convert("L")))
    expect("progressive.jpg", jpeg(image, progressive=True))
    exif = Image.Exif()
    exif[0x0112] = 6
    expect("rotated.jpg", jpeg(image, exif=exif))
    cmyk = Image.merge("CMYK", (*sample().split(), Image.linear_gradient("L").resize((W, H))))
    inverted = jpeg(cmyk)
    expect("cmyk-adobe.jpg", inverted)
    expect("cmyk-plain.jpg", adobe(inverted, None))
    expect("ycck.jpg", adobe(inverted, 2))
    large = sample(101, 67)
    data = jpeg(large)
    for eighths in (4, 2, 1):
        expect("large.jpg", data, draft=(101 * eighths // 8, 67 * eighths // 8))


# ---- PNG ------------------------------------------------------------------------------------------------


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(depth, colour, value, interlaced=False, palette=None, transparent=None):
    """value(x, y): the channels of a pixel."""

    def rows(x0, y0, dx, dy):
        out = b""
        for y in range(y0, H, dy):
            bits = "".join(f"{v:0{depth}b}" for x in range(x0, W, dx) for v in value(x, y))
            if bits:
                bits += "0" * (-len(bits) % 8)
                out += b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")
        return out

    passes = ADAM7 if interlaced else [(0, 0, 1, 1)]
    data = b"\x89PNG\r\n\x1a\n"
    data += chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, depth, colour, 0, 0, interlaced))
    data += chunk(b"gAMA", struct.pack(">I", 100000))
    if palette:
        data += chunk(b"PLTE", palette)
    if transparent:
        data += chunk(b"tRNS", transparent)
    data += chunk(b"IDAT", zlib.compress(b"".join(rows(*p) for p in passes), 9))
    return data + chunk(b"IEND", b"")


def make_pngs():
    draw = random.Random(5)
    noise = [[[draw.random() for _ in range(4)] for _ in range(W)] for _ in range(H)]

    def scaled(depth, channels):
        return lambda x, y: [int(v * (1 << depth)) for v in noise[y][x][:channels]]

    for depth in (1, 2, 4, 8, 16):
        expect(f"grey{depth}.png", png(depth, GREY, scaled(depth, 1)))
    expect("grey16-dark.png", png(16, GREY, lambda x, y: [9 * x + 3 * y]))
    expect("grey8-trns.png", png(8, GREY, scaled(8, 1), transparent=b"\0\x30"))
    for depth in (8, 16):
        expect(f"rgb{depth}.png", png(depth, RGB, scaled(depth, 3)))
        expect(f"la{depth}.png", png(depth, GREY_ALPHA, scaled(depth, 2)))
        expect(f"rgba{depth}.png", png(depth, RGB_ALPHA, scaled(depth, 4)))
    for depth in (1, 2, 4, 8):
        palette = bytes(draw.randrange(256) for _ in range(3 << depth))
        expect(f"palette{depth}.png", png(depth, PALETTE, scaled(depth, 1), palette=palette))
    expect("palette8-trns.png", png(8, PALETTE, scaled(8, 1), palette=palette, transparent=bytes(range(200))))
    expect("palette8-short.png", png(8, PALETTE, scaled(8, 1), palette=palette[:300]))
    expect("rgb8-interlaced.png", png(8, RGB, scaled(8, 3), interlaced=True))
    expect("rgba16-interlaced.png", png(16, RGB_ALPHA, scaled(16, 4), interlaced=True))
    expect("grey1-interlaced.png", png(1, GREY, scaled(1, 1), interlaced=True))
    expect("grey16-interlaced.png", png(16, GREY, lambda x, y: [9 * x + 3 * y], interlaced=True))
    expect("palette4-interlaced.png", png(4, PALETTE, scaled(4, 1), interlaced=True, palette=palette[:48]))


# ---- WebP, GIF, TIFF, BMP ---------------------------------------------------------------------------------


def save(image, kind, **options):
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def with_alpha():
    return Image.merge("RGBA", (*sample().split(), Image.linear_gradient("L").resize((W, H))))


def shifted(image, by):
    return image.transform(image.size, Image.AFFINE, (1, 0, by, 0, 1, by))


def make_webps():
    expect("lossy.webp", save(sample(), "WEBP", quality=80))
    expect("lossless.webp", save(sample(), "WEBP", lossless=True))
    expect("alpha.webp", save(with_alpha(), "WEBP", quality=80))
    expect("alpha-lossless.webp", save(with_alpha(), "WEBP", lossless=True, exact=True))
    frames = [shifted(sample(), 3), shifted(sample(), 6)]
    expect("animated.webp", save(sample(), "WEBP", save_all=True, append_images=frames, quality=80))


def make_gifs():
    few = sample().quantize(23)
    expect("palette.gif", save(few, "GIF"))
    expect("interlaced.gif", save(few, "GIF", interlace=1))
    expect("grey.gif", save(sample().convert("L"), "GIF"))
    expect("transparent.gif", save(few, "GIF", transparency=5))
    frames = [shifted(sample(), 3).quantize(11), shifted(sample(), 6).quantize(40)]
    expect("animated.gif", save(few, "GIF", save_all=True, append_images=frames))
    data = bytearray(save(few, "GIF", interlace=0))
    data[6:10] = struct.pack("<HH", W + 9, H + 4)  # a screen that is larger than the frame
    at = data.index(b",", 13 + 3 * 32)
    data[at + 1 : at + 5] = struct.pack("<HH", 5, 2)
    expect("offset.gif", bytes(data))


def make_tiffs():
    image, grey = sample(), sample().convert("L")
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
        expect(f"rgb-{compression.split('_')[-1]}.tif", save(image, "TIFF", compression=compression))
    expect("grey.tif", save(grey, "TIFF", compression="tiff_lzw"))
    expect("bilevel.tif", save(image.convert("1"), "TIFF", compression="group4"))
    expect("palette.tif", save(image.quantize(50), "TIFF"))
    expect("rgba.tif", save(with_alpha(), "TIFF"))
    expect("la.tif", save(with_alpha().convert("LA"), "TIFF"))
    wide = Image.new("I;16", (W, H))
    for y in range(H):
        for x in range(W):
            wide.putpixel((x, y), 9 * x + 3 * y)
    expect("grey16.tif", save(wide, "TIFF"))
    expect("jpeg.tif", save(image, "TIFF", compression="jpeg"))
    for orientation in range(2, 9):
        expect(f"turned{orientation}.tif", save(image, "TIFF", compression="tiff_lzw", tiffinfo={274: orientation}))
    expect("turned-palette.tif", save(image.quantize(50), "TIFF", tiffinfo={274: 6}))
    expect("pages.tif", save(image, "TIFF", save_all=True, append_images=[grey]))
    data = bytearray(save(grey, "TIFF"))  # white is 0
    at = data.index(struct.pack("<HHIH", 262, 3, 1, 1))
    data[at + 8] = 0
    expect("inverted.tif", bytes(data))


def bmp(bits, rows, compression=0, palette=b"", masks=b"", height=H):
    header = struct.pack("<IiiHHIIiiII", 40, W, height, 1, bits, compression, len(rows), 0, 0, len(palette) // 4, 0)
    start = 14 + len(header) + len(masks) + len(palette)
    return struct.pack("<2sIII", b"BM", start + len(rows), 0, start) + header + masks + palette + rows


def make_bmps():
    few = sample().quantize(50)
    expect("rgb.bmp", save(sample(), "BMP"))
    expect("grey.bmp", save(sample().convert("L"), "BMP"))
    expect("bilevel.bmp", save(sample().convert("1"), "BMP"))
    expect("palette.bmp", save(few, "BMP"))
    expect("rgba.bmp", save(with_alpha(), "BMP"))
    random.seed(7)
    rows16 = b"".join(bytes(random.randrange(256) for _ in range(2 * W)) + bytes(2) for _ in range(H))
    expect("rgb555.bmp", bmp(16, rows16))
    expect("rgb565.bmp", bmp(16, rows16, 3, masks=struct.pack("<III", 0xF800, 0x7E0, 0x1F)))
    rows24 = b"".join(bytes(random.randrange(256) for _ in range(3 * W)) + bytes(3) for _ in range(H))
    expect("top-down.bmp", bmp(24, rows24, height=-H))
    palette = b"".join(bytes((5 * i, 250 - 3 * i, 16 * i % 256, 0)) for i in range(16))
    rows4 = b"".join(bytes(random.randrange(256) for _ in range(12)) for _ in range(H))
    expect("palette4.bmp", bmp(4, rows4, palette=palette))
    runs = b""
    for y in range(H):
        runs += bytes((7, y % 16, 0, 5, 1, 2, 3, 4, 5, 0, W - 12, 15 - y % 16)) + b"\0\0"
    palette256 = b"".join(bytes((i, 255 - i, 3 * i % 256, 0)) for i in range(256))
    expect("rle8.bmp", bmp(8, runs + b"\0\1", 1, palette=palette256))


FOLDER.mkdir(exist_ok=True)
make_jpegs()
make_pngs()
make_webps()
make_gifs()
make_tiffs()
make_bmps()
