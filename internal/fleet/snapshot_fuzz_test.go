package fleet

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

// FuzzSnapshot: what stands in Terraform's private state is believed whole or not at all, and is packed as what reads the same.
func FuzzSnapshot(f *testing.F) {
	whole, err := json.Marshal(snapshot{
		At: time.Unix(1_700_000_000, 0).UTC(), Record: compute.Cluster{Name: "c", ID: "x", Zones: []string{"a"}, NextNodeID: 3}, KafkaErr: "down",
		Observation: plan.Observation{
			Nodes: []plan.Node{{ID: 1, Role: compute.RoleBroker, State: compute.StateRunning, Config: map[string]string{"a": "b"}}}, NextNodeID: 3,
			Partitions: []plan.Partition{{TopicPartition: plan.TopicPartition{Topic: "t"}, Leader: 1, Replicas: []int32{1, 2}, Bytes: 5}},
		},
	})
	if err != nil {
		f.Fatal(err)
	}
	text := packedText(f, whole)
	var packed []byte
	if err := json.Unmarshal(text, &packed); err != nil {
		f.Fatal(err)
	}
	damaged := bytes.Clone(packed)
	damaged[len(damaged)-6] ^= 1 // In the checksum.
	for _, text := range [][]byte{whole, whole[:len(whole)-1], append(bytes.Clone(whole), "{}"...), []byte("null"), []byte("{}"), []byte(`{"Observation":{"Partitions":[{"Leader":-1}]}}`), nil} {
		f.Add(text, true)
		f.Add(text, false)
	}
	for _, some := range [][]byte{packed, packed[:len(packed)-4], damaged} {
		text, err := json.Marshal(some)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, false)
	}
	f.Fuzz(func(t *testing.T, text []byte, compress bool) {
		if compress {
			text = packedText(t, text)
		}
		if text == nil {
			return // Nothing exists, see TestPreviewWithoutASnapshotStartsFromNothing.
		}
		o, at, err := readSnapshot(text)
		if err != nil {
			if len(o.Nodes)+len(o.Partitions) > 0 || o.NextNodeID != 0 || o.record.ID != "" {
				t.Errorf("%q is refused, %v, and is %+v all the same", text, err, o)
			}
			return
		}
		s := snapshot{At: at, Observation: o.Observation, Record: o.record}
		if o.kafkaErr != nil {
			s.KafkaErr = o.kafkaErr.Error()
		}
		again, err := pack(s)
		if err != nil {
			t.Fatal(err)
		}
		back, when, err := readSnapshot(again)
		if err != nil {
			t.Fatalf("%q cannot be read again: %v", text, err)
		}
		if diff := cmp.Diff(o.Observation, back.Observation, cmpopts.EquateEmpty()); diff != "" || !when.Equal(at) || (o.kafkaErr == nil) != (back.kafkaErr == nil) {
			t.Errorf("%q reads back as another:\n%s", text, diff)
		}
		if diff := cmp.Diff(o.record, back.record, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q reads back with another record:\n%s", text, diff)
		}
	})
}

// packedText is a text as pack writes it.
func packedText(t testing.TB, text []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write(text)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(packed.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestADamagedSnapshotIsNotBelieved, also where its text can be read.
func TestADamagedSnapshotIsNotBelieved(t *testing.T) {
	text := packedText(t, []byte("{}"))
	if _, _, err := readSnapshot(text); err != nil {
		t.Fatal(err)
	}
	var packed []byte
	if err := json.Unmarshal(text, &packed); err != nil {
		t.Fatal(err)
	}
	packed[len(packed)-6] ^= 1
	damaged, err := json.Marshal(packed)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"another checksum": damaged, "something more": packedText(t, []byte("{}{}")), "cut": packedText(t, []byte("{"))} {
		if _, _, err := readSnapshot(text); err == nil {
			t.Errorf("%s: it is believed", name)
		}
	}
}
