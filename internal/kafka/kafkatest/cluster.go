// Package kafkatest runs real Kafka on this machine for tests: dedicated KRaft controllers and brokers, each a JVM of its own
// on 127.0.0.1 with a small heap. Nothing outlives the test: the JVMs die with the process that started them.
package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/pki"
)

// DefaultVersion is the Kafka that runs when Options do not say.
const DefaultVersion = "4.3.1"

// Node ids: brokers count from 1, controllers from 101.
const firstController = 101

// startDeadline is how long a cluster or node may take to be ready; two cores may be shared with other tests.
const startDeadline = 3 * time.Minute

// Zones are the racks that brokers get in turn.
var Zones = []string{"local-a", "local-b", "local-c"}

// Options of a cluster.
type Options struct {
	// Brokers is how many, 3 by default. NoBrokers asks for none.
	Brokers   int
	NoBrokers bool
	// Controllers is how many start as voters, 1 by default.
	Controllers int
	// Version of Kafka, DefaultVersion by default.
	Version string
	// ReleaseVersion is the metadata version to format with, e.g. "4.2"; "" for the newest.
	ReleaseVersion string
	// SASL gives every broker a second listener, see SASLBootstrap. With TLS it is encrypted, by certificates of an authority of the
	// cluster's own, see CACertificatePEM.
	SASL, TLS bool
	// Listeners are further listeners of every broker, see Listener.
	Listeners []Listener
	// Proxied gives every broker a listener behind a proxy that counts requests, see Cluster.Proxied.
	Proxied bool
	// JVM are options for the Java of every node.
	JVM []string
	// Config is added to every node's server.properties.
	Config map[string]string
	// Dir is where the nodes live; "" for a new temporary directory that Close deletes.
	Dir string
}

// Listener is one more way into every broker.
type Listener struct {
	// Name is in capital letters. Protocol is Kafka's: SSL, SASL_SSL and so on.
	Name, Protocol string
	// Config returns a broker's settings of the listener, without the prefix that names it. Nil for none.
	Config func(broker int) map[string]string
}

// Cluster is a running Kafka cluster.
type Cluster struct {
	// ID is Kafka's cluster id.
	ID string

	opts Options
	home string
	dir  string
	// authority has signed the brokers' certificates, where there are any.
	authority pki.Authority

	mu    sync.Mutex
	nodes map[int]*node
}

