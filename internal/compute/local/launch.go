package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/loopback"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/node"
)

const (
	// firstPort and portCount lie below the ports that the kernel gives to outgoing connections, so that a node's port is still
	// free when its Kafka is started again.
	firstPort, portCount = 20000, 10000
	// stopTimeout is the time that Kafka's controlled shutdown gets before it is killed.
	stopTimeout = 30 * time.Second
)

// Launch implements compute.Driver.
func (d *Driver) Launch(ctx context.Context, spec compute.NodeSpec) (compute.Instance, error) {
	if err := catalog().Check(spec); err != nil {
		return compute.Instance{}, err
	}
	if err := d.CheckKafka(ctx, spec.KafkaVersion); err != nil {
		return compute.Instance{}, err
	}
	if _, err := d.record(ctx, spec); err != nil {
		return compute.Instance{}, err
	}
	// A download takes minutes, so it comes before the lock and the record is read again after it.
	home, err := d.kafka.Ensure(ctx, spec.KafkaVersion)
	if err != nil {
		return compute.Instance{}, fmt.Errorf("Kafka for node %d of cluster %q: %w", spec.NodeID, spec.Cluster, err)
	}
	release, err := d.lockRoot(ctx)
	if err != nil {
		return compute.Instance{}, err
	}
	defer release()
	record, err := d.record(ctx, spec)
	if err != nil {
		return compute.Instance{}, err
	}
	// From here on the id is used, whatever comes: a node that may have existed for a moment never shares its id with another.
	record.NextNodeID = spec.NodeID + 1
	if err := d.writeRecord(record); err != nil {
		return compute.Instance{}, err
	}
	instance, err := d.launch(spec, home)
	if err != nil {
		return compute.Instance{}, fmt.Errorf("cannot launch node %d of cluster %q: %w", spec.NodeID, spec.Cluster, err)
	}
	return instance, nil
}

// record returns the record of the node's cluster if it lets the node be launched.
func (f fleets) record(ctx context.Context, spec compute.NodeSpec) (compute.Cluster, error) {
	record, err := f.GetCluster(ctx, spec.Cluster)
	if err != nil {
		return record, err
	}
	if spec.ClusterID != record.ID {
		return record, fmt.Errorf("%w: cluster %q has the id %s, not %s", compute.ErrInvalid, spec.Cluster, record.ID, spec.ClusterID)
	}
	if spec.NodeID < record.NextNodeID {
		return record, fmt.Errorf("%w: %d in cluster %q, where the next free one is %d", compute.ErrNodeIDUsed, spec.NodeID, spec.Cluster, record.NextNodeID)
	}
	if _, err := os.Lstat(f.nodeDir(spec.Cluster, spec.NodeID)); !errors.Is(err, fs.ErrNotExist) {
		return record, fmt.Errorf("%w: %d in cluster %q, its directory is there", compute.ErrNodeIDUsed, spec.NodeID, spec.Cluster)
	}
	return record, nil
}

// launch makes the node's directory and starts its agent. The root must be locked.
func (d *Driver) launch(spec compute.NodeSpec, home string) (compute.Instance, error) {
	dir := d.nodeDir(spec.Cluster, spec.NodeID)
	if err := sweep(filepath.Dir(dir)); err != nil {
		return compute.Instance{}, err
	}
	reserved, listen, err := d.reservePorts(ports(spec))
	defer func() {
		for _, port := range reserved {
			_ = port.Close()
		}
	}()
	if err != nil {
		return compute.Instance{}, err
	}
	file := node.File{
		Spec:        spec,
		Dir:         dir,
		KafkaHome:   home,
		Listen:      listen[0],
		JVMOptions:  jvmOptions(spec.InstanceType),
		StopTimeout: stopTimeout,
		Driver:      "local",
		Root:        d.root,
	}
	if len(listen) > 1 {
		file.Clients = listen[1]
	}
	if len(listen) > 2 {
		file.ClientsMTLS = listen[2]
	}
	for i := range catalog().InstanceTypes[spec.InstanceType].DiskBytes {
		file.Disks = append(file.Disks, filepath.Join(dir, disksDir, strconv.Itoa(i)))
	}
	if err := d.makeNodeDir(file); err != nil {
		return compute.Instance{}, err
	}
	started, err := d.startAgent(dir, reserved)
	if err == nil {
		err = started.write(dir)
	}
	if err != nil {
		// Nothing but an agent that nobody has heard of yet is lost; if this fails too, List shows what is left.
		ctx, cancel := context.WithTimeout(context.Background(), killDeadline)
		defer cancel()
		return compute.Instance{}, errors.Join(err, d.destroy(ctx, spec.Cluster, spec.NodeID, started.PID))
	}
	launched := launchedAt(dir)
	instance := compute.Instance{
		ID:         instanceID(spec.Cluster, spec.NodeID),
		Spec:       spec,
		State:      compute.StatePending,
		StateSince: launched,
		LaunchedAt: launched,
	}
	addressed(&instance, file)
	return instance, nil
}

