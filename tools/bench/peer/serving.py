"""What the scripts that time cream against others share: processes that run a step on request."""
import json
import platform
import subprocess
import tempfile


class Unavailable(Exception):
    pass


class Server:
    """A process that runs a step for each line it is sent."""

    def __init__(self, name, command, environment):
        self.name, self.seconds = name, []
        self.errors = tempfile.TemporaryFile('w+')
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True, env=environment)
        greeting = self.process.stdout.readline()
        if not greeting.startswith('ready'):
            raise Unavailable(self.failure())
        self.facts = json.loads(greeting[5:].strip() or '{}')

    def failure(self):
        self.close()
        self.errors.seek(0)
        lines = self.errors.read().strip().splitlines()
        return lines[-1] if lines else 'exit code %d' % self.process.returncode

    def ask(self, line):
        try:
            self.process.stdin.write(line + '\n')
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the answer below is missing, too
        answer = self.process.stdout.readline().split()
        if not answer:
            raise Unavailable(self.failure())
        return [float(word) for word in answer]

    def close(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # it has ended by itself
        self.process.wait()


def processor():
    try:
        with open('/proc/cpuinfo') as info:
            for line in info:
                if line.startswith('model name'):
                    return line.split(':', 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def resident(key):
    """Bytes of this process, by a key of /proc/self/status: VmRSS: now, VmHWM: at most."""
    with open('/proc/self/status') as status:
        for line in status:
            if line.startswith(key):
                return 1024 * int(line.split()[1])
    return 0
