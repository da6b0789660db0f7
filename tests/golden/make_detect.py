#!/usr/bin/env python3
"""Makes detect_retina.safetensors and detect_lite.safetensors: what detectors on a small backbone must compute. Neck, head,
anchors, matching, losses and detections of the first are torchvision's; the second is written down here after EfficientDet
(https://arxiv.org/abs/1911.09070). See README.md. Needs PyTorch and torchvision."""
import collections
import pathlib
import sys

import torch
import torch.nn.functional as F
import torchvision
from torchvision.models.detection import _utils as det_utils
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.retinanet import RetinaNet, RetinaNetHead
from torchvision.ops import FeaturePyramidNetwork, box_iou, sigmoid_focal_loss
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

import make_golden as golden

# The backbone: features after a residual sum (strides 8 and 32) and after a convolution (16).
golden.OPS['k3e2'] = ('mbconv', 3, 1, 2)
golden.STAGES = [(8, 2, ['ds']), (12, 2, ['k3e2']), (16, 2, ['k3e2']), (20, 2, ['k3e2'])]
golden.DEPTHS = (1, 2, 1, 2)
SIDE, BATCH, CLASSES, CHANNELS, ANCHORS = 72, 2, 3, 8, 9
FEATURES = (12, 16, 20)
BOXES = [([[3, 5, 40, 33], [30, 20, 68, 71], [50, 4, 60, 12]], [0, 2, 1]), ([[10.5, 30, 71, 70.25]], [1])]


def images():
    """Pixels that the test computes, too."""
    i = torch.arange(BATCH * SIDE * SIDE * 3, dtype=torch.int64)
    values = ((i * 2654435761) % 2 ** 32 >> 24).double() / 64 - 2
    return values.reshape(BATCH, SIDE, SIDE, 3).permute(0, 3, 1, 2)


class Backbone(golden.Supernet):
    """Without head convolution and classifier; `add` draws further weights."""

    def __init__(self, draw):
        self.weights, self.statistics, self.draw = {}, {}, draw
        self.conv_bn('conv_stem', 'bn1', golden.conv(3, golden.STEM, 3, 2))
        for names, cin, cout, stride, options in golden.layers():
            for conv_name, bn_name, c, _, se in golden.units(options[0], cin, cout, stride):
                self.conv_bn(names[0] + conv_name, names[0] + bn_name, c)
                if se:
                    self.conv_bias(names[0] + 'se.conv_reduce', c['cout'], se)
                    self.conv_bias(names[0] + 'se.conv_expand', se, c['cout'])

    def features(self, x, mode):
        x = self.unit(x, 'conv_stem', 'bn1', golden.conv(3, golden.STEM, 3, 2), 'swish', mode)
        out = []
        for i, (names, cin, cout, stride, options) in enumerate(golden.layers()):
            x = self.block(x, names[0], options[0], cin, cout, stride, mode)
            if i in (2, 3, 5):
                out.append(x)
        return out


def grid_sides(levels=5):
    sides, side = [], SIDE
    for level in range(2 + levels):
        side = -(-side // 2)
        sides.append(side)
    return sides[2:]


# ---- RetinaNet ---------------------------------------------------------------------------------------------

class Retina(Backbone):
    levels_used = 5

    def __init__(self, draw):
        super().__init__(draw)
        self.fpn = FeaturePyramidNetwork(FEATURES, CHANNELS, LastLevelP6P7(CHANNELS, CHANNELS)).double()
        self.head = RetinaNetHead(CHANNELS, ANCHORS, CLASSES).double()
        for prefix, module in (('fpn.', self.fpn), ('head.', self.head)):
            for name, t in module.named_parameters():
                fan = t[0].numel()
                t.data = draw.normal(*t.shape, std=1.4 * fan ** -0.5 if t.dim() > 1 else 0.1)
                if name == 'classification_head.cls_logits.bias':
                    t.data -= 1.5
                    t.data = t.data.float().double()
                self.weights[prefix + name] = t
        for t in self.weights.values():
            t.requires_grad_()
        sizes = tuple((x, int(x * 2 ** (1.0 / 3)), int(x * 2 ** (2.0 / 3))) for x in (32, 64, 128, 256, 512))
        self.generator = AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * 5)

    def levels(self, x, mode):
        features = self.features(x, mode)
        return list(self.fpn(collections.OrderedDict(zip('345', features))).values())

    def outputs(self, x, mode):
        out = self.head(self.levels(x, mode))
        return out['cls_logits'], out['bbox_regression']

    def anchors(self):
        maps = [torch.zeros(1, 1, s, s) for s in grid_sides()]
        return self.generator(ImageList(torch.zeros(1, 3, SIDE, SIDE), [(SIDE, SIDE)]), maps)[0]

    def losses(self, logits, deltas, anchors, matched, targets):
        parts = self.head.compute_loss(targets, {'cls_logits': logits, 'bbox_regression': deltas},
                                       [anchors.double()] * BATCH, matched)
        return parts['classification'], parts['bbox_regression']


