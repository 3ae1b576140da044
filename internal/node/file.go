package node

import (
	"context"
	"slices"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// File is what a driver leaves on the machine for the agent: the node's spec, and where things are on this machine. JSON.
type File struct {
	Spec compute.NodeSpec `json:"spec"`
	// Dir is the agent's own directory: properties, Kafka's own log files, the status file, the mark that says "formatted".
	Dir string `json:"dir"`
	// Disks are mount points (or directories) of the instance-store disks. Each holds one Kafka log directory.
	Disks []string `json:"disks"`
	// KafkaHome is a folder with libs/*.jar.
	KafkaHome string `json:"kafka_home"`
	// Listen is the address, host:port, that Kafka listens on and advertises: for the other nodes and for the provider, and of a plaintext
	// broker for clients, too.
	Listen string `json:"listen"`
	// Clients is where a broker that is not plaintext listens for clients, and ClientsMTLS where it listens for those that log in by
	// certificate while the others do so by password. "" where there is no such listener.
	Clients     string `json:"clients,omitempty"`
	ClientsMTLS string `json:"clients_mtls,omitempty"`
	// JVMOptions are put before the main class, after the agent's own.
	JVMOptions []string `json:"jvm_options,omitempty"`
	// StopTimeout is how long a controlled shutdown may take before the process is killed.
	StopTimeout time.Duration `json:"stop_timeout"`
	// Driver and Root tell the agent's command how to reach the driver for the live controllers: "local" and its root.
	Driver string `json:"driver"`
	Root   string `json:"root,omitempty"`
}

// Paths below File.Dir that the driver and the agent share.
const (
	// SpecFile is the name of the File itself.
	SpecFile = "spec.json"
	// StatusFile holds a compute.NodeStatus, replaced atomically.
	StatusFile = "status.json"
	// FormattedMark exists once the disks were formatted. A node formats exactly once in its life.
	FormattedMark = "formatted"
)

// Driver is what the agent asks of the driver that has made its machine, and tells it.
type Driver struct {
	Controllers Controllers
	Identity    Identity
	// Report hears of each status when the file is written, and does not wait; nil where the driver reads the file.
	Report func(compute.NodeStatus)
}

// Controllers returns the addresses, host:port, of the cluster's live controllers. It is asked before each start of Kafka,
// since controllers are replaced and their addresses change.
type Controllers func(ctx context.Context) ([]string, error)

// Identity returns what the node proves who it is with. Its error wraps compute.ErrNotFound until the provider has put it into the driver's
// secret store. It is asked again and again, since certificates are renewed.
type Identity func(ctx context.Context) (compute.Identity, error)

// listeners are all addresses that Kafka listens on.
func (f File) listeners() []string {
	return slices.DeleteFunc([]string{f.Listen, f.Clients, f.ClientsMTLS}, func(address string) bool { return address == "" })
}
