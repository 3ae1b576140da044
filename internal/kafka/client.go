package kafka

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

const (
	defaultClientID = "terraform-provider-kafkafleet"
	defaultTimeout  = 15 * time.Second
	// maxDial bounds a TCP connect: an address that does not even accept is dead, however slow the requests may be. A connect that is lost is sent
	// once more within it.
	maxDial = 3 * time.Second
	// addressAge is how long the answer of Bootstrap and Controllers is used while every request succeeds.
	addressAge             = 10 * time.Second
	firstPause, worstPause = 50 * time.Millisecond, time.Second
)

// Config says how to reach one cluster.
type Config struct {
	// Bootstrap returns the addresses, host:port, of the brokers that live now. It is asked again after every failed
	// connection, since nodes come and go during a rollout.
	Bootstrap func(ctx context.Context) ([]string, error)
	// Controllers returns the addresses of the controllers that live now; nil when they cannot be reached. The requests
	// that a controller understands go there when no broker answers, such as when there is none yet.
	Controllers func(ctx context.Context) ([]string, error)
	// ClientID is what Kafka's request log calls this client; there is a default.
	ClientID string
	TLS      *tls.Config
	// Secure returns what TLS would be, when a connection is opened, where that cannot be known before; it takes the place of TLS. Nil is
	// allowed, and means plaintext as an answer. It is asked often.
	Secure func(ctx context.Context) (*tls.Config, error)
	SASL   *SASL
	// Timeout bounds one request to one node, and for how long a call is repeated; 15 s by default. A call that meets hung
	// nodes takes one Timeout for each of them. The context bounds the whole call.
	Timeout time.Duration
	// OnMutation is called right before each request that changes anything, with Kafka's name of the API and what it is
	// about. Several calls may come at the same time. Nil is allowed.
	OnMutation func(api, subject string)
	// OnTrouble is called when an address turns out to be of no use for a reason that waiting does not cure, such as its certificate,
	// while others are asked. It is called once for each address and reason. Nil is allowed.
	OnTrouble func(address string, err error)
}

// tls is how connections are encrypted, nil for not at all.
func (c Config) tls(ctx context.Context) (*tls.Config, error) {
	if c.Secure != nil {
		config, err := c.Secure(ctx)
		if err != nil || config == nil {
			return nil, err
		}
		return config.Clone(), nil
	}
	return c.TLS.Clone(), nil
}

// Client speaks to one cluster. It connects when it is first used, shares its connections between calls, and is safe for
// concurrent use. A failed connect is never remembered as a result: every call starts from what lives now.
type Client struct {
	cfg   Config
	login *login

	connections *connections
	kraft       *kraft
	gather      gathers
	reader      *Reader

	mu sync.Mutex
	// failed is when an address last failed to answer. It is only an order of preference, never a verdict.
	failed map[string]time.Time
	// served are the addresses that have answered a request: what is wrong with them later is not that they want a login.
	served map[string]bool
	// forwarding is how many requests an address has under way that it passes on.
	forwarding map[string]int
	// told are the troubles that OnTrouble has heard of, by address.
	told map[string]string
	// known are the addresses of registered brokers, by id.
	known map[int32]string
	// notSettled is when brokers were last not seen to follow the metadata log.
	notSettled time.Time
	// agreedWithin is how long brokers took the last time that they were waited for to agree.
	agreedWithin time.Duration
	// looked are the brokers that were not fenced when somebody looked last.
	looked struct {
		live []Broker
		at   time.Time
	}
	// brokers and controllers are the latest answers of Bootstrap and Controllers, used until asked.Add(addressAge).
	brokers, controllers []string
	asked                time.Time
}

// New returns a client. It makes no network call.
func New(cfg Config) *Client {
	cfg.ClientID = cmp.Or(cfg.ClientID, defaultClientID)
	cfg.Timeout = cmp.Or(cfg.Timeout, defaultTimeout)
	login := newLogin(cfg.SASL)
	c := &Client{
		cfg:         cfg,
		login:       login,
		connections: newConnections(cfg, login),
		kraft:       newKRaft(cfg, login),
		served:      map[string]bool{},
		told:        map[string]string{},
		failed:      map[string]time.Time{},
		forwarding:  map[string]int{},
		known:       map[int32]string{},
	}
	c.gather, c.reader = newGathers(c), newReader(c)
	return c
}

