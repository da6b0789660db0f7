"""Run folders: what searches and trainings leave (docs/formats.md)."""
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from ._library import BAD_CONFIG, CreamError, PathLike
from .arch import Arch

if TYPE_CHECKING:
    from .network import Network


class Run:
    """The folder of a search or of a training, finished or not. Files are read when they are asked for.

    notes: what the program reported, where this process ran it; interrupted: it was stopped before its end.
    """

    def __init__(self, folder: PathLike) -> None:
        self.folder = Path(os.fspath(folder))
        self.notes: List[str] = []
        self.interrupted = False
        if not (self.folder / 'config.yaml').is_file():
            raise CreamError('%s: no run folder: expected the file config.yaml in it' % self.folder, BAD_CONFIG)

    def metrics(self, kind: Optional[str] = None) -> List[Dict[str, Any]]:
        """The lines of metrics.jsonl so far, as dicts, or those of one kind: 'step', 'epoch', 'eval' ...

        pandas.DataFrame(run.metrics('epoch')) is a table of them. Values that were not finite are None.
        """
        lines = self._bytes('metrics.jsonl').split(b'\n')[:-1]  # what is being written has no end yet
        records = [json.loads(line) for line in lines]
        return [record for record in records if kind is None or record['kind'] == kind]

    @property
    def finished(self) -> bool:
        """Whether the run has ended and written its result."""
        return (self.folder / 'result.json').is_file()

    @property
    def result(self) -> Dict[str, Any]:
        """result.json. CreamError: the run is not finished."""
        return self._json('result.json')

    @property
    def test(self) -> Dict[str, Any]:
        """test.json: accuracy by class and confusions of a training."""
        return self._json('test.json')

    def board(self, budget: Optional[str] = None) -> Dict[str, Any]:
        """The prioritized paths of a search, best first; with budgets, those of one."""
        return self._json(_of_budget('board.json', budget))

    @property
    def config(self) -> str:
        """All settings of the run, as YAML."""
        return self._bytes('config.yaml').decode('utf-8')

    def arch(self, budget: Optional[str] = None) -> Arch:
        """The network of a training, or the one that a search found; with budgets, that of one."""
        return Arch(self.folder / _of_budget('arch.json', budget))

    def network(self, threads: int = 0, batch: int = 32, fold: bool = True) -> 'Network':
        """The trained network of a retraining, for classifying images."""
        from .network import Network
        return Network(self.folder, threads=threads, batch=batch, fold=fold)

    def _bytes(self, name: str) -> bytes:
        try:
            return (self.folder / name).read_bytes()
        except OSError as error:
            raise CreamError('%s: %s' % (self.folder / name, error.strerror)) from None

    def _json(self, name: str) -> Dict[str, Any]:
        content: Dict[str, Any] = json.loads(self._bytes(name).decode('utf-8'))
        return content

    def __fspath__(self) -> str:
        return str(self.folder)

    def __repr__(self) -> str:
        return 'Run(%r)' % str(self.folder)


def _of_budget(name: str, budget: Optional[str]) -> str:
    """As cream_run_budget_name."""
    stem, _, end = name.partition('.')
    return name if budget is None else '%s-%s.%s' % (stem, budget, end)
