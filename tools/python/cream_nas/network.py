"""Trained networks for classifying images, on the CPU."""
import ctypes
import os
import threading
import weakref
from types import TracebackType
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple, Type, Union

import numpy as np

from ._library import BAD_CONFIG, BAD_DATA, CreamError, Error, Info, Options, PathLike, check, encode, library
from .arch import Arch

Image = Union[str, 'os.PathLike[str]', np.ndarray]
Images = Union[Image, Sequence[Image]]


class Prediction(NamedTuple):
    """A class of an image."""

    label: int
    name: str
    probability: float


class Network:
    """A trained network: the folder of a retraining (`run`), or an architecture and a weights file.

    Images are file names, uint8 arrays [height, width, 3] of any size, or arrays [n, height, width, 3]. They are prepared
    as by `cream predict`: resized, cropped, normalised; with resize=False arrays must have the network's size and are used
    where they lie, without a copy. One image gives one result, several give an array or a list of results.

    Several threads may use a network; they take turns. A child of os.fork can use the networks of its parent, unless
    another thread of the parent was using them at that moment: then every use raises CreamError.

    threads: 0: one for each processor. batch: images that are classified at once. fold: batch norms become part of the
    convolutions (faster); without it, or before fold(), they are layers of their own.
    """

    def __init__(self, run: Optional[PathLike] = None, *, arch: Optional[PathLike] = None,
                 weights: Optional[PathLike] = None, threads: int = 0, batch: int = 32, fold: bool = True) -> None:
        self._handle: Optional[ctypes.c_void_p] = None
        self._lock = threading.Lock()
        self._torn = False
        self._files = (run, arch, weights, threads, batch)
        if batch < 1:
            raise CreamError('batch: got %d, expected at least 1' % batch, BAD_CONFIG)
        if run is not None and (arch is not None or weights is not None):
            raise CreamError('a network is given twice: expected `run`, or `arch` and `weights`', BAD_CONFIG)
        names = [None if name is None else encode(name) for name in (run, arch, weights)]
        options = Options(names[0], names[1], names[2], threads, batch, not fold)
        self._library = library()
        handle, error = ctypes.c_void_p(), Error()
        check(self._library.cream_classifier_open(ctypes.byref(options), ctypes.byref(handle), ctypes.byref(error)),
              error)
        self._handle = handle
        info: Info = self._library.cream_classifier_describe(handle)
        self.classes: int = info.classes
        self.side: int = info.side
        self.batch: int = info.batch
        self.folded: bool = info.folded
        self.mean: Tuple[float, ...] = tuple(info.mean)
        self.std: Tuple[float, ...] = tuple(info.std)
        self.test_crop: float = info.test_crop
        self.interpolation: str = info.interpolation.decode()
        self.class_names: List[str] = [info.names[i].decode('utf-8', 'replace') for i in range(info.classes)]
        self._pixels: Optional[np.ndarray] = None
        _networks.add(self)

    # ---- classifying -------------------------------------------------------------------------------

    def prepare(self, images: Images, out: Optional[np.ndarray] = None) -> np.ndarray:
        """The pixels that the network gets: uint8 [side, side, 3] of one image, [n, side, side, 3] of several.

        CreamError: a file is missing, damaged or of an unknown format. ValueError: an array is not an image.
        """
        single, items = self._list(images)
        pixels = self._result(out, (len(items), self.side, self.side, 3), np.uint8, single)
        with self._use() as handle:
            self._prepare(handle, items, pixels)
        return pixels[0] if single else pixels

    def logits(self, images: Images, resize: bool = True, out: Optional[np.ndarray] = None) -> np.ndarray:
        """Logits, float32: [classes] of one image, [n, classes] of several. `out`: the array to write them to."""
        single, items = self._list(images)
        logits = self._result(out, (len(items), self.classes), np.float32, single)
        with self._use() as handle:
            if resize:
                self._prepare_and_run(handle, items, logits)
            else:
                self._run_as_is(handle, items, logits)
        return logits[0] if single else logits

    def probabilities(self, images: Images, resize: bool = True) -> np.ndarray:
        """Probabilities (softmax), float64: [classes] of one image, [n, classes] of several."""
        return self._softmax(self.logits(images, resize))

    def predict(self, images: Images, top: int = 5,
                resize: bool = True) -> Union[List[Prediction], List[List[Prediction]]]:
        """The `top` most probable classes, the most probable first: a list of one image, a list of lists of several."""
        if top < 1:
            raise CreamError('top: got %d, expected at least 1' % top, BAD_CONFIG)
        logits = self.logits(images, resize)
        if logits.ndim == 1:
            return self._best(logits, self._softmax(logits), top)
        return [self._best(*rows, top) for rows in zip(logits, self._softmax(logits))]

    def _best(self, logits: np.ndarray, probabilities: np.ndarray, top: int) -> List[Prediction]:
        order = np.argsort(-logits, kind='stable')[:top]  # the lower label first among equals
        return [Prediction(int(label), self.class_names[label], float(probabilities[label])) for label in order]

    # ---- the network -------------------------------------------------------------------------------

    def fold(self) -> 'Network':
        """Folds the batch norms into the convolutions; returns the network. Nothing changes where they are folded."""
        error = Error()
        with self._use() as handle:
            check(self._library.cream_classifier_fold(handle, ctypes.byref(error)), error)
            self.folded = True
        return self

    def save(self, weights: PathLike) -> None:
        """Writes the weights as they are now, folded or not, as a safetensors file with the metadata."""
        error, path = Error(), encode(weights)
        with self._use() as handle:
            check(self._library.cream_classifier_save(handle, path, ctypes.byref(error)), error)

    @property
    def arch(self) -> Arch:
        """The architecture file; of a built-in network, that of the name."""
        run, arch = self._files[:2]
        return Arch(os.path.join(os.fspath(run), 'arch.json') if run is not None else arch)  # type: ignore[arg-type]

    def close(self) -> None:
        """Frees the network; later uses raise CreamError. Closing it again changes nothing."""
        with self._lock:
            handle, self._handle = self._handle, None
            if handle is not None and not self._torn:
                self._library.cream_classifier_close(handle)

    def __enter__(self) -> 'Network':
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, '_handle', None) is not None:
            self.close()

    def __reduce__(self) -> Any:
        """Another process (multiprocessing with `spawn`) opens the same files."""
        return _open, (*self._files, self.folded)

    def __repr__(self) -> str:
        return 'Network(%d x %d, %d classes%s)' % (self.side, self.side, self.classes,
                                                   '' if self.folded else ', not folded')

    # ---- inner -------------------------------------------------------------------------------------

    def _use(self) -> '_Turn':
        return _Turn(self)

    @staticmethod
    def _list(images: Images) -> Tuple[bool, Sequence[Image]]:
        """Whether it is one image, and the images."""
        if isinstance(images, np.ndarray):
            if images.dtype != np.uint8 or images.ndim not in (3, 4) or images.shape[-1] != 3:
                raise ValueError('an array of shape %s and type %s: expected uint8 [height, width, 3] or '
                                 '[n, height, width, 3]' % (images.shape, images.dtype))
            return (True, images[None]) if images.ndim == 3 else (False, images)
        if isinstance(images, (str, os.PathLike)):
            return True, [images]
        items = list(images)
        for item in items:
            if isinstance(item, np.ndarray):
                if item.dtype != np.uint8 or item.ndim != 3 or item.shape[-1] != 3:
                    raise ValueError('an array of shape %s and type %s in a list: expected uint8 [height, width, 3]' %
                                     (item.shape, item.dtype))
            elif not isinstance(item, (str, os.PathLike)):
                raise TypeError('an image is a file name or a uint8 array, got %s' % type(item).__name__)
        return False, items

    @staticmethod
    def _result(out: Optional[np.ndarray], shape: Tuple[int, ...], dtype: Any, single: bool) -> np.ndarray:
        if out is None:
            return np.empty(shape, dtype)
        if out.shape != (shape[1:] if single else shape) or out.dtype != dtype or not out.flags.c_contiguous:
            raise ValueError('out: shape %s and type %s, expected a contiguous array of shape %s and type %s' %
                             (out.shape, out.dtype, shape[1:] if single else shape, np.dtype(dtype)))
        return out[None] if single else out

    def _prepare(self, handle: ctypes.c_void_p, items: Sequence[Image], pixels: np.ndarray) -> None:
        error = Error()
        at, step = pixels.ctypes.data, self.side * self.side * 3
        for i, item in enumerate(items):
            if isinstance(item, np.ndarray):
                rgb = np.ascontiguousarray(item)
                status = self._library.cream_classifier_prepare(handle, rgb.ctypes.data, rgb.shape[0], rgb.shape[1],
                                                                at + i * step, ctypes.byref(error))
            else:
                status = self._library.cream_classifier_read(handle, encode(item), at + i * step, ctypes.byref(error))
            check(status, error)

    def _forward(self, handle: ctypes.c_void_p, pixels: np.ndarray, logits: np.ndarray) -> None:
        error = Error()
        check(self._library.cream_classifier_forward(handle, len(pixels), pixels.ctypes.data, logits.ctypes.data,
                                                     ctypes.byref(error)), error)

    def _prepare_and_run(self, handle: ctypes.c_void_p, items: Sequence[Image], logits: np.ndarray) -> None:
        if self._pixels is None:
            self._pixels = np.empty((self.batch, self.side, self.side, 3), np.uint8)
        for first in range(0, len(items), self.batch):
            some = items[first:first + self.batch]
            pixels = self._pixels[:len(some)]
            self._prepare(handle, some, pixels)
            self._forward(handle, pixels, logits[first:first + len(some)])

    def _run_as_is(self, handle: ctypes.c_void_p, items: Sequence[Image], logits: np.ndarray) -> None:
        if not isinstance(items, np.ndarray):
            if not all(isinstance(item, np.ndarray) and item.shape[:2] == (self.side, self.side) for item in items):
                raise CreamError('resize=False takes arrays of %d x %d pixels' % (self.side, self.side), BAD_DATA)
            items = np.stack(items) if items else np.empty((0, self.side, self.side, 3), np.uint8)  # type: ignore
        if items.shape[1:3] != (self.side, self.side):
            raise CreamError('images of %d x %d pixels, but resize=False takes images of %d x %d' %
                             (items.shape[2], items.shape[1], self.side, self.side), BAD_DATA)
        pixels = np.ascontiguousarray(items)  # no copy where they are contiguous
        for first in range(0, len(pixels), self.batch):
            self._forward(handle, pixels[first:first + self.batch], logits[first:first + self.batch])

    def _softmax(self, logits: np.ndarray) -> np.ndarray:
        probabilities = np.empty(logits.shape, np.float64)
        with self._use() as handle:
            self._library.cream_classifier_softmax(handle, logits.size // self.classes, logits.ctypes.data,
                                                   probabilities.ctypes.data)
        return probabilities


class _Turn:
    """A thread's use of a network."""

    def __init__(self, network: Network) -> None:
        self.network, self.lock = network, network._lock

    def __enter__(self) -> ctypes.c_void_p:
        self.lock.acquire()
        network = self.network
        problem = ''
        if network._torn:
            problem = 'another thread was using the network when this process was forked; open it again'
        elif network._handle is None:
            problem = 'the network is closed'
        if problem:
            self.lock.release()
            raise CreamError(problem)
        assert network._handle is not None
        return network._handle

    def __exit__(self, *reason: Any) -> None:
        self.lock.release()


def _open(run: Optional[PathLike], arch: Optional[PathLike], weights: Optional[PathLike], threads: int, batch: int,
          fold: bool) -> Network:
    return Network(run, arch=arch, weights=weights, threads=threads, batch=batch, fold=fold)


_networks: 'weakref.WeakSet[Network]' = weakref.WeakSet()


def _after_fork_in_child() -> None:
    """The threads that were using networks do not exist here, and have left them and their locks as they were."""
    for network in list(_networks):
        if network._lock.locked():
            network._torn = True
        network._lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork_in_child)
