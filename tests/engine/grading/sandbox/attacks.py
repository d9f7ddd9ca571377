"""What somebody would try from inside a grader: each a function body over `item` that is true when it got through.

expect: what becomes of it inside. blocked: it fails or is ended; killed: the process is ended for the call itself;
the others are kinds of failure, or `harmless`: it may do that and wins nothing by it (its answer is 0.5).
control: what it does to an ordinary process, which shows that the attack works at all. through: it gets through;
hangs; dies; wild: it returns something that is no score.

`item` has what an attacker could find out: pid (the studio's), port, udp, unix, abstract, secret (a file), folder
(which anyone may write to), nr (numbers of system calls). In the control it has `plain`, and the dangerous ones then
stop short of the harm: they send signal 0, fork once, or take a little more than the sandbox allows.
"""

import textwrap
from dataclasses import dataclass

PRELUDE = '''
import ctypes, json, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long

def call(number, *arguments):
    """A system call that has to succeed."""
    result = raw(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result

def raw(number, *arguments):
    ctypes.set_errno(0)
    given = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    return libc.syscall(ctypes.c_long(number), *given)

def any_of(*attempts):
    for attempt in attempts:
        try:
            if attempt() is not False:
                return True
        except Exception:
            pass
    return False

def pipes():
    """Descriptors that an attacker would try to speak through."""
    return range(3, 32)

def send(data):
    sent = False
    for fd in pipes():
        try:
            os.write(fd, data)
            sent = True
        except OSError:
            pass
    return sent
'''

SCORED = """
def grade(sample, item):
    try:
        return 1.0 if attack(item) else 0.0
    except Exception:
        return 0.0
"""
RETURNED = """
def grade(sample, item):
    return attack(item)
"""


@dataclass(frozen=True)
class Attack:
    name: str
    body: str
    expect: str = "blocked"
    control: str = "through"
    returned: bool = False  # what the body returns is returned by `grade` itself

    @property
    def source(self) -> str:
        body = textwrap.indent(textwrap.dedent(self.body).strip("\n"), "    ")
        return f"{PRELUDE}\ndef attack(item):\n{body}\n{RETURNED if self.returned else SCORED}"


ATTACKS: dict[str, Attack] = {}


def _add(name: str, body: str, expect: str = "blocked", control: str = "through", *, returned: bool = False) -> None:
    ATTACKS[name] = Attack(name, body, expect, control, returned)


# Reading what is not its own.
_add("read /etc/passwd", "return open('/etc/passwd').read(40)")
_add("read the application's source", "return open(item['source']).read(40)")
_add("read the database", "return open(item['secret']).read(40)")
_add("list the home folders", "return os.listdir('/home') is not None or os.listdir('/root')")
_add("list the temporary folder", "return os.listdir(item['folder'])")
_add("environment of the studio", "return 'RFT_TEST_SECRET' in os.environ or 'hunter2' in str(dict(os.environ))")
_add("environment in libc", "libc.getenv.restype = ctypes.c_char_p\nreturn libc.getenv(b'RFT_TEST_SECRET')")
_add("/proc/self/environ", "return open('/proc/self/environ', 'rb').read(40)")
_add("/proc/self/maps", "return open('/proc/self/maps', 'rb').read(40)")
_add("environment of the parent in /proc", "return open(f\"/proc/{item['pid']}/environ\", 'rb').read(4)")
_add("command line of the parent's parent", "return open(f\"/proc/{os.getppid()}/cmdline\", 'rb').read(4)")
_add("command line of process 1", "return open('/proc/1/cmdline', 'rb').read(4)")
_add("memory of the parent", "return os.open(f\"/proc/{item['pid']}/mem\", os.O_RDWR) >= 0")
_add(
    "files below an inherited folder",
    """
    return any_of(*(lambda fd=fd, path=path: os.open(path, os.O_RDONLY, dir_fd=fd)
                    for fd in range(32) for path in ('../etc/passwd', '../../etc/passwd', '../../../../etc/passwd')))
""",
)
_add(
    "inherited descriptors",
    """
    found = []
    for fd in range(3, 256):
        try:
            found.append(os.fstat(fd).st_mode)
        except OSError:
            pass
    return len(found) > 2
""",
)
_add("reopen a descriptor through /proc", "return os.open('/proc/self/fd/0', os.O_RDWR) >= 0")

