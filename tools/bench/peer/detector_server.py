"""Runs torchvision's RetinaNet on MobileNetV2's features on request, so that it can alternate with another program's.

usage: detector_server.py WORK LAYOUT SIDE BATCH CLASSES THREADS

WORK is plain (a training step: losses, gradients, SGD) or eval (detections on a batch); LAYOUT is nchw or nhwc, with -compile
for torch.compile of backbone and heads. The features are those at strides 8, 16 and 32 before MobileNetV2's last
convolution, with an FPN of 256 channels. Writes "ready" and what it runs on (JSON, one line). Then, for each line of stdin:
  step ...   runs a step; answers its seconds
  memory     answers the peak resident bytes, and those before the network was made
"""
import json
import sys
import time

import torch
import torchvision
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.retinanet import RetinaNet
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

from serving import resident

BOXES = 7  # of an image: COCO's mean is 7.3


def detector(side, classes):
    features = torchvision.models.mobilenet_v2(weights=None).features[:18]
    layers = {'6': '0', '13': '1', '17': '2'}
    backbone = BackboneWithFPN(features, layers, [32, 96, 320], 256, LastLevelP6P7(256, 256))
    return RetinaNet(backbone, classes, min_size=side, max_size=side)


def targets(batch, side, classes):
    for _ in range(batch):
        size = torch.randint(side // 20 + 1, side // 2 + 2, (BOXES, 2))
        near = (torch.rand(BOXES, 2) * (side - size + 1)).floor()
        yield {'boxes': torch.cat([near, near + size], 1).float(), 'labels': torch.randint(0, classes, (BOXES,))}


class Work:
    def __init__(self, work, layout, side, batch, classes):
        torch.manual_seed(0)
        order, _, compiled = layout.partition('-')
        self.work, self.net = work, detector(side, classes)
        if order == 'nhwc':
            self.net = self.net.to(memory_format=torch.channels_last)
        self.params = sum(p.numel() for p in self.net.parameters())
        if compiled:
            self.net.backbone, self.net.head = torch.compile(self.net.backbone), torch.compile(self.net.head)
        self.net.train(work == 'plain')
        self.optim = torch.optim.SGD(self.net.parameters(), 0.001, 0.9, weight_decay=1e-4, nesterov=True)
        self.x = list(torch.rand(batch, 3, side, side))
        self.y = list(targets(batch, side, classes))

    def step(self):
        if self.work == 'eval':
            with torch.inference_mode():
                self.net(self.x)
            return
        self.optim.zero_grad(set_to_none=True)
        sum(self.net(self.x, self.y).values()).backward()
        self.optim.step()


def main():
    work, layout, side, batch, classes, threads = *sys.argv[1:3], *(int(word) for word in sys.argv[3:7])
    torch.set_num_threads(threads)
    baseline = resident('VmRSS:')
    served = Work(work, layout, side, batch, classes)
    facts = {'torch': torch.__version__, 'torchvision': torchvision.__version__, 'params': served.params,
             'mkldnn': torch.backends.mkldnn.is_available()}
    print('ready', json.dumps(facts), flush=True)
    for line in sys.stdin:
        if line.startswith('step'):
            started = time.perf_counter()
            served.step()
            print('%.9f' % (time.perf_counter() - started), flush=True)
        else:
            print(resident('VmHWM:'), baseline, flush=True)


if __name__ == '__main__':
    main()
