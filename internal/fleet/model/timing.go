package model

import (
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

// Timing is how long things take. The figures are for the model's clock alone; nothing that a step does depends on them.
type Timing struct {
	// Boot is from a node's launch until it serves.
	Boot time.Duration
	// Stop is from the request to shut down until the node's machine is stopped and Kafka has fenced it. It holds nothing by then.
	Stop time.Duration
	// Round is what it takes to observe the fleet and to decide; steps that cannot be taken back take one each.
	Round time.Duration
	// Poll is the pause after a round that had nothing to do.
	Poll time.Duration
	// Copy is the least that a move takes, however small: the new replica is made, reads to the end, and is in sync.
	Copy time.Duration
	// BytesPerSecond is what a broker takes in, and as much again what it sends to others, when replicas are copied.
	BytesPerSecond int64
}

// Usual are the figures where nothing better is known: a boot as of a cloud's machine, and the rest as seen of a small fleet.
var Usual = Timing{
	Boot: 20 * time.Second, Stop: 1500 * time.Millisecond, Round: 250 * time.Millisecond, Poll: 500 * time.Millisecond,
	Copy: time.Second, BytesPerSecond: 100 << 20,
}

// round lets the time pass that a round takes with these steps. Nodes that stop do so at the same time.
func (f *Fleet) round(steps []plan.Step) {
	f.Now = f.Now.Add(f.Round)
	stops := false
	for _, s := range steps {
		if s.Kind.Irreversible() {
			f.Now = f.Now.Add(f.Round)
		}
		stops = stops || s.Kind == plan.Stop
	}
	if stops {
		f.Now = f.Now.Add(f.Stop)
	}
}

// pending is how long what is under way takes: launched nodes come up at the same time, and replicas are copied as fast as the busiest
// broker lets them, receiver or source.
func (f *Fleet) pending() time.Duration {
	took := f.Poll
	for _, n := range f.Nodes {
		if n.Dead() == "" && n.Phase != compute.PhaseRunning {
			took = max(took, n.LaunchedAt.Add(f.Boot).Sub(f.Now))
		}
	}
	in, out, most := map[int32]int64{}, map[int32]int64{}, int64(-1)
	for _, p := range f.Partitions {
		for _, id := range p.Adding {
			in[id] += p.Bytes
			out[p.Leader] += p.Bytes
			most = max(most, in[id], out[p.Leader])
		}
	}
	if most >= 0 {
		took = max(took, f.Copy+time.Duration(float64(most)/float64(max(f.BytesPerSecond, 1))*float64(time.Second)))
	}
	return took
}
