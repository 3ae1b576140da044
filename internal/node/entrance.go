package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

const (
	// dialTimeout is short, since another controller can be asked.
	dialTimeout = 2 * time.Second
	// askTimeout is for the driver's answer.
	askTimeout = 10 * time.Second
)

// entrance is an address on this machine behind which there is always some live controller. It forwards each connection to one.
//
// A broker that loses the quorum's leader asks the addresses in controller.quorum.bootstrap.servers who leads now, and those only, not
// the voters that it knows from the metadata log. The setting is fixed while Kafka runs. When all controllers have been replaced since,
// as in every roll, a broker would look for them for ever at the next election, and be fenced. The answer that it gets through the
// entrance names the leader and its address; what follows goes there directly.
type entrance struct {
	controllers Controllers
	// self is this node's own address, which never helps.
	self     string
	listener net.Listener
	wait     sync.WaitGroup
}

// openEntrance opens an entrance that closes, with all its connections, when ctx ends and close has been called.
func openEntrance(ctx context.Context, self string, controllers Controllers) (*entrance, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("opening an address on this machine for the quorum: %w", err)
	}
	e := &entrance{controllers: controllers, self: self, listener: listener}
	e.wait.Go(func() { e.serve(ctx) })
	return e, nil
}

func (e *entrance) address() string { return e.listener.Addr().String() }

// close ends the entrance. The context that it was opened with must have ended.
func (e *entrance) close() {
	_ = e.listener.Close() // Nothing is lost with it.
	e.wait.Wait()
}

func (e *entrance) serve(ctx context.Context) {
	for {
		in, err := e.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			sleep(ctx, time.Second) // Out of file descriptors, most likely.
			continue
		}
		e.wait.Go(func() { e.forward(ctx, in) })
	}
}

func (e *entrance) forward(ctx context.Context, in net.Conn) {
	defer func() { _ = in.Close() }()
	out := e.dial(ctx)
	if out == nil {
		return // Kafka comes again.
	}
	defer func() { _ = out.Close() }()
	// Either side's end is the end of both.
	var both sync.WaitGroup
	ctx, end := context.WithCancel(ctx)
	defer end()
	for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
		both.Go(func() {
			defer end()
			_, _ = io.Copy(pair[0], pair[1])
		})
	}
	<-ctx.Done()
	_, _ = in.Close(), out.Close()
	both.Wait()
}

// dial connects to one of the live controllers, a different one each time: one that hangs accepts connections too.
func (e *entrance) dial(ctx context.Context) net.Conn {
	asking, done := context.WithTimeout(ctx, askTimeout)
	defer done()
	addresses, err := e.controllers(asking)
	if err != nil {
		return nil
	}
	rand.Shuffle(len(addresses), func(i, j int) { addresses[i], addresses[j] = addresses[j], addresses[i] }) //nolint:gosec // Nothing secret: an order to try.
	dialer := net.Dialer{Timeout: dialTimeout}
	for _, address := range addresses {
		if address == e.self {
			continue
		}
		if conn, err := dialer.DialContext(ctx, "tcp", address); err == nil {
			return conn
		}
	}
	return nil
}
