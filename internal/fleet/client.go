package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/coalesce"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// latest is the metadata version policy that follows the Kafka version.
const latest = "latest"

// Options are what a Client needs beside its driver.
type Options struct {
	// Dial makes the client for one cluster from what says how to reach it. It makes no network call.
	Dial func(kafka.Config) *kafka.Client
	// Log is told of each step and wait. It may be nil.
	Log func(ctx context.Context, message string, fields map[string]any)
	// OnMutation is called right before each call that changes anything in compute.
	OnMutation func(ctx context.Context, api, subject string)
	// Poll is the pause between two observations while something is under way; 0 means half a second.
	Poll time.Duration
	// LockTimeout is how long a lease that another run holds is waited for; 0 means 30 seconds.
	LockTimeout time.Duration
	// NodeLifetime is for how long a node's certificate is good; 0 means a year. RenewBefore is how long before its end the node is replaced; 0
	// is plan.RenewBefore.
	NodeLifetime, RenewBefore time.Duration

	// A simulation gives what follows; without it the clock is the machine's, and Kafka is what Dial makes a client of.

	// Now and Sleep are the clock. Sleep returns early when the context ends.
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration)
	// Off are guards that are taken away, so that the simulation can show that it would notice.
	Off []plan.Guard
	// Kafka is what the engine works with in place of a client from Dial.
	Kafka func(cluster string) Kafka
	// Calls is how many of the calls of one observation may be under way at once; 0 means all of them.
	Calls int
}

// Client is the one client that all resources of a provider share. It is safe for concurrent use.
type Client struct {
	driver compute.Driver
	opts   Options

	mu      sync.Mutex
	kafkas  map[string]*kafka.Client
	writers map[string]chan struct{}
	leases  map[string]compute.Lease // the lease of each cluster that this process writes to now
	levels  map[string]int16         // highest metadata.version by instance: a node's version never changes
	planned map[string]Planned
	recent  map[string]recent
	// authorities is what is known of the certificate authority of each cluster: only this process changes it while it lives.
	authorities map[string]plan.Authority
	// suspects is since when this process has seen nodes given up by compute or Kafka, by cluster. It makes the wait of one run shorter, and
	// nothing else depends on it.
	suspects map[string]map[int32]doubts
	placing  map[string]chan *placing
	topics   map[string]*fleetTopics
	groups   map[string]map[int32]string // the group of each broker, by cluster: a node id is never used again
	// looking is held, by cluster, while an observation is made that others wait for.
	looking map[string]chan struct{}
	// records are those of clusters, for what only wants to know what a cluster is.
	records *coalesce.Known[string, compute.Cluster]
}