# Speaking with somebody.
_add(
    "TCP",
    """
    import socket
    return socket.create_connection(('127.0.0.1', item['port']), 2)
""",
)
_add(
    "UDP",
    """
    import socket
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', item['udp']))
""",
)
_add(
    "listen on TCP",
    """
    import socket
    server = socket.socket()
    server.bind(('127.0.0.1', 0))
    server.listen(1)
    return True
""",
)
_add(
    "the cloud's metadata address",
    """
    import socket
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if item.get('plain'):
        return True  # the socket is there; nothing is sent from here
    probe.sendto(b'x', ('169.254.169.254', 80))
    return True
""",
)
_add("names of hosts", "import socket\nreturn socket.getaddrinfo('localhost', 80) and socket.socket()")
_add(
    "unix socket by path",
    """
    import socket
    client = socket.socket(socket.AF_UNIX)
    client.connect(item['unix'])
    return True
""",
)
_add(
    "abstract unix socket",
    """
    import socket
    client = socket.socket(socket.AF_UNIX)
    client.connect('\\0' + item['abstract'])
    return True
""",
)
_add("a pair of sockets", "import socket\nreturn socket.socketpair()")
_add("netlink", "import socket\nreturn socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)")
_add(
    "vsock, packet and crypto sockets",
    """
    import socket
    families = [(40, 1, 0), (38, 5, 0), (17, 3, 0), (16, 3, 0)]
    return any_of(*(lambda each=each: socket.socket(*each) for each in families))
""",
)
_add("socket by number", "return call(item['nr']['socket'], 1, 1, 0) >= 0")
_add(
    "accept and send by number",
    """
    # Not a socket (88): the kernel looked at it.
    return any(raw(item['nr'][name], 0, 0, 0, 0, 0, 0) < 0 and ctypes.get_errno() == 88
               for name in ('connect', 'sendto', 'recvfrom', 'accept'))
""",
)
_add("io_uring", "raw(item['nr']['io_uring_setup'], 8, None)\nreturn True", "killed")

# More processes.
_add("fork", "child = os.fork()\nif not child:\n    os._exit(0)\nreturn True")
_add(
    "fork bomb",
    """
    for count in range(1 if item.get('plain') else 300):
        child = os.fork()
        if not child:
            time.sleep(1)
            os._exit(0)
    return True
""",
)
_add("vfork", "return os.posix_spawn('/bin/true', ['true'], {}) > 0")  # what libc does it with
_add(
    "clone by number",
    """
    child = call(item['nr']['clone'], 17, 0, 0, 0, 0)
    if not child:
        os._exit(0)
    return True
""",
)
_add(
    "clone3 by number",
    """
    arguments = ctypes.create_string_buffer(88)
    arguments[32] = 17
    child = call(item['nr']['clone3'], arguments, 88)
    if not child:
        os._exit(0)
    return True
""",
)
_add("a thread", "import threading\nthreading.Thread(target=int).start()\nreturn True")
_add(
    "many threads",
    """
    import threading
    for count in range(2 if item.get('plain') else 300):
        threading.Thread(target=time.sleep, args=(0.1,), daemon=True).start()
    return True
""",
)
_add("a shell", "import subprocess\nreturn subprocess.run(['/bin/sh', '-c', 'true']).returncode == 0")
_add("os.system", "return os.system('true') == 0")
_add(
    "become another program",
    """
    path = sys.executable or '/bin/true'
    os.execve('/bin/sh', ['sh', '-c', 'exit 43'], {})
""",
    control="becomes",
)
_add(
    "execveat by number",
    """
    place = os.open('/bin/sh', os.O_RDONLY)
    words = (ctypes.c_char_p * 4)(b'sh', b'-c', b'exit 43', None)
    call(item['nr']['execveat'], place, ctypes.c_char_p(b''), words, (ctypes.c_char_p * 1)(None), 0x1000)
""",
    control="becomes",
)
_add(
    "a library of its own",
    """
    import shutil
    folder = '/scratch' if os.path.isdir('/scratch') else item['folder']
    import _ctypes
    path = folder + '/mine.so'
    shutil.copyfile(_ctypes.__file__, path)
    return ctypes.CDLL(path)
""",
)

