// Package aws runs the nodes of fleets as EC2 instances with instance-store disks.
//
// Everything about a fleet is found again from the instances' tags and from parameters of Systems Manager, below one path for each cluster:
//
//	/kafkafleet/<cluster>/record          the cluster's record
//	/kafkafleet/<cluster>/next-node-id    the lowest id that was never used, noted right after a node's spec is made
//	/kafkafleet/<cluster>/lease/<n>       a lease: the highest number is the one that counts
//	/kafkafleet/<cluster>/nodes/<id>      a node's spec, made before its instance and gone after it
//	/kafkafleet/<cluster>/secrets/<name>  a secret (SecureString)
//
// A parameter that is made without leave to overwrite is made by one caller only: that is what a node id and a lease are claimed by.
package aws

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"golang.org/x/time/rate"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

const (
	// callsPerSecond and callsAtOnce keep this process below what EC2 lets an account ask for (its bucket for describing instances is refilled
	// by 20 in a second), so that others have their part.
	callsPerSecond, callsAtOnce = 10, 20
	// visibleWithin is how long a change may take until EC2 shows it: it is eventually consistent.
	visibleWithin = time.Minute
	// eventsFor is how long the answer is used to what AWS has scheduled.
	eventsFor = 10 * time.Second
	// lookEvery is the pause between two looks at a change that is expected soon.
	lookEvery = 500 * time.Millisecond
)

// Driver implements compute.Driver with EC2 and the parameters of Systems Manager. Several Drivers, in several processes and accounts' roles, may
// share a region.
type Driver struct {
	ec2 *ec2.Client
	ssm *ssm.Client
	// tags are put on everything that is made.
	tags        map[string]string
	limit       *rate.Limiter
	leaseExpiry time.Duration
	// hung is set by tests only: leases are then not renewed regularly, like those of a process that hangs.
	hung bool
	now  func() time.Time

	noting  sync.Mutex
	mu      sync.Mutex
	catalog *compute.Catalog
	// architectures are those of the instance types: which images they run.
	architectures map[string][]types.ArchitectureType
	// scheduled is what AWS had scheduled at scheduledAt.
	scheduled   map[string]string
	scheduledAt time.Time
	// specs are those of the instances that were listed, by the name of their parameter. A spec never changes.
	specs map[string]compute.NodeSpec
}

var _ compute.Machines = (*Driver)(nil)

// New returns a driver. It asks nobody anything.
func New(cfg Config) *Driver {
	expiry := cfg.LeaseExpiry
	if expiry == 0 {
		expiry = compute.LeaseExpiry
	}
	return &Driver{
		ec2:         ec2.NewFromConfig(cfg.AWS, func(o *ec2.Options) { o.BaseEndpoint = endpoint(cfg.Endpoints, "ec2", o.BaseEndpoint) }),
		ssm:         ssm.NewFromConfig(cfg.AWS, func(o *ssm.Options) { o.BaseEndpoint = endpoint(cfg.Endpoints, "ssm", o.BaseEndpoint) }),
		tags:        cfg.DefaultTags,
		limit:       rate.NewLimiter(callsPerSecond, callsAtOnce),
		leaseExpiry: expiry,
		now:         time.Now,
		specs:       map[string]compute.NodeSpec{},
	}
}

// visible waits until what was asked of EC2 is shown by it, and gives up after a while.
func (d *Driver) visible(ctx context.Context, shown func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, visibleWithin)
	defer cancel()
	for {
		if ok, err := shown(ctx); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("EC2 has not shown it within %s: %w", visibleWithin, ctx.Err())
		case <-time.After(lookEvery):
		}
	}
}
