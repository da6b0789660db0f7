"""Runs a quantised model in ONNX Runtime on the test images of a data set, and compares it with `cream test --int8`.

usage: check_onnx_int8.py MODEL PIXELS COUNT RESULT

PIXELS is what image_pixels wrote of the COUNT test images, RESULT the JSON of `cream test --int8`. The model has to be
valid, ONNX Runtime has to run all of its convolutions with integers, the accuracies may differ by 0.1 points (by one
image where there are fewer than 1,000), and the losses by 0.002. Prints the accuracy of both.
"""
import collections
import json
import os
import sys

import numpy
import onnx
import onnxruntime

POINTS, LOSS = 0.001, 0.002


def check_graph(path, optimised):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    convolutions = sum(node.op_type == 'Conv' for node in model.graph.node)
    for tensor in model.graph.initializer:
        if tensor.name.endswith('.weight'):
            assert tensor.data_type == onnx.TensorProto.INT8, tensor.name
    ops = collections.Counter(node.op_type for node in onnx.load(optimised).graph.node)
    assert ops['QLinearConv'] == convolutions > 0, 'convolutions with integers: %s' % ops
    assert ops['QGemm'] == 1, 'the classifier with integers: %s' % ops
    assert not ops['Conv'] and not ops['Gemm'], 'floats are left: %s' % ops
    return ops


def main():
    path, pixels, count, result = sys.argv[1:]
    count = int(count)
    ours = json.load(open(result))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    options.optimized_model_filepath = path + '.optimised'
    session = onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])
    ops = check_graph(path, path + '.optimised')
    os.remove(path + '.optimised')
    metadata = session.get_modelmeta().custom_metadata_map
    side = int(metadata['resolution'])
    mean, std = (numpy.float32(json.loads(metadata[key])) for key in ('mean', 'std'))
    data = open(pixels, 'rb').read()
    images = numpy.frombuffer(data, numpy.uint8, count * side * side * 3).reshape(count, side, side, 3)
    labels = numpy.frombuffer(data, numpy.int32, count, images.size)
    correct, loss = 0, 0.0
    for start in range(0, count, 64):
        x = ((images[start:start + 64] / numpy.float32(255) - mean) / std).transpose(0, 3, 1, 2)
        logits = session.run(['logits'], {'input': x})[0].astype(numpy.float64)
        label = labels[start:start + 64]
        correct += int((logits.argmax(1) == label).sum())
        logits -= logits.max(1, keepdims=True)
        loss += float((numpy.log(numpy.exp(logits).sum(1)) - logits[numpy.arange(len(label)), label]).sum())
    theirs = correct / count
    print('top-1 of %d images: float %.2f %%, cream in 8 bits %.2f %% (loss %.5f), ONNX Runtime %.2f %% (loss %.5f)' %
          (count, 100 * ours['top1'], 100 * ours['int8']['top1'], ours['int8']['loss'], 100 * theirs, loss / count))
    print(', '.join('%d %s' % (n, op) for op, n in sorted(ops.items())))
    assert abs(theirs - ours['int8']['top1']) <= max(POINTS, 1 / count) + 1e-9, 'the accuracies differ'
    assert abs(loss / count - ours['int8']['loss']) <= LOSS, 'the losses differ'


main()