// New returns a client. It makes no call.
func New(driver compute.Driver, opts Options) *Client {
	if opts.Poll == 0 {
		opts.Poll = 500 * time.Millisecond
	}
	if opts.LockTimeout == 0 {
		opts.LockTimeout = 30 * time.Second
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Sleep == nil {
		opts.Sleep = pause
	}
	if opts.Calls == 0 {
		opts.Calls = -1
	}
	if opts.Log == nil {
		opts.Log = func(context.Context, string, map[string]any) {}
	}
	opts.Log = logged(opts.Log)
	if opts.OnMutation == nil {
		opts.OnMutation = func(context.Context, string, string) {}
	}
	return &Client{
		driver: driver, opts: opts, looking: map[string]chan struct{}{}, records: sharedRecords(driver, opts.Now),
		kafkas: map[string]*kafka.Client{}, writers: map[string]chan struct{}{}, leases: map[string]compute.Lease{}, levels: map[string]int16{}, planned: map[string]Planned{}, recent: map[string]recent{}, suspects: map[string]map[int32]doubts{},
		groups: map[string]map[int32]string{}, placing: map[string]chan *placing{}, topics: map[string]*fleetTopics{}, authorities: map[string]plan.Authority{},
	}
}

// Driver is the compute driver that the client works with.
func (c *Client) Driver() compute.Driver { return c.driver }

// Kafka returns the client for a cluster that this provider runs. compute.ErrNotFound: there is no such cluster.
func (c *Client) Kafka(ctx context.Context, cluster string) (*kafka.Client, error) {
	if _, err := c.records.Get(ctx, cluster); err != nil {
		return nil, fmt.Errorf("cluster %q: %w", cluster, err)
	}
	return c.dial(cluster), nil
}

// sharedRecords reads clusters' records for many objects of them, each of which wants to know that its cluster exists.
func sharedRecords(driver compute.Driver, now func() time.Time) *coalesce.Known[string, compute.Cluster] {
	return &coalesce.Known[string, compute.Cluster]{Now: now, MaxAge: shareWithin, Some: func(ctx context.Context, names []string) (map[string]compute.Cluster, map[string]error) {
		found, failed := map[string]compute.Cluster{}, map[string]error{}
		for _, name := range names {
			if record, err := driver.GetCluster(ctx, name); err != nil {
				failed[name] = err
			} else {
				found[name] = record
			}
		}
		return found, failed
	}}
}

func (c *Client) dial(cluster string) *kafka.Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.kafkas[cluster]; k != nil {
		return k
	}
	k := c.opts.Dial(kafka.Config{
		Bootstrap:   func(ctx context.Context) ([]string, error) { return c.addresses(ctx, cluster, compute.RoleBroker) },
		Controllers: func(ctx context.Context) ([]string, error) { return c.addresses(ctx, cluster, compute.RoleController) },
		Secure:      (&admin{fleet: c, cluster: cluster}).tls,
	})
	c.kafkas[cluster] = k
	return k
}

// forgetAddresses is for after a node was stopped.
func (c *Client) forgetAddresses(cluster string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.kafkas[cluster]; k != nil {
		k.ForgetAddresses()
	}
}

// engine is the Kafka side of a cluster as the engine works with it. It makes no network call.
func (c *Client) engine(cluster string) Kafka {
	if c.opts.Kafka != nil {
		return c.opts.Kafka(cluster)
	}
	return c.dial(cluster)
}

// addresses finds the live nodes of a role. They change with every rollout, so they are asked for at each connect.
func (c *Client) addresses(ctx context.Context, cluster string, role compute.Role) ([]string, error) {
	instances, err := c.driver.List(ctx, cluster)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, i := range instances {
		if i.Spec.Role == role && i.State == compute.StateRunning && i.Address != "" {
			out = append(out, i.Address)
		}
	}
	return out, nil
}

// Close ends all connections.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, k := range c.kafkas {
		errs = append(errs, k.Close())
	}
	c.kafkas = map[string]*kafka.Client{}
	return errors.Join(errs...)
}

// lock makes this run the cluster's only writer: inside the process by waiting, against other processes by the driver's lease. A lease
// that somebody else holds is waited for a while: a provider whose Terraform was killed stops at its next safe point, and the apply that
// follows shall not fail on it. held tells if it still is the only writer.
func (c *Client) lock(ctx context.Context, cluster string) (unlock func(), err error) {
	c.mu.Lock()
	writer := c.writers[cluster]
	if writer == nil {
		writer = make(chan struct{}, 1)
		c.writers[cluster] = writer
	}
	c.mu.Unlock()
	select {
	case writer <- struct{}{}: // Nobody has it: that the run ends is for what comes then.
	default:
		select {
		case writer <- struct{}{}:
		case <-ctx.Done():
			return nil, fmt.Errorf("cluster %q: nothing was begun, another resource of this run still works on it: %w", cluster, ctx.Err())
		}
	}
	lease, err := c.lease(ctx, cluster)
	if err != nil {
		<-writer
		return nil, err
	}
	c.mu.Lock()
	c.leases[cluster] = lease
	c.mu.Unlock()
	return func() {
		lease.Release()
		c.mu.Lock()
		delete(c.leases, cluster)
		delete(c.recent, cluster) // Whatever was seen before is the past now.
		delete(c.placing, cluster)
		c.mu.Unlock()
		c.records.Forget(cluster)
		<-writer
	}, nil
}

