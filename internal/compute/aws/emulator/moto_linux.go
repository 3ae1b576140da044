package emulator

import "syscall"

// dieWithParent leaves nothing behind also when the tests are killed.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
