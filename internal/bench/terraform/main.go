// Command terraform measures plans and applies of many objects on a real Kafka of three brokers, whose controller is set as that of a fleet, next to as
// many resources that do nothing: what the provider adds to what the CLI takes by itself. It prints a JSON line for each phase, and exits non-zero when
// a bound that is promised is broken.
//
//	go run ./internal/bench/terraform -terraform tofu -provider .cache/bin/terraform-provider-kafkafleet [-objects 500,2000] [-kind single]
//
// With -peer, a folder with another provider's binary and HCL, that provider is measured, too: main.tf has the variables bootstrap_servers, topics
// and changed, and the file source says the provider's address, such as Mongey/kafka.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka/kafkatest"
)

// line is what one phase prints.
type line struct {
	Phase   string  `json:"phase"`
	Kind    string  `json:"kind"`
	CLI     string  `json:"cli"`
	Objects int     `json:"objects"`
	DelayMS int64   `json:"reply_delay_ms,omitempty"`
	Wall    float64 `json:"wall_s"`
	// Floor is what the CLI takes for as many instances of one resource that does nothing.
	Floor float64 `json:"floor_s"`
	Ratio float64 `json:"ratio_to_floor"`
	// Alike is the floor of as many resources as are measured, with as many instances each: the CLI takes more than twice the time for twice the
	// instances of one resource, and so less for these.
	Alike      float64 `json:"floor_alike_s"`
	RatioAlike float64 `json:"ratio_to_floor_alike"`
	PeakRSS    float64 `json:"peak_rss_mb"`
	// Requests are those of Kafka by their names.
	Requests map[string]int `json:"kafka_requests"`
}

func main() {
	terraform := flag.String("terraform", "tofu", "the terraform or tofu command")
	provider := flag.String("provider", "", "the built provider (required)")
	sizes := flag.String("objects", usualSizes, "how many topics; as many ACLs and a tenth of quotas come with single ones. Unless it is given, 10000 are measured as bulk only")
	kinds := flag.String("kind", "single,bulk", "single, or bulk, which is all topics in one resource, or both")
	peer := flag.String("peer", "", "a folder with another provider's binary and HCL, to be measured as well")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *terraform, *provider, *sizes, *kinds, *peer); err != nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called.
	}
}

// usualSizes are measured unless others are asked for, and no more than usualSingle single ones of them: of five times as many the CLI alone takes twelve
// minutes to apply resources that do nothing, and each plan of them as long.
const (
	usualSizes  = "500,2000,10000"
	usualSingle = 2000
)

// bench is what all phases share.
type bench struct {
	cli      string
	provider string
	work     string
	fleet    *kafkatest.Cluster
	// plans are the last plans that found nothing to change, by kind.
	plans  map[string]planned
	broken []error
}

// planned is what a plan took of Kafka.
type planned struct{ objects, requests int }

func run(ctx context.Context, terraform, provider, sizes, kinds, peer string) (err error) {
	b := &bench{plans: map[string]planned{}}
	if b.cli, err = exec.LookPath(terraform); err != nil {
		return fmt.Errorf("no Terraform CLI: give its path with -terraform: %w", err)
	}
	for from, to := range map[*string]string{&b.cli: b.cli, &b.provider: provider} {
		if *from, err = filepath.Abs(to); err != nil {
			return err
		}
	}
	if b.work, err = os.MkdirTemp("", "kafkafleet-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.work)) }()
	// What a broker keeps of 10,000 replicas fills a gigabyte: with no more, each answer after the first round waited seconds for garbage to be collected.
	if b.fleet, err = kafkatest.Run(kafkatest.Options{Brokers: 3, Proxied: true, JVM: []string{"-Xmx3g"}, Config: fleet.ControllerConfig()}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.fleet.Close()) }()
	if err := warm(ctx, b.fleet.Bootstrap()); err != nil {
		return err
	}
	for _, size := range strings.Split(sizes, ",") {
		objects, err := strconv.Atoi(size)
		if err != nil {
			return fmt.Errorf("-objects: %w", err)
		}
		for _, kind := range strings.Split(kinds, ",") {
			if kind == "single" && sizes == usualSizes && objects > usualSingle {
				fmt.Fprintf(os.Stderr, "%d single objects are left out: the CLI itself takes hours of them. -objects %d -kind single measures them.\n", objects, objects)
				continue
			}
			if err := b.measure(ctx, configuration{kind: kind, source: "kafkafleet/kafkafleet", provider: b.provider, objects: objects}); err != nil {
				return err
			}
		}
		if peer != "" {
			c, err := peerConfiguration(peer, objects)
			if err != nil {
				return err
			}
			if err := b.measure(ctx, c); err != nil {
				return err
			}
		}
	}
	return errors.Join(b.broken...)
}

