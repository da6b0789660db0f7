"""Runs steps of the PyTorch Cream supernet on request, so that they can alternate with another program's.

usage: step_server.py WORK LAYOUT RESOLUTION BATCH CLASSES DEPTHS THREADS

WORK is plain, distill or eval. LAYOUT is nchw or nhwc, with -bf16 for autocast to bfloat16, and with -compile at the end
for torch.compile of the network of the first path, which all steps then have to have (a supernet would be compiled again
for each path). Writes "ready" and what it runs on (JSON, one line). Then, for each line of stdin:
  step STUDENT TEACHER   runs a step; answers its seconds. A path is its choices, separated by commas.
  memory                 answers the peak resident bytes, and those before the network was made
"""
import contextlib
import json
import sys
import time

import torch
import torch.nn.functional as F

from cream_torch import Supernet
from serving import resident


def blas_libraries():
    with open('/proc/self/maps') as maps:
        paths = {line.split()[-1] for line in maps if 'blas' in line or 'mkl' in line}
    return sorted(path for path in paths if path.startswith('/'))


class Work:
    def __init__(self, work, layout, resolution, batch, classes, depths):
        torch.manual_seed(0)
        order, *modes = layout.split('-')
        memory_format = torch.channels_last if order == 'nhwc' else torch.contiguous_format
        self.work, self.depths = work, depths
        self.compiles, self.compiled, self.half = 'compile' in modes, None, 'bf16' in modes
        self.net = Supernet(depths, classes).to(memory_format=memory_format)
        self.optim = torch.optim.SGD(self.net.parameters(), 0.001, 0.9, weight_decay=1e-4, nesterov=True)
        self.x = torch.randn(batch, 3, resolution, resolution).to(memory_format=memory_format)
        self.y = torch.randint(0, classes, (batch,))
        if work == 'eval':
            self.net.eval()

    def forward(self, path):
        with torch.autocast('cpu', torch.bfloat16) if self.half else contextlib.nullcontext():
            if not self.compiles:
                return self.net(self.x, path).float()
            if self.compiled is None:
                self.compiled = path, torch.compile(lambda x: self.net(x, path))
            assert path == self.compiled[0], 'one network'
            return self.compiled[1](self.x).float()

    def path(self, text):
        choices = [int(choice) for choice in text.split(',')]
        assert len(choices) == sum(self.depths), 'a choice for each layer'
        stages, first = [], 0
        for depth in self.depths:
            stages.append(choices[first:first + depth])
            first += depth
        return stages

    def evaluate(self, path):
        with torch.no_grad():
            self.forward(path)

    def train(self, path, teacher):
        self.optim.zero_grad(set_to_none=True)
        out = self.forward(path)
        loss = F.cross_entropy(out, self.y, label_smoothing=0.1)
        if self.work == 'distill':
            with torch.no_grad():
                soft = F.softmax(self.forward(teacher), 1)
            loss = 0.5 * loss + 0.5 * F.cross_entropy(out, soft)
        loss.backward()
        self.optim.step()

    def step(self, student, teacher):
        student, teacher = self.path(student), self.path(teacher)
        started = time.perf_counter()
        if self.work == 'eval':
            self.evaluate(student)
        else:
            self.train(student, teacher)
        return time.perf_counter() - started


def main():
    work, layout = sys.argv[1:3]
    resolution, batch, classes = (int(value) for value in sys.argv[3:6])
    depths = tuple(int(value) for value in sys.argv[6].split(','))
    torch.set_num_threads(int(sys.argv[7]))
    if layout.endswith('-compile') and not hasattr(torch, 'compile'):
        sys.exit('this PyTorch has no torch.compile')
    baseline = resident('VmRSS:')
    job = Work(work, layout, resolution, batch, classes, depths)
    facts = {'torch': torch.__version__, 'threads': torch.get_num_threads(),
             'mkldnn': torch.backends.mkldnn.is_available(), 'blas': blas_libraries(),
             'python': sys.version.split()[0]}
    print('ready', json.dumps(facts), flush=True)
    for line in sys.stdin:
        words = line.split()
        if words[0] == 'step':
            print('%.9f' % job.step(words[1], words[2]), flush=True)
        else:
            print(resident('VmHWM:'), baseline, flush=True)


if __name__ == '__main__':
    main()
