// Command placement measures the placement package on skewed fleets: one JSON line for each operation and size. It exits non-zero when a
// plan breaks one of the bounds that are promised for it, and says which.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/placement"
)

// What is promised, on two cores, for 1,000 brokers and a million replicas.
const (
	maxWall      = 2 * time.Second
	maxHeapMB    = 1000
	maxSlowdown  = 1.5 // of the time per replica, against a tenth of the brokers
	maxAddRatio  = 1.02
	maxShareOff  = 0.05
	maxRebalance = 1.10
	threshold    = 0.05
	maxMean      = 1.06
	seed         = 11
)

// line is what one case prints.
type line struct {
	Operation             string  `json:"operation"`
	Brokers               int     `json:"brokers"`
	Partitions            int     `json:"partitions"`
	WallSeconds           float64 `json:"wall_s"`
	CPUSeconds            float64 `json:"cpu_s"`
	PeakHeapMB            float64 `json:"peak_heap_mb"`
	BytesMovedRatio       float64 `json:"bytes_moved_ratio"`
	StartMaxOverMeanBytes float64 `json:"start_max_over_mean_bytes"`
	MaxOverMeanBytes      float64 `json:"max_over_mean_bytes"`
	MaxOverMeanLeaders    float64 `json:"max_over_mean_leaders"`
	ZoneViolations        int     `json:"zone_violations"`
	WorstShareError       float64 `json:"worst_share_error,omitempty"`
	Moves                 int     `json:"moves"`
	// NsPerReplica is of the processors' time, which does not depend on what else the machine does.
	NsPerReplica float64 `json:"ns_per_replica"`
}

func main() {
	broken := false
	// smaller is a tenth of the largest fleet, and perReplica what each operation took in it.
	var smaller placement.Fleet
	perReplica := map[string]float64{}
	for _, size := range [][2]int{{12, 3000}, {100, 50_000}, {1000, 333_333}} {
		fleet := placement.Skewed(size[0], size[1], seed)
		start := placement.Describe(fleet).MaxOverMeanBytes
		for _, operation := range []string{"replace", "lose_one", "add", "remove", "rebalance"} {
			l, problems := measure(fleet, start, operation)
			slower := func() bool { return size[0] == 1000 && l.NsPerReplica > maxSlowdown*perReplica[operation] }
			// Whoever shares the machine's memory makes a large fleet slower than a small one, for a second or for ten: both are measured again, side by side.
			for try := 0; try < 5 && slower(); try++ {
				besides, _ := measure(smaller, 0, operation)
				again, _ := measure(fleet, start, operation)
				perReplica[operation] = min(perReplica[operation], besides.NsPerReplica)
				l.NsPerReplica = min(l.NsPerReplica, again.NsPerReplica)
			}
			if slower() {
				problems = append(problems, fmt.Sprintf("a replica took %.0f ns, %.0f with 100 brokers", l.NsPerReplica, perReplica[operation]))
			}
			perReplica[operation] = l.NsPerReplica
			if err := json.NewEncoder(os.Stdout).Encode(l); err != nil {
				fmt.Fprintln(os.Stderr, "writing the result:", err)
				os.Exit(1)
			}
			for _, p := range problems {
				broken = true
				fmt.Fprintf(os.Stderr, "%s with %d brokers: %s\n", operation, size[0], p)
			}
		}
		smaller = fleet
	}
	if broken {
		os.Exit(1)
	}
}

// measure runs one operation, and returns which promises it broke.
func measure(fleet placement.Fleet, start float64, operation string) (line, []string) {
	run, added := prepare(&fleet, operation)
	var best usage
	var plan placement.Plan
	heap := 0.0
	// The best of five: what is measured is the work, not what else the machine does.
	for try := range 5 {
		var u usage
		u, plan = watch(run)
		if try == 0 {
			best = u
		}
		best.wall, best.cpu, heap = min(best.wall, u.wall), min(best.cpu, u.cpu), max(heap, u.heap)
	}
	replicas := 0
	for _, p := range fleet.Partitions {
		replicas += len(p.Replicas)
	}
	l := line{
		Operation: operation, Brokers: len(fleet.Brokers) - len(added), Partitions: len(fleet.Partitions),
		WallSeconds: best.wall.Seconds(), CPUSeconds: best.cpu.Seconds(), PeakHeapMB: heap,
		NsPerReplica: float64(best.cpu.Nanoseconds()) / float64(replicas), Moves: len(plan.Moves),
		BytesMovedRatio: float64(plan.BytesMoved) / float64(plan.LowerBound), StartMaxOverMeanBytes: start,
		MaxOverMeanBytes: plan.After.MaxOverMeanBytes, MaxOverMeanLeaders: plan.After.MaxOverMeanLeaders,
		ZoneViolations: plan.After.ZoneViolations, WorstShareError: shareError(plan.After, added),
	}
	return l, l.problems(plan)
}

