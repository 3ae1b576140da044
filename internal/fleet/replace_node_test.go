package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/throttle"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// broken is a cluster of three brokers of two specs, of which broker 4 has stopped: it alone has topic "only", and it alone has all of topic "behind".
// It is both the driver and the Kafka of a client, and notes every change.
type broken struct {
	Kafka
	compute.Driver
	record     compute.Cluster
	instances  []compute.Instance
	brokers    []kafka.Broker
	partitions []kafka.Partition
	configs    map[string]string // The dynamic setting of each broker, by its name.
	throttled  bool
	changes    []string
}

func newBroken(t *testing.T) *broken {
	t.Helper()
	b := &broken{record: compute.Cluster{Name: "c", ID: "x", NextNodeID: 7, Zones: []string{"a", "b", "c"}, Security: compute.Security{Plaintext: true}}, configs: map[string]string{"5": "9", "6": "9"}}
	spec := goalOf(t, group(nil), 0, b.record).spec
	for i, zone := range b.record.Zones {
		spec.NodeID, spec.Zone, spec.SpecHash = int32(4+i), zone, []string{"old", "old", "new"}[i]
		b.start(spec)
	}
	b.instances[0].State, b.instances[0].StateSince, b.brokers[0].Fenced = compute.StateStopped, time.Now(), true
	b.partitions = []kafka.Partition{
		{Topic: "behind", Leader: -1, Replicas: []int32{4, 5}, ISR: []int32{4}},
		{Topic: "only", Leader: -1, Replicas: []int32{4}, ISR: nil},
		{Topic: "sound", Leader: 5, Replicas: []int32{4, 5, 6}, ISR: []int32{5, 6}},
	}
	return b
}

func (b *broken) start(spec compute.NodeSpec) compute.Instance {
	i := compute.Instance{
		ID: fmt.Sprint(spec.NodeID), Spec: spec, State: compute.StateRunning, Address: "x", LaunchedAt: time.Now(),
		Status: &compute.NodeStatus{Phase: compute.PhaseRunning, BootSeconds: 5, UpdatedAt: time.Now(), CertificateEnds: time.Now().Add(time.Hour)},
	}
	b.instances = append(b.instances, i)
	b.brokers = append(b.brokers, kafka.Broker{ID: spec.NodeID, Rack: spec.Zone})
	return i
}

func (b *broken) note(format string, a ...any) {
	b.changes = append(b.changes, fmt.Sprintf(format, a...))
}

func (b *broken) lives(id int32) bool {
	return slices.ContainsFunc(b.brokers, func(k kafka.Broker) bool { return k.ID == id && !k.Fenced })
}

func (b *broken) client(t *testing.T) *Client {
	t.Helper()
	return New(b, Options{Poll: time.Millisecond, Kafka: func(string) Kafka { return b }})
}

// What a driver does.

func (*broken) Catalog(context.Context) (compute.Catalog, error) { return catalog, nil }

func (b *broken) GetCluster(context.Context, string) (compute.Cluster, error) { return b.record, nil }

func (*broken) Secret(context.Context, string, string) ([]byte, error) {
	return nil, compute.ErrNotFound
}

func (*broken) Lock(context.Context, string, string) (compute.Lease, error) { return &fakeLease{}, nil }

func (b *broken) List(context.Context, string) ([]compute.Instance, error) {
	return slices.Clone(b.instances), nil
}

func (b *broken) Launch(_ context.Context, spec compute.NodeSpec) (compute.Instance, error) {
	b.note("launch %d in %s of %s for %d", spec.NodeID, spec.Zone, spec.SpecHash, spec.Replaces)
	b.record.NextNodeID = spec.NodeID + 1
	return b.start(spec), nil
}

func (b *broken) Stop(context.Context, string) error {
	return errors.New("nothing that runs is to be stopped")
}

func (b *broken) Terminate(_ context.Context, id string) error {
	b.note("terminate %s", id)
	b.instances = slices.DeleteFunc(b.instances, func(i compute.Instance) bool { return i.ID == id })
	return nil
}

// What a Kafka does.

func (*broken) Quorum(context.Context) (kafka.Quorum, error) {
	return kafka.Quorum{}, errors.New("not here")
}

