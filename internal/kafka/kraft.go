package kafka

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// kraft speaks, with franz-go, the requests that sarama lacks or cannot say in full: those about the quorum and the registrations
// of KRaft, and those about reassignments.
type kraft struct {
	cfg   Config
	login *login

	mu     sync.Mutex
	closed bool
	// conns has one client for each address that was ever needed. It keeps its connection, but chooses and repeats nothing.
	conns map[string]*kgo.Client
}

func newKRaft(cfg Config, login *login) *kraft {
	return &kraft{cfg: cfg, login: login, conns: map[string]*kgo.Client{}}
}

// requestKRaft is request for what only kmsg can say.
func requestKRaft[R kmsg.Response](ctx context.Context, c *Client, to nodes, req kmsg.Request, check func(R) error) (R, error) {
	api := kmsg.NameForKey(req.Key())
	return untilAnswered(ctx, c, to, api, func(ctx context.Context, address string) (R, error) {
		var none R
		conn, err := c.kraft.conn(address)
		if err != nil {
			return none, err
		}
		response, err := conn.SeedBrokers()[0].Request(ctx, req)
		if err != nil {
			return none, kgoError(err)
		}
		typed, ok := response.(R)
		if !ok {
			return none, fmt.Errorf("%w: the answer to %s is a %T", ErrInvalid, api, response)
		}
		return typed, nil
	}, check)
}

// kgoError turns what Kafka answered to a login into the package's own kind of error, and leaves all else as it is.
func kgoError(err error) error {
	k, ok := code(err)
	if !ok {
		return err
	}
	message := strings.TrimPrefix(err.Error(), k.Error())
	message = strings.TrimPrefix(message, ": ")
	return kafkaError(k.Code, &message)
}

// conn returns the client of an address.
func (k *kraft) conn(address string) (*kgo.Client, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return nil, errClosed
	}
	if conn := k.conns[address]; conn != nil {
		return conn, nil
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(address),
		kgo.ClientID(k.cfg.ClientID),
		kgo.RequestTimeoutOverhead(k.cfg.Timeout),
		kgo.Dialer(func(ctx context.Context, _, address string) (net.Conn, error) { return dial(ctx, k.cfg, address) }),
		kgo.DisableClientMetrics(),
	}
	if k.login != nil {
		login, err := k.login.kgo()
		if err != nil {
			return nil, err
		}
		opts = append(opts, login)
	}
	conn, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("%w: address %s: %w", ErrInvalid, address, err)
	}
	k.conns[address] = conn
	return conn, nil
}

// close ends all connections.
func (k *kraft) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	for _, conn := range k.conns {
		conn.Close()
	}
	clear(k.conns)
}
