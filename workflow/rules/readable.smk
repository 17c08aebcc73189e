# config/config.yaml is read strictly before Snakemake reads it, which of a faulty one names neither the file nor the line.
import sys
from pathlib import Path

HOME = Path(workflow.basedir)
sys.path.insert(0, str(HOME))  # so that the packages import wherever snakemake is installed

from nist.errors import InputError
from nist.studies import yaml_file

if Path.cwd() != HOME:
    sys.exit(f"error: run in the folder of the project, with snakemake --directory {HOME}")
try:
    yaml_file.read(Path("config/config.yaml"))
except InputError as error:
    sys.exit(f"error: {error}")