func (*broken) Features(context.Context) (map[int32]map[string]kafka.Feature, error) {
	return map[int32]map[string]kafka.Feature{}, nil
}

func (b *broken) Brokers(context.Context) (string, []kafka.Broker, error) {
	return "x", slices.Clone(b.brokers), nil
}

// Topics lets the moves end that can: those that somebody leads.
func (b *broken) Topics(context.Context) ([]kafka.Topic, error) {
	var out []kafka.Topic
	for i := range b.partitions {
		p := &b.partitions[i]
		out = append(out, kafka.Topic{Name: p.Topic, Partitions: []kafka.Partition{*p}})
		if p.Leader < 0 {
			continue
		}
		caughtUp := slices.DeleteFunc(slices.Clone(p.Replicas), func(id int32) bool { return !b.lives(id) })
		if changed := len(caughtUp) != len(p.ISR); changed {
			p.ISR = caughtUp
			b.end(p)
		}
	}
	return out, nil
}

// end ends a move that has all that it waits for. Kafka looks when replicas come into sync, and when it is asked for a move.
func (b *broken) end(p *kafka.Partition) {
	if p.Leader < 0 || slices.ContainsFunc(p.Adding, func(id int32) bool { return !slices.Contains(p.ISR, id) }) {
		return
	}
	p.Replicas = p.Target()
	p.Adding, p.Removing = nil, nil
	p.ISR = slices.DeleteFunc(slices.Clone(p.ISR), func(id int32) bool { return !slices.Contains(p.Replicas, id) })
	if !slices.Contains(p.ISR, p.Leader) {
		p.Leader = p.ISR[0]
	}
}

func (b *broken) LogDirs(_ context.Context, ids []int32) ([]kafka.LogDir, error) {
	var out []kafka.LogDir
	for _, id := range ids {
		dir := kafka.LogDir{Broker: id}
		for _, p := range b.partitions {
			if slices.Contains(p.Replicas, id) {
				dir.Replicas = append(dir.Replicas, kafka.Replica{Broker: id, Topic: p.Topic, Bytes: 1000})
			}
		}
		out = append(out, dir)
	}
	return out, nil
}

func (b *broken) DescribeConfigs(_ context.Context, resources []kafka.ConfigResource) (map[kafka.ConfigResource][]kafka.ConfigEntry, error) {
	out := map[kafka.ConfigResource][]kafka.ConfigEntry{}
	for _, r := range resources {
		if v := b.configs[r.Name]; v != "" {
			out[r] = []kafka.ConfigEntry{{Name: "num.io.threads", Value: v, Source: kafka.SourceDynamicBroker}}
		}
	}
	return out, nil
}

func (b *broken) AlterConfigs(_ context.Context, changes map[kafka.ConfigResource][]kafka.ConfigChange, _ bool) error {
	for r, list := range changes {
		b.note("configure %s: %s=%s", r.Name, list[0].Name, *list[0].Value)
		b.configs[r.Name] = *list[0].Value
	}
	return nil
}

func (b *broken) Reassign(_ context.Context, list []kafka.Reassignment, _ bool) error {
	for _, r := range list {
		p := &b.partitions[slices.IndexFunc(b.partitions, func(p kafka.Partition) bool { return p.Topic == r.Topic })]
		b.note("move %s to %v", r.Topic, r.Replicas)
		old := slices.DeleteFunc(slices.Clone(p.Replicas), func(id int32) bool { return slices.Contains(p.Adding, id) })
		p.Adding = slices.DeleteFunc(slices.Clone(r.Replicas), func(id int32) bool { return slices.Contains(old, id) })
		p.Removing = slices.DeleteFunc(old, func(id int32) bool { return slices.Contains(r.Replicas, id) })
		p.Replicas = slices.Concat(r.Replicas, p.Removing)
		b.end(p)
	}
	return nil
}

func (b *broken) ElectUnclean(_ context.Context, list []kafka.TopicPartition) error {
	for _, tp := range list {
		p := &b.partitions[slices.IndexFunc(b.partitions, func(p kafka.Partition) bool { return p.Topic == tp.Topic })]
		i := slices.IndexFunc(p.Replicas, b.lives)
		if p.Leader >= 0 || i < 0 {
			return fmt.Errorf("%s: led by %d, live replica %d", tp.Topic, p.Leader, i)
		}
		b.note("elect %d for %s", p.Replicas[i], tp.Topic)
		p.Leader, p.ISR = p.Replicas[i], []int32{p.Replicas[i]}
	}
	return nil
}

