"""Checks the Python module in the current folder: check_python.py SOURCE. test_python.sh sets the environment."""
import ctypes
import json
import os
import pickle
import struct
import subprocess
import sys
import threading
import time

import numpy as np

import cream_nas
from cream_nas import Arch, CreamError, Network, Run, _library

ROOT = sys.argv[1]
IMAGES = [os.path.join(ROOT, 'tests/golden/images', name) for name in ('rgb-444.jpg', 'grey8.png', 'cmyk-adobe.jpg')]
PROGRAM = os.environ['CREAM_PROGRAM']


def raises(kind, text, function, *args, **options):
    try:
        function(*args, **options)
    except kind as error:
        assert text in str(error), 'got "%s", expected "%s"' % (error, text)
        return error
    raise AssertionError('no %s: expected "%s"' % (kind.__name__, text))


def command(*words):
    done = subprocess.run([PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def write_bmp(path, rgb):
    """Decoders give back exactly these pixels."""
    height, width, _ = rgb.shape
    rows = [row[:, ::-1].tobytes() + bytes(-3 * width % 4) for row in rgb[::-1]]
    data = b''.join(rows)
    with open(path, 'wb') as file:
        file.write(struct.pack('<2sIHHIIiiHHIIiiII', b'BM', 54 + len(data), 0, 0, 54, 40, width, height, 1, 24, 0, len(data),
                               0, 0, 0, 0) + data)


def check_runs():
    """The search and the training of the notebook."""
    found, trained = Run('found'), Run('trained')
    assert found.finished and found.result['command'] == 'search' and 'batch: 128' in found.config
    assert {'start', 'step', 'epoch', 'select'} <= {line['kind'] for line in found.metrics()}
    assert 3e6 <= found.arch().flops <= 5e6 and found.board()['entries']
    with open('found/arch.json') as file:
        assert Arch('found/arch.json').text == file.read() == found.arch().text
    assert trained.result['test']['count'] == 360 and trained.test['confusions'] is not None
    tests = [line['accuracy'] for line in trained.metrics('eval') if line['split'] == 'test']
    assert tests == [trained.result['test']['top1']]
    return trained


def check_callbacks():
    """A training that its callback ends by an exception, resumed, ended by False, and replaced."""
    more = {'arch': 'found/arch.json', 'data': 'digits', 'batch': 256, 'threads': 2}

    def fail(line):
        if line['kind'] == 'epoch':
            raise KeyError('from the callback')

    raises(KeyError, 'from the callback', cream_nas.retrain, 'run', epochs=500, callback=fail, **more)
    run = Run('run')
    assert not run.finished and len(run.metrics('epoch')) >= 1
    step = run.metrics('step')[-1]['step']
    lines = []
    run = cream_nas.retrain('run', resume=True, callback=lambda line: lines.append(line) or line['kind'] != 'epoch')
    assert run.interrupted and not run.finished
    assert lines[0] in run.metrics() and all(0 <= line['step'] - step <= 20 for line in lines[:2]), lines[:2]
    lines = []
    run = cream_nas.retrain('run', epochs=1, force=True, callback=lines.append, **more)
    assert run.finished and not run.interrupted
    assert lines == run.metrics() and lines[0]['kind'] == 'start', 'the callback gets every line once'

    error = raises(CreamError, 'no such setting', cream_nas.search, 'bad', data='digits', settings={'search.bord': 1})
    code, _, text = command('search', '--data', 'digits', '--set', 'search.bord=1', '--out', 'bad')
    assert (error.status, 'cream search: %s\n' % error) == (code, text), text
    raises(CreamError, 'absent: no run folder', Run, 'absent')


def check_predictions(trained):
    """The bytes of `cream predict`, for files and arrays."""
    network = trained.network(threads=2)
    files = [*IMAGES, 'random.bmp']
    random = np.random.RandomState(1).randint(0, 256, (57, 83, 3)).astype(np.uint8)
    write_bmp('random.bmp', random)
    code, text, _ = command('predict', '--run', 'trained', '--json', '--top', '10', *files)
    assert code == 0
    expected = json.loads(text)['images']
    logits = network.logits(files)
    assert logits.dtype == np.float32 and logits.shape == (4, 10)
    assert logits.tolist() == [image['logits'] for image in expected]
    assert [[(p.label, p.name, p.probability) for p in image] for image in network.predict(files, top=10)] == \
        [[(c['class'], c['name'], c['probability']) for c in image['top']] for image in expected]
    arrays = [*files[:3], random[:, ::-1][:, ::-1]]
    assert np.array_equal(network.logits(arrays), logits), 'an array is classified as its file, whatever its strides'
    code, text, _ = command('predict', '--run', 'trained', '--json', 'random.bmp')
    assert network.logits(random).tolist() == json.loads(text)['images'][0]['logits'], 'one alone as the command does'
    assert len(network.predict(random, top=3)) == 3 and network.predict(random)[0].probability <= 1
    pixels = network.prepare(files)
    assert np.array_equal(network.logits(pixels, resize=False), logits)
    assert np.array_equal(network.logits(pixels[1], resize=False), network.logits(files[1]))
    assert abs(network.probabilities(files).sum(1) - 1).max() < 1e-12
    out = np.empty((4, 10), np.float32)
    assert network.logits(files, out=out) is out and np.array_equal(out, logits)
    many = np.random.RandomState(2).randint(0, 256, (70, network.side, network.side, 3)).astype(np.uint8)
    whole = network.logits(many, resize=False)
    assert np.array_equal(Network('trained', batch=7, threads=1).logits(many, resize=False), whole)
    assert np.allclose(Network('trained', batch=1).logits(many, resize=False), whole, rtol=1e-5, atol=1e-5)
    assert np.array_equal(pickle.loads(pickle.dumps(network)).logits(files), logits)
    assert network.logits([]).shape == (0, 10)
    return network, many, whole


def check_fold(network, many, whole):
    loose = Network('trained', fold=False, threads=2)
    assert not loose.folded and network.folded
    apart = loose.logits(many, resize=False)
    assert not np.array_equal(apart, whole) and abs(apart - whole).max() < 1e-3 * abs(whole).max()
    loose.save('again.safetensors')
    with open('trained/weights.safetensors', 'rb') as before, open('again.safetensors', 'rb') as after:
        assert before.read()[-4000:] == after.read()[-4000:]
    assert np.array_equal(loose.fold().logits(many, resize=False), whole)
    loose.save('folded.safetensors')
    assert np.allclose(Network(arch='trained/arch.json', weights='folded.safetensors').logits(many, resize=False), whole,
                       atol=1e-4 * abs(whole).max())
    assert loose.arch.text == Arch('trained/arch.json').text


def check_errors(network):
    for words, options in ((('--run', 'absent'), {'run': 'absent'}),
                           (('--arch', 'cream-14', '--weights', 'trained/weights.safetensors'),
                            {'arch': 'cream-14', 'weights': 'trained/weights.safetensors'})):
        code, _, text = command('predict', *words, IMAGES[0])
        error = raises(CreamError, '', Network, **options)
        assert (error.status, 'cream predict: %s\n' % error) == (code, text), (str(error), text)
    _, _, text = command('predict', '--run', 'trained', 'absent.png')
    assert str(raises(CreamError, 'absent.png', network.logits, 'absent.png')) == text.splitlines()[0]
    raises(CreamError, 'batch: got 0', Network, 'trained', batch=0)
    raises(CreamError, 'given twice', Network, 'trained', arch='cream-14')
    raises(CreamError, 'resize=False takes', network.logits, np.zeros((9, 9, 3), np.uint8), resize=False)
    raises(CreamError, '0 x 3 pixels', network.logits, np.zeros((3, 0, 3), np.uint8))
    raises(ValueError, 'expected uint8', network.logits, np.zeros((3, 3, 3)))
    raises(ValueError, 'expected uint8', network.logits, np.zeros((3, 3), np.uint8))
    raises(ValueError, 'out:', network.logits, IMAGES[0], out=np.empty(10))
    raises(TypeError, 'an image is', network.logits, [1])
    assert np.isfinite(network.logits(IMAGES[0])).all(), 'usable after errors'
    closed = Network('trained')
    with closed:
        pass
    closed.close()
    raises(CreamError, 'closed', closed.logits, IMAGES[0])
    raises(CreamError, 'absent.json', Arch, 'absent.json')
    script = 'import cream_nas\ntry: cream_nas.Arch("cream-14")\nexcept cream_nas.CreamError as e: print(e)'
    text = subprocess.check_output([sys.executable, '-c', script], env={**os.environ, 'CREAM_LIBRARY': '/absent.so'})
    assert b'libcream cannot be loaded: /absent.so' in text and text.count(b'\n') == 1, text


def resident():
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def check_memory(network, many):
    """10,000 predictions take no memory that the first ones did not."""
    before = 0
    for i in range(100):
        network.predict(many, resize=False)  # 70 images
        network.predict(many[i % 70])
        for image in many[:29]:
            network.prepare(image)
        if i == 20:
            before = resident()
    assert resident() - before < 1 << 20, resident() - before


def check_threads(network, many, whole):
    results = [None] * 4
    threads = [threading.Thread(target=lambda i=i: results.__setitem__(i, network.logits(many, resize=False)))
               for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(result, whole) for result in results)


def in_child(function):
    """Whether the function returns true in a child of fork."""
    child = os.fork()
    if child == 0:
        answer = 9
        try:
            answer = 0 if function() else 1
        finally:
            os._exit(answer)
    for _ in range(600):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.05)
    os.kill(child, 9)
    raise AssertionError('the child hangs')


def check_fork(network, many, whole):
    assert in_child(lambda: np.array_equal(network.logits(many, resize=False), whole))
    entered, leave = threading.Event(), threading.Event()

    def use():
        with network._use():
            entered.set()
            leave.wait()

    thread = threading.Thread(target=use)
    thread.start()
    entered.wait()
    try:
        refused = in_child(lambda: raises(CreamError, 'when this process was forked', network.logits, many[0]) and
                           np.array_equal(Network('trained').logits(many, resize=False), whole))
    finally:
        leave.set()
        thread.join()
    assert refused
    assert np.array_equal(network.logits(many, resize=False), whole), 'the parent continues'


def check_arch():
    assert 'cream-14' in Arch.names() and 'efficientnet-b0' in Arch.names()
    arch = Arch('efficientnet-b0')
    assert (arch.resolution, arch.classes) == (224, 1000) and 5.2e6 < arch.params < 5.4e6 and arch.macs < arch.flops
    arch.save('b0.json')
    assert Arch('b0.json').text == arch.text and sum(map(len, arch.layers)) == 16
    assert cream_nas.library_path() == os.path.realpath(os.environ['CREAM_LIBRARY'])
    assert command('--version')[1] == 'cream %s\n' % cream_nas.__version__


def check_layout():
    """The structures of the module are those of the headers."""
    lines = ['#include <stddef.h>', '#include "tools/lib/classifier.h"']
    for structure, name in ((_library.Error, 'cream_error'), (_library.Options, 'cream_classifier_options'),
                            (_library.Info, 'cream_classifier_info')):
        lines.append('_Static_assert(sizeof(%s) == %d, "size of %s");' % (name, ctypes.sizeof(structure), name))
        lines += ['_Static_assert(offsetof(%s, %s) == %d, "%s");' % (name, field, getattr(structure, field).offset, field)
                  for field, _ in structure._fields_]
    subprocess.run(['cc', '-std=gnu11', '-fsyntax-only', '-I', ROOT, '-x', 'c', '-'], input='\n'.join(lines).encode(),
                   check=True)


def check_torch(network, many, whole):
    try:
        import torch
    except ImportError:
        return
    module = network.arch.to_torch('trained/weights.safetensors')
    images = (torch.from_numpy(many) / 255 - torch.tensor(network.mean)) / torch.tensor(network.std)
    with torch.no_grad():
        logits = module(images.permute(0, 3, 1, 2)).numpy()
    assert abs(logits - whole).max() < 1e-3 * abs(whole).max()


def main():
    trained = check_runs()
    check_callbacks()
    network, many, whole = check_predictions(trained)
    check_fold(network, many, whole)
    check_errors(network)
    check_memory(network, many)
    check_threads(network, many, whole)
    check_fork(network, many, whole)
    check_arch()
    check_layout()
    check_torch(network, many, whole)


if __name__ == '__main__':
    main()
