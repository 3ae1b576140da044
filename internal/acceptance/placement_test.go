package acceptance

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/check"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// TestPlacement measures what scaling really copies, on a fleet whose topics differ in size as real ones do. Then it kills a run whose throttles are
// set, and sees them go with the next one.
func TestPlacement(t *testing.T) {
	w := newWorkspace(t)
	w.plaintext()
	w.oneController()
	three, six := []string{"brokers=3", "throttle=none"}, []string{"brokers=6", "throttle=none"}
	const held = 240 << 20 // in each of three replicas

	w.chapter("create and fill", func() {
		w.apply(three...)
		ctx, client := context.Background(), w.client()
		harmonic := 0.0
		for rank := 1; rank <= 8; rank++ {
			harmonic += 1 / float64(rank)
		}
		for rank := 1; rank <= 8; rank++ {
			name := fmt.Sprintf("skewed-%d", rank)
			err := client.CreateTopic(ctx, kafka.NewTopic{Name: name, Partitions: 12, ReplicationFactor: 3}, false)
			if err == nil {
				err = client.AwaitTopic(ctx, name, 12)
			}
			if err != nil {
				w.t.Fatal(err)
			}
			w.fill(name, int(held/harmonic/float64(rank)))
		}
		w.healthy()
		if all := sum(w.bytesByBroker()); all < 3*held*19/20 {
			w.t.Fatalf("the brokers hold %d bytes, too little to prove anything", all)
		}
	})

	w.chapter("scale out", func() {
		before := w.nodes(compute.RoleBroker)
		copied := w.copying(func() { w.apply(six...) })
		after := w.bytesByBroker()
		part := float64(sum(after)) / 6
		w.copiedNoMoreThan(1.05, copied, int64(3*part))
		for _, id := range w.nodes(compute.RoleBroker) {
			of := float64(after[id]) / part
			w.t.Logf("broker %d holds %.3f of an equal part", id, of)
			if id > before[2] && (of < 0.93 || of > 1.07) {
				w.t.Errorf("new broker %d holds %.3f of an equal part", id, of)
			}
		}
		w.quiet(six...)
	})

	w.chapter("scale in", func() {
		before := w.bytesByBroker()
		copied := w.copying(func() { w.apply(three...) })
		for _, id := range w.nodes(compute.RoleBroker) {
			delete(before, id)
		}
		w.copiedNoMoreThan(1.05, copied, sum(before))
		w.quiet(three...)
	})

	w.chapter("kill -9 in the middle of a throttled move", func() { w.killThrottled("skewed-1") })

	w.chapter("destroy", w.destroy)
}

// copying does something under load and returns how many bytes were copied from broker to broker meanwhile.
func (w *workspace) copying(do func()) int64 {
	w.t.Helper()
	ctx := context.Background()
	watch, err := check.WatchCopying(ctx, w.bootstrap, w.security(), 250*time.Millisecond)
	if err != nil {
		w.t.Fatal(err)
	}
	defer watch.Close()
	w.underLoad(do)
	copied, err := watch.Stop(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return copied.Bytes
}

// copiedNoMoreThan asserts that so many bytes were copied, and no more than some ratio of the least that there was to copy.
func (w *workspace) copiedNoMoreThan(ratio float64, copied, bound int64) {
	w.t.Helper()
	got := float64(copied) / float64(bound)
	w.t.Logf("bytes copied / lower bound = %d / %d = %.3f", copied, bound, got)
	if got > ratio || got < 0.9 {
		w.t.Errorf("%d bytes were copied, %.3f of the %d that had to be", copied, got, bound)
	}
}

// bytesByBroker is what the log directories of each broker hold.
func (w *workspace) bytesByBroker() map[int32]int64 {
	w.t.Helper()
	dirs, err := w.client().LogDirs(context.Background(), w.nodes(compute.RoleBroker))
	if err != nil {
		w.t.Fatal(err)
	}
	held := map[int32]int64{}
	for _, d := range dirs {
		for _, r := range d.Replicas {
			held[d.Broker] += r.Bytes
		}
	}
	return held
}

func sum(bytes map[int32]int64) (all int64) {
	for _, n := range bytes {
		all += n
	}
	return all
}