func (b *broken) ElectPreferred(_ context.Context, list []kafka.TopicPartition) error {
	for _, tp := range list {
		p := &b.partitions[slices.IndexFunc(b.partitions, func(p kafka.Partition) bool { return p.Topic == tp.Topic })]
		p.Leader = p.Replicas[0]
	}
	return nil
}

func (b *broken) UnregisterBroker(_ context.Context, id int32) error {
	b.note("unregister %d", id)
	b.brokers = slices.DeleteFunc(b.brokers, func(k kafka.Broker) bool { return k.ID == id })
	return nil
}

func (b *broken) SetThrottle(context.Context, map[int32]kafka.BrokerThrottle, map[kafka.TopicPartition][]int32, map[kafka.TopicPartition][]int32) error {
	b.throttled = true
	return nil
}

func (b *broken) Throttles(context.Context, []int32, []string) (kafka.ThrottleState, error) {
	if !b.throttled {
		return kafka.ThrottleState{}, nil
	}
	return kafka.ThrottleState{Brokers: map[int32]kafka.BrokerThrottle{5: {Leader: 1 << 20, Follower: 1 << 20}}}, nil
}

func (b *broken) ClearThrottle(context.Context, kafka.ThrottleState) error {
	b.throttled = false
	return nil
}

func (*broken) ForgetThrottle(context.Context, []int32) error { return nil }

// soon is a context that ends a run which comes no further.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func four(force, confirmed bool) ReplaceNode {
	return ReplaceNode{Cluster: "c", Group: "main", NodeID: 4, Throttle: throttle.Fixed(1 << 20), Force: force, Confirmed: confirmed}
}

// TestByForceOneNodeIsReplacedAndNothingElse: what only it had is told, and given up once that is confirmed.
func TestByForceOneNodeIsReplacedAndNothingElse(t *testing.T) {
	b := newBroken(t)
	client := b.client(t)
	p, err := client.PlanReplaceNode(t.Context(), four(true, false))
	if err != nil || p.Condition != "lost: machine stopped" {
		t.Fatalf("%+v, %v", p, err)
	}
	_, err = client.ReplaceNode(soon(t), four(true, false), nil)
	loss := (*DataLossError)(nil)
	if !errors.As(err, &loss) || len(b.changes) > 0 {
		t.Fatalf("not confirmed: %v, and done: %v", err, b.changes)
	}
	var told []string
	for _, l := range loss.Losses {
		told = append(told, l.String())
	}
	if diff := cmp.Diff([]string{"behind-0 (1000B): what broker 5 had not copied yet", "only-0 (its size is not known): everything"}, told); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(loss.Losses, p.Losses); diff != "" {
		t.Errorf("the plan says otherwise: %s", diff)
	}

	var heard []string
	result, err := client.ReplaceNode(soon(t), four(true, true), func(line string) { heard = append(heard, line) })
	if err != nil || result.GivenUp != 2 || !slices.Equal(result.Launched, []int32{7}) || !slices.Equal(result.Terminated, []int32{4}) {
		t.Errorf("%+v, %v", result, err)
	}
	slices.Sort(b.changes[3:6])
	want := []string{
		"launch 7 in a of old for 4", "elect 5 for behind", "configure 7: num.io.threads=9",
		"move behind to [7 5]", "move only to [7]", "move sound to [7 5 6]",
		"elect 7 for only", "move only to [7]", "unregister 4", "terminate 4",
	}
	if diff := cmp.Diff(want, b.changes); diff != "" {
		t.Errorf("%s\n%s", diff, strings.Join(heard, "\n"))
	}
	for _, p := range b.partitions {
		if p.Leader != p.Replicas[0] || len(p.ISR) != len(p.Replicas) || slices.Contains(p.Replicas, 4) || len(p.Adding)+len(p.Removing) > 0 {
			t.Errorf("not whole: %+v", p)
		}
	}
	if b.throttled {
		t.Error("a throttle is left")
	}
	b.changes = nil
	p, err = client.PlanReplaceNode(t.Context(), four(true, true))
	if err != nil || p.By != 7 || len(p.Losses)+len(p.Steps) > 0 {
		t.Errorf("once more: %+v, %v", p, err)
	}
	if result, err := client.ReplaceNode(soon(t), four(true, true), nil); err != nil || result.Steps > 0 || len(b.changes) > 0 {
		t.Errorf("once more: %+v, %v, %v", result, b.changes, err)
	}
}