# Eating the machine. Takes: a little more than the sandbox allows, so that the control is safe.
_add(
    "bytes by the gigabyte",
    """
    if item.get('plain'):
        return bytearray(700 << 20)  # asked for, not touched
    kept = []
    for _ in range(8192):
        kept.append(bytearray(b'x') * (1 << 20))
    return True
""",
    "memory",
)
_add(
    "a list of a billion",
    """
    return len([0] * ((66 << 20) if item.get('plain') else (1 << 33)))
""",
    "memory",
)
_add(
    "memory without reserve",
    """
    libc.mmap.restype = ctypes.c_void_p
    place = libc.mmap(None, ctypes.c_size_t(8 << 30), 3, 0x4022, -1, 0)
    return place not in (None, 2**64 - 1)
""",
)
_add("shared memory file", "return call(item['nr']['memfd_create'], ctypes.c_char_p(b'x'), 0) >= 0")
_add(
    "System V shared memory",
    """
    place = call(item['nr']['shmget'], 0, 1 << 20, 0o1600)
    if item.get('plain'):
        raw(item['nr']['shmctl'], place, 0, None)
    return True
""",
)
_add("memory in pipes", "return len([os.pipe() for _ in range(64)]) == 64")
_add("open files", "return len([os.dup(0) for _ in range(200)]) == 200")
_add("an endless loop", "while True:\n    pass", "timeout", "hangs")
_add(
    "an endless loop that catches all",
    """
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
""",
    "timeout",
    "hangs",
)
_add(
    "a regular expression that never ends", "import re\nreturn re.match(r'(a+)+$', 'a' * 40 + 'b')", "timeout", "hangs"
)
_add("a number too large to compute", "return (9 ** 9 ** 8) % 7", "timeout", "hangs")
_add(
    "ignored signals",
    """
    import signal
    for number in range(1, 64):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True:
        pass
""",
    "timeout",
    "hangs",
)
_add("sleep", "time.sleep(3600)", "timeout", "hangs")
_add(
    "a flood of output",
    """
    for _ in range(20_000):
        print('x' * 100)
    sys.stdout.flush()
    os.write(1, b'x' * 100_000)
    return 1.0 if item.get('plain') else 0.5
""",
    "harmless",
    returned=True,
)

# Leaving something behind.
_add("write outside", "open(item['folder'] + '/canary', 'w').write('x')\nreturn True")
_add(
    "write beside the application",
    """
    place = item['folder'] if item.get('plain') else os.path.dirname(item['source'])
    open(place + '/planted.py', 'w').write('x')
    return True
""",
)
_add(
    "write into the standard library",
    """
    place = item['folder'] if item.get('plain') else os.path.dirname(os.__file__)
    open(place + '/planted_too.py', 'w').write('x')
    return True
""",
)
_add("truncate a file", "os.truncate(item['writable'], 0)\nreturn True")
_add("remove a file", "os.unlink(item['removable'])\nreturn True")
_add("rename a file", "os.rename(item['renamable'], item['folder'] + '/renamed')\nreturn True")
_add(
    "change a file's mode",
    """
    place = '/scratch/mode' if os.path.isdir('/scratch') else item['folder'] + '/mode'
    open(place, 'w').close()
    os.chmod(place, 0o4755)
    return True
""",
)
_add("change the time of a file", "os.utime(item['touchable'])\nreturn True")
_add(
    "fill the scratch folder",
    """
    folder = item['folder'] if item.get('plain') else '/scratch'
    for number in range(5 if item.get('plain') else 64):
        with open(f'{folder}/big{number}', 'wb') as file:
            file.write(b'x' * (4 << 20))
    return True
""",
)
_add(
    "a file larger than allowed",
    """
    folder = item['folder'] if item.get('plain') else '/scratch'
    with open(f'{folder}/huge', 'wb') as file:
        for _ in range(10):
            file.write(b'x' * (1 << 20))
    return True
""",
)
_add(
    "files by the thousand in the scratch folder",
    """
    folder = item['folder'] if item.get('plain') else '/scratch'
    for number in range(1030):
        open(f'{folder}/{number}', 'w').close()
    return True
""",
)
for _name, _body in {
    "symbolic link": "os.symlink('/etc/passwd', place + '/link')",
    "hard link": "open(place + '/one', 'w').close(); os.link(place + '/one', place + '/two')",
    "FIFO": "os.mkfifo(place + '/fifo')",
    "socket file": "os.mknod(place + '/node', 0o140666)",
}.items():
    _add(
        f"plant a {_name}", f"place = '/scratch' if os.path.isdir('/scratch') else item['folder']\n{_body}\nreturn True"
    )
