//go:build !linux

package loopback

import (
	"errors"
	"fmt"
	"os"
)

// Bind needs Linux: other systems see SO_REUSEADDR in another way.
func Bind(int) (*os.File, error) {
	return nil, fmt.Errorf("keep a port: %w", errors.ErrUnsupported)
}
