package fleet

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

// snapshot is an observation as it is kept between the refresh and the apply of one Terraform run, so that both of Terraform's plans
// are made from the same facts. It is never the ground of a step: those are planned on fresh observations.
type snapshot struct {
	At          time.Time
	Observation plan.Observation
	Record      compute.Cluster
	KafkaErr    string
}

// Snapshot observes the cluster and returns what a preview of one of its groups needs, as JSON: compressed, since a large cluster has
// many partitions. compute.ControllersGroup is the cluster's own.
func (c *Client) Snapshot(ctx context.Context, cluster, group string) ([]byte, error) {
	o, err := c.observeForPlan(ctx, cluster)
	if err != nil {
		return nil, err
	}
	s := snapshot{At: c.opts.Now().UTC(), Observation: o.Clone(), Record: o.record}
	if o.kafkaErr != nil {
		s.KafkaErr = o.kafkaErr.Error()
	}
	if group == compute.ControllersGroup {
		s.Observation.Partitions = nil
	}
	// The partitions of other groups are kept: which of them this group shall have is declared, and not known at a refresh.
	for i, p := range s.Observation.Partitions {
		if p.Leader >= 0 && sameBrokers(p.ISR, p.Replicas) {
			s.Observation.Partitions[i].ISR = nil // A quarter of the whole, and a leader is never outside of the ISR.
		}
	}
	return pack(s)
}

// mostUnpacked is how many bytes of text a snapshot may be: some times that of a million partitions. Who can write the state could have a few
// bytes unpack to more than there is memory.
const mostUnpacked = 2 << 30

func pack(s snapshot) ([]byte, error) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if err := errors.Join(json.NewEncoder(w).Encode(s), w.Close()); err != nil {
		return nil, fmt.Errorf("packing the observation: %w", err)
	}
	return json.Marshal(packed.Bytes())
}

// readSnapshot is the observation of a snapshot, and when it was made. Without one, nothing exists.
func readSnapshot(data []byte) (observed, time.Time, error) {
	o := observed{instances: map[int32]compute.Instance{}}
	if data == nil {
		o.NextNodeID = 1
		return o, time.Time{}, nil
	}
	var packed []byte
	var s snapshot
	if err := json.Unmarshal(data, &packed); err != nil {
		return o, time.Time{}, fmt.Errorf("the stored observation cannot be read: %w", err)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err == nil {
		decoder := json.NewDecoder(io.LimitReader(r, mostUnpacked))
		err = decoder.Decode(&s)
		// Only at its end the text is compared with its checksum.
		if _, rest := decoder.Token(); err == nil && !errors.Is(rest, io.EOF) {
			err = cmp.Or(rest, errors.New("something follows it"))
		}
	}
	if err != nil {
		return o, time.Time{}, fmt.Errorf("the stored observation cannot be read: %w", err)
	}
	o.Observation, o.record = s.Observation, s.Record
	for i, p := range o.Partitions {
		if p.Leader >= 0 && len(p.ISR) == 0 {
			o.Partitions[i].ISR = slices.Clone(p.Replicas)
		}
	}
	if s.KafkaErr != "" {
		o.kafkaErr = errors.New(s.KafkaErr)
	}
	return o, s.At, nil
}

func sameBrokers(a, b []int32) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(id int32) bool { return !slices.Contains(b, id) })
}
