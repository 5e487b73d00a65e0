"""The classic file: ``my.dat``, concatenated pickled tuples (mean, covariance, label)."""

from earmark.importing.classic.genres import GTZAN
from earmark.importing.classic.mydat import Rows, read_rows, write_rows
from earmark.importing.classic.transfer import (
    classic_reference,
    classic_spec,
    export_classic,
    import_classic,
)

__all__ = [
    "GTZAN",
    "Rows",
    "classic_reference",
    "classic_spec",
    "export_classic",
    "import_classic",
    "read_rows",
    "write_rows",
]
