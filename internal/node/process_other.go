//go:build !linux

package node

import "os/exec"

// dieWithParent is the kernel's work on Linux, where nodes run; elsewhere the provider is only built.
func dieWithParent(*exec.Cmd) {}
