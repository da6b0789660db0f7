"""Cream in C from Python: neural architecture search that distils prioritized paths.

Networks classify numpy arrays and image files through libcream; searches and trainings run the program `cream` in a
process of its own and leave run folders. Guide: docs/python.md.
"""
from ._library import CreamError, library_path
from ._version import __version__
from .arch import Arch
from .jobs import program_path, retrain, search
from .network import Network, Prediction
from .run import Run

__all__ = ['Arch', 'CreamError', 'Network', 'Prediction', 'Run', '__version__', 'library_path', 'program_path',
           'retrain', 'search']
