"""A dozen small attacks with which a jail is tried before anything else runs in it.

Each is a branch of one grader: 1.0 means that it got through. What ends the process has not got through. The whole
list of attacks is in the tests; these are those that a machine's own settings decide.
"""

SOURCE = """
import ctypes, json, mmap, os, resource, socket, subprocess, threading

libc = ctypes.CDLL(None, use_errno=True)

def works(item):
    return json.loads("[1]") == [1] and sum(range(10)) == 45

def reads_a_file(item):
    return bool(open(item["file"], "rb").read(1))

def reads_the_users(item):
    return bool(open("/etc/passwd", "rb").read(1))

def reads_the_parent(item):
    return bool(open(f"/proc/{item['pid']}/environ", "rb").read(1))

def writes(item):
    os.close(os.open(item["folder"] + "/probe", os.O_WRONLY | os.O_CREAT))
    return True

def connects(item):
    socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()
    return True

def connects_within(item):
    socket.socketpair()
    return True

def forks(item):
    child = os.fork()
    if not child:
        os._exit(0)
    return True

def starts_threads(item):
    threading.Thread(target=int).start()
    return True

def starts_programs(item):
    return subprocess.run(["/bin/true"]).returncode == 0

def signals_the_parent(item):
    os.kill(item["pid"], 0)
    return True

def takes_memory(item):
    mmap.mmap(-1, 4 << 30).close()
    return True

def raises_its_limits(item):
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    return True

def opens_many(item):
    return len([os.dup(0) for _ in range(200)]) == 200

def traces(item):
    return libc.ptrace(0, 0, 0, 0) == 0

def grade(sample, item):
    try:
        return float(globals()[sample](item))
    except Exception:
        return 0.0
"""

BENIGN = "works"
ATTACKS = (
    "reads_a_file", "reads_the_users", "reads_the_parent", "writes", "connects", "connects_within", "forks",
    "starts_threads", "starts_programs", "signals_the_parent", "takes_memory", "raises_its_limits", "opens_many",
    "traces",
)  # fmt: skip
