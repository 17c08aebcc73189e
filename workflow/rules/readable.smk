# config/config.yaml is read strictly before Snakemake reads it, which of a faulty one names neither the file nor the line.
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, str(Path(workflow.basedir)))  # so that the packages import wherever snakemake is installed

from nist.errors import InputError
from nist.studies import yaml_file

try:
    yaml_file.read(Path("config/config.yaml"))
except InputError as error:
    raise WorkflowError(str(error)) from None
