package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	// dialTimeout is short, since another controller can be asked.
	dialTimeout = 2 * time.Second
	// askTimeout is for the driver's answer.
	askTimeout = 10 * time.Second
	// doors are as many as there can be controllers beside a node's own: five, and one that takes over.
	doors = 5
	// visit is how long a connection lasts. Kafka needs one of these only until it knows who leads, which one answer tells. One that is of no use must
	// not last: the controller that is behind a door may not listen yet, and the next one, which then takes the connection, may know no leader either
	// and ask this node for it. Three controllers of a new fleet stood like that for five minutes, until Kafka closed what it kept.
	visit = 5 * time.Second
)

// entrance are addresses on this machine behind each of which there is always some live controller, behind all of them together all.
//
// A broker that loses the quorum's leader asks the addresses in controller.quorum.bootstrap.servers who leads now, and those only, not
// the voters that it knows from the metadata log. The setting is fixed while Kafka runs. When all controllers have been replaced since,
// as in every roll, a broker would look for them for ever at the next election, and be fenced. The answer that it gets through the
// entrance names the leader and its address; what follows goes there directly.
//
// There is no other address in that setting: Kafka takes a random one of them, and one of a machine that is gone does not even refuse a connection, so
// that Kafka waits for it in vain (socket.connection.setup.timeout.ms). And it is not one address for all: Kafka keeps a connection, so that two
// controllers that have just begun could ask each other for ever who leads.
type entrance struct {
	controllers Controllers
	// self is this node's own address, which never helps.
	self      string
	listeners []net.Listener
	wait      sync.WaitGroup

	mu sync.Mutex
	// known are the controllers that lived when the driver answered last.
	known []string
}

// openEntrance opens an entrance that closes, with all its connections, when ctx ends and close has been called.
func openEntrance(ctx context.Context, self string, controllers Controllers) (*entrance, error) {
	e := &entrance{controllers: controllers, self: self}
	for door := range doors {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			e.close()
			return nil, fmt.Errorf("opening an address on this machine for the quorum: %w", err)
		}
		e.listeners = append(e.listeners, listener)
		e.wait.Go(func() { e.serve(ctx, door, listener) })
	}
	return e, nil
}

func (e *entrance) addresses() []string {
	var all []string
	for _, l := range e.listeners {
		all = append(all, l.Addr().String())
	}
	return all
}

// know notes which controllers live. They are tried while the driver does not answer.
func (e *entrance) know(addresses []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.known = slices.Clone(addresses)
}

// alive are the controllers that live, as far as can be found out.
func (e *entrance) alive(ctx context.Context) []string {
	ctx, done := context.WithTimeout(ctx, askTimeout)
	defer done()
	if addresses, err := e.controllers(ctx); err == nil {
		e.know(addresses)
		return addresses
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.known)
}

// close ends the entrance. The context that it was opened with must have ended.
func (e *entrance) close() {
	for _, l := range e.listeners {
		_ = l.Close() // Nothing is lost with it.
	}
	e.wait.Wait()
}

func (e *entrance) serve(ctx context.Context, door int, listener net.Listener) {
	for {
		in, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			sleep(ctx, time.Second) // Out of file descriptors, most likely.
			continue
		}
		e.wait.Go(func() { e.forward(ctx, door, in) })
	}
}

func (e *entrance) forward(ctx context.Context, door int, in net.Conn) {
	defer func() { _ = in.Close() }()
	out := e.dial(ctx, door)
	if out == nil {
		return // Kafka comes again.
	}
	defer func() { _ = out.Close() }()
	// Either side's end is the end of both.
	var both sync.WaitGroup
	ctx, end := context.WithTimeout(ctx, visit)
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

// dial connects to the live controller that is behind a door, or to the next one that takes the connection.
func (e *entrance) dial(ctx context.Context, door int) net.Conn {
	addresses := slices.DeleteFunc(e.alive(ctx), func(address string) bool { return address == e.self })
	slices.Sort(addresses)
	dialer := net.Dialer{Timeout: dialTimeout}
	for i := range addresses {
		if conn, err := dialer.DialContext(ctx, "tcp", addresses[(door+i)%len(addresses)]); err == nil {
			return conn
		}
	}
	return nil
}
