package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// silentFor is how long an address is not dialled that has let a request pass without an answer.
const silentFor = 2 * time.Second

// dialer dials brokers of which some may hang: a broker that is stopped but not dead takes connections and says nothing. A client that
// waits for it with each of the requests that it has for it, one after the other, is not there when the others go on without that broker;
// the request for metadata that would tell it so may be among them. So an address that was silent once is not dialled for a while: all that
// waits for it fails at once, and is repeated elsewhere or later. A dialer is safe for concurrent use.
type dialer struct {
	mu     sync.Mutex
	silent map[string]time.Time // Since when.
}

// DialContext is what a client dials with.
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	d.mu.Lock()
	since, silent := d.silent[address]
	d.mu.Unlock()
	if silent && time.Since(since) < silentFor {
		// A client takes this kind of error for one that passes, as it does a refused connection.
		return nil, &net.OpError{Op: "dial", Net: network, Err: fmt.Errorf("%s has not answered a moment ago, and is left alone until %s after", address, silentFor)}
	}
	plain := net.Dialer{Timeout: dialTimeout}
	conn, err := plain.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &watched{Conn: conn, dialer: d, address: address}, nil
}

func (d *dialer) note(address string, silent bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !silent {
		delete(d.silent, address)
		return
	}
	if d.silent == nil {
		d.silent = map[string]time.Time{}
	}
	d.silent[address] = time.Now()
}

// watched is a connection that tells its dialer whether the other side answers.
type watched struct {
	net.Conn
	dialer  *dialer
	address string
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if n > 0 {
		w.dialer.note(w.address, false)
	} else if errors.Is(err, os.ErrDeadlineExceeded) {
		w.dialer.note(w.address, true)
	}
	return n, err
}