// Close ends all connections. Calls that are under way fail, and so do later ones.
func (c *Client) Close() error {
	c.connections.close()
	c.kraft.close()
	return nil
}

// mutation reports a request that changes something to whoever keeps account. Every mutating call makes it first.
func (c *Client) mutation(api, subject string) {
	if c.cfg.OnMutation != nil {
		c.cfg.OnMutation(api, subject)
	}
}

// nodes is where a request may be sent.
type nodes struct {
	// name says it in error texts.
	name string
	// addresses are tried in this order.
	addresses func(ctx context.Context) ([]string, error)
	// attempts limits how often a request is sent, 0 for no limit but time.
	attempts int
	// told, unless nil, is set to the address that was asked last.
	told *string
	// forwarded says that a broker passes the request on to the controller.
	forwarded bool
}

// anyBroker sends to whichever broker answers.
func (c *Client) anyBroker() nodes { return c.anotherBroker(0) }

// anyForwarder is anyBroker for what a broker passes on to the active controller: one request at a time, and the next one when the controller has
// answered, so that those at the same time go to different brokers.
func (c *Client) anyForwarder() nodes {
	to := c.anyBroker()
	to.forwarded = true
	return to
}

// anotherBroker is anyBroker, but begins with another one for each turn, so that many long answers come from several.
func (c *Client) anotherBroker(turn int) nodes {
	return nodes{name: "any broker", addresses: func(ctx context.Context) ([]string, error) {
		brokers, _, err := c.addresses(ctx)
		if err == nil && len(brokers) == 0 {
			err = errNoBroker
		}
		if len(brokers) > 0 {
			first := turn % len(brokers)
			brokers = slices.Concat(brokers[first:], brokers[:first])
		}
		return c.byHealth(brokers), err
	}}
}

// anyNode is anyForwarder, and a controller when no broker answers. It is for requests that controllers understand (KIP-919).
func (c *Client) anyNode() nodes {
	return nodes{name: "any broker or controller", forwarded: true, addresses: func(ctx context.Context) ([]string, error) {
		brokers, controllers, err := c.addresses(ctx)
		all := append(slices.Clone(brokers), controllers...)
		if err == nil && len(all) == 0 {
			err = errNoNode
		}
		return c.byHealth(all), err
	}}
}

// broker sends to one broker only. A dead one is told after a second attempt: the caller goes on with the others.
func (c *Client) broker(id int32) nodes {
	return nodes{name: fmt.Sprintf("broker %d", id), attempts: 2, addresses: func(ctx context.Context) ([]string, error) {
		address, err := c.brokerAddress(ctx, id)
		return []string{address}, err
	}}
}

// brokersThenControllers is anyNode, but a controller is asked only after every broker has failed to answer, however often one
// failed before.
func (c *Client) brokersThenControllers() nodes {
	return nodes{name: "any broker, then the controllers", addresses: func(ctx context.Context) ([]string, error) {
		brokers, controllers, err := c.addresses(ctx)
		all := append(c.byHealth(brokers), c.byHealth(controllers)...)
		if err == nil && len(all) == 0 {
			err = errNoNode
		}
		return all, err
	}}
}

// brokerOrController sends to one broker, and to the controllers when it does not answer.
func (c *Client) brokerOrController(id int32) nodes {
	return nodes{name: fmt.Sprintf("broker %d, then the controllers", id), addresses: func(ctx context.Context) ([]string, error) {
		address, err := c.brokerAddress(ctx, id)
		if err != nil {
			return nil, err
		}
		_, controllers, err := c.addresses(ctx)
		return append([]string{address}, c.byHealth(controllers)...), err
	}}
}

