"""Compares the logits of exported models with those of `cream predict`, and has the models checked.

usage: check_onnx.py CREAM RANDOM_WEIGHTS NAME SEED RESOLUTION [NAME SEED RESOLUTION ...]

Each triple is one network, made by RANDOM_WEIGHTS in a folder of the current one. Logits may differ by 1e-4
of the largest logit of the image, or by 1e-4 where that is below 1.
"""
import json
import os
import struct
import subprocess
import sys
import zlib

import numpy
import onnx
import onnxruntime

BATCH = 3
TOLERANCE = 1e-4
IMAGENET = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def write_png(path, pixels):
    height, width, _ = pixels.shape
    rows = b''.join(b'\0' + row.tobytes() for row in pixels)
    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    with open(path, 'wb') as out:
        out.write(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', zlib.compress(rows, 1)) +
                  chunk(b'IEND', b''))


def images(side):
    """Names and pixels of three images: noise on a gradient, neither flat nor all alike."""
    numbers = numpy.random.default_rng(side)
    names, pixels = [], []
    for i in range(BATCH):
        slope = numpy.linspace(0, 255, side)[:, None, None] * numbers.uniform(0.2, 1, 3)
        image = numpy.clip(slope + numbers.normal(0, 40, (side, side, 3)), 0, 255).astype(numpy.uint8)
        names.append('%d-%d.png' % (side, i))
        pixels.append(image)
        write_png(names[-1], image)
    return names, numpy.stack(pixels)


def check_model(path):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert [(item.domain, item.version) for item in model.opset_import] == [('', 17)], 'opset'
    assert not any(node.op_type == 'BatchNormalization' for node in model.graph.node), 'a batch norm is left'
    for node in model.graph.node:
        for item in node.attribute:
            assert item.name != 'pads' or len(item.ints) == 4, 'pads'
            assert item.name != 'auto_pad', 'auto_pad'
    shape = model.graph.input[0].type.tensor_type.shape.dim
    assert model.graph.input[0].name == 'input' and shape[0].dim_param == 'batch', 'input'
    assert model.graph.output[0].name == 'logits', 'output'
    metadata = {item.key: item.value for item in model.metadata_props}
    for key in ('architecture', 'layers', 'macs', 'program', 'version', 'interpolation', 'crop_pct'):
        assert metadata[key], key
    assert int(metadata['resolution']) == shape[2].dim_value == shape[3].dim_value, 'resolution'
    return metadata


def check(cream, random_weights, name, seed, resolution):
    folder = '%s-%s' % (name, seed)
    os.mkdir(folder)
    subprocess.run([random_weights, name, seed, resolution, folder], check=True)
    files = (folder + '/arch.json', folder + '/weights.safetensors')
    network = ['--arch', files[0], '--weights', files[1], '--threads', '1']
    model = folder + '/net.onnx'
    subprocess.run([cream, 'export', 'onnx', '--out', model] + network, check=True, stdout=subprocess.DEVNULL)
    metadata = check_model(model)
    mean, std = (json.loads(metadata[key]) for key in ('mean', 'std'))
    named = 'class_names' in metadata
    assert named or (mean, std) == IMAGENET, 'normalisation'
    names, pixels = images(int(metadata['resolution']))
    ours = subprocess.run([cream, 'predict', '--no-resize', '--json'] + network + names, check=True,
                          capture_output=True).stdout
    ours = json.loads(ours)['images']
    x = ((pixels / 255 - mean) / std).astype(numpy.float32).transpose(0, 3, 1, 2)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=['CPUExecutionProvider'])
    batch = session.run(['logits'], {'input': x})[0]
    worst = 0
    for i, mine in enumerate(ours):
        single = session.run(['logits'], {'input': x[i:i + 1]})[0][0]
        logits = numpy.array(mine['logits'])
        scale = max(1, abs(logits).max())
        worst = max(worst, abs(logits - single).max() / scale, abs(logits - batch[i]).max() / scale)
        best = int(logits.argmax())
        top = mine['top'][0]
        assert top['class'] == best, 'the class on top'
        assert top['name'] == (json.loads(metadata['class_names'])[best] if named else str(best)), 'its name'
        share = numpy.exp(logits - logits.max())
        assert abs(top['probability'] - 1 / share.sum()) < 1e-6, 'its probability'
    assert batch.std() > 1e-3, 'all logits are the same'
    assert worst < TOLERANCE, 'logits differ by %g of the largest' % worst
    return worst


def main():
    cream, random_weights = sys.argv[1:3]
    failed = 0
    for i in range(3, len(sys.argv), 3):
        network = sys.argv[i:i + 3]
        try:
            print('%-20s seed %-4s difference %.2e' % (*network[:2], check(cream, random_weights, *network)))
        except (AssertionError, subprocess.CalledProcessError, onnx.checker.ValidationError) as reason:
            failed += 1
            print('%-20s seed %-4s FAILED: %s' % (*network[:2], reason))
    sys.exit(1 if failed else 0)


main()
