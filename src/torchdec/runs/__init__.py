"""What a run leaves behind: the record, the tables, and how they reach the disk all at once."""

from torchdec.runs._publish import check_directory, check_file, locked, write_file, write_run_directory
from torchdec.runs._record import Data, Run, RunError, fingerprint, installed_versions, read_run, write_record
from torchdec.runs._tables import Clusters, read_assignments, read_embedding, save_embedding, write_assignments

__all__ = [
    "Clusters",
    "Data",
    "Run",
    "RunError",
    "check_directory",
    "check_file",
    "fingerprint",
    "installed_versions",
    "locked",
    "read_assignments",
    "read_embedding",
    "read_run",
    "save_embedding",
    "write_assignments",
    "write_file",
    "write_record",
    "write_run_directory",
]