// at sends to one address only.
func at(address string) nodes {
	return nodes{name: address, attempts: 2, addresses: func(context.Context) ([]string, error) {
		return []string{address}, nil
	}}
}

// request sends what do says until a node answers it and check finds no error in the answer that may pass. A nil check accepts
// every answer. A request may be carried out and its answer lost, and is then sent again: it must be idempotent, and one that
// creates must take "already exists" on a repetition for its own success. Each call of do makes its own request, since one that was
// given up may still be at work on the old one. Errors wrap one of the package's sentinels.
func request[R any](ctx context.Context, c *Client, to nodes, api string, do func(*sarama.Broker) (R, error), check func(R) error) (R, error) {
	return untilAnswered(ctx, c, to, api, func(ctx context.Context, address string) (R, error) {
		return call(ctx, c.connections, address, do)
	}, check)
}

// untilAnswered is request for either library.
func untilAnswered[R any](ctx context.Context, c *Client, to nodes, api string, send func(context.Context, string) (R, error), check func(R) error) (R, error) {
	var answer R
	targets, err := to.addresses(ctx)
	if err != nil {
		return answer, classify(err)
	}
	tried := map[string]bool{}
	untried := func(address string) bool { return !tried[address] }
	troubles := map[string]*trouble{}
	// hope is what failed in this round and may pass.
	var hope error
	err = c.retry(ctx, len(targets), to.attempts, func(ctx context.Context) error {
		for {
			i := slices.IndexFunc(targets, untried)
			if i < 0 {
				// One round is over. Ask again who lives.
				clear(tried)
				hope = nil
				again, err := to.addresses(ctx)
				if err != nil {
					return err
				}
				targets, i = again, 0
			}
			address, done := targets[i], func() {}
			if to.forwarded {
				address, done = c.forwarder(targets[i:], tried)
			}
			tried[address] = true
			response, err := try(ctx, c, address, send)
			done()
			if err == nil && check != nil {
				err = check(response)
			}
			if to.told != nil {
				*to.told = address
			}
			t := troubled(err)
			switch {
			case err == nil:
				answer = response
				return nil
			case t == nil:
				hope = fmt.Errorf("%s at %s: %w", api, address, c.denied(err, api))
				return hope
			}
			// Its certificate, or the like, is the trouble of this address alone, and the next one is asked at once.
			troubles[address] = t
			switch {
			case slices.ContainsFunc(targets, untried):
			case hope != nil:
				return hope
			default:
				return fmt.Errorf("%s at %w", api, t)
			}
		}
	})
	if err != nil {
		return answer, fmt.Errorf("asking %s: %w%s", to.name, err, others(troubles, err))
	}
	return answer, nil
}

// forwarder chooses who passes a request on, of those that have not been tried: the first one, or another healthy broker that has fewer under way. done
// is called with the answer.
func (c *Client) forwarder(targets []string, tried map[string]bool) (address string, done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	address = targets[0]
	for _, other := range targets[1:] {
		if _, failed := c.failed[other]; failed || tried[other] || slices.Contains(c.controllers, other) {
			continue
		}
		if c.forwarding[other] < c.forwarding[address] {
			address = other
		}
	}
	c.forwarding[address]++
	return address, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.forwarding[address]--
	}
}

// try sends once to one address.
func try[R any](ctx context.Context, c *Client, address string, send func(context.Context, string) (R, error)) (R, error) {
	limited, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	response, err := send(limited, address)
	return response, c.remember(ctx, address, c.loginTrouble(limited, address, err))
}

// remember keeps in mind whether an address answered, and says it when it did not within Timeout.
func (c *Client) remember(ctx context.Context, address string, err error) error {
	if err != nil && ctx.Err() == nil && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)) {
		err = fmt.Errorf("%w: no answer within %s", errNoAnswer, c.cfg.Timeout)
	}
	if t := troubled(err); t != nil {
		c.tell(t)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		delete(c.failed, address)
		c.served[address] = true
	case !answered(err) && ctx.Err() == nil:
		c.failed[address] = time.Now()
		c.asked = time.Time{}
		maps.DeleteFunc(c.known, func(_ int32, known string) bool { return known == address })
	}
	return err
}

