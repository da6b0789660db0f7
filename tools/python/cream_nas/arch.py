"""Architectures: one network, without weights."""
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from ._library import PathLike, arch_names, arch_text

if TYPE_CHECKING:
    import torch


class Arch:
    """The architecture of a network, as in an arch.json (docs/formats.md).

    `name` is a file, or the name of a built-in network such as 'cream-14' or 'efficientnet-b0'. `data` is the content
    of the file. CreamError, with file, line and key: it is not an architecture.
    """

    def __init__(self, name: PathLike) -> None:
        self.text: str = arch_text(name)
        self.data: Dict[str, Any] = json.loads(self.text)

    @staticmethod
    def names() -> List[str]:
        """The names of the built-in networks."""
        return arch_names()

    @property
    def resolution(self) -> int:
        """Side of the input images, in pixels."""
        return int(self.data['resolution'])

    @property
    def classes(self) -> int:
        return int(self.data['classes'])

    @property
    def flops(self) -> float:
        """FLOPs of one image as the paper counts them (docs/method.md, section 1)."""
        return float(self.data['flops'])

    @property
    def macs(self) -> float:
        """Multiply-adds of one image."""
        return float(self.data['macs'])

    @property
    def params(self) -> int:
        return int(self.data['params'])

    @property
    def layers(self) -> List[List[str]]:
        """The names of the layers' ops, by stage."""
        return [list(stage['layers']) for stage in self.data['stages']]

    def save(self, path: PathLike) -> None:
        """Writes the architecture file."""
        Path(os.fspath(path)).write_text(self.text, encoding='utf-8')

    def to_torch(self, weights: Optional[PathLike] = None) -> 'torch.nn.Module':
        """The network as a PyTorch module in eval mode, with these weights (safetensors) or with random ones.

        Needs PyTorch 1.11 or later. The module takes normalised images [n, 3, side, side] (docs/weights.md).
        """
        from . import torch_model
        network = torch_model.Network(self.data)
        if weights is not None:
            state, _ = torch_model.load_safetensors(os.fspath(weights))
            network.load_state_dict(state, strict=True)
        return network.eval()

    def __repr__(self) -> str:
        return 'Arch(%s, %d x %d, %d classes, %.2f M FLOPs, %.2f M parameters)' % (
            self.data['space']['name'], self.resolution, self.resolution, self.classes, self.flops / 1e6,
            self.params / 1e6)
