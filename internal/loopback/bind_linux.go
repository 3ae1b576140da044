package loopback

import (
	"os"
	"strconv"
	"syscall"
)

// Bind takes a port without listening on it. Whoever has the file that it returns, also a process to which it was handed down, keeps
// the port, even while the server is down: the server can listen on it, as Java and Go set SO_REUSEADDR and so does this socket, but
// whoever binds without that, as this function does, is refused.
func Bind(port int) (*os.File, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "port "+strconv.Itoa(port))
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		_ = file.Close()
		return nil, err
	}
	// Only after the bind: set before, it would let this socket share a port that another one keeps.
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}
