"""Searching and training: the program `cream` in a process of its own.

The callback gets the lines of metrics.jsonl while the program writes them. So a run from Python is the same as one from
the command line: all devices, checkpoints, and byte for byte the same files.
"""
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any, Callable, Deque, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from ._library import FAILED, INTERRUPTED, CreamError, PathLike, library_path
from ._version import __version__
from .run import Run

Callback = Callable[[Dict[str, Any]], Optional[bool]]
Value = Union[str, int, float, bool, 'os.PathLike[str]', Sequence[Any]]

_POLL = 0.05  # seconds
_NAMES = ('cream-nas', 'cream')  # Debian has another program called cream
_program: Optional[Tuple[str, str]] = None  # where it was looked for, and what was found


def _candidates() -> Iterator[str]:
    try:
        folder = Path(library_path()).parent
        for up in (folder.parent, folder.parent.parent, folder):
            for name in _NAMES:
                for file in (up / 'bin' / name, folder / name):
                    if file.is_file() and os.access(file, os.X_OK):
                        yield str(file)
    except CreamError:
        pass  # searching needs the program alone
    for name in _NAMES:
        found = shutil.which(name)
        if found:
            yield found


def _version_of(program: str) -> str:
    try:
        answer = subprocess.run([program, '--version'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, timeout=20)
        return answer.stdout.decode('utf-8', 'replace').strip()
    except (OSError, subprocess.SubprocessError):
        return ''


def program_path() -> str:
    """The program that searches and trains: CREAM_PROGRAM, or that beside libcream, or one on PATH.

    CreamError: there is none of this version.
    """
    global _program
    given = os.environ.get('CREAM_PROGRAM', '')
    if _program is not None and _program[0] == given:
        return _program[1]
    tried = []
    for program in [given] if given else _candidates():
        version = _version_of(program)
        if version == 'cream ' + __version__:
            _program = (given, program)
            return program
        tried.append('%s is %s' % (program, version.splitlines()[0] if version.startswith('cream ') else 'not it'))
    raise CreamError('the program cream %s is not found%s; install it (Debian: cream-nas), or set CREAM_PROGRAM to its '
                     'file' % (__version__, ''.join(': ' + '; '.join(tried) if tried else '')))


def search(out: PathLike, *, callback: Optional[Callback] = None, config: Optional[PathLike] = None,
           data: Optional[str] = None, space: Optional[PathLike] = None,
           flops: Union[None, str, Tuple[float, float]] = None, epochs: Optional[int] = None,
           batch: Optional[int] = None, seed: Optional[int] = None, threads: Optional[int] = None,
           device: Optional[str] = None, settings: Optional[Mapping[str, Value]] = None, resume: bool = False,
           force: bool = False, **options: Value) -> Run:
    """Searches a network, as `cream search`; returns the run folder `out`.

    config: a settings file. settings: single settings by key, {'search.board.size': 20} (docs/settings.md). flops: range in
    millions, (3, 5) or '3:5'. Further options are those of the command with _ for -: time_budget=30.

    callback: called with each new line of metrics.jsonl as a dict, in the order of the file; lines arrive together with the
    next one that is not a step. Where it returns False, the run stops after its current step as at SIGINT, and
    Run.interrupted is true; where it raises, the run stops and the exception is raised here.

    CreamError: the run failed.
    """
    given = {'config': config, 'data': data, 'space': space, 'flops': _range(flops), 'epochs': epochs, 'batch': batch,
             'seed': seed, 'threads': threads, 'device': device, 'resume': resume, 'force': force, **options}
    return _run('search', out, given, settings, callback)


def retrain(out: PathLike, *, callback: Optional[Callback] = None, run: Optional[PathLike] = None,
            arch: Optional[PathLike] = None, weights: Optional[PathLike] = None, inherit: Optional[PathLike] = None,
            config: Optional[PathLike] = None, data: Optional[str] = None, epochs: Optional[int] = None,
            batch: Optional[int] = None, seed: Optional[int] = None, threads: Optional[int] = None,
            device: Optional[str] = None, settings: Optional[Mapping[str, Value]] = None, resume: bool = False,
            force: bool = False, **options: Value) -> Run:
    """Trains and tests one network, as `cream retrain`; returns the run folder `out`.

    run: the run of a search, whose network and settings are used. weights, inherit: what the training starts from. All
    else as in search().
    """
    given = {'run': run, 'arch': arch, 'weights': weights, 'inherit': inherit, 'config': config, 'data': data,
             'epochs': epochs, 'batch': batch, 'seed': seed, 'threads': threads, 'device': device, 'resume': resume,
             'force': force, **options}
    return _run('retrain', out, given, settings, callback)


def _range(flops: Union[None, str, Tuple[float, float]]) -> Optional[str]:
    return flops if flops is None or isinstance(flops, str) else '%g:%g' % tuple(flops)


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, (str, int)):
        return str(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return ','.join(_text(item) for item in value)


def _words(given: Mapping[str, Optional[Value]], settings: Optional[Mapping[str, Value]]) -> List[str]:
    words: List[str] = []
    for name, value in given.items():
        option = '--' + name.replace('_', '-')
        if value is True:
            words.append(option)
        elif value is not None and value is not False:
            words += [option, _text(value)]
    for key, value in (settings or {}).items():
        words += ['--set', '%s=%s' % (key, _text(value))]
    return words


class _Metrics:
    """The lines of a metrics.jsonl that a run adds."""

    def __init__(self, path: Path, resume: bool) -> None:
        self.path, self.position, self.rest = path, 0, b''
        self.before = self._read() if resume else b''  # a resumed run truncates the file to its checkpoint first
        self.replaced = None if resume else self._stamp()  # a run by force replaces it

    def _read(self) -> bytes:
        try:
            with open(self.path, 'rb') as file:
                file.seek(self.position)
                return file.read()
        except OSError:
            return b''

    def _stamp(self) -> Optional[Tuple[int, int, int]]:
        try:
            state = os.stat(self.path)
        except OSError:
            return None
        return state.st_ino, state.st_mtime_ns, state.st_size

    def _begin(self) -> bool:
        """Whether the run has begun to write; sets where."""
        if self.replaced is not None:
            if self._stamp() == self.replaced:
                return False
            self.replaced = None
        if self.before:
            now = self._read()
            if self.before.startswith(now):  # as it was, or truncated
                return False
            same = os.path.commonprefix([self.before, now])
            self.position, self.before = same.rfind(b'\n') + 1, b''
        return True

    def lines(self) -> Iterator[Dict[str, Any]]:
        if not self._begin():
            return
        new = self._read()
        self.position += len(new)
        whole, newline, rest = (self.rest + new).rpartition(b'\n')
        self.rest = rest
        if newline:
            yield from map(json.loads, whole.split(b'\n'))


def _signal(process: 'subprocess.Popen[bytes]') -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)