// Start runs a cluster until the test ends. It returns when all brokers are unfenced.
func Start(t testing.TB, opts Options) *Cluster {
	t.Helper()
	if opts.Dir == "" {
		opts.Dir = t.TempDir()
	}
	c, err := Run(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(c.words())
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// words is what each node has written last, and whether its process lives: what a test that fails on another machine leaves behind.
func (c *Cluster) words() string {
	var b strings.Builder
	for _, id := range c.ids() {
		state := "runs"
		switch n := c.node(id); {
		case n.failed():
			state = "has ended by itself"
		case !n.running():
			state = "does not run"
		}
		fmt.Fprintf(&b, "kafkatest: node %d %s; its last words:\n%s\n", id, state, lastLines(c.Log(id), 30))
	}
	return b.String()
}

// Run is Start for TestMain: the caller closes the cluster.
func Run(opts Options) (*Cluster, error) {
	if opts.Brokers == 0 && !opts.NoBrokers {
		opts.Brokers = 3
	}
	opts.Controllers = max(opts.Controllers, 1)
	if opts.Version == "" {
		opts.Version = DefaultVersion
	}
	home, err := Home(opts.Version)
	if err != nil {
		return nil, err
	}
	c := &Cluster{ID: newClusterID(), opts: opts, home: home, dir: opts.Dir, nodes: map[int]*node{}}
	if c.dir == "" {
		if c.dir, err = os.MkdirTemp("", "kafkatest-"); err != nil {
			return nil, err
		}
	}
	if err := c.start(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// start brings everything up. The first controller starts the quorum, the others join it as voters.
func (c *Cluster) start() error {
	ctx, cancel := context.WithTimeout(context.Background(), startDeadline)
	defer cancel()
	if c.opts.TLS {
		var err error
		if c.authority, err = pki.NewAuthority("kafkatest", time.Now(), 24*time.Hour); err != nil {
			return err
		}
	}
	var ids []int
	for i := range c.opts.Controllers {
		ids = append(ids, firstController+i)
	}
	for i := range c.opts.Brokers {
		ids = append(ids, 1+i)
	}
	// All addresses are fixed before the first properties are written, since each node is told of the controllers.
	for _, id := range ids {
		if err := c.add(id); err != nil {
			return err
		}
	}
	if err := c.each(ids, func(id int) error { return c.node(id).start(ctx) }); err != nil {
		return err
	}
	return c.waitReady(ctx)
}

// each runs do for all ids at once.
func (c *Cluster) each(ids []int, do func(id int) error) error {
	errs := make([]error, len(ids))
	var group sync.WaitGroup
	for i, id := range ids {
		group.Go(func() { errs[i] = do(id) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// add makes a node known without starting it, and keeps its addresses for it.
func (c *Cluster) add(id int) error {
	n := &node{cluster: c, id: id, dir: filepath.Join(c.dir, fmt.Sprintf("node-%d", id)), listeners: map[string]string{}}
	// Also with an error: Close releases what was kept by then.
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.nodes[id] = n
	}()
	var err error
	if n.address, err = n.reserve(); err != nil || n.controller() {
		return err
	}
	if c.opts.SASL {
		if n.saslAddress, err = n.reserve(); err != nil {
			return err
		}
	}
	if c.opts.Proxied {
		if n.listeners[proxiedListener], err = n.reserve(); err != nil {
			return err
		}
		if n.proxy, err = newProxy(n.listeners[proxiedListener]); err != nil {
			return err
		}
	}
	for _, l := range c.opts.Listeners {
		if n.listeners[l.Name], err = n.reserve(); err != nil {
			return err
		}
	}
	return nil
}

// AddBroker starts one more broker and returns when it is unfenced.
func (c *Cluster) AddBroker(id int) error { return c.addAndStart(id) }

// AddController starts one more controller as an observer of the quorum; it does not become a voter by itself.
func (c *Cluster) AddController(id int) error { return c.addAndStart(id) }

func (c *Cluster) addAndStart(id int) error {
	ctx, cancel := context.WithTimeout(context.Background(), startDeadline)
	defer cancel()
	if err := c.add(id); err != nil {
		return err
	}
	return c.startNode(ctx, id)
}

// Restart starts a node that was stopped or killed, on the disks and the address that it had, and returns when it is ready.
func (c *Cluster) Restart(id int) error {
	ctx, cancel := context.WithTimeout(context.Background(), startDeadline)
	defer cancel()
	return c.startNode(ctx, id)
}

func (c *Cluster) startNode(ctx context.Context, id int) error {
	if err := c.node(id).start(ctx); err != nil {
		return err
	}
	return c.waitReady(ctx)
}

// Stop ends a node by its controlled shutdown.
func (c *Cluster) Stop(id int) error { return c.node(id).stop() }

// Kill ends a node at once.
func (c *Cluster) Kill(id int) error { return c.node(id).kill() }

// Pause makes a node hang (SIGSTOP): its connections stay open and nothing answers.
func (c *Cluster) Pause(id int) error { return c.node(id).pause() }

// Resume lets a paused node go on.
func (c *Cluster) Resume(id int) error { return c.node(id).resume() }

// Bootstrap returns the addresses of the brokers whose process lives, in the order of their ids.
func (c *Cluster) Bootstrap() []string { return c.live(false) }

// Controllers returns the addresses of the controllers whose process lives, in the order of their ids.
func (c *Cluster) Controllers() []string { return c.live(true) }

// SASLUser and SASLPassword are the one user that the SASL listener knows from the start, with the mechanism PLAIN. A SCRAM user is
// made by AlterUserScramCredentials.
const (
	SASLUser     = "tester"
	SASLPassword = "password-of-tester"
)

// SASLBootstrap returns the addresses of the live brokers' SASL listeners, which take PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512. There
// are none without Options.SASL.
func (c *Cluster) SASLBootstrap() []string {
	var addresses []string
	for _, id := range c.ids() {
		if n := c.node(id); n.saslAddress != "" && n.running() {
			addresses = append(addresses, n.saslAddress)
		}
	}
	return addresses
}

// CACertificatePEM returns the authority whose certificates the brokers show on their SASL listeners, with Options.TLS.
func (c *Cluster) CACertificatePEM() ([]byte, error) {
	certificate, _, err := c.authority.PEM()
	return certificate, err
}

// ListenerBootstrap returns the addresses of one of Options.Listeners at the live brokers, in the order of their ids.
func (c *Cluster) ListenerBootstrap(name string) []string {
	var addresses []string
	for _, id := range c.ids() {
		if n := c.node(id); n.listeners[name] != "" && n.running() {
			addresses = append(addresses, n.listeners[name])
		}
	}
	return addresses
}

// PID returns the process id of a node's JVM, 0 when it does not run.
func (c *Cluster) PID(id int) int {
	n := c.node(id)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process == nil || closed(n.ended) {
		return 0
	}
	return n.process.Pid
}

// Address returns where a node listens.
func (c *Cluster) Address(id int) string { return c.node(id).address }

// Log returns what a node has written.
func (c *Cluster) Log(id int) string {
	text, err := os.ReadFile(c.node(id).logFile())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Close kills all nodes and deletes their directories. It may be called twice.
func (c *Cluster) Close() error {
	var errs []error
	for _, id := range c.ids() {
		errs = append(errs, c.node(id).kill())
		if p := c.node(id).proxy; p != nil {
			p.close()
		}
		c.node(id).release()
	}
	return errors.Join(append(errs, os.RemoveAll(c.dir))...)
}

func (c *Cluster) node(id int) *node {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, ok := c.nodes[id]
	if !ok {
		panic(fmt.Sprintf("kafkatest: the cluster has no node %d", id))
	}
	return n
}

func (c *Cluster) ids() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := make([]int, 0, len(c.nodes))
	for id := range c.nodes {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (c *Cluster) live(controllers bool) []string {
	var addresses []string
	for _, id := range c.ids() {
		if n := c.node(id); n.controller() == controllers && n.running() {
			addresses = append(addresses, n.address)
		}
	}
	return addresses
}

// waitReady returns when every broker that runs is registered and unfenced, and every controller that runs answers.
func (c *Cluster) waitReady(ctx context.Context) error {
	for {
		missing, err := c.missing(ctx)
		if err == nil && len(missing) == 0 {
			return nil
		}
		for _, id := range c.ids() {
			if n := c.node(id); n.failed() {
				return fmt.Errorf("kafkatest: node %d has ended by itself; its last words:\n%s", id, lastLines(c.Log(id), 30))
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("kafkatest: nodes %v are not ready: %w (%w)", missing, ctx.Err(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// missing are the nodes that run and are not ready yet.
func (c *Cluster) missing(ctx context.Context) ([]int, error) {
	var brokers, missing []int
	for _, id := range c.ids() {
		switch n := c.node(id); {
		case !n.running():
		case n.controller():
			conn, err := net.DialTimeout("tcp", n.address, time.Second)
			if err != nil {
				missing = append(missing, id)
				continue
			}
			_ = conn.Close()
		default:
			brokers = append(brokers, id)
		}
	}
	if len(brokers) == 0 {
		return missing, nil
	}
	unfenced, err := c.unfenced(ctx)
	if err != nil {
		return append(missing, brokers...), err
	}
	for _, id := range brokers {
		if !slices.Contains(unfenced, id) {
			missing = append(missing, id)
		}
	}
	return missing, nil
}

// unfenced asks every live broker which brokers are unfenced, and returns those that all of them name: a broker's own view of
// the cluster lags behind the controllers'.
func (c *Cluster) unfenced(ctx context.Context) ([]int, error) {
	votes := map[int]int{}
	bootstrap := c.Bootstrap()
	for _, address := range bootstrap {
		named, err := unfencedAt(ctx, address)
		if err != nil {
			return nil, err
		}
		for _, id := range named {
			votes[id]++
		}
	}
	var all []int
	for id, n := range votes {
		if n == len(bootstrap) {
			all = append(all, id)
		}
	}
	return all, nil
}

func unfencedAt(ctx context.Context, address string) ([]int, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.DisableClientMetrics())
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req := kmsg.NewPtrDescribeClusterRequest()
	resp, err := req.RequestWith(ctx, client.SeedBrokers()[0])
	if err != nil {
		return nil, err
	}
	var ids []int
	for _, b := range resp.Brokers {
		ids = append(ids, int(b.NodeID))
	}
	return ids, nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