// putLast has an address asked after the others, as one that has failed to answer.
func (c *Client) putLast(address string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed[address] = time.Now()
}

// tell reports a trouble that is news.
func (c *Client) tell(t *trouble) {
	c.mu.Lock()
	news := c.told[t.address] != t.text
	c.told[t.address] = t.text
	c.mu.Unlock()
	if news && c.cfg.OnTrouble != nil {
		c.cfg.OnTrouble(t.address, t)
	}
}

// hasServed is true for an address that has answered a request.
func (c *Client) hasServed(address string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.served[address]
}

// ForgetAddresses has the next call ask anew who lives. It is for whoever starts and stops nodes: the address of a machine that is gone does not
// even refuse a connection, so that a call to it waits in vain.
func (c *Client) ForgetAddresses() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = time.Time{}
}

// addresses returns who lives, from memory while all goes well.
func (c *Client) addresses(ctx context.Context) (brokers, controllers []string, err error) {
	c.mu.Lock()
	brokers, controllers = c.brokers, c.controllers
	fresh := time.Since(c.asked) < addressAge
	c.mu.Unlock()
	if fresh && len(brokers) > 0 {
		return brokers, controllers, nil
	}
	if c.cfg.Bootstrap != nil {
		if brokers, err = c.cfg.Bootstrap(ctx); err != nil {
			return nil, nil, fmt.Errorf("find the live brokers: %w", err)
		}
	}
	if c.cfg.Controllers != nil {
		if controllers, err = c.cfg.Controllers(ctx); err != nil {
			return nil, nil, fmt.Errorf("find the live controllers: %w", err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.brokers, c.controllers, c.asked = brokers, controllers, time.Now()
	return brokers, controllers, nil
}

// brokerAddress returns where a registered broker listens.
func (c *Client) brokerAddress(ctx context.Context, id int32) (string, error) {
	c.mu.Lock()
	address := c.known[id]
	c.mu.Unlock()
	if address != "" {
		return address, nil
	}
	_, brokers, err := c.Brokers(ctx)
	if err != nil {
		return "", err
	}
	for _, b := range brokers {
		if b.ID == id {
			return b.Address, nil
		}
	}
	return "", fmt.Errorf("%w: no broker with id %d is registered", ErrNotFound, id)
}

// byHealth puts the addresses that failed to answer behind the others, the latest failure last.
func (c *Client) byHealth(addresses []string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.SortedStableFunc(slices.Values(addresses), func(a, b string) int { return c.failed[a].Compare(c.failed[b]) })
}

// retry repeats try while its error may pass: at least the given number of times, then until Timeout is over, and never more
// than most times when that is not 0.
func (c *Client) retry(ctx context.Context, least, most int, try func(context.Context) error) error {
	start := time.Now()
	pause := firstPause
	for attempt := 1; ; attempt++ {
		err := try(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%w: stopped after %s: %w", ErrUnreachable, time.Since(start).Round(time.Millisecond), cause(ctx, err))
		case !passes(err), attempt == most, attempt >= least && time.Since(start) > c.cfg.Timeout:
			return classify(err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("%w: stopped after %s: %w", ErrUnreachable, time.Since(start).Round(time.Millisecond), cause(ctx, err))
		}
		pause = min(2*pause, worstPause)
	}
}

// cause joins the end of ctx with what was the trouble before, unless they are the same.
func cause(ctx context.Context, err error) error {
	if errors.Is(err, ctx.Err()) {
		return err
	}
	return fmt.Errorf("%w (%w)", ctx.Err(), err)
}

// kafkaTimeout is how long Kafka itself may work on one request: less than Timeout, so that its own answer comes in time.
func (c *Client) kafkaTimeout() time.Duration { return c.cfg.Timeout * 3 / 4 }

func (c *Client) timeoutMillis() int32 {
	return int32(min(c.kafkaTimeout().Milliseconds(), math.MaxInt32)) //nolint:gosec // It fits now.
}