// TestWithoutForceNothingIsGivenUp: all that can be is done, the rest is named with the way out, and a run with force goes on from there.
func TestWithoutForceNothingIsGivenUp(t *testing.T) {
	b := newBroken(t)
	client := b.client(t)
	if p, err := client.PlanReplaceNode(t.Context(), four(false, false)); err != nil || len(p.Losses) > 0 || !strings.Contains(p.Short, "behind-0 cannot be copied (nor can 1 other partition)") {
		t.Errorf("the plan: %+v, %v", p, err)
	}
	result, err := client.ReplaceNode(soon(t), four(false, true), nil) // A confirmation alone forces nothing.
	for _, want := range []string{"partition behind-0 cannot be copied", "broker 4 is lost (its machine is stopped)", "kafkafleet_replace_node with node_id = 4", "nothing is lost"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if want := []string{"launch 7 in a of old for 4", "configure 7: num.io.threads=9", "move sound to [7 5 6]"}; !slices.Equal(b.changes, want) || result.GivenUp > 0 {
		t.Errorf("%v, want %v", b.changes, want)
	}
	if result, err := client.ReplaceNode(soon(t), four(true, true), nil); err != nil || len(result.Launched) > 0 || result.GivenUp != 2 {
		t.Errorf("%+v, %v", result, err)
	}
}

// TestReplaceNodeRefuses what is no node of the group.
func TestReplaceNodeRefuses(t *testing.T) {
	cases := map[string]struct {
		change func(*broken, *ReplaceNode)
		is     error
		says   string
	}{
		"an id to come":       {func(_ *broken, r *ReplaceNode) { r.NodeID = 7 }, compute.ErrInvalid, "node id 7 was never given out"},
		"an id that is none":  {func(_ *broken, r *ReplaceNode) { r.NodeID = 0 }, compute.ErrInvalid, "node id 0 was never given out"},
		"one long gone":       {func(_ *broken, r *ReplaceNode) { r.NodeID = 2 }, compute.ErrNotFound, "nothing came in its place; group \"main\" has nodes [4 5 6]"},
		"no group":            {func(_ *broken, r *ReplaceNode) { r.Group = "none" }, compute.ErrNotFound, "the cluster has main"},
		"no cluster":          {func(b *broken, _ *ReplaceNode) { b.record = compute.Cluster{} }, compute.ErrNotFound, `cluster "c"`},
		"of another group":    {func(b *broken, _ *ReplaceNode) { b.instances[0].Spec.Group = "bulk" }, compute.ErrInvalid, `node 4 is of group "bulk", and not of "main"`},
		"a machine not known": {func(b *broken, r *ReplaceNode) { r.NodeID = 5; b.instances = slices.Delete(b.instances, 1, 2) }, compute.ErrInvalid, "broker 5 serves, and compute does not know its machine"},
		"a controller": {func(b *broken, r *ReplaceNode) {
			i := b.instances[0]
			i.ID, i.Spec.NodeID, i.Spec.Role, i.Spec.Group = "1", 1, compute.RoleController, compute.ControllersGroup
			b.instances, r.NodeID = append(b.instances, i), 1
		}, compute.ErrInvalid, `node 1 is of group "controllers"`},
		"Kafka down": {func(b *broken, _ *ReplaceNode) {
			for i := range b.instances {
				b.instances[i].State = compute.StateStopped
			}
		}, nil, "Kafka does not answer, so nobody knows what it holds"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b, r := newBroken(t), four(true, true)
			c.change(b, &r)
			client := b.client(t)
			_, err := client.PlanReplaceNode(t.Context(), r)
			_, run := client.ReplaceNode(soon(t), r, nil)
			for _, err := range []error{err, run} {
				if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%v, want it to say %q", err, c.says)
				}
			}
			if len(b.changes) > 0 {
				t.Errorf("it is refused, and done: %v", b.changes)
			}
		})
	}
}
