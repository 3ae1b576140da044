package check

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
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
	tls    *tls.Config // nil for plaintext
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
	reached := &watched{Conn: conn, dialer: d, address: address}
	if d.tls == nil {
		return reached, nil
	}
	return d.encrypt(ctx, reached)
}

// encrypt begins TLS. A broker that hangs takes the connection and never says hello: the connection, which has a deadline until then, notes
// it as silent. The deadline is that of any request, since the first hello of a JVM that has just started is slow. What is not believed is an
// error that lasts; what the network does on the way is one that passes, like a refused connection.
func (d *dialer) encrypt(ctx context.Context, conn *watched) (net.Conn, error) {
	config := d.tls.Clone()
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(conn.address)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("the broker's address: %w", err), conn.Close())
		}
		config.ServerName = host
	}
	secure := tls.Client(conn, config)
	err := conn.SetDeadline(time.Now().Add(requestTimeout))
	if err == nil {
		err = secure.HandshakeContext(ctx)
	}
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err == nil {
		return secure, nil
	}
	_ = conn.Close() // The handshake's error is the one to tell.
	var system *os.SyscallError
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, io.EOF) || errors.As(err, &system) {
		// Not wrapped: a client takes an end of file here for a wrong configuration, and a broker that is just going does the same.
		err = fmt.Errorf("TLS with %s did not begin: %v", conn.address, err) //nolint:errorlint // See above.
		return nil, &net.OpError{Op: "dial", Net: conn.RemoteAddr().Network(), Err: err}
	}
	return nil, fmt.Errorf("TLS with %s: %w", conn.address, err)
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
