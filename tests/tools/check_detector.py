"""Compares exported detectors in ONNX Runtime with `cream detect predict`, with and without suppression in the model.

usage: check_detector.py CREAM RUN SCORE IMAGE...

IMAGE are files of the network's input size, to which three images of noise are added. The detections have to be the same, one
for one: the class, the score to 1e-5, and every edge to 1e-3 of a pixel. Prints how many there are, and the largest
differences.
"""
import json
import subprocess
import sys

import numpy
import onnx
import onnxruntime
from PIL import Image

OVERLAP, CANDIDATES, MOST = 0.5, 1000, 100
SCORE_TOLERANCE, EDGE_TOLERANCE = 1e-5, 1e-3


def noise(side):
    """Names of three images: noise on a gradient, which has no two places alike."""
    for i in range(3):
        numbers = numpy.random.default_rng(i)
        slope = numpy.linspace(0, 255, side)[:, None, None] * numbers.uniform(0.2, 1, 3)
        pixels = numpy.clip(slope + numbers.normal(0, 40, (side, side, 3)), 0, 255).astype(numpy.uint8)
        Image.fromarray(pixels).save('noise-%d.png' % i)
        yield 'noise-%d.png' % i


def export(cream, run, score, *words):
    path = run + '/' + ('nms' if words else 'all') + '.onnx'
    subprocess.run([cream, 'detect', 'export', '--run', run, '--out', path, '--threads', '1', '--set',
                    'detect.score=' + score, *words], check=True, stdout=subprocess.DEVNULL)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])


def overlap(box, boxes):
    near, far = numpy.maximum(box[:2], boxes[:, :2]), numpy.minimum(box[2:], boxes[:, 2:])
    both = numpy.prod(numpy.clip(far - near, 0, None), 1)
    area = numpy.prod(boxes[:, 2:] - boxes[:, :2], 1)
    return numpy.divide(both, numpy.prod(box[2:] - box[:2]) + area - both, out=numpy.zeros_like(both), where=both > 0)


def levels(side):
    """Anchors of each level: 9 for each cell of P3 to P7."""
    cells, counts = side, []
    for level in range(7):
        cells = (cells + 1) // 2
        if level >= 2:
            counts.append(9 * cells * cells)
    return counts


def suppress(boxes, scores, side, score):
    """(box, score, class) of an image, best first, from the model without suppression."""
    candidates, first = [], 0
    for count in levels(side):
        flat = scores[first:first + count].ravel()
        best = numpy.argsort(-flat, kind='stable')[:CANDIDATES]
        candidates += [(flat[i], first * scores.shape[1] + i) for i in best if flat[i] > score]
        first += count
    assert first == len(boxes), 'the number of anchors'
    found = []
    for value, place in sorted(candidates, key=lambda c: (-c[0], c[1])):
        box, label = boxes[place // scores.shape[1]], place % scores.shape[1]
        same = [other for other, _, at in found if at == label]
        if not same or overlap(box, numpy.array(same)).max() <= OVERLAP:
            found.append((box, value, label))
    return found[:MOST]


def listed(outputs, i):
    """The same from the outputs of the model with suppression."""
    count, boxes, scores, classes = outputs
    n = count[i]
    assert (classes[i, n:] == -1).all() and not scores[i, n:].any() and not boxes[i, n:].any(), 'rows after the last'
    return [(boxes[i, k], scores[i, k], classes[i, k]) for k in range(n)]


def compare(ours, theirs, worst):
    """Every detection has its counterpart; those of nearly equal scores may have changed places."""
    assert len(ours) == len(theirs), '%d detections, but %d in ONNX Runtime' % (len(ours), len(theirs))
    left = list(theirs)
    for box, score, label in ours:
        edges = [numpy.abs(other - box).max() if at == label else numpy.inf for other, _, at in left]
        at = int(numpy.argmin(edges))
        worst[0], worst[1] = max(worst[0], edges[at]), max(worst[1], abs(left[at][1] - score))
        assert edges[at] < EDGE_TOLERANCE and abs(left[at][1] - score) < SCORE_TOLERANCE, \
            'a detection of class %d and score %.6f: edges differ by %g' % (label, score, edges[at])
        del left[at]


def predict(cream, run, score, images):
    """(box, score, class) of each image."""
    result = subprocess.run([cream, 'detect', 'predict', '--run', run, '--score', score, '--json', '--threads', '1',
                             *images], check=True, capture_output=True).stdout
    found = [[] for _ in images]
    for item in json.loads(result):
        x, y, width, height = item['bbox']
        box = numpy.array([x, y, x + width, y + height])
        found[item['image_id'] - 1].append((box, item['score'], item['category_id'] - 1))
    return found


def main():
    cream, run, score = sys.argv[1:4]
    sessions = export(cream, run, score), export(cream, run, score, '--nms')
    metadata = sessions[0].get_modelmeta().custom_metadata_map
    mean, std = (json.loads(metadata[key]) for key in ('mean', 'std'))
    side = int(metadata['resolution'])
    images = sys.argv[4:] + list(noise(side))
    ours = predict(cream, run, score, images)
    pixels = numpy.stack([numpy.asarray(Image.open(path).convert('RGB')) for path in images])
    x = ((pixels / 255 - mean) / std).astype(numpy.float32).transpose(0, 3, 1, 2)
    boxes, scores = sessions[0].run(['boxes', 'scores'], {'input': x})
    names = ['count', 'boxes', 'scores', 'classes']
    size = numpy.full((len(images), 2), side, numpy.float32)
    suppressed = sessions[1].run(names, {'input': x, 'size': size})
    worst = [0, 0]
    for i, found in enumerate(ours):
        compare(found, suppress(boxes[i], scores[i], side, float(score)), worst)
        compare(found, listed(suppressed, i), worst)
        compare(found, listed(sessions[1].run(names, {'input': x[i:i + 1], 'size': size[:1]}), 0), worst)
    print('%s detections; edges differ by %.1e pixels, scores by %.1e' % (
        ' '.join(str(len(found)) for found in ours), *worst))
    assert any(ours) and not all(ours), 'expected images with detections and images without'


main()
