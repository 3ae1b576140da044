package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// maxIdle is how long a connection without a call is kept. One that stood for longer may have been closed by the other end.
const maxIdle = 20 * time.Second

// connections are the sarama connections of a client, by address.
type connections struct {
	cfg   Config
	login *login
	// life ends with the client, and every connection with it.
	life context.Context
	end  context.CancelFunc

	mu   sync.Mutex
	idle map[string][]*connection
}

// connection is one connection to one address. sarama holds its lock from a request to the answer, so that it carries one call at
// a time: calls at the same time have a connection each, and a slow one holds up no other.
type connection struct {
	broker *sarama.Broker
	config *sarama.Config
	// end closes the socket, also while sarama dials or waits. sarama's own Close would wait for the answer.
	end    context.CancelFunc
	opened bool
	// since is when its last call ended.
	since time.Time
}

func newConnections(cfg Config, login *login) *connections {
	life, end := context.WithCancel(context.Background())
	return &connections{cfg: cfg, login: login, life: life, end: end, idle: map[string][]*connection{}}
}

// call runs one call of sarama on a connection to address. It returns when the call does or when ctx ends, whichever is first. A
// connection whose call failed, or was given up, is not used again.
func call[R any](ctx context.Context, pool *connections, address string, do func(*sarama.Broker) (R, error)) (R, error) {
	var none R
	conn, err := pool.take(address)
	if err != nil {
		return none, err
	}
	type result struct {
		answer R
		err    error
	}
	done := make(chan result, 1)
	go func() {
		stop := context.AfterFunc(ctx, conn.end)
		var r result
		if r.err = conn.open(); r.err == nil {
			r.answer, r.err = do(conn.broker)
		}
		if stop() && r.err == nil {
			pool.keep(address, conn)
		} else {
			conn.close()
			pool.drop(address)
		}
		done <- r
	}()
	select {
	case r := <-done:
		return r.answer, saramaError(r.err)
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// take returns a connection that nobody else uses.
func (p *connections) take(address string) (*connection, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life.Err() != nil {
		return nil, errClosed
	}
	for len(p.idle[address]) > 0 {
		last := len(p.idle[address]) - 1
		conn := p.idle[address][last]
		p.idle[address] = p.idle[address][:last]
		if time.Since(conn.since) < maxIdle {
			return conn, nil
		}
		conn.close()
	}
	life, end := context.WithCancel(p.life)
	config, err := p.config(&dialer{life: life, cfg: p.cfg})
	if err != nil {
		end()
		return nil, err
	}
	return &connection{broker: sarama.NewBroker(address), config: config, end: end}, nil
}

// keep puts a connection back for the next call.
func (p *connections) keep(address string, conn *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life.Err() != nil {
		conn.close()
		return
	}
	conn.since = time.Now()
	p.idle[address] = append(p.idle[address], conn)
}

// drop closes the idle connections to an address where one has failed: the others have probably lost the same node.
func (p *connections) drop(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.idle[address] {
		conn.close()
	}
	delete(p.idle, address)
}

// close ends all connections, those with a call under way included.
func (p *connections) close() {
	p.end()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range slices.Concat(slices.Collect(maps.Values(p.idle))...) {
		conn.close()
	}
	clear(p.idle)
}

// config returns what sarama has to know for one connection.
func (p *connections) config(d *dialer) (*sarama.Config, error) {
	config := sarama.NewConfig()
	// The highest version of each request; sarama asks the node for its own and takes the lower one.
	config.Version = sarama.MaxVersion
	config.ClientID = p.cfg.ClientID
	config.Net.MaxOpenRequests = 1
	config.Net.ReadTimeout, config.Net.WriteTimeout = p.cfg.Timeout, p.cfg.Timeout
	// There is no proxy. This is how sarama takes a dialer, which also speaks TLS.
	config.Net.Proxy.Enable, config.Net.Proxy.Dialer = true, d
	if p.login != nil {
		if err := p.login.sarama(d.life, config); err != nil {
			return nil, err
		}
	}
	return config, nil
}

func (c *connection) open() error {
	if c.opened {
		return nil
	}
	if err := c.broker.Open(c.config); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	c.opened = true
	_, err := c.broker.Connected()
	return err
}

func (c *connection) close() {
	c.end()
	_ = c.broker.Close() // It frees sarama's goroutine and counters. That there is no connection any more is no error here.
}

// dialer dials for one connection, until the end of its life, which closes it.
type dialer struct {
	life context.Context
	cfg  Config
}

// Dial is what sarama calls.
func (d *dialer) Dial(_, address string) (net.Conn, error) {
	conn, err := dial(d.life, d.cfg, address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(d.life, func() { _ = conn.Close() })
	return conn, nil
}

// saramaError turns what Kafka answered into the package's own kind of error, and leaves all else as it is.
func saramaError(err error) error {
	// sarama wraps what Kafka says of a login in an error that hides the code from errors.As.
	for _, login := range []sarama.KError{sarama.ErrSASLAuthenticationFailed, sarama.ErrUnsupportedSASLMechanism, sarama.ErrIllegalSASLState} {
		if errors.Is(err, login) {
			var message *string
			if inner := errors.Unwrap(err); inner != nil {
				text := inner.Error()
				message = &text
			}
			return kafkaError(int16(login), message)
		}
	}
	var code sarama.KError
	if errors.As(err, &code) {
		return kafkaError(int16(code), nil)
	}
	var unsayable sarama.PacketEncodingError
	if errors.As(err, &unsayable) {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return err
}
