#!/usr/bin/env python3
"""Writes detections.json: COCO's twelve numbers of random sets of detections, as pycocotools computes them, and the AP50
of Pascal VOC, as the loops below do. The sets themselves are not stored: tests/core/detect/test_coco_eval.c draws the
same numbers. Needs pycocotools and numpy:

    make_detections.py [FOLDER]
"""

import contextlib
import io
import json
import pathlib
import sys

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

HERE = pathlib.Path(__file__).resolve().parent
SETS = 200


class Draws:
    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2 ** 64
        return (self.state >> 33) % n


def draw_box(draws):
    side = [16, 60, 200][draws.below(3)]
    x, y = draws.below(1200) / 4, draws.below(1200) / 4
    return [x, y, (draws.below(4 * side) + 4) / 4, (draws.below(4 * side) + 4) / 4]


def draw_set(seed):
    """Objects and detections; images and classes are numbered from 0."""
    draws = Draws(seed)
    images, classes = 1 + draws.below(6), 1 + draws.below(5)
    unused = draws.below(classes + 1)  # no object has this class
    crowded = seed % 20 == 0  # more than 100 detections of a class in an image
    objects, found = [], []
    for image in range(images):
        for _ in range(0 if draws.below(5) == 0 else draws.below(9)):
            label, box = draws.below(classes), draw_box(draws)
            crowd, share = draws.below(8) == 0, draws.below(4) + 1
            if label != unused:
                objects.append((image, label, box, crowd, box[2] * box[3] * share / 4))
            for _ in range(draws.below(4)):
                near = [box[0] + (draws.below(33) - 16) / 4, box[1] + (draws.below(33) - 16) / 4,
                        box[2] + draws.below(9) / 2, box[3] + draws.below(9) / 2]
                other = draws.below(8) == 0
                found.append((image, draws.below(classes) if other else label, near, (1 + draws.below(16)) / 16))
        for _ in range(130 * classes if crowded else draws.below(6)):
            label, box = draws.below(classes), draw_box(draws)
            found.append((image, label, box, (1 + draws.below(16)) / 16))
    return images, classes, objects, found


def coco_numbers(images, classes, objects, found):
    truth = COCO()
    truth.dataset = {
        'info': {},
        'images': [{'id': i + 1} for i in range(images)],
        'categories': [{'id': c + 1} for c in range(classes)],
        'annotations': [{'id': n + 1, 'image_id': o[0] + 1, 'category_id': o[1] + 1, 'bbox': o[2],
                         'iscrowd': int(o[3]), 'area': o[4]} for n, o in enumerate(objects)],
    }
    truth.createIndex()
    if found:
        results = truth.loadRes([{'image_id': d[0] + 1, 'category_id': d[1] + 1, 'bbox': d[2], 'score': d[3]}
                                 for d in found])
    else:
        results = COCO()
        results.dataset = dict(truth.dataset, annotations=[])
        results.createIndex()
    evaluation = COCOeval(truth, results, 'bbox')
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return [float(v) for v in evaluation.stats]


def overlap(a, b):
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    return both / (a[2] * a[3] + b[2] * b[3] - both)


def voc_of_class(objects, found):
    count = sum(not o[3] for o in objects)
    if not count:
        return None
    taken, right, wrong, points = set(), 0, 0, []
    for image, _, box, _ in sorted(found, key=lambda d: -d[3]):
        near = [(overlap(box, o[2]), -n) for n, o in enumerate(objects) if o[0] == image]
        best = max(near) if near else (0, 0)
        at = -best[1]
        if best[0] >= 0.5 and objects[at][3]:
            continue
        if best[0] >= 0.5 and at not in taken:
            taken.add(at)
            right += 1
        else:
            wrong += 1
        points.append((right / count, right / (right + wrong)))
    area, before = 0, 0
    for n, (recall, _) in enumerate(points):
        area += (recall - before) * max(p for _, p in points[n:])
        before = recall
    return area


def voc_ap50(_, classes, objects, found):
    each = [voc_of_class([o for o in objects if o[1] == c], [d for d in found if d[1] == c]) for c in range(classes)]
    each = [v for v in each if v is not None]
    return sum(each) / len(each) if each else -1


def make():
    rows = []
    for seed in range(SETS):
        drawn = draw_set(seed)
        with contextlib.redirect_stdout(io.StringIO()):
            numbers = coco_numbers(*drawn)
        rows.append([round(v, 10) for v in numbers + [voc_ap50(*drawn)]])
    return rows


if __name__ == '__main__':
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    lines = ',\n'.join(json.dumps(row) for row in make())
    (folder / 'detections.json').write_text('[\n' + lines + '\n]\n')
