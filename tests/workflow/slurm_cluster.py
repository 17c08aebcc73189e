"""A real Slurm on this machine: a controller and three nodes, the first with a GPU to ask for."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from tests.workflow.driver import wait_for

FILES = Path("/etc/slurm")  # steps of jobs look for their configuration nowhere else
DAEMONS = ("slurmctld", "slurmd", "munged", "sbatch")
NODES = ("n1", "n2", "n3")
PATH = f"{os.environ['PATH']}:/usr/sbin"


def why_not():
    """Why no Slurm can be started here, or nothing."""
    if missing := [name for name in DAEMONS if not shutil.which(name, path=PATH)]:
        return f"needs Slurm: {', '.join(missing)} not installed"
    if os.geteuid() != 0:
        return "needs root, to start Slurm"
    if (FILES / "slurm.conf").exists():
        return f"{FILES}/slurm.conf is there: this machine's own Slurm is left alone"
    return ""


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def configuration(folder):
    """Name and text of the files under /etc/slurm."""
    controller, *ports = free_ports(1 + len(NODES))
    host = socket.gethostname().split(".")[0]
    settings = f"""
        ClusterName=test
        SlurmctldHost={host}(127.0.0.1)
        SlurmctldPort={controller}
        SlurmUser=root
        SlurmdUser=root
        AuthInfo=socket={folder}/munge.socket
        StateSaveLocation={folder}/state
        SlurmdSpoolDir={folder}/spool-%n
        SlurmctldPidFile={folder}/slurmctld.pid
        SlurmdPidFile={folder}/slurmd-%n.pid
        ProctrackType=proctrack/linuxproc
        TaskPlugin=task/none
        JobAcctGatherType=jobacct_gather/linux
        AccountingStorageType=accounting_storage/none
        SelectType=select/cons_tres
        SelectTypeParameters=CR_CPU_Memory
        MpiDefault=none
        ReturnToService=2
        SlurmdParameters=config_overrides
        MinJobAge=3600
        KillWait=2
        GresTypes=gpu
        PartitionName=cpu Nodes=ALL Default=YES State=UP
        PartitionName=gpu Nodes={NODES[0]} State=UP
    """
    lines = [line.strip() for line in settings.strip().splitlines()]
    for name, port in zip(NODES, ports, strict=True):
        node = f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=4 RealMemory=32000"
        lines.append(node + (" Gres=gpu:1" if name == NODES[0] else ""))
    return {
        "slurm.conf": "\n".join(lines) + "\n",
        "cgroup.conf": "CgroupPlugin=cgroup/v1\n",
        "gres.conf": f"NodeName={NODES[0]} Name=gpu File=/dev/null\n",  # a count alone leaves the node invalid
    }


def ask(*words):
    """What a command of Slurm prints; they can wait for ever."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout if done.returncode == 0 else ""


class Cluster:
    """Daemons of a Slurm whose files and logs lie in ``folder``; a context in which it runs."""

    def __init__(self, folder):
        self.folder, self.running = folder, {}

    def __enter__(self):
        (self.folder / "state").mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        FILES.mkdir(exist_ok=True)
        self.files = configuration(self.folder)
        for name, text in self.files.items():
            (FILES / name).write_text(text, encoding="utf-8")
        try:
            self._start_all(key)
        except BaseException:
            self._stop_all()
            raise
        return self

    def _start_all(self, key):
        places = {name: self.folder / f"munge.{name}" for name in ("socket", "pid", "log", "seed")}
        options = [f"--{name}-file={places[name]}" for name in ("pid", "log", "seed")]
        self._start("munged", "--foreground", "--force", f"--key-file={key}", f"--socket={places['socket']}", *options)
        wait_for(places["socket"].exists, "munged")
        self._start("slurmctld", "-D")
        for name in NODES:
            self.start_node(name)

    def _start(self, *words, name=None):
        with (self.folder / "daemons.log").open("a") as out:
            process = subprocess.Popen(words, env={**os.environ, "PATH": PATH}, stdout=out, stderr=out)
        self.running[name or words[0]] = process

    def start_node(self, name):
        """Start a node's daemon and wait until jobs can be sent there."""
        self._start("slurmd", "-D", "-N", name, name=name)
        idle = ["sinfo", "-h", "-N", "-p", "cpu", "-t", "idle,mixed,allocated", "-o", "%N"]
        wait_for(lambda: name in ask(*idle).split(), f"node {name}, {self.folder / 'daemons.log'}")

    def crash_node(self, name, job):
        """Let a node, and the job that runs there, end as if its power were cut: nothing on it says goodbye."""
        node, steps = self.running.pop(name), processes(f"slurmstepd: [{job}.".encode(), "cmdline")
        for process in [node.pid, *steps, *processes(f"SLURM_JOB_ID={job}\0".encode(), "environ")]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        node.wait()
        # What the controller finds out by itself once the node has not answered for SlurmdTimeout, five minutes.
        ask("scontrol", "update", f"nodename={name}", "state=down", "reason=crashed")

    def repair_node(self, name, job):
        """Start a crashed node anew, and let the job that it lost begin without the two minutes of a requeued one.

        By ReturnToService the node is up once its daemon has registered. If it were resumed before that, a job that
        waits could be sent to where nobody listens yet, and would count as running for ever.
        """
        self.start_node(name)
        ask("scontrol", "update", f"jobid={job}", "starttime=now")

    def state(self):
        """Jobs, nodes and the end of the daemons' log, for a test that fails."""
        asked = [ask("squeue", "-o", "%i %k %T %r %S %N"), ask("sinfo", "-N", "-l"), ask("scontrol", "show", "job")]
        return "\n".join([*asked, (self.folder / "daemons.log").read_text()[-10_000:]])

    def __exit__(self, *exception):
        ask("scancel", "--user=root", "--full")
        states = "pending,running,completing"
        with contextlib.suppress(AssertionError):
            wait_for(lambda: not ask("squeue", "-h", "-t", states, "-o", "%i"), "jobs to end")
        self._stop_all()

    def _stop_all(self):
        for process in reversed(self.running.values()):
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for name in self.files:
            (FILES / name).unlink()


def processes(marker, file):
    """Processes, among those that can be looked at, with ``marker`` in a file of theirs under /proc."""
    found = []
    for path in Path("/proc").glob(f"[0-9]*/{file}"):
        with contextlib.suppress(OSError):
            if marker in path.read_bytes():
                found.append(int(path.parent.name))
    return found