// prepare changes the fleet for the operation, which it returns with the ids of brokers that it added.
func prepare(fleet *placement.Fleet, operation string) (func() placement.Plan, []int32) {
	fleet.Brokers = slices.Clone(fleet.Brokers)
	next := int32(len(fleet.Brokers)) + 1 //nolint:gosec // A thousand or so.
	switch operation {
	case "replace":
		fresh := fleet.Brokers[0]
		fresh.ID = next
		fleet.Brokers = append(fleet.Brokers, fresh)
		return func() placement.Plan { return placement.Replace(*fleet, map[int32]int32{1: next}) }, []int32{next}
	case "lose_one":
		fleet.Brokers[0].State = placement.Dead
		fleet.Brokers[0].Zone = ""
		return func() placement.Plan { return placement.Drain(*fleet, nil) }, nil
	case "add":
		var added []int32
		for i := range 3 {
			fresh := fleet.Brokers[i]
			fresh.ID = next + int32(i)
			fleet.Brokers = append(fleet.Brokers, fresh)
			added = append(added, fresh.ID)
		}
		return func() placement.Plan { return placement.ScaleOut(*fleet, added) }, added
	case "remove":
		for i := range 3 {
			fleet.Brokers[i].State = placement.Leaving
		}
		return func() placement.Plan { return placement.Drain(*fleet, nil) }, nil
	default:
		return func() placement.Plan { return placement.Rebalance(*fleet, threshold, 0) }, nil
	}
}

// problems are the promises that the plan breaks.
func (l line) problems(plan placement.Plan) (broken []string) {
	must := func(ok bool, format string, args ...any) {
		if !ok {
			broken = append(broken, fmt.Sprintf(format, args...))
		}
	}
	must(len(plan.Left) == 0, "%d replicas are left", len(plan.Left))
	must(l.ZoneViolations == 0, "%d partitions are spread unevenly", l.ZoneViolations)
	must(plan.After.HeadroomViolations <= plan.Before.HeadroomViolations, "%d brokers are too full, %d at the start", plan.After.HeadroomViolations, plan.Before.HeadroomViolations)
	must(l.WallSeconds <= maxWall.Seconds(), "it took %.2f s", l.WallSeconds)
	must(l.PeakHeapMB <= maxHeapMB, "it took %.0f MB", l.PeakHeapMB)
	switch l.Operation {
	case "rebalance":
		must(l.BytesMovedRatio <= maxRebalance, "it moved %.4f of the bound", l.BytesMovedRatio)
		must(l.MaxOverMeanBytes <= maxMean, "the fullest broker has %.4f of the mean", l.MaxOverMeanBytes)
		return broken
	case "add":
		must(l.BytesMovedRatio <= maxAddRatio, "it moved %.4f of the bound", l.BytesMovedRatio)
		must(l.WorstShareError <= maxShareOff, "a new broker is off its share by %.4f", l.WorstShareError)
	default:
		must(plan.BytesMoved == plan.LowerBound, "it moved %d bytes, and the bound is %d", plan.BytesMoved, plan.LowerBound)
	}
	must(l.MaxOverMeanBytes <= l.StartMaxOverMeanBytes, "the fullest broker has %.4f of the mean, %.4f at the start", l.MaxOverMeanBytes, l.StartMaxOverMeanBytes)
	return broken
}

// shareError is by which part an added broker's bytes differ at most from the mean of its zone.
func shareError(after placement.Figures, added []int32) (worst float64) {
	sum, count := map[string]float64{}, map[string]float64{}
	for _, b := range after.Brokers {
		sum[b.Zone] += float64(b.Bytes)
		count[b.Zone]++
	}
	for _, b := range after.Brokers {
		if len(added) > 1 && slices.Contains(added, b.Broker) {
			off := float64(b.Bytes)*count[b.Zone]/sum[b.Zone] - 1
			worst = max(worst, off, -off)
		}
	}
	return worst
}

// usage is what an operation took.
type usage struct {
	wall, cpu time.Duration
	// heap is the most that the heap held, in MB, the fleet included.
	heap float64
}

// watch runs an operation.
func watch(run func() placement.Plan) (usage, placement.Plan) {
	runtime.GC()
	debug.FreeOSMemory()
	stop, peak := make(chan struct{}), uint64(0)
	var watcher sync.WaitGroup
	watcher.Go(func() {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		for {
			metrics.Read(sample)
			peak = max(peak, sample[0].Value.Uint64())
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	began, cpu := time.Now(), processorTime()
	plan := run()
	u := usage{wall: time.Since(began), cpu: processorTime() - cpu}
	close(stop)
	watcher.Wait()
	u.heap = float64(peak) / 1e6
	return u, plan
}

// processorTime is what the process has used of all processors.
func processorTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err) // It cannot fail with these arguments.
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
