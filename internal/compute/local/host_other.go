//go:build !linux

package local

import (
	"errors"
	"os"
	"time"
)

// supported says that nodes can run on this operating system.
const supported = false

var errUnsupported = errors.New("local fleets need Linux, whose process table they are found in")

func bootID() string                   { return "" }
func uptime() time.Duration            { return time.Duration(time.Now().UnixNano()) }
func allProcesses() ([]process, error) { return nil, errUnsupported }
func readProcess(int) (process, bool)  { return process{}, false }
func environment(int) []string         { return nil }

func (*Driver) startAgent(string, []*os.File) (processRecord, error) {
	return processRecord{}, errUnsupported
}