def _follow(process: 'subprocess.Popen[bytes]', metrics: _Metrics, callback: Optional[Callback]) -> None:
    """Returns when the process has ended. What the callback raises, and a KeyboardInterrupt, end it first."""
    stopped = False
    try:
        running = True
        while running:
            running = process.poll() is None
            for line in metrics.lines() if callback else ():
                assert callback is not None
                if not stopped and callback(line) is False:
                    stopped = True
                    _signal(process)
            if running:
                time.sleep(_POLL)
    except BaseException:
        _signal(process)
        process.wait()
        raise


def _collect(stream: Any, lines: Deque[str]) -> None:
    for line in stream:
        lines.append(line.decode('utf-8', 'replace').rstrip('\n'))


def _run(command: str, out: PathLike, given: Mapping[str, Optional[Value]],
         settings: Optional[Mapping[str, Value]], callback: Optional[Callback]) -> Run:
    folder = Path(os.fspath(out))
    words = [program_path(), command, *_words(given, settings), '--out', str(folder)]
    metrics = _Metrics(folder / 'metrics.jsonl', bool(given.get('resume')))
    messages: Deque[str] = deque(maxlen=1000)
    # its own session: Ctrl-C of a terminal reaches this process, which stops the program in order
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               start_new_session=True)
    reader = threading.Thread(target=_collect, args=(process.stderr, messages), daemon=True)
    reader.start()
    try:
        _follow(process, metrics, callback)
    finally:
        reader.join()
        assert process.stderr is not None
        process.stderr.close()
    code = process.returncode
    if code not in (0, INTERRUPTED):
        raise _failure(command, code, list(messages))
    run = Run(folder)
    run.notes, run.interrupted = list(messages), code == INTERRUPTED
    return run


def _failure(command: str, code: int, messages: List[str]) -> CreamError:
    """The program's last line, without its name: that is the line of the library's error."""
    prefix = 'cream %s: ' % command
    for line in reversed(messages):
        if line.startswith(prefix):
            return CreamError(line[len(prefix):], code if code > 0 else FAILED)
    last = messages[-1] if messages else 'no message'
    if code < 0:
        return CreamError('cream %s was ended by signal %d (%s): %s' % (command, -code, signal.Signals(-code).name, last))
    return CreamError(last, code)