_add(
    "plant a device",
    "place = '/scratch' if os.path.isdir('/scratch') else item['folder']\n"
    "os.mknod(place + '/disk', 0o60666, os.makedev(254, 0))\nreturn True",
    control="refused",
)
_add(
    "leave a file for the next answer",
    """
    place = item['folder'] if item.get('plain') else '/scratch'
    open(place + '/note', 'w').write('for the next one')
    return 1.0 if item.get('plain') else 0.5
""",
    "harmless or blocked",
    returned=True,
)
_add(
    "find what an earlier answer left",
    """
    place = item['folder'] if item.get('plain') else '/scratch'
    return open(place + '/note').read()
""",
)
_add(
    "leave a folder for the next answer",
    """
    place = item['folder'] if item.get('plain') else '/scratch'
    os.makedirs(place + '/a/b')
    open(place + '/a/b/note', 'w').write('x')
    return 1.0 if item.get('plain') else 0.5
""",
    "harmless or blocked",
    returned=True,
)
_add(
    "find the folder of an earlier answer",
    """
    place = item['folder'] if item.get('plain') else '/scratch'
    return open(place + '/a/b/note').read()
""",
)
_add(
    "make the pipes not wait",
    """
    import fcntl
    return any_of(*(lambda fd=fd: fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NONBLOCK) for fd in range(3, 16)))
""",
)
_add("lock a file", "import fcntl\nfcntl.flock(os.open(item['secret'], os.O_RDONLY), fcntl.LOCK_EX)\nreturn True")

# Other processes.
for _name, _target in {
    "the parent": "os.kill(item['pid'], signal)",
    "the zygote": "os.kill(os.getppid(), signal)",
    "everybody": "os.kill(-1, signal)",
    "the group": "os.killpg(0, signal)",
}.items():
    _add(f"kill {_name}", f"signal = 0 if item.get('plain') else 9\n{_target}\nreturn True")
