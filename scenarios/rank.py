"""A rank of a job that trains in step with the others, until told to do something else instead.

argv: ddp | mpi | relayed | apart, and a folder; or relay, a folder and the number of ranks, for what those of the kind
relayed go through. Whatever the file act-RANK in that folder says is done before the next step.
"""
import contextlib
import ctypes
import fcntl
import os
import select
import socket
import sys
import threading
import time

STEPS_BEFORE_READY = 5
# Whoever looks once a second has seen it start, and read its environment, by then.
SECONDS_BEFORE_READY = 2.5
STARTED = time.monotonic()
OWN_WORK_S = 0.02


def compute(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def lock(path):
    fcntl.flock(os.open(path, os.O_RDWR | os.O_CREAT), fcntl.LOCK_EX)


def read(path):
    os.read(os.open(path, os.O_RDONLY), 1)


def deadlock():
    mutex = ctypes.create_string_buffer(64)
    libc = ctypes.CDLL(None)
    libc.pthread_mutex_lock(mutex)
    libc.pthread_mutex_lock(mutex)


def relock():
    """As a library's lock that is not reentrant, taken again by way of a callback."""
    own = threading.Lock()
    own.acquire()
    own.acquire()


def slow(seconds):
    """From now on."""
    global OWN_WORK_S
    OWN_WORK_S = float(seconds)


def save(path):
    """A checkpoint that takes its time."""
    end = time.monotonic() + 30
    with open(path, "wb") as file:
        while time.monotonic() < end:
            file.seek(0)
            file.write(os.urandom(1 << 20))
            compute(0.05)


def eat():
    """More memory than there is."""
    eaten = []
    while True:
        eaten.append(b"x" * (1 << 20))


ACTS = {
    "lock": lock,
    "read": read,
    "deadlock": deadlock,
    "relock": relock,
    "save": save,
    "eat": eat,
    "slow": slow,
    "compute": lambda s: compute(float(s)),
}


def act(folder, rank):
    path = os.path.join(folder, f"act-{rank}")
    if not os.path.exists(path):
        return
    with open(path) as file:
        name, *words = file.read().split()
    os.unlink(path)
    ACTS[name](*words)


def piped_batches():
    """A worker of its own that loads what the rank computes on."""
    reader, writer = os.pipe()
    worker = os.fork()
    if worker == 0:
        os.close(reader)
        while True:
            time.sleep(0.005)
            os.write(writer, b"x" * 8192)
    os.close(writer)

    def batch():
        left = 8192
        while left > 0:
            left -= len(os.read(reader, left))

    return worker, batch


def ddp(folder):
    import torch
    import torch.distributed as dist
    from torch.nn.parallel import DistributedDataParallel
    from torch.utils.data import DataLoader, IterableDataset

    class Batches(IterableDataset):
        def __iter__(self):
            while True:
                yield torch.randn(8)

    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    model = DistributedDataParallel(torch.nn.Linear(8, 8))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    loads = "loader" in sys.argv
    batches = iter(DataLoader(Batches(), batch_size=4, num_workers=1)) if loads else None
    worker = batches._workers[0].pid if loads else 0

    def step():
        batch = next(batches) if loads else torch.randn(4, 8)
        compute(OWN_WORK_S)
        optimizer.zero_grad()
        model(batch).sum().backward()
        optimizer.step()

    run(folder, dist.get_rank(), worker, step)


def mpi(folder):
    from mpi4py import MPI

    world = MPI.COMM_WORLD
    worker, batch = piped_batches() if "loader" in sys.argv else (0, lambda: None)

    def step():
        batch()
        compute(OWN_WORK_S)
        world.allreduce(1)

    run(folder, world.Get_rank(), worker, step)


def relay(folder, size):
    """Lets all go on when all have asked to; if one is gone, never."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.path.join(folder, "relay"))
    listener.listen()
    ends = [listener.accept()[0] for _ in range(int(size))]
    living = set(ends)
    while living:
        awaited = set(ends)
        while awaited and living:
            for end in select.select(living, [], [])[0]:
                if is_gone(end):
                    living.remove(end)
                else:
                    awaited.remove(end)
        for end in living:
            with contextlib.suppress(ConnectionError):
                end.sendall(b"x")


def is_gone(end):
    try:
        return end.recv(1) == b""
    except ConnectionError:
        # It died with something unread.
        return True


def relayed(folder):
    end = socket.socket(socket.AF_UNIX)
    end.connect(os.path.join(folder, "relay"))

    def step():
        compute(OWN_WORK_S)
        end.sendall(b"x")
        end.recv(1)

    run(folder, int(os.environ["RANK"]), 0, step)


def apart(folder):
    run(folder, int(os.environ["RANK"]), 0, lambda: compute(OWN_WORK_S))


def run(folder, rank, worker, step):
    count = 0
    is_told = False
    while True:
        act(folder, rank)
        step()
        count += 1
        if not is_told and count >= STEPS_BEFORE_READY and time.monotonic() - STARTED >= SECONDS_BEFORE_READY:
            is_told = True
            # Of several ranks that write at once none may end up on another's line.
            os.write(1, f"rank {rank} {os.getpid()} {worker}\n".encode())


KINDS = {"ddp": ddp, "mpi": mpi, "relay": relay, "relayed": relayed, "apart": apart}
KINDS[sys.argv[1]](sys.argv[2], *(sys.argv[3:] if sys.argv[1] == "relay" else []))
