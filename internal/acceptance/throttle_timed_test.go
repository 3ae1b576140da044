//go:build timed

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

// TestTimedRoll measures a roll under a throttle: it keeps to its rate in every second, and uses it. It is run by `make bench
// BENCH=throttle` and not with the other tests, since it judges time: on a machine that others keep busy, a broker that is not run for a
// second makes up for it in the next, and copying falls behind.
func TestTimedRoll(t *testing.T) {
	w := newWorkspace(t)
	w.plaintext()
	const (
		bulk = "bulk"
		rate = 50 << 20
		held = 768 << 20 // in each of three replicas
	)
	limit := "throttle=50MiB/s"
	static := func(value string) string { return "config=" + asJSON(map[string]string{"queued.max.requests": value}) }
	w.apply(limit)
	w.fillBulk(bulk, held)
	ctx := context.Background()
	before := w.nodes(compute.RoleBroker)
	watch, err := check.WatchCopying(ctx, w.bootstrap, w.security(), 250*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	// Under some load, as brokers are: a follower that is held back by its limit looks again when an answer for its replicas in sync has
	// come, which an idle cluster takes half a second for (replica.fetch.wait.max.ms), and copies in bursts then. Not under much: the
	// copying alone keeps two cores busy.
	var took time.Duration
	w.underLoadOf(100, func() {
		started := time.Now()
		w.apply(limit, static("700"))
		took = time.Since(started)
	})
	copied, err := watch.Stop(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w.fresh(compute.RoleBroker, before)
	var boot time.Duration
	for _, i := range w.instances() {
		if i.Spec.Role == compute.RoleBroker && i.Status != nil {
			boot += time.Duration(i.Status.BootSeconds * float64(time.Second))
		}
	}
	if copied.Bytes < 3*held || boot < time.Second {
		t.Fatalf("%d bytes were copied and boots took %s, so the test would prove nothing", copied.Bytes, boot)
	}
	least := boot + time.Duration(float64(copied.Bytes)/rate*float64(time.Second))
	fastest := 0.0
	for _, b := range copied.Brokers {
		fastest = max(fastest, b.FastestIn/rate, b.FastestOut/rate)
	}
	fmt.Printf(`{"roll":"throttled","rate":%d,"bytes":%d,"boot_s":%.1f,"wall_s":%.1f,"wall_ratio":%.3f,"fastest_second_ratio":%.3f}`+"\n",
		rate, copied.Bytes, boot.Seconds(), took.Seconds(), took.Seconds()/least.Seconds(), fastest)
	t.Logf("%d bytes in %s; boots %s, boots and bytes at the rate %s: %.3f of it", copied.Bytes, took, boot, least, took.Seconds()/least.Seconds())
	if took > least*5/4 {
		t.Errorf("the roll took %s, more than 1.25 × %s", took, least)
	}
	for id, b := range copied.Brokers {
		t.Logf("broker %d: in %d, fastest second %.3f of the rate; out %d, fastest second %.3f", id, b.BytesIn, b.FastestIn/rate, b.BytesOut, b.FastestOut/rate)
	}
	if fastest > 1.1 {
		t.Errorf("in its fastest second a broker copied %.3f of the rate", fastest)
	}
	if left := w.throttles(); len(left) > 0 {
		t.Errorf("throttles are left: %v", left)
	}
	w.quiet(limit, static("700"))
	w.destroy()
}

// fillBulk creates a topic of 24 partitions in three replicas and puts so many bytes into each of them.
func (w *workspace) fillBulk(topic string, bytes int) {
	w.t.Helper()
	ctx, client := context.Background(), w.client()
	err := client.CreateTopic(ctx, kafka.NewTopic{Name: topic, Partitions: 24, ReplicationFactor: 3}, false)
	if err == nil {
		err = client.AwaitTopic(ctx, topic, 24)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.fill(topic, bytes)
	w.healthy()
}