// ports is how many addresses a node listens on.
func ports(spec compute.NodeSpec) int {
	switch s := spec.Security; {
	case s.Plaintext || spec.Role != compute.RoleBroker:
		return 1
	case s.Passwords() && s.Certificates():
		return 3
	}
	return 2
}

// addressed tells an instance where its Kafka listens.
func addressed(i *compute.Instance, f node.File) {
	i.Address, i.Clients, i.ClientsMTLS = f.Listen, f.Clients, f.ClientsMTLS
	if f.Spec.Security.Plaintext && f.Spec.Role == compute.RoleBroker {
		i.Clients = f.Listen
	}
}

// makeNodeDir makes the node's directory appear in one step, with all that describes the node.
func (f fleets) makeNodeDir(file node.File) error {
	temp := filepath.Join(filepath.Dir(file.Dir), "."+filepath.Base(file.Dir)+".new")
	for i := range file.Disks {
		if err := os.MkdirAll(filepath.Join(temp, disksDir, strconv.Itoa(i)), 0o700); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return err
	}
	if err := writeDurably(filepath.Join(temp, node.SpecFile), text); err != nil {
		return err
	}
	if err := os.Rename(temp, file.Dir); err != nil {
		return err
	}
	return syncDir(filepath.Dir(file.Dir))
}

// sweep removes the directories of nodes that an interrupted Launch has not finished, or an interrupted Terminate not removed.
// The root must be locked.
func sweep(nodes string) error {
	entries, err := os.ReadDir(nodes)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			if err := os.RemoveAll(filepath.Join(nodes, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// reservePorts chooses ports for a new node and keeps them for the bearer of the files, see loopback.Reserve. It passes over the ports of
// all nodes below this root, also of those that do not run. The root must be locked. What is returned is to be closed, also with an error.
func (f fleets) reservePorts(n int) (reserved []*os.File, listen []string, err error) {
	taken, err := f.addresses()
	if err != nil {
		return nil, nil, err
	}
	for range n {
		port, address, err := choosePort(taken)
		if err != nil {
			return reserved, nil, err
		}
		reserved, listen, taken[address] = append(reserved, port), append(listen, address), true
	}
	return reserved, listen, nil
}

func choosePort(taken map[string]bool) (*os.File, string, error) {
	reserved, address, err := loopback.Reserve(firstPort, portCount, taken)
	if errors.Is(err, loopback.ErrNoPort) {
		err = fmt.Errorf("%w: %w", compute.ErrNoCapacity, err)
	}
	return reserved, address, err
}

// addresses returns the addresses of all nodes of all clusters below the root.
func (f fleets) addresses() (map[string]bool, error) {
	specs, err := filepath.Glob(filepath.Join(globEscape(f.root), "*", nodesDir, "*", node.SpecFile))
	if err != nil {
		return nil, err
	}
	taken := map[string]bool{}
	for _, path := range specs {
		// A damaged file is List's to report; the port in it is then guarded by its process alone.
		if file, err := readSpec(filepath.Dir(path)); err == nil {
			taken[file.Listen], taken[file.Clients], taken[file.ClientsMTLS] = true, true, true
		}
	}
	return taken, nil
}

func globEscape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// cipherSuites are those that the nodes choose from, the first one that the other side has. Java's compiler that starts quickly does not know
// what processors have for AES: ChaCha20 is five times as fast there.
const cipherSuites = "TLS_CHACHA20_POLY1305_SHA256,TLS_AES_256_GCM_SHA384,TLS_AES_128_GCM_SHA256," +
	"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"

// jvmOptions makes Java believe in the simulated machine, and start quickly.
func jvmOptions(instanceType string) []string {
	return []string{
		fmt.Sprintf("-XX:ActiveProcessorCount=%d", catalog().InstanceTypes[instanceType].Cores),
		"-XX:+UseSerialGC",
		"-XX:TieredStopAtLevel=1",
		"-Djdk.tls.server.cipherSuites=" + cipherSuites,
		"-Djdk.tls.client.cipherSuites=" + cipherSuites,
	}
}