# ---- after EfficientDet ------------------------------------------------------------------------------------

CELLS, CONVS = 2, 2  # four levels: at P7 a batch norm would have two pixels, and its gradient no digits


class Lite(Backbone):
    levels_used = 4

    def __init__(self, draw):
        super().__init__(draw)
        self.forward_levels = None
        self.create = True  # the first pass draws weights as it meets them
        with torch.no_grad():
            self.outputs(images(), 'running')
        self.create = False
        for t in self.weights.values():
            t.requires_grad_()

    def weight(self, name, *shape):
        if self.create and name not in self.weights:
            std = 1.4 * (shape[1] * shape[2] * shape[3]) ** -0.5
            self.weights[name] = self.draw.normal(*shape, std=std)
        return self.weights[name]

    def vector(self, name, n, mean, std, statistic=False):
        table = self.statistics if statistic else self.weights
        if self.create and name not in table:
            table[name] = self.draw.normal(n, std=std, mean=mean)
        return table[name]

    def norm(self, x, name, mode):
        c = x.shape[1]
        gamma, beta = self.vector(name + '.weight', c, 1, 0.2), self.vector(name + '.bias', c, 0, 0.3)
        mean, var = self.vector(name + '.running_mean', c, 0, 0.2, True), self.vector(
            name + '.running_var', c, 1, 0.1, True)
        return F.batch_norm(x, mean, var, gamma, beta, mode != 'running', golden.MOMENTUM, golden.EPS)

    def separable(self, x, name, cout):
        x = F.conv2d(x, self.weight(name + '.conv_dw.weight', CHANNELS, 1, 3, 3), None, 1, 1, 1, CHANNELS)
        return F.conv2d(x, self.weight(name + '.conv_pw.weight', cout, CHANNELS, 1, 1))

    def resample(self, x, name, is_feature, mode):
        if not is_feature:
            return x
        x = F.conv2d(x, self.weight(name + '.conv.conv.weight', CHANNELS, x.shape[1], 1, 1))
        return self.norm(x, name + '.conv.bn', mode)

    def node(self, cell, i, inputs, side, mode):
        """inputs: (value, whether it is a feature of the backbone)"""
        name = 'fpn.cell.%d.fnode.%d.' % (cell, i)
        edges = F.relu(self.vector(name + 'combine.edge_weights', len(inputs), 1, 0.3))
        total = 0
        for k, (x, is_feature) in enumerate(inputs):
            x = self.resample(x, '%scombine.resample.%d' % (name, k), is_feature, mode)
            if x.shape[2] < side:
                x = F.interpolate(x, size=(side, side), mode='nearest')
            elif x.shape[2] > side:
                x = F.max_pool2d(x, 3, 2, 1)
            total = total + x * edges[k] / (edges.sum() + 1e-4)
        x = self.separable(F.silu(total), name + 'after_combine.conv', CHANNELS)
        return self.norm(x, name + 'after_combine.bn', mode), False

    def cell(self, cell, levels, mode):
        sides, top, i = grid_sides(), self.levels_used - 1, 0
        down = {top: levels[top]}
        for l in range(top - 1, -1, -1):
            down[l] = self.node(cell, i, [levels[l], down[l + 1]], sides[l], mode)
            i += 1
        out = [down[0]]
        for l in range(1, self.levels_used):
            inputs = [levels[l], down[l], out[-1]] if l < top else [levels[l], out[-1]]
            out.append(self.node(cell, i, inputs, sides[l], mode))
            i += 1
        return out

    def head(self, levels, name, numbers, mean, mode):
        out = []
        for level, (x, _) in enumerate(levels):
            for r in range(CONVS):
                x = self.separable(x, '%s.conv_rep.%d' % (name, r), CHANNELS)
                x = F.silu(self.norm(x, '%s.bn_rep.%d.%d.bn' % (name, r, level), mode))
            x = self.separable(x, name + '.predict', numbers * ANCHORS)
            bias = self.vector(name + '.predict.conv_pw.bias', numbers * ANCHORS, mean, 0.1)
            x = x + bias[:, None, None]
            out.append(x.permute(0, 2, 3, 1).reshape(BATCH, -1, numbers))
        return torch.cat(out, 1)

    def outputs(self, x, mode):
        levels = [(f, True) for f in self.features(x, mode)]
        x = self.resample(levels[2][0], 'fpn.resample.3', True, mode)
        levels.append((F.max_pool2d(x, 3, 2, 1), False))
        for c in range(CELLS):
            levels = self.cell(c, levels, mode)
        return self.head(levels, 'class_net', CLASSES, -1.5, mode), self.head(levels, 'box_net', 4, 0, mode)

    def anchors(self):
        boxes = []
        for side in grid_sides(self.levels_used):
            stride = SIDE / side
            for y in range(side):
                for x in range(side):
                    for ratio in (0.5, 1.0, 2.0):
                        for octave in range(3):
                            size = 4 * stride * 2 ** (octave / 3)
                            w, h = size / ratio ** 0.5 / 2, size * ratio ** 0.5 / 2
                            cx, cy = (x + 0.5) * stride, (y + 0.5) * stride
                            boxes.append([cx - w, cy - h, cx + w, cy + h])
        return torch.tensor(boxes)

    def losses(self, logits, deltas, anchors, matched, targets):
        coder, parts = det_utils.BoxCoder((1.0, 1.0, 1.0, 1.0)), [0, 0]
        for i, (match, target) in enumerate(zip(matched, targets)):
            found = match >= 0
            wanted = torch.zeros_like(logits[i])
            wanted[found, target['labels'][match[found]]] = 1
            valid = match != -2
            count = max(1, int(found.sum()))
            parts[0] += sigmoid_focal_loss(logits[i][valid], wanted[valid], reduction='sum') / count / BATCH
            coded = coder.encode_single(target['boxes'][match[found]], anchors.double()[found])
            parts[1] += F.smooth_l1_loss(deltas[i][found], coded, reduction='sum', beta=0.1) / count / BATCH
        return parts


