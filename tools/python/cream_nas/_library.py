"""Finding and calling libcream (tools/lib/cream.h). It is loaded when it is first needed."""
import ctypes
import ctypes.util
import os
import threading
from pathlib import Path
from typing import Any, Iterator, List, Optional, Union

PathLike = Union[str, 'os.PathLike[str]']

FAILED, BAD_CONFIG, BAD_DATA, INTERRUPTED = 1, 2, 3, 130
_NAME = 'libcream.so.0'


class CreamError(Exception):
    """An error of Cream: its text is the line that the library or the program reports.

    `status` is the exit code of the command line: 1 files, memory, device; 2 wrong usage or configuration; 3 data that
    cannot be used; 130 interrupted.
    """

    def __init__(self, text: str, status: int = FAILED) -> None:
        super().__init__(text)
        self.status = status


class Error(ctypes.Structure):
    """cream_error."""

    _fields_ = [('status', ctypes.c_int), ('text', ctypes.c_char * 512)]


class Options(ctypes.Structure):
    """cream_classifier_options."""

    _fields_ = [('run', ctypes.c_char_p), ('arch', ctypes.c_char_p), ('weights', ctypes.c_char_p),
                ('threads', ctypes.c_int), ('batch', ctypes.c_int), ('unfolded', ctypes.c_bool)]


class Info(ctypes.Structure):
    """cream_classifier_info."""

    _fields_ = [('classes', ctypes.c_int), ('side', ctypes.c_int), ('batch', ctypes.c_int), ('folded', ctypes.c_bool),
                ('mean', ctypes.c_float * 3), ('std', ctypes.c_float * 3), ('test_crop', ctypes.c_double),
                ('interpolation', ctypes.c_char_p), ('names', ctypes.POINTER(ctypes.c_char_p)),
                ('named', ctypes.c_bool)]


_HANDLE, _POINTER, _ERROR, _STATUS = ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(Error), ctypes.c_int
# Name: result, arguments.
_FUNCTIONS = {
    'cream_arch_names': (ctypes.POINTER(ctypes.c_char_p), []),
    'cream_arch_text': (_STATUS, [ctypes.c_char_p, ctypes.POINTER(ctypes.c_void_p), _ERROR]),
    'cream_classifier_open': (_STATUS, [ctypes.POINTER(Options), ctypes.POINTER(_HANDLE), _ERROR]),
    'cream_classifier_describe': (Info, [_HANDLE]),
    'cream_classifier_read': (_STATUS, [_HANDLE, ctypes.c_char_p, _POINTER, _ERROR]),
    'cream_classifier_prepare': (_STATUS, [_HANDLE, _POINTER, ctypes.c_int, ctypes.c_int, _POINTER, _ERROR]),
    'cream_classifier_forward': (_STATUS, [_HANDLE, ctypes.c_int, _POINTER, _POINTER, _ERROR]),
    'cream_classifier_softmax': (None, [_HANDLE, ctypes.c_int, _POINTER, _POINTER]),
    'cream_classifier_fold': (_STATUS, [_HANDLE, _ERROR]),
    'cream_classifier_save': (_STATUS, [_HANDLE, ctypes.c_char_p, _ERROR]),
    'cream_classifier_close': (None, [_HANDLE]),
}

_lock = threading.Lock()
_loaded: Optional[ctypes.CDLL] = None
_free = ctypes.CDLL(None).free
_free.argtypes, _free.restype = [ctypes.c_void_p], None


def _candidates() -> Iterator[str]:
    """Names to load the library by, the first that works is used."""
    given = os.environ.get('CREAM_LIBRARY')
    if given:
        yield given
        return
    beside = Path(__file__).resolve().parent
    for folder in (beside, beside.parent):
        for name in (_NAME, 'libcream.so'):
            if (folder / name).exists():
                yield str(folder / name)
    found = ctypes.util.find_library('cream')
    if found:
        yield found
    yield _NAME  # by LD_LIBRARY_PATH


def _open() -> ctypes.CDLL:
    problems: List[str] = []
    for name in _candidates():
        try:
            library = ctypes.CDLL(name)
            for function, (result, arguments) in _FUNCTIONS.items():
                pointer = getattr(library, function)
                pointer.restype, pointer.argtypes = result, arguments
            return library
        except AttributeError as error:
            problems.append('%s is of another version: %s' % (name, error))
        except OSError as error:
            problems.append(str(error))
    raise CreamError('libcream cannot be loaded: %s; install libcream (Debian: libcream0), or set CREAM_LIBRARY to its '
                     'file' % '; '.join(problems))


def library() -> Any:
    """libcream. CreamError: it cannot be found."""
    global _loaded
    with _lock:
        if _loaded is None:
            _loaded = _open()
        return _loaded


class _DlInfo(ctypes.Structure):
    _fields_ = [('file', ctypes.c_char_p), ('base', ctypes.c_void_p), ('symbol', ctypes.c_char_p),
                ('address', ctypes.c_void_p)]


def library_path() -> str:
    """The file that libcream was loaded from. CreamError: it cannot be found."""
    address = ctypes.cast(library().cream_classifier_open, ctypes.c_void_p)
    info = _DlInfo()
    dladdr = ctypes.CDLL(None).dladdr
    dladdr.argtypes = [ctypes.c_void_p, ctypes.POINTER(_DlInfo)]
    if not dladdr(address, ctypes.byref(info)) or not info.file:
        return _NAME
    return os.path.realpath(os.fsdecode(info.file))


def check(status: int, error: Error) -> None:
    """Raises CreamError where a call failed."""
    if status:
        raise CreamError(error.text.decode('utf-8', 'replace'), status)


def encode(path: PathLike) -> bytes:
    """A path as the library takes it."""
    encoded = os.fsencode(path)
    if b'\0' in encoded:
        raise ValueError('a path contains a zero byte: %r' % (path,))
    return encoded


def arch_names() -> List[str]:
    """The names of the built-in networks."""
    names, pointer = [], library().cream_arch_names()
    while pointer[len(names)] is not None:
        names.append(pointer[len(names)].decode())
    return names


def arch_text(name: PathLike) -> str:
    """The content of an architecture file: of the file itself, or of a built-in network by its name."""
    text, error = ctypes.c_void_p(), Error()
    check(library().cream_arch_text(encode(name), ctypes.byref(text), ctypes.byref(error)), error)
    try:
        return ctypes.string_at(text).decode('utf-8')  # type: ignore[arg-type]
    finally:
        _free(text)


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork_in_child)