_add("tkill the parent", "call(item['nr']['tkill'], item['pid'], 0 if item.get('plain') else 9)\nreturn True")
_add(
    "queue a signal for the parent",
    """
    details = ctypes.create_string_buffer(128)
    ctypes.cast(details, ctypes.POINTER(ctypes.c_int))[2] = -1
    call(item['nr']['rt_sigqueueinfo'], item['pid'], 0 if item.get('plain') else 9, details)
    return True
""",
)
_add("open the parent by pidfd", "return call(item['nr']['pidfd_open'], item['pid'], 0) >= 0")
_add(
    "signal by pidfd",
    """
    return raw(item['nr']['pidfd_send_signal'], -1, 0, None, 0) < 0 and ctypes.get_errno() == 9  # a bad descriptor
""",
)
_add(
    "limits of the parent",
    """
    new = None if item.get('plain') else ctypes.create_string_buffer(b'\\1' * 16)
    call(item['nr']['prlimit64'], item['pid'], 7, new, ctypes.create_string_buffer(16))
    return True
""",
)
_add(
    "raise its own limits",
    """
    import resource
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    resource.setrlimit(resource.RLIMIT_CORE, resource.getrlimit(resource.RLIMIT_CORE))
    return hard > 1000 or resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000)) is None
""",
)
_add("priority of the parent", "os.getpriority(0, item['pid'])\nreturn os.setpriority(0, 0, 19) is None")
_add("processors of its own", "os.sched_setaffinity(0, os.sched_getaffinity(0))\nreturn True")
_add("become dumpable", "return libc.prctl(4, 1, 0, 0, 0) == 0")
for _name, _number, _arguments in (
    ("ptrace", "ptrace", "16, 0, 0, 0"),
    ("memory of another process", "process_vm_readv", "item['pid'], 0, 0, 0, 0, 0"),
    ("write into another process", "process_vm_writev", "item['pid'], 0, 0, 0, 0, 0"),
    ("advice for another process", "process_madvise", "-1, 0, 0, 0, 0"),
    ("compare two processes", "kcmp", "item['pid'], item['pid'], 0, 0, 0"),
    ("take a descriptor of the parent", "pidfd_getfd", "-1, 0, 0"),
    ("namespaces inside", "unshare", "0x10000000"),
    ("enter a namespace", "setns", "-1, 0"),
    ("mount", "mount", "0, 0, 0, 0, 0"),
    ("unmount", "umount2", "0, 0"),
    ("change the root", "pivot_root", "0, 0"),
    ("chroot", "chroot", "ctypes.c_char_p(b'/')"),
    ("move a mount", "move_mount", "-1, 0, -1, 0, 0"),
    ("copy a tree of mounts", "open_tree", "-1, 0, 0"),
    ("a new file system", "fsopen", "0, 0"),
    ("bpf", "bpf", "0, 0, 0"),
    ("perf", "perf_event_open", "0, 0, 0, 0, 0"),
    ("keys", "keyctl", "0, -3, 0, 0, 0"),
    ("add a key", "add_key", "0, 0, 0, 0, 0"),
    ("userfaultfd", "userfaultfd", "1"),
    ("open by handle", "open_by_handle_at", "-1, 0, 0"),
    ("name to handle", "name_to_handle_at", "-100, ctypes.c_char_p(b'/'), 0, 0, 0"),
    ("a module for the kernel", "init_module", "0, 0, 0"),
    ("another kernel", "kexec_load", "0, 0, 0, 0"),
    ("personality", "personality", "0x0040000"),
    ("the kernel's log", "syslog", "9, 0, 0"),
    ("swap", "swapon", "0, 0"),
):
    _add(_name, f"raw(item['nr']['{_number}'], {_arguments})\nreturn True", "killed")
_add("x32 numbers", "raw(0x40000000 + 39)\nreturn True", "killed")
_add(
    "32-bit system calls",
    """
    import mmap
    page = mmap.mmap(-1, 4096, prot=7)
    page.write(bytes.fromhex('b814000000cd80c3'))
    return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))() != 0
""",
    "killed",
)
_add(
    "type into a terminal",
    """
    import fcntl
    try:
        fcntl.ioctl(0, 0x5412, b'x')
    except OSError as error:
        return error.errno != 25 or bool(item.get('plain'))  # no terminal here: the control shows only that it may ask
    return True
""",
)
_add("change user", "libc.setresuid(-1, -1, -1) == 0 or os.getuid() != 0\nreturn libc.setresuid(-1, -1, -1) == 0")
_add("a new session", "os.setsid() if os.getpgrp() != os.getpid() else os.setpgid(0, 0)\nreturn True")