// held is nil while this process is surely the cluster's only writer. It is asked right before each effect. Without a lease, and when it is
// lost, the error wraps compute.ErrLeaseLost: no other try cures that, since what was planned under the lease is worth nothing any more.
func (c *Client) held(ctx context.Context, cluster string) error {
	c.mu.Lock()
	lease := c.leases[cluster]
	c.mu.Unlock()
	if lease == nil {
		return fmt.Errorf("cluster %q: %w: it was never taken", cluster, compute.ErrLeaseLost)
	}
	return lease.Held(ctx)
}

// lease takes the driver's lease of a cluster, and waits for one that is held for up to LockTimeout.
func (c *Client) lease(ctx context.Context, cluster string) (lease compute.Lease, err error) {
	host, _ := os.Hostname() //nolint:errcheck // Only a name in a message.
	holder := fmt.Sprintf("process %d on %s since %s", os.Getpid(), host, c.opts.Now().Format(time.RFC3339))
	started, told := c.opts.Now(), false
	for {
		lease, err = c.driver.Lock(ctx, cluster, holder)
		switch {
		case !errors.Is(err, compute.ErrLocked) || ctx.Err() != nil:
			return lease, err
		case c.opts.Now().Sub(started) >= c.opts.LockTimeout:
			return nil, fmt.Errorf("%w (waited %s for it; nothing was begun)", err, c.opts.Now().Sub(started).Round(time.Second))
		case !told:
			c.opts.Log(ctx, "waiting for the cluster's lease", map[string]any{"cluster": cluster, "for": err.Error()})
			told = true
		}
		c.opts.Sleep(ctx, c.opts.Poll)
	}
}

// Planned is what this run's plan will make of a cluster that does not exist, or not like this, yet. It lets the plan of a broker
// group, which Terraform makes after that of its cluster, be checked against the cluster to come.
type Planned struct {
	Zones        []string
	KafkaVersion string
	// Security is how the cluster's listeners are to be protected; nil while the cluster itself is not planned in this run.
	Security *compute.Security
	// Rotation is the step that the cluster's authority is to be at, nil while the cluster itself is not planned in this run.
	Rotation *Rotation
	// Brokers are the planned numbers of brokers by group.
	Brokers map[string]int
	// Claims are the topics that groups are planned to have, by group; one that is to be destroyed claims nothing.
	Claims map[string]compute.TopicClaim
	// Topics are the names of the topics that are planned.
	Topics map[string]bool
}

// Plan remembers, for the rest of this process, what is planned for a cluster.
func (c *Client) Plan(cluster string, change func(*Planned)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.planned[cluster]
	if p.Brokers == nil {
		p.Brokers, p.Claims, p.Topics = map[string]int{}, map[string]compute.TopicClaim{}, map[string]bool{}
	}
	change(&p)
	c.planned[cluster] = p
}

// PlannedFor returns what this process has planned for a cluster.
func (c *Client) PlannedFor(cluster string) (Planned, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.planned[cluster]
	p.Brokers, p.Claims, p.Topics = maps.Clone(p.Brokers), maps.Clone(p.Claims), maps.Clone(p.Topics)
	return p, ok
}

// Zones are the zones of a cluster as planned in this run, or as recorded; nil when neither is known.
func (c *Client) Zones(ctx context.Context, cluster string) ([]string, error) {
	if p, ok := c.PlannedFor(cluster); ok && len(p.Zones) > 0 {
		return slices.Clone(p.Zones), nil
	}
	record, err := c.driver.GetCluster(ctx, cluster)
	if errors.Is(err, compute.ErrNotFound) {
		return nil, nil
	}
	return record.Zones, err
}
