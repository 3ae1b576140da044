package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

const (
	clusterName  = "prod"
	instanceType = "sim.large"
	minISR       = "min.insync.replicas"
	mib          = 1 << 20
)

// catalog is what can be launched.
var catalog = compute.Catalog{
	Zones: []string{"a", "b", "c", "d", "e", "f"},
	InstanceTypes: map[string]compute.InstanceType{
		instanceType: {Name: instanceType, MemoryBytes: 4 << 30, Cores: 4, DiskBytes: []int64{1 << 40, 1 << 40}, NetworkBytesPerSecond: 200 * mib},
	},
}

// World is a cluster's machines and its Kafka. Nothing in it runs by itself: time passes while a provider calls or sleeps. Slices in it are
// never changed in place, so that answers may share them.
type World struct {
	now   time.Duration
	queue queue
	seq   int
	rng   *rand.Rand

	record   *compute.Cluster
	secrets  map[string][]byte
	lease    lease
	machines map[int32]*machine
	// order are the ids of the machines, ascending.
	order []int32
	used  map[int32]bool
	// lost is when the disks of a node were lost, group what every node ever launched was of.
	lost  map[int32]time.Duration
	group map[int32]string
	// full are zones without capacity, ailing Kafka versions that do not come up.
	full, ailing map[string]bool

	brokers map[int32]*broker
	topics  []*topic
	// on are the partitions of which a node has a replica, or still has one on its disks.
	on map[int32][]*partition
	// lagging are the partitions with a replica out of sync.
	lagging []*partition
	quorum  quorum
	// level is the finalised metadata.version.
	level int16

	common  map[string]string
	own     map[int32]map[string]string
	cordons map[int32]bool
	rates   map[int32]kafka.BrokerThrottle
	marks   map[string]kafka.TopicThrottle

	judge judge
}

// lease is the cluster's. A process has it, so a provider that was killed does not have what it had before.
type lease struct {
	holder *Provider
	life   int
	// until is when the lease of a holder that is dead or suspended ends, 0 while it is renewed.
	until time.Duration
}

func (l lease) expired(w *World) bool { return l.until > 0 && w.now >= l.until }

// topic has partitions.
type topic struct {
	name       string
	partitions []*partition
}

func newWorld(seed uint64) *World {
	return &World{
		now: time.Minute, rng: rand.New(rand.NewPCG(seed, 1)), //nolint:gosec // The same seed has to be the same world.
		secrets: map[string][]byte{}, machines: map[int32]*machine{}, used: map[int32]bool{}, lost: map[int32]time.Duration{}, group: map[int32]string{}, full: map[string]bool{}, ailing: map[string]bool{},
		brokers: map[int32]*broker{}, on: map[int32][]*partition{}, quorum: quorum{leader: -1, known: map[int32]int16{}},
		own: map[int32]map[string]string{}, cordons: map[int32]bool{}, rates: map[int32]kafka.BrokerThrottle{}, marks: map[string]kafka.TopicThrottle{},
	}
}

// minISR is the cluster-wide min.insync.replicas.
func (w *World) minISR() int {
	if n, err := strconv.Atoi(w.common[minISR]); err == nil {
		return n
	}
	return 1
}

// configured takes note of new cluster-wide settings.
func (w *World) configured() {
	for _, t := range w.topics {
		for _, p := range t.partitions {
			w.change(p, func() {})
		}
	}
}

// fill creates topics whose replicas are spread over the zones of some nodes. A replica is between a tenth and twice bytes.
func (w *World) fill(name string, nodes []int32, zones []string, partitions, rf int, bytes int64) {
	byZone := map[string][]int32{}
	for _, id := range nodes {
		byZone[w.machines[id].spec.Zone] = append(byZone[w.machines[id].spec.Zone], id)
	}
	t := &topic{name: name}
	for i := range partitions {
		var replicas []int32
		for r := 0; len(replicas) < rf; r++ {
			there := byZone[zones[(i+r)%len(zones)]]
			if len(there) == 0 {
				continue
			}
			id := there[(i/len(zones)+r/len(zones))%len(there)]
			for j := 0; slices.Contains(replicas, id) && j < len(nodes); j++ {
				id = nodes[(i+j)%len(nodes)]
			}
			replicas = append(replicas, id)
		}
		p := &partition{
			topic: t, number: int32(i), replicas: replicas, isr: replicas, leader: replicas[0], last: replicas[0], settled: w.now, sick: -1,
			end: bytes/10 + w.rng.Int64N(2*bytes), rate: w.rng.Int64N(bytes/5000 + 1),
		}
		for _, id := range replicas {
			p.logs = append(p.logs, replicaLog{node: id, bytes: p.end})
			w.on[id] = append(w.on[id], p)
		}
		t.partitions = append(t.partitions, p)
		w.refresh(p)
	}
	w.topics = append(w.topics, t)
	slices.SortFunc(w.topics, func(a, b *topic) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
}

// partition finds one; nil when there is none.
func (w *World) partition(topic string, number int32) *partition {
	for _, t := range w.topics {
		if t.name == topic && int(number) < len(t.partitions) {
			return t.partitions[number]
		}
	}
	return nil
}

// each visits all partitions in order.
func (w *World) each(visit func(*partition)) {
	for _, t := range w.topics {
		for _, p := range t.partitions {
			visit(p)
		}
	}
}

func without(list []int32, id int32) []int32 {
	out := make([]int32, 0, len(list))
	for _, x := range list {
		if x != id {
			out = append(out, x)
		}
	}
	return out
}

func minus(a, b []int32) []int32 {
	var out []int32
	for _, x := range a {
		if !slices.Contains(b, x) {
			out = append(out, x)
		}
	}
	return out
}

func clock(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d:%04.1f", int(d.Hours()), int(d.Minutes())%60, d.Seconds()-60*float64(int(d.Minutes())))
}
