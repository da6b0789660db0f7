#!/usr/bin/env python3
"""terminal.py SIZE[,SIZE...] COMMAND...: runs a command on a terminal that is resized (columns x lines: 80x24).

Each size lasts until the command has drawn three frames in it (a frame ends with the escape sequence that ends those of
searches and of cream watch). After the third, and at the end, prints "== SIZE", the lines that were scrolled out of the
window, "--", and those in it. In a window that becomes narrower, lines are broken, as in most terminals. With KEYS in the
environment, these are typed after the third frame of the last size. A line that does not fit into the window is a fault.
The exit code is that of the command."""
import fcntl
import os
import pty
import re
import signal
import struct
import sys
import termios
import time
import unicodedata

ESCAPE = re.compile(r'\033\[([?0-9;]*)([A-Za-z])')
END = ('\033[J\033[?7h', 'q: quit\033[K\033[J')


class Screen:
    def __init__(self, columns, lines):
        self.columns, self.lines = columns, lines
        self.rows, self.gone = [''], []  # in the window; scrolled out of it
        self.x = self.y = 0
        self.wrap = True
        self.main = None  # rows and cursor, while the alternate screen is shown
        self.faults = []

    def scroll(self):
        while len(self.rows) > self.lines:
            row = self.rows.pop(0)
            self.gone += [] if self.main else [row]
            self.y -= 1

    def down(self):
        self.y += 1
        if self.y == len(self.rows):
            self.rows.append('')
        self.scroll()

    def resize(self, columns, lines):
        if self.main:  # is cut instead
            self.rows = [row[:columns] for row in self.rows[:lines]]
            self.columns, self.lines, self.y = columns, lines, min(self.y, len(self.rows) - 1)
            return
        rows, y = [], 0
        for i, row in enumerate(self.rows):
            if i == self.y:
                y = len(rows)
            rows += [row[k:k + columns] for k in range(0, max(1, len(row)), columns)]
        self.rows, self.y, self.columns, self.lines = rows, y, columns, lines
        self.scroll()

    def put(self, char):
        if unicodedata.combining(char):
            return
        if self.x >= self.columns:
            if not self.wrap:
                self.faults.append(f'a line of more than {self.columns} columns: {self.rows[self.y]}')
                return
            self.x = 0
            self.down()
        row = self.rows[self.y].ljust(self.x)
        self.rows[self.y] = row[:self.x] + char + row[self.x + 1:]
        self.x += 1

    def escape(self, arguments, letter):
        n = int(arguments) if arguments.isdigit() else 1
        if letter == 'A':
            self.y = max(0, self.y - n)
        elif letter == 'H':
            self.x = self.y = 0
        elif letter == 'K':
            self.rows[self.y] = self.rows[self.y][:self.x]
        elif letter == 'J':
            self.rows[self.y] = self.rows[self.y][:self.x]
            del self.rows[self.y + 1:]
        elif arguments == '?7':
            self.wrap = letter == 'h'
        elif arguments == '?1049' and letter == 'h':
            self.main = self.rows, self.x, self.y
            self.rows, self.x, self.y = [''], 0, 0
        elif arguments == '?1049':
            (self.rows, self.x, self.y), self.main = self.main, None

    def feed(self, text):
        at = 0
        while at < len(text):
            escape = ESCAPE.match(text, at)
            if escape:
                self.escape(*escape.groups())
                at = escape.end()
                continue
            if text[at] == '\r':
                self.x = 0
            elif text[at] == '\n':
                self.down()
            elif text[at] >= ' ':
                self.put(text[at])
            at += 1

    def show(self):
        print(f'== {self.columns}x{self.lines}', *self.gone, '--', *self.rows, sep='\n')


def set_size(fd, size):
    columns, lines = map(int, size.split('x'))
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', lines, columns, 0, 0))
    return columns, lines


def resume():
    """Continues the command when enough time has passed for another frame: its next step draws one."""
    time.sleep(0.11)
    os.kill(pid, signal.SIGCONT)


sizes = sys.argv[1].split(',')
pid, fd = pty.fork()
if pid == 0:
    time.sleep(0.1)  # until the terminal has its size
    os.execvp(sys.argv[2], sys.argv[2:])
screen = Screen(*set_size(fd, sizes.pop(0)))
pending, frames, wide = b'', 0, False
while True:
    try:
        block = os.read(fd, 65536)
    except OSError:
        block = b''
    if not block:
        break
    pending += block
    # Whole frames, as far as there are any.
    text = pending.decode(errors='ignore')
    ends = [text.find(end) + len(end) for end in END if end in text]
    while ends:
        screen.feed(text[:min(ends)])
        text = text[min(ends):]
        frames += 1
        if frames <= 0:  # it may have been measured before the window was resized
            screen.faults = []
        elif frames == 3:
            os.kill(pid, signal.SIGSTOP)
            screen.show()
            if screen.faults:
                sys.exit('\n'.join(screen.faults))
            if sizes:
                screen.resize(*set_size(fd, sizes.pop(0)))
                frames = -1
                resume()
            else:
                os.kill(pid, signal.SIGCONT)
                os.write(fd, os.environ.get('KEYS', '').encode())
        if 0 <= frames < 3:
            os.kill(pid, signal.SIGSTOP)
            resume()
        ends = [text.find(end) + len(end) for end in END if end in text]
    pending = text.encode()
screen.feed(pending.decode(errors='ignore'))
screen.show()
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
if screen.faults:
    sys.exit('\n'.join(screen.faults))
if sizes:
    sys.exit(f'the command ended before the sizes {sizes}')
sys.exit(status)