// warm has the brokers do for a while what they will do: Java takes three times as long for what it does for the first time, and who applies meets brokers
// that have been running.
func warm(ctx context.Context, bootstrap []string) (err error) {
	const objects, atOnce = 500, 10
	k := kafka.New(kafka.Config{Bootstrap: func(context.Context) ([]string, error) { return bootstrap, nil }})
	defer func() { err = errors.Join(err, k.Close()) }()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i := range objects {
		group.Go(func() error {
			name := fmt.Sprintf("warm-%d", i)
			acl := kafka.ACL{ResourceType: "Topic", ResourceName: name, PatternType: "Literal", Principal: "User:" + name, Host: "*", Operation: "Read", Permission: "Allow"}
			err := errors.Join(k.CreateTopic(ctx, kafka.NewTopic{Name: name, Partitions: 1, ReplicationFactor: 3}, false), k.AwaitTopic(ctx, name, 1), k.CreateACL(ctx, acl))
			if err == nil {
				_, err = k.Reader().TopicConfig(ctx, name)
			}
			return errors.Join(err, k.DeleteACL(ctx, acl), k.DeleteTopic(ctx, name))
		})
	}
	return group.Wait()
}

// calmWithin is how long brokers may be at work on what was applied.
const calmWithin = 5 * time.Minute

// calm waits until every broker is through with what was applied: for a minute after ten thousand topics came to be, brokers make their logs, and take all
// of the processor. What is measured after an apply is a plan, and not that. One more topic is known to all when they have come to its end.
func calm(ctx context.Context, bootstrap []string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, calmWithin)
	defer cancel()
	k := kafka.New(kafka.Config{Bootstrap: func(context.Context) ([]string, error) { return bootstrap, nil }})
	defer func() { err = errors.Join(err, k.Close()) }()
	const last = "calm"
	err = k.CreateTopic(ctx, kafka.NewTopic{Name: last, Partitions: 1, ReplicationFactor: 3}, false)
	if err == nil {
		err = k.AwaitTopic(ctx, last, 1)
	}
	if err == nil {
		err = errors.Join(k.DeleteTopic(ctx, last), k.AwaitTopicGone(ctx, last, ""))
	}
	if err != nil {
		return fmt.Errorf("the brokers are still at work on what was applied: %w", err)
	}
	return nil
}

// mostRounds is how often all phases of one configuration are run at most.
const mostRounds = 3

// measure runs all phases of one configuration. Where one takes too long, they are run once more, and the least of each counts:
// others on a machine may only make things slower.
func (b *bench) measure(ctx context.Context, c configuration) error {
	floor, err := b.nothing(c.objects, []int{sum(c.resources())})
	if err != nil {
		return err
	}
	alike, err := b.nothing(c.objects, c.resources())
	if err != nil {
		return err
	}
	w, err := b.workspace(c)
	if err != nil {
		return err
	}
	defer b.fleet.Measure(0)
	m := measured{bench: b, of: c, in: w, floor: floor, alike: alike, least: map[string]least{}}
	for round := 1; ; round++ {
		for _, phase := range phases {
			if err := m.run(ctx, phase); err != nil {
				return err
			}
		}
		broken := m.tooSlow()
		if len(broken) == 0 || round == mostRounds {
			b.broken = append(b.broken, broken...)
			return nil
		}
		for _, err := range broken {
			fmt.Fprintf(os.Stderr, "%v: once more\n", err)
		}
	}
}

// measured is one configuration, beside what does nothing.
type measured struct {
	bench            *bench
	of               configuration
	in, floor, alike *workspace
	// least are the least times of each phase.
	least map[string]least
}

// least are the least seconds of some equal runs: of what is measured, with late replies as well, and of what does nothing.
type least struct{ took, late, floor float64 }

