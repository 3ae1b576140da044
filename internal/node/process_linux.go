package node

import (
	"io/fs"
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel kill the child when its parent ends, however it ends.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// allocated is how many bytes of the disk a file takes. Kafka makes its index files 10 MB long and leaves them empty, so the length of
// a file says little.
func allocated(info fs.FileInfo) int64 {
	const blockBytes = 512 // Of stat(2), whatever the file system's own block size.
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Blocks * blockBytes
	}
	return info.Size()
}