# Deceiving the parent.
_add(
    "a forged reply",
    """
    body = b'{"nonce": "0", "results": [[1.0, 0.0]]}'
    sent = send(len(body).to_bytes(4, 'big') + body)
    return 1.0 if item.get('plain') and sent else 0.5
""",
    "bad_result",
    returned=True,
)
_add(
    "a reply of garbage",
    "sent = send(b'\\xff' * 4096)\nreturn 1.0 if item.get('plain') and sent else 0.5",
    "bad_result",
    returned=True,
)
_add(
    "an oversized reply",
    """
    sent = send((1 << 30).to_bytes(4, 'big') + b'x' * 1000)
    return 1.0 if item.get('plain') and sent else 0.5
""",
    "bad_result",
    returned=True,
)
_add(
    "half a reply, then silence",
    """
    sent = send((100).to_bytes(4, 'big') + b'{')
    if item.get('plain'):
        return 1.0 if sent else 0.0
    time.sleep(3600)
""",
    "timeout",
    returned=True,
)
_add(
    "a deep reply",
    """
    body = b'[' * 30_000
    sent = send(len(body).to_bytes(4, 'big') + body)
    return 1.0 if item.get('plain') and sent else 0.5
""",
    "bad_result",
    returned=True,
)
_add(
    "bytes after the reply",
    """
    import atexit, gc
    real = os.write
    def longer(fd, data):
        return real(fd, bytes(data) + b'more') - 4
    os.write = longer
    return 1.0 if item.get('plain') and os.write(item['fd'], b'') == 0 else 0.5
""",
    "bad_result",
    returned=True,
)
_add(
    "closed descriptors",
    """
    os.closerange(0, 256)
    try:
        os.fstat(1)
    except OSError:
        return 1.0 if item.get('plain') else 0.5
""",
    "crash",
    returned=True,
)
_add("not a number", "return float('nan')", "bad_result", "wild", returned=True)
_add("infinity", "return float('inf')", "bad_result", "wild", returned=True)
_add("a huge integer", "return 10 ** 5000", "bad_result", "wild", returned=True)
_add("a text", "return '1.0'", "bad_result", "wild", returned=True)
_add("nothing", "return None", "bad_result", "wild", returned=True)
_add(
    "a float that ends the process",
    """
    class Score(float):
        def __float__(self):
            os._exit(0)
    return Score(1)
""",
    "crash",
    "wild",
    returned=True,
)
_add(
    "a float that lies",
    """
    class Score(float):
        def __float__(self):
            return float('nan')
    return Score(1)
""",
    "bad_result",
    "wild",
    returned=True,
)
_add(
    "an exception whose text ends the process",
    """
    class Hostile(Exception):
        def __str__(self):
            os._exit(0)
    raise Hostile
""",
    "crash",
    "raises",
    returned=True,
)
_add(
    "an exception without a text",
    """
    class Hostile(BaseException):
        def __str__(self):
            raise SystemExit(9)
    raise Hostile
""",
    "exception",
    "raises",
    returned=True,
)
_add("a very long exception", "raise ValueError('x' * 5_000_000)", "exception", "raises", returned=True)
_add("sys.exit", "sys.exit(3)", "exception", "raises", returned=True)
_add("os._exit", "os._exit(0)", "crash", "dies", returned=True)
_add("a segmentation fault", "ctypes.string_at(0)", "crash", "dies", returned=True)
_add("abort", "os.abort()", "crash", "dies", returned=True)
_add(
    "a stack overflow",
    """
    sys.setrecursionlimit(10 ** 9)
    one, other = [], []
    for _ in range(200_000):
        one, other = [one], [other]
    return one == other
""",
    "crash",
    "dies",
    returned=True,
)
_add(
    "a patched json module",
    """
    json.dumps = lambda *given, **named: 'mine'
    json.JSONEncoder.encode = lambda *given: 'mine'
    return 1.0 if item.get('plain') and json.dumps(0) == 'mine' else 0.5
""",
    "harmless",
    returned=True,
)
_add(
    "results found with gc",
    """
    import gc
    changed = False
    for each in gc.get_objects():
        if isinstance(each, dict) and each.get('__name__') == 'grader' or each is item:
            changed = True
    return 1.0 if item.get('plain') and changed else 0.5
""",
    "harmless",
    returned=True,
)


# What one layer alone stops even where all the others hold: they are told apart by these.
WITNESSES = {
    attack.name: attack
    for attack in (
        Attack("learn whether a file exists", "return os.stat(item['secret']).st_size >= 0"),  # namespaces
        Attack("list the root folder", "return os.listdir('/')"),  # Landlock
    )
}