// run runs one phase right after the same of what does nothing: other machines may take of this one's memory and caches now and not a minute later.
func (m measured) run(ctx context.Context, p phase) error {
	alike, _, err := m.alike.run(ctx, p)
	if err != nil {
		return fmt.Errorf("%s of resources that do nothing: %w", p.name, err)
	}
	floor, _, err := m.floor.run(ctx, p)
	if err != nil {
		return fmt.Errorf("%s of a resource that does nothing: %w", p.name, err)
	}
	best, ok := m.least[p.name]
	if !ok {
		best = least{took: math.Inf(1), late: math.Inf(1), floor: math.Inf(1)}
	}
	best.floor = min(best.floor, floor)
	once := func(delay time.Duration) (took float64, err error) {
		m.bench.fleet.Measure(delay)
		took, rss, err := m.in.run(ctx, p)
		if err != nil {
			return 0, fmt.Errorf("%s of %d %s objects: %w", p.name, m.of.objects, m.of.kind, err)
		}
		l := line{
			Phase: p.name, Kind: m.of.kind, CLI: filepath.Base(m.bench.cli), Objects: m.of.objects, DelayMS: delay.Milliseconds(), Wall: took, Floor: floor,
			Ratio: took / floor, Alike: alike, RatioAlike: took / alike, PeakRSS: rss, Requests: m.bench.fleet.Requests(),
		}
		m.bench.judge(l)
		return took, json.NewEncoder(os.Stdout).Encode(l)
	}
	// A plan is run with and without late replies in turn: what they cost is less than the difference of two equal plans. Where two of each say that it is
	// too much, there are more.
	const enough, most = 2, 5
	for turn := 1; ; turn++ {
		took, err := once(0)
		if err != nil {
			return err
		}
		best.took = min(best.took, took)
		if p.name != "plan" {
			break
		}
		late, err := once(replyDelay)
		if err != nil {
			return err
		}
		best.late = min(best.late, late)
		if turn >= enough && best.late <= best.took+maxDelayed || turn == most {
			break
		}
	}
	m.least[p.name] = best
	if p.name == "apply" {
		return calm(ctx, m.bench.fleet.Bootstrap())
	}
	return nil
}

// tooSlow are the promises about times that are broken.
func (m measured) tooSlow() (broken []error) {
	if m.of.kind != "single" && m.of.kind != "bulk" {
		return nil
	}
	breaks := func(phase, format string, args ...any) {
		broken = append(broken, fmt.Errorf("%s of %d %s objects: %s", phase, m.of.objects, m.of.kind, fmt.Sprintf(format, args...)))
	}
	if l := m.least["plan"]; l.late > l.took+maxDelayed {
		breaks("plan", "it took %.1f s with late replies, and %.1f s without", l.late, l.took)
	}
	bounds := map[string]float64{}
	switch {
	case m.of.kind == "single" && m.of.objects == objectsForRatios:
		bounds = map[string]float64{"apply": maxChangeRatio, "plan": maxPlanRatio, "destroy": maxChangeRatio}
	case m.of.kind == "single" && m.of.objects == 500:
		bounds = map[string]float64{"apply": maxSmallRatio}
	}
	for _, phase := range slices.Sorted(maps.Keys(bounds)) {
		if l := m.least[phase]; l.took > bounds[phase]*l.floor {
			breaks(phase, "it took %.1f s, %.2f times the floor", l.took, l.took/l.floor)
		}
	}
	if m.of.kind == "bulk" && m.of.objects == 10000 {
		for phase, most := range map[string]float64{"apply": maxBulkApply, "plan": maxBulkPlan} {
			if took := m.least[phase].took; took > most {
				breaks(phase, "it took %.1f s", took)
			}
		}
	}
	return broken
}

func sum(numbers []int) (all int) {
	for _, n := range numbers {
		all += n
	}
	return all
}

// nothing is a workspace with so many instances of resources that do nothing.
func (b *bench) nothing(objects int, instances []int) (*workspace, error) {
	return b.workspace(configuration{kind: "floor", objects: objects, counts: instances})
}

// replyDelay is how much later replies come in the phase that tells what a network would do.
const replyDelay = 5 * time.Millisecond

// The bounds that are promised, on OpenTofu.
const (
	maxPlanRatio     = 1.2  // of 2,000 + 2,000 + 200 single objects
	maxChangeRatio   = 2.0  // of their apply and destroy
	maxSmallRatio    = 5.0  // of the apply of 500 + 500 + 50
	maxRSS           = 150  // MB
	maxBulkPlan      = 10.0 // seconds, of 10,000 topics
	maxBulkApply     = 60.0
	maxDelayed       = 1.0 // seconds that a plan may take longer with delayed replies
	objectsForRatios = 2000
)

// judge keeps which promise a phase has broken by itself; see measured.tooSlow for those about times.
func (b *bench) judge(l line) {
	breaks := func(format string, args ...any) {
		b.broken = append(b.broken, fmt.Errorf("%s of %d %s objects: %s", l.Phase, l.Objects, l.Kind, fmt.Sprintf(format, args...)))
	}
	if l.Kind != "single" && l.Kind != "bulk" {
		return
	}
	if l.PeakRSS > maxRSS {
		breaks("the provider took %.0f MB", l.PeakRSS)
	}
	if l.Phase != "plan" || l.DelayMS > 0 {
		return
	}
	// What is promised is how they grow.
	requests := sum(slices.Collect(maps.Values(l.Requests)))
	before, ok := b.plans[l.Kind]
	if ok && before.objects == l.Objects {
		return // It is the same plan again.
	}
	if ok && requests-before.requests > (l.Objects-before.objects)/100 {
		breaks("it took %d requests of Kafka, after %d for %d objects", requests, before.requests, before.objects)
	}
	b.plans[l.Kind] = planned{objects: l.Objects, requests: requests}
}
