"""Runs an ONNX model in ONNX Runtime on request, so that it can alternate with another program.

usage: onnx_server.py MODEL BATCH THREADS

Writes "ready" and what it runs on (JSON, one line). Then, for each line of stdin:
  step ...  runs the model on the same random input; answers its seconds
  memory    answers the peak resident bytes, and those before the model was loaded
"""
import json
import sys
import time

import numpy
import onnxruntime

from serving import resident


def main():
    model, batch, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    baseline = resident('VmRSS:')
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(model, options, providers=['CPUExecutionProvider'])
    shape = [batch] + session.get_inputs()[0].shape[1:]
    x = numpy.random.default_rng(0).standard_normal(shape, dtype=numpy.float32)
    print('ready', json.dumps({'onnxruntime': onnxruntime.__version__}), flush=True)
    for line in sys.stdin:
        if line.startswith('step'):
            started = time.perf_counter()
            session.run(['logits'], {'input': x})
            print('%.9f' % (time.perf_counter() - started), flush=True)
        else:
            print(resident('VmHWM:'), baseline, flush=True)


if __name__ == '__main__':
    main()
