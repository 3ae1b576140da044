// Package loopback keeps ports of 127.0.0.1 for servers that are to listen on them later, and again after each of their restarts.
package loopback

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
)

// ErrNoPort is returned when all ports of a range are in use.
var ErrNoPort = errors.New("no free port")

// Reserve finds a port from first on, among count of them, whose address is not taken and that nobody uses, and keeps it until the
// file that it returns is closed by everybody who has it: the server can listen on the address, others who reserve are refused.
// It fails with ErrNoPort when there is none.
//
// A range below the ports that the kernel gives to outgoing connections (net.ipv4.ip_local_port_range, 32768 and above by default)
// keeps those away too.
func Reserve(first, count int, taken map[string]bool) (*os.File, string, error) {
	// Processes know nothing of each other: that they begin anywhere keeps them from running after the same port.
	start := rand.IntN(count) //nolint:gosec // Nothing secret: where to begin to look.
	for i := range count {
		port := first + (start+i)%count
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if taken[address] {
			continue
		}
		if reserved, err := Bind(port); err == nil {
			return reserved, address, nil
		} else if errors.Is(err, errors.ErrUnsupported) {
			return nil, "", err
		}
	}
	return nil, "", fmt.Errorf("%w from %d to %d on this machine", ErrNoPort, first, first+count-1)
}
