package aws

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/node"
)

const (
	// nodeDir is the agent's own directory on the root volume, and disksDir where the instance-store disks are mounted.
	nodeDir  = "/var/lib/kafkafleet/node"
	disksDir = "/var/lib/kafkafleet/disks"
	// kafkaHome is where an image has Kafka, with the version behind it.
	kafkaHome = "/opt/kafka-"
	// stopTimeout is the time that Kafka's controlled shutdown gets before it is killed. EC2 takes the power away some minutes after a stop.
	stopTimeout = 90 * time.Second
	// tagEvery is the pause between two reports by tags when nothing changes: EC2 lets an account change tags some times in a second only.
	tagEvery = time.Minute
	// silentAfter is three of them.
	silentAfter = 3 * tagEvery
	// identityFor is how long the node's identity is taken for what it was: Systems Manager lets an account read 40 parameters in a second. While there
	// is none, it is asked for more and more rarely.
	identityFor                  = time.Minute
	identitySoon, identityRarely = 100 * time.Millisecond, 2 * time.Second
	// lastWithin is how long a machine that shuts down takes to say so.
	lastWithin = 5 * time.Second
)

// Node is what the agent on an instance knows of AWS. It has the rights of the instance's role.
type Node struct {
	driver   *Driver
	metadata *imds.Client
	instance string
	spec     compute.NodeSpec

	mu sync.Mutex
	// latest is the agent's report, and leaving what the metadata service announces.
	latest  compute.NodeStatus
	leaving string
	told    compute.NodeStatus
	at      time.Time
	wake    chan struct{}
	// identity is the latest one that was read, and asked when somebody asked for it last.
	identity compute.Identity
	asked    time.Time
	pause    time.Duration
}

// Boot finds out who the instance is: the metadata service says its id and its address, and the parameter its spec, whose digest has to be that
// of the user data. It prepares the disks. What goes wrong is told by the instance's tags, too.
func Boot(ctx context.Context, parameter, digest string) (*Node, node.File, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRetryer(newRetryer), config.WithEC2IMDSRegion())
	if err != nil {
		return nil, node.File{}, fmt.Errorf("the settings for AWS: %w", err)
	}
	n := &Node{driver: New(Config{AWS: cfg}), metadata: imds.NewFromConfig(cfg), wake: make(chan struct{}, 1)}
	if n.instance, err = read(ctx, n.metadata, "instance-id"); err != nil {
		return nil, node.File{}, err
	}
	file, err := n.boot(ctx, parameter, digest)
	if err != nil {
		err = errors.Join(err, n.tag(ctx, compute.NodeStatus{Phase: compute.PhaseFailed, LastError: err.Error(), UpdatedAt: time.Now().UTC()}))
	}
	return n, file, err
}

func (n *Node) boot(ctx context.Context, parameter, digest string) (node.File, error) {
	address, err := read(ctx, n.metadata, "local-ipv4")
	if err != nil {
		return node.File{}, err
	}
	p, err := n.driver.get(ctx, parameter)
	if err != nil {
		return node.File{}, err
	}
	if sum := sha256.Sum256([]byte(p.value)); hex.EncodeToString(sum[:]) != digest {
		return node.File{}, fmt.Errorf("the parameter %s is not what this instance was launched with: its digest is %x, and the user data says %s", parameter, sum, digest)
	}
	if err := json.Unmarshal([]byte(p.value), &n.spec); err != nil {
		return node.File{}, fmt.Errorf("the parameter %s: %w", parameter, err)
	}
	disks, err := mountDisks(ctx)
	if err != nil {
		return node.File{}, err
	}
	at := func(port int) string { return net.JoinHostPort(address, strconv.Itoa(port)) }
	file := node.File{
		Spec: n.spec, Dir: nodeDir, Disks: disks, KafkaHome: kafkaHome + n.spec.KafkaVersion, Listen: at(portNodes), StopTimeout: stopTimeout, Driver: "aws",
	}
	if s := n.spec.Security; n.spec.Role == compute.RoleBroker && !s.Plaintext {
		file.Clients = at(portClients)
		if s.Passwords() && s.Certificates() {
			file.ClientsMTLS = at(portMTLS)
		}
	}
	return file, nil
}

// read asks the metadata service.
func read(ctx context.Context, metadata *imds.Client, path string) (string, error) {
	out, err := metadata.GetMetadata(ctx, &imds.GetMetadataInput{Path: path})
	if err != nil {
		return "", fmt.Errorf("asking the instance's metadata for %s: %w", path, err)
	}
	defer func() { _ = out.Content.Close() }()
	text, err := io.ReadAll(out.Content)
	return strings.TrimSpace(string(text)), err
}

