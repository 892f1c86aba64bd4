"""A SLURM cluster of one node, on the loopback interface as a rule, from Debian's packages.

    python tests/cluster/one_node_slurm.py [--accounts] [FOLDER]

prints what to set to use it, and takes it down on Ctrl-C. Keys, state, logs and the configuration
lie in the folder, whatever else is on this machine. Three daemons (five with accounts) are started
in the foreground as children; those, the jobs and no others are ended, whatever ends this process.
"""

import argparse
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import kept

PACKAGES = ("slurm-wlm", "slurm-client", "munge")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")
# for accounts; mariadb-server-core has no service, and slurmdbd's starts only with a file in /etc,
# so that nothing runs after they are installed
ACCOUNTS_PACKAGES = ("slurmdbd", "mariadb-server-core", "mariadb-client-core")
ACCOUNTS_PROGRAMS = ("slurmdbd", "sacctmgr", "sacct", "mariadbd", "mariadb-install-db")
NODE = "node1"
NAME = "one_node"
ACCOUNT = "lab"

CONFIGURATION = """\
ClusterName={name}
SlurmctldHost={host}({address})
SlurmctldPort={controller_port}
SlurmdPort={node_port}
# the address of this machine's name alone
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
# no cgroups, no systemd
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
# a job above its memory is killed within a second or two
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
{accounting}# squeue must still know a job when Snakemake asks
MinJobAge=3600
# a job over its time: SIGTERM, and SIGKILL so many seconds later
KillWait=20
OverTimeLimit=0
DefMemPerCPU=500
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
GresTypes=gpu
NodeName={node} NodeHostname={host} NodeAddr={address} CPUs={cpus} RealMemory={memory_mb} \
Gres=gpu:fake:2 State=UNKNOWN
PartitionName=cpu Nodes={node} Default=YES MaxTime=2-00:00:00 State=UP
PartitionName=gpu Nodes={node} MaxTime=2-00:00:00 State=UP
"""

NO_ACCOUNTING = "AccountingStorageType=accounting_storage/none\n"
ACCOUNTING = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost={address}
AccountingStoragePort={port}
# no word but munge's socket: AuthInfo does not hold for slurmdbd
AccountingStoragePass={folder}/munge.socket
# as on a shared cluster: who has no account cannot send jobs
AccountingStorageEnforce=associations
"""
ACCOUNTS_CONFIGURATION = """\
DbdHost=localhost
DbdAddr={address}
DbdPort={port}
CommunicationParameters=NoInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser={user}
PidFile={folder}/slurmdbd.pid
LogFile={folder}/slurmdbd.log
StorageType=accounting_storage/mysql
# by the socket in MYSQL_UNIX_PORT
StorageHost=localhost
StorageUser={user}
StorageLoc=accounts
"""

# devices that every machine has: nothing can compute on them
GPUS = "AutoDetect=off\n" + "".join(
    f"Name=gpu Type=fake File={device}\n" for device in ("/dev/null", "/dev/zero")
)


class Unavailable(Exception):
    """Why there can be no cluster here."""


def install(*, accounts: bool = False) -> None:
    """Install the packages where they are missing.

    Raises
    ------
    Unavailable
        They cannot be.
    """
    packages = PACKAGES + ACCOUNTS_PACKAGES * accounts
    if not missing(accounts):
        return
    wanted = " ".join(packages)
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        lacks = f"{missing(accounts)} not installed"
        raise Unavailable(f"{lacks} (as root: apt-get install {wanted})")
    options = ("-y", "--no-install-recommends")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    said = ""
    with services_left_off():
        for command in (("update",), ("install", *options, *packages)):
            done = subprocess.run(
                ["apt-get", "-q", *command],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            said = done.stdout
    if missing(accounts):
        last = said.strip().rpartition("\n")[2]
        raise Unavailable(f"apt-get install {wanted} did not bring {missing(accounts)}: {last}")


@contextmanager
def services_left_off(policy: Path = Path("/usr/sbin/policy-rc.d")) -> Iterator[None]:
    """Debian starts the services that it installs, unless this file forbids it."""
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()


def missing(accounts: bool) -> str:
    """Names of the programs that are not here."""
    wanted = PROGRAMS + ACCOUNTS_PROGRAMS * accounts
    return ", ".join(name for name in wanted if not program(name))


def program(name: str) -> str | None:
    """Path of a program, a daemon's too: /usr/sbin is on few users' PATH."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))


