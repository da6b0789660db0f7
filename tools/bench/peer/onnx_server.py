"""Runs an ONNX model on request, so that it can alternate with another program.

usage: onnx_server.py ENGINE MODEL VALUES BATCH THREADS

ENGINE is onnxruntime or openvino. VALUES is what cream's "values" wrote: the images of a batch [n, side, side, 3], then
their logits, as floats. Writes "ready" and what it runs on (JSON, one line). Then, for each line of stdin:
  step ...  runs the model on the images; answers its seconds
  compare   answers the largest difference of its logits from cream's, as a share of the largest of these
  memory    answers the peak resident bytes, and those before the model was loaded
"""
import json
import sys
import time

import numpy

from serving import resident


class OnnxRuntime:
    """With all its optimisations."""

    def __init__(self, path, batch, threads):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.version = onnxruntime.__version__
        self.session = onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])

    def side(self):
        return self.session.get_inputs()[0].shape[2]

    def run(self, x):
        return self.session.run(['logits'], {'input': x})[0]


class OpenVino:
    """For the least time of one request, in single precision, compiled for this batch."""

    def __init__(self, path, batch, threads):
        import openvino
        core = openvino.Core()
        model = core.read_model(path)
        shape = model.input(0).partial_shape
        model.reshape([batch, 3, shape[2].get_length(), shape[3].get_length()])
        self.version = openvino.__version__
        self.model = core.compile_model(model, 'CPU', {
            'PERFORMANCE_HINT': 'LATENCY', 'NUM_STREAMS': 1, 'INFERENCE_NUM_THREADS': threads,
            'INFERENCE_PRECISION_HINT': 'f32'})
        self.request = self.model.create_infer_request()

    def side(self):
        return self.model.input(0).shape[2]

    def run(self, x):
        return self.request.infer([x], share_inputs=True)[0]


ENGINES = {'onnxruntime': OnnxRuntime, 'openvino': OpenVino}


def values(path, batch, side):
    """Images as the model takes them, and cream's logits."""
    numbers = numpy.fromfile(path, numpy.float32)
    pixels = batch * side * side * 3
    images = numbers[:pixels].reshape(batch, side, side, 3).transpose(0, 3, 1, 2)
    return numpy.ascontiguousarray(images), numbers[pixels:].reshape(batch, -1)


def main():
    name, path, batch, threads = sys.argv[1], sys.argv[2], int(sys.argv[4]), int(sys.argv[5])
    baseline = resident('VmRSS:')
    engine = ENGINES[name](path, batch, threads)
    x, logits = values(sys.argv[3], batch, engine.side())
    print('ready', json.dumps({name: engine.version}), flush=True)
    for line in sys.stdin:
        if line.startswith('step'):
            started = time.perf_counter()
            engine.run(x)
            print('%.9f' % (time.perf_counter() - started), flush=True)
        elif line.startswith('compare'):
            print('%.9g' % (abs(engine.run(x) - logits).max() / abs(logits).max()), flush=True)
        else:
            print(resident('VmHWM:'), baseline, flush=True)


if __name__ == '__main__':
    main()
