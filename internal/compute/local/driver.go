// Package local runs the nodes of fleets as processes on this machine. Zones are simulated, Kafka is real.
//
// A node is a directory and a session of processes: the node agent and the Kafka that it watches. They outlive the process
// that launched them, and everything about them is found again from the directory and the process table:
//
//	<root>/.lock                           held for the moments when something below root is created or removed
//	<root>/<cluster>/cluster.json          the cluster's record
//	<root>/<cluster>/lock                  the cluster's lease, an flock, with its holder and its last renewal as text
//	<root>/<cluster>/secrets/<name>        a secret, which only the user that made it can read
//	<root>/<cluster>/nodes/<id>/spec.json  what the node agent reads
//	                            status.json  what it reports
//	                            agent.pid    which process it is
//	                            agent.log    what it prints
//	                            stopping     made by Stop
//	                            maintenance  made by whoever wants to try what happens: a sentence that List shows as Instance.Maintenance
//	                            disks/0 …    the instance-store disks
//
// Directories in nodes/ whose names start with a dot are not nodes yet, or not any more; no process belongs to them.
package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafkadist"
)

// Config is what a Driver needs to know. Its zero value works.
type Config struct {
	// Root is the directory of all fleets; "" means kafkafleet in $XDG_DATA_HOME, or in ~/.local/share.
	Root string
	// Agent is the binary that is run as "<agent> node --spec FILE"; "" means the running one.
	Agent string
	// Kafka is where Kafka distributions come from.
	Kafka kafkadist.Source
	// JavaHome is the Java that nodes run on; "" means $JAVA_HOME, or else the java on PATH.
	JavaHome string
	// LeaseExpiry is how long a lease lives after its last renewal; 0 means compute.LeaseExpiry.
	LeaseExpiry time.Duration
}

// Driver implements compute.Driver with processes on this machine. Several Drivers, also in several processes, may share a root.
type Driver struct {
	fleets
	agent    string
	kafka    kafkadist.Source
	javaHome string

	leaseExpiry time.Duration
	// hung is set by tests only: leases are then not renewed regularly, like those of a process that hangs.
	hung bool
}

var _ compute.Driver = (*Driver)(nil)

// New returns a driver. It touches nothing: the root is made when something is put there.
func New(cfg Config) (*Driver, error) {
	root, err := rootDir(cfg.Root)
	if err != nil {
		return nil, err
	}
	agent := cfg.Agent
	if agent == "" {
		if agent, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("cannot find the running binary to use it as the node agent: %w", err)
		}
	}
	if agent, err = filepath.Abs(agent); err != nil {
		return nil, fmt.Errorf("the node agent's path: %w", err)
	}
	javaHome := cfg.JavaHome
	if javaHome == "" {
		javaHome = os.Getenv("JAVA_HOME")
	}
	expiry := cfg.LeaseExpiry
	if expiry == 0 {
		expiry = compute.LeaseExpiry
	}
	return &Driver{fleets: fleets{root}, agent: agent, kafka: cfg.Kafka, javaHome: javaHome, leaseExpiry: expiry}, nil
}

func rootDir(root string) (string, error) {
	if root == "" {
		data := os.Getenv("XDG_DATA_HOME")
		if data == "" {
			home, err := os.UserHomeDir()
			if err != nil {
				return "", fmt.Errorf("%w: no root directory for local fleets is configured, and the user has no home: %w", compute.ErrInvalid, err)
			}
			data = filepath.Join(home, ".local", "share")
		}
		root = filepath.Join(data, "kafkafleet")
	}
	abs, err := filepath.Abs(root)
	if err != nil {
		return "", fmt.Errorf("the root directory of local fleets: %w", err)
	}
	return abs, nil
}

// Catalog returns the simulated zones and instance types.
func (*Driver) Catalog(context.Context) (compute.Catalog, error) {
	return catalog(), nil
}

func catalog() compute.Catalog {
	const gib, mib = 1 << 30, 1 << 20
	types := map[string]compute.InstanceType{}
	// Their networks are no faster than those of small machines that are rented: all of them share the processors of one machine, which
	// encrypt and copy what a rollout moves, and a limit that these cannot reach would be none.
	for _, t := range []compute.InstanceType{
		{Name: "local.small", MemoryBytes: 1 * gib, Cores: 1, DiskBytes: []int64{10 * gib}, NetworkBytesPerSecond: 8 * mib},
		{Name: "local.medium", MemoryBytes: 2 * gib, Cores: 2, DiskBytes: []int64{20 * gib}, NetworkBytesPerSecond: 16 * mib},
		{Name: "local.large", MemoryBytes: 4 * gib, Cores: 2, DiskBytes: []int64{20 * gib, 20 * gib}, NetworkBytesPerSecond: 32 * mib},
		{Name: "local.xlarge", MemoryBytes: 8 * gib, Cores: 4, DiskBytes: []int64{20 * gib, 20 * gib, 20 * gib, 20 * gib}, NetworkBytesPerSecond: 64 * mib},
	} {
		types[t.Name] = t
	}
	return compute.Catalog{
		Zones:         []string{"local-a", "local-b", "local-c", "local-d", "local-e", "local-f"},
		InstanceTypes: types,
	}
}