// Controllers returns the addresses of the cluster's controllers that run.
func (n *Node) Controllers(ctx context.Context) ([]string, error) {
	return n.addresses(ctx, compute.RoleController)
}

// Brokers returns the addresses of the cluster's brokers that run.
func (n *Node) Brokers(ctx context.Context) ([]string, error) {
	return n.addresses(ctx, compute.RoleBroker)
}

func (n *Node) addresses(ctx context.Context, role compute.Role) ([]string, error) {
	var addresses []string
	pages := ec2.NewDescribeInstancesPaginator(n.driver.ec2, &ec2.DescribeInstancesInput{Filters: []types.Filter{
		filter("tag:"+tagClusterID, n.spec.ClusterID),
		filter("tag:"+tagRole, string(role)),
		filter("instance-state-name", "pending", "running"),
	}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, explained(err, "asking EC2 for the nodes of role %s", role)
		}
		for _, r := range page.Reservations {
			for _, i := range r.Instances {
				if address := aws.ToString(i.PrivateIpAddress); address != "" {
					addresses = append(addresses, net.JoinHostPort(address, strconv.Itoa(portNodes)))
				}
			}
		}
	}
	slices.Sort(addresses)
	return addresses, nil
}

// Identity returns what the node proves who it is with, as it was a minute ago at most.
func (n *Node) Identity(ctx context.Context) (compute.Identity, error) {
	n.mu.Lock()
	known, since := n.identity, time.Since(n.asked)
	if known != (compute.Identity{}) && since < identityFor {
		n.mu.Unlock()
		return known, nil
	}
	n.asked = time.Now()
	n.pause = min(max(2*n.pause, identitySoon), identityRarely)
	pause := n.pause
	n.mu.Unlock()
	select {
	case <-ctx.Done():
		return compute.Identity{}, ctx.Err()
	case <-time.After(pause - since):
	}
	secret, err := n.driver.Secret(ctx, n.spec.Cluster, compute.NodeSecret(n.spec.NodeID))
	if err != nil {
		return compute.Identity{}, err
	}
	identity, err := compute.ParseIdentity(secret)
	if err != nil {
		return compute.Identity{}, err
	}
	n.mu.Lock()
	n.identity, n.pause = identity, 0
	n.mu.Unlock()
	return identity, nil
}

// TLS is how the node's agent connects to the brokers, as the node itself does; nil in a plaintext cluster.
func (n *Node) TLS(ctx context.Context) (*tls.Config, error) {
	if n.spec.Security.Plaintext {
		return nil, nil
	}
	identity, err := n.Identity(ctx)
	if err != nil {
		return nil, err
	}
	return node.TLS(identity)
}

// Latest is the agent's report.
func (n *Node) Latest() compute.NodeStatus {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.latest
}

// ID is the node's id.
func (n *Node) ID() int32 { return n.spec.NodeID }

// Report takes over the agent's report. It never waits: Tell brings it to EC2.
func (n *Node) Report(s compute.NodeStatus) {
	n.mu.Lock()
	n.latest = s
	n.mu.Unlock()
	n.due()
}

// due has Tell look whether there is something to tell.
func (n *Node) due() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Tell writes reports to the instance's tags until ctx ends, the last one then: at once when something has changed that somebody waits for, and otherwise now and
// then. What cannot be written is written by the next one.
func (n *Node) Tell(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWithin)
			defer cancel()
			n.tell(last)
			return
		case <-n.wake:
			n.tell(ctx)
		}
	}
}

// tell writes the latest report, if it is due.
func (n *Node) tell(ctx context.Context) {
	n.mu.Lock()
	s := n.latest
	s.Leaving = n.leaving
	due := !s.UpdatedAt.IsZero() && (time.Since(n.at) > tagEvery || news(n.told, s))
	n.mu.Unlock()
	if !due || n.tag(ctx, s) != nil {
		return
	}
	n.mu.Lock()
	n.told, n.at = s, time.Now()
	n.mu.Unlock()
}

// news says that two reports differ in more than how full the disks are and when they were made.
func news(a, b compute.NodeStatus) bool {
	return a.Phase != b.Phase || a.Restarts != b.Restarts || a.LastError != b.LastError || a.Leaving != b.Leaving || a.BootSeconds != b.BootSeconds ||
		!a.CertificateEnds.Equal(b.CertificateEnds) || a.AuthorityGeneration != b.AuthorityGeneration
}

func (n *Node) tag(ctx context.Context, s compute.NodeStatus) error {
	tags, err := StatusTags(s)
	if err != nil {
		return err
	}
	in := &ec2.CreateTagsInput{Resources: []string{n.instance}}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	_, err = n.driver.ec2.CreateTags(ctx, in)
	return err
}