class Cluster:
    """Daemons that were started here, and the folder of all that they keep.

    With accounts, its user has the account `lab`, and `sacct` knows the jobs.
    """

    def __init__(
        self, folder: Path, *, cpus: int = 2, memory_mb: int = 200_000, accounts: bool = False
    ) -> None:
        self.folder = folder
        self.cpus, self.memory_mb, self.accounts = cpus, memory_mb, accounts
        self._daemons: dict[str, subprocess.Popen] = {}

    @property
    def environment(self) -> dict[str, str]:
        """What a command needs to use this cluster and no other."""
        path = os.pathsep.join([str(self.folder / "bin"), os.environ.get("PATH", "")])
        return {**os.environ, "PATH": path, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def start(self, patience: float = 60) -> None:
        """Bring everything up and wait until the node takes jobs."""
        self._write()
        self._start_munge()
        if self.accounts:
            self._start_database()
            self.start_accounts()
            self._add_account()
        self.start_controller()
        self._start("slurmd", "-D", "-N", NODE, "-f", self.folder / "slurm.conf")
        self._wait(lambda: self._state() == "idle", patience, "node is not idle")

    def start_controller(self, patience: float = 60) -> None:
        """Start slurmctld; it takes up the state that an earlier one left."""
        fresh = not any((self.folder / "state").iterdir())
        options = ("-i",) if fresh else ()
        self._start("slurmctld", "-D", *options, "-f", self.folder / "slurm.conf")
        answers = lambda: self.ask("scontrol", "ping", fails=True).returncode == 0  # noqa: E731
        self._wait(answers, patience, "controller does not answer")

    def stop_controller(self) -> None:
        """End slurmctld; the node and its jobs go on."""
        self._stop("slurmctld")

    def start_accounts(self, patience: float = 60) -> None:
        """Start slurmdbd on the database that runs."""
        self._start("slurmdbd", "-D", MYSQL_UNIX_PORT=self._database / "socket")
        answers = lambda: self.ask("sacctmgr", "-n", "list", "cluster", fails=True).returncode == 0  # noqa: E731
        self._wait(answers, patience, "slurmdbd does not answer")

    def stop_accounts(self) -> None:
        """End slurmdbd; the controller keeps what it would have told it."""
        self._stop("slurmdbd")

    def ask(self, *command: str, fails: bool = False) -> subprocess.CompletedProcess:
        """Run one of SLURM's commands."""
        return subprocess.run(
            [str(program(command[0])), *command[1:]],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=not fails,
        )

    def jobs(self, states: str = "all") -> dict[int, str]:
        """States of jobs by number."""
        lines = self.ask("squeue", "-h", "-t", states, "-o", "%i %T").stdout.split("\n")
        return {int(one.split()[0]): one.split()[1] for one in lines if one}

    def show(self, job: int | str) -> dict[str, str]:
        """What the controller knows of a job."""
        text = self.ask("scontrol", "-o", "show", "job", str(job)).stdout
        return dict(item.partition("=")[::2] for item in text.split() if "=" in item)

    def accounted(self, job: int | str, field: str) -> str:
        """What the accounts know of a job."""
        said = self.ask("sacct", "-X", "-n", "-P", "-j", str(job), "-o", field)
        return said.stdout.strip()

    def wait_until_ended(self, job: int | str, patience: float = 60) -> None:
        """Wait until nothing of a job runs any more."""
        ended = lambda: int(job) not in self.jobs("pending,running,completing")  # noqa: E731
        self._wait(ended, patience, f"job {job} has not ended")

    def stop(self) -> None:
        """Cancel the cluster's jobs, end its daemons."""
        if "slurmd" in self._daemons and "slurmctld" in self._daemons:
            for job in self.jobs("pending,running,suspended"):
                self.ask("scancel", str(job), fails=True)
            self._wait(lambda: not self.jobs("running,completing"), 40, None)
        for name in ("slurmd", "slurmctld", "slurmdbd", "mariadbd", "munged"):
            self._stop(name)

    def _write(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)  # munged insists that its socket can be reached
        for name in ("bin", "spool", "state"):
            (self.folder / name).mkdir()
        key = self.folder / "munge.key"
        key.touch(0o600)
        key.write_bytes(os.urandom(1024))
        ports = free_ports(3)
        known = {"folder": self.folder, "user": user(), "address": address(), "port": ports[2]}
        accounting = ACCOUNTING if self.accounts else NO_ACCOUNTING
        text = CONFIGURATION.format(
            name=NAME,
            host=socket.gethostname().partition(".")[0],
            address=address(),
            folder=self.folder,
            user=user(),
            node=NODE,
            cpus=self.cpus,
            memory_mb=self.memory_mb,
            controller_port=ports[0],
            node_port=ports[1],
            accounting=accounting.format(**known),
        )
        configuration = self.folder / "slurm.conf"
        configuration.write_text(text)
        # the plug-in for Snakemake takes SLURM_CONF away from the srun that it starts
        srun = self.folder / "bin" / "srun"
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={configuration} exec {program("srun")} "$@"\n')
        srun.chmod(0o755)
        (self.folder / "gres.conf").write_text(GPUS)
        if self.accounts:
            beside = self.folder / "slurmdbd.conf"
            beside.touch(0o600)  # as slurmdbd insists
            beside.write_text(ACCOUNTS_CONFIGURATION.format(**known))

    def _start_munge(self) -> None:
        socket_path = self.folder / "munge.socket"
        files = {
            "key-file": "munge.key",
            "seed-file": "munge.seed",
            "pid-file": "munge.pid",
            "log-file": "munge.log",
        }
        options = [f"--{name}={self.folder / file}" for name, file in files.items()]
        # force: a temporary folder's parents are not to its liking
        self._start("munged", "--foreground", "--force", f"--socket={socket_path}", *options)
        self._wait(socket_path.is_socket, 20, "munged made no socket")

    @property
    def _database(self) -> Path:
        return self.folder / "database"

    def _start_database(self) -> None:
        self._database.mkdir(0o700)
        # no-defaults: nothing that this machine's own MariaDB is told
        common = ("--no-defaults", f"--user={user()}", f"--datadir={self._database / 'tables'}")
        options = (f"--auth-root-socket-user={user()}", "--skip-test-db")
        with open(self.folder / "mariadb-install-db.said", "w") as said:
            made = subprocess.run(
                [str(program("mariadb-install-db")), *common, *options],
                stdout=said,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if made.returncode:
            raise Unavailable(f"no database: {self._last('mariadb-install-db')}")
        files = {"socket": "socket", "pid-file": "pid", "log-error": "log"}
        places = [f"--{name}={self._database / file}" for name, file in files.items()]
        self._start("mariadbd", *common, "--skip-networking", *places)
        self._wait((self._database / "socket").is_socket, 30, "mariadbd made no socket")

    def _add_account(self) -> None:
        for what in (
            ("cluster", NAME),
            ("account", ACCOUNT, "Description=tests", "Organization=tests"),
            ("user", user(), f"Account={ACCOUNT}"),
        ):
            self.ask("sacctmgr", "-i", "add", *what)

    def _start(self, name: str, *arguments: object, **variables: object) -> None:
        with open(self.folder / f"{name}.said", "a") as said:
            self._daemons[name] = subprocess.Popen(
                [*self._keeper(name), str(program(name)), *map(str, arguments)],
                env={**self.environment, **{key: str(one) for key, one in variables.items()}},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=kept.end_with_parent,
            )

    @staticmethod
    def _keeper(name: str) -> list[str]:
        """What runs slurmd: jobs outlive it, and after a kill nobody is left to cancel them."""
        return [sys.executable, kept.__file__] if name == "slurmd" else []

    def _stop(self, name: str) -> None:
        daemon = self._daemons.pop(name, None)
        if daemon is None:
            return
        daemon.terminate()
        try:
            daemon.wait(20)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def _state(self) -> str:
        return self.ask("sinfo", "-h", "-N", "-p", "cpu", "-o", "%t", fails=True).stdout.strip()

    def _wait(self, true, patience: float, trouble: str | None) -> None:
        end = time.monotonic() + patience
        while not true():
            for name, daemon in self._daemons.items():
                if trouble and daemon.poll() is not None:
                    raise Unavailable(f"{name} ended: {self._last(name)}")
            if time.monotonic() > end:
                if trouble:
                    raise Unavailable(f"{trouble} after {patience:.0f} s; logs: {self.folder}")
                return
            time.sleep(0.2)

    def _last(self, name: str) -> str:
        said = (self.folder / f"{name}.said").read_text(errors="replace").strip()
        return said.rpartition("\n")[2]


@contextmanager
def temporary(**options) -> Iterator[Cluster]:
    """A cluster in a folder that goes with it; the folder stays, with the logs, if it fails."""
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    cluster = Cluster(folder, **options)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
    shutil.rmtree(folder)


def user() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


def address() -> str:
    """What this machine's name stands for, where daemons listen: 127.0.0.1, Debian's 127.0.1.1.

    One on the network is as good: munge's key keeps all others out.
    """
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError:
        return "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind((address(), 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help="a new one; default: a temporary one")
    parser.add_argument("--accounts", action="store_true", help="keep accounts: for sacct")
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="slurm-"))
    try:
        install(accounts=given.accounts)
        cluster = Cluster(folder.resolve(), accounts=given.accounts)
        cluster.start()
    except Unavailable as error:
        sys.exit(f"no cluster: {error}")
    print(f"export SLURM_CONF={folder.resolve()}/slurm.conf", flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        signal.pause()
    except KeyboardInterrupt:
        cluster.stop()


if __name__ == "__main__":
    main()