# ---- files -------------------------------------------------------------------------------------------------

def detections(net, logits, deltas, anchors):
    """torchvision's post-processing of every image: 100 boxes, scores, labels."""
    backbone = torch.nn.Identity()
    backbone.out_channels = CHANNELS
    model = RetinaNet(backbone, CLASSES, anchor_generator=AnchorGenerator(((32,) * 1,), ((1.0,),)),
                      head=torch.nn.Identity(), detections_per_img=100)
    counts = [s * s * ANCHORS for s in grid_sides(net.levels_used)]
    found = model.postprocess_detections(
        {'cls_logits': list(logits.split(counts, 1)), 'bbox_regression': list(deltas.split(counts, 1))},
        [list(anchors.split(counts))] * BATCH, [(SIDE, SIDE)] * BATCH)
    return {'detections.%d' % i: torch.cat([d['boxes'], d['scores'][:, None], d['labels'][:, None].float()], 1)
            for i, d in enumerate(found)}


def make(net):
    x, anchors = images(), net.anchors()
    targets = [{'boxes': torch.tensor(b).double(), 'labels': torch.tensor(l)} for b, l in BOXES]
    matcher = det_utils.Matcher(0.5, 0.4, True)
    matched = [matcher(box_iou(t['boxes'].float(), anchors)) for t in targets]
    tensors = {'init.' + k: t.detach().clone() for k, t in {**net.weights, **net.statistics}.items()}
    with torch.no_grad():
        logits, deltas = net.outputs(x, 'running')
    tensors.update(logits=logits, deltas=deltas, anchors=anchors, matched=torch.stack(matched))
    tensors.update(detections(net, logits.float(), deltas.float(), anchors))
    print({k: tuple(t.shape) for k, t in tensors.items() if k.startswith('det')},
          [[int((m == v).sum()) for v in (-2, -1)] for m in matched])
    parts = net.losses(*net.outputs(x, 'batch'), anchors, matched, targets)
    sum(parts).backward()
    tensors['losses'] = torch.stack([sum(parts).detach(), parts[0].detach(), parts[1].detach()])
    tensors.update({'grad.' + k: t.grad for k, t in net.weights.items()})
    return tensors


if __name__ == '__main__':
    torch.set_num_threads(1)
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else golden.HERE
    golden.save(folder / 'detect_retina.safetensors', make(Retina(golden.Draw(600))))
    golden.save(folder / 'detect_lite.safetensors', make(Lite(golden.Draw(601))))
