package node

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel kill the child when its parent ends, however it ends.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
