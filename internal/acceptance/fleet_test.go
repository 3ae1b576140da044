package acceptance

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// TestFleet takes one fleet through its life. Starting six Kafka processes is what costs most, so the chapters share them; each leaves the
// fleet as it found it but for what it names.
func TestFleet(t *testing.T) {
	w := newWorkspace(t)
	chapter := w.chapter
	old := "kafka_version=4.2.1"

	chapter("create", func() {
		if calls := w.apply(old); len(calls) < 6 {
			w.t.Fatalf("the first apply must launch six nodes, and the log shows %d mutating calls: the other tests would prove nothing", len(calls))
		}
		w.fill("load", 8<<20)
		w.specs(compute.RoleController, 3, func(s compute.NodeSpec) bool { return s.KafkaVersion == "4.2.1" })
		w.specs(compute.RoleBroker, 3, func(s compute.NodeSpec) bool { return s.KafkaVersion == "4.2.1" })
		w.quiet(old)
	})

	chapter("version roll", func() {
		brokers, controllers := w.nodes(compute.RoleBroker), w.nodes(compute.RoleController)
		w.underLoad(func() { w.apply() })
		w.specs(compute.RoleController, 3, func(s compute.NodeSpec) bool { return s.KafkaVersion == "4.3.1" })
		w.specs(compute.RoleBroker, 3, func(s compute.NodeSpec) bool { return s.KafkaVersion == "4.3.1" })
		w.fresh(compute.RoleBroker, brokers)
		w.fresh(compute.RoleController, controllers)
		if level := w.metadataLevel(); level < 30 {
			w.t.Errorf("metadata.version is at level %d, every node can 30", level)
		}
		w.quiet()
	})

	chapter("dynamic config without a roll", func() {
		before := w.nodes(compute.RoleBroker)
		dynamic := "config=" + asJSON(map[string]string{"num.io.threads": "9"})
		w.underLoad(func() { w.apply(dynamic) })
		if after := w.nodes(compute.RoleBroker); !slices.Equal(before, after) {
			w.t.Errorf("nodes were %v and are %v; a dynamic setting must not touch them", before, after)
		}
		w.quiet(dynamic)
		w.apply()
		w.quiet()
	})

	static := "config=" + asJSON(map[string]string{"queued.max.requests": "600"})
	chapter("static config roll", func() {
		before := w.nodes(compute.RoleBroker)
		w.underLoad(func() { w.apply(static) })
		w.fresh(compute.RoleBroker, before)
		w.specs(compute.RoleBroker, 3, func(s compute.NodeSpec) bool { return s.Config["queued.max.requests"] == "600" })
		w.quiet(static)
	})

	chapter("instance type roll", func() {
		before := w.nodes(compute.RoleBroker)
		w.underLoad(func() { w.apply("broker_type=local.large", "config={}") })
		w.fresh(compute.RoleBroker, before)
		w.specs(compute.RoleBroker, 3, func(s compute.NodeSpec) bool { return s.InstanceType == "local.large" })
		w.quiet("broker_type=local.large")
	})
	large := "broker_type=local.large"

	chapter("scale out and in", func() {
		before := w.nodes(compute.RoleBroker)
		w.underLoad(func() { w.apply(large, "brokers=6") })
		w.specs(compute.RoleBroker, 6, func(compute.NodeSpec) bool { return true })
		for broker, n := range w.replicas("load") {
			if n == 0 {
				w.t.Errorf("broker %d has no replica after the scale out", broker)
			}
		}
		if now := w.nodes(compute.RoleBroker); !slices.Equal(now[:3], before) {
			w.t.Errorf("a scale out replaced nodes: %v became %v", before, now)
		}
		w.quiet(large, "brokers=6")
		w.underLoad(func() { w.apply(large, "brokers=3") })
		w.specs(compute.RoleBroker, 3, func(compute.NodeSpec) bool { return true })
		w.quiet(large)
	})

	chapter("scale in below the replication factor is refused", func() {
		r := w.start(withVars("plan", []string{large, "brokers=2", "throttle=none"})...)
		if code := w.wait(r); code == 0 || !strings.Contains(r.out.String(), "zones") && !strings.Contains(r.out.String(), "replicas") {
			w.t.Errorf("exit code %d:\n%s", code, r.out.String())
		}
	})

	chapter("lost broker is healed by the next apply", func() {
		lost := w.lose(compute.RoleBroker)
		w.underLoad(func() { w.apply(large) })
		if slices.Contains(w.nodes(compute.RoleBroker), lost) {
			w.t.Errorf("node %d is still there", lost)
		}
		w.specs(compute.RoleBroker, 3, func(compute.NodeSpec) bool { return true })
		w.quiet(large)
	})

	chapter("lost controller is replaced", func() {
		lost := w.lose(compute.RoleController)
		w.underLoad(func() { w.apply(large) })
		if slices.Contains(w.nodes(compute.RoleController), lost) {
			w.t.Errorf("node %d is still there", lost)
		}
		w.specs(compute.RoleController, 3, func(compute.NodeSpec) bool { return true })
		w.quiet(large)
	})

	chapter("destroy", w.destroy)
}

// TestInterruptions does to a fleet, and to Terraform, what happens to them.
func TestInterruptions(t *testing.T) {
	w := newWorkspace(t)
	w.oneController()
	chapter := w.chapter
	large := "broker_type=local.large"

	chapter("create", func() {
		w.apply(large)
		w.fill("load", 8<<20)
	})

	chapter("plan and reads while a reassignment is in flight", func() {
		w.underLoad(func() { w.inFlight("slow", func() { w.planIsEmpty(large) }) })
		w.quiet(large)
	})

	chapter("plan while one broker of three hangs", func() {
		hung := w.kafkaPID(w.nodes(compute.RoleBroker)[0])
		resume := func() { _ = syscall.Kill(hung, syscall.SIGCONT) } // Twice is harmless.
		defer resume()
		w.underLoad(func() {
			if err := syscall.Kill(hung, syscall.SIGSTOP); err != nil {
				w.t.Fatal(err)
			}
			w.planMayWait(large)
			resume()
			w.healthy()
		})
		w.quiet(large)
	})

	chapter("kill -9 in the middle of a roll", func() {
		before := w.nodes(compute.RoleBroker)
		w.underLoad(func() {
			r := w.start(withVars("apply", nil)...) // Back to local.small.
			w.midRoll(before)
			r.signal(syscall.SIGKILL)
			w.wait(r)
			w.apply()
		})
		w.fresh(compute.RoleBroker, before)
		w.specs(compute.RoleBroker, 3, func(s compute.NodeSpec) bool { return s.InstanceType == "local.small" })
		w.quiet()
	})

	chapter("Ctrl-C in the middle of a roll", func() {
		before := w.nodes(compute.RoleBroker)
		w.underLoad(func() {
			r := w.start(withVars("apply", []string{large})...)
			w.midRoll(before)
			r.signal(syscall.SIGINT)
			if code := w.wait(r); code == 0 {
				w.t.Errorf("an interrupted apply says that it succeeded:\n%s", r.out.String())
			}
			if said := strings.Join(strings.Fields(r.out.String()), " "); !strings.Contains(said, "safe to apply again") {
				w.t.Errorf("the error does not say what is true now:\n%s", r.out.String())
			}
			w.apply(large)
		})
		w.fresh(compute.RoleBroker, before)
		w.specs(compute.RoleBroker, 3, func(s compute.NodeSpec) bool { return s.InstanceType == "local.large" })
		w.quiet(large)
	})

	chapter("a mass failure is refused until it is named", func() {
		w.underLoad(func() {
			lost := w.loseTwo("slow")
			named := fmt.Sprintf("[%d, %d]", lost[0], lost[1])
			w.refused("replace_nodes = "+named, large)
			w.apply(large, "replace_nodes="+named)
			for _, id := range lost {
				if slices.Contains(w.nodes(compute.RoleBroker), id) {
					w.t.Errorf("node %d is still there", id)
				}
			}
			w.specs(compute.RoleBroker, 3, func(compute.NodeSpec) bool { return true })
			w.quiet(large, "replace_nodes="+named)
		})
	})

	// The last one: nobody is left who could delete the topics, so there is no destroy after it.
	chapter("Kafka is down on all nodes but one", func() {
		spared := w.nodes(compute.RoleBroker)[0]
		for _, i := range w.instances() {
			if i.Spec.NodeID != spared {
				w.kill(i)
			}
		}
		r := w.start(withVars("plan", []string{large})...)
		w.wait(r)
		said := strings.Join(strings.Fields(r.out.String()), " ")
		if regexp.MustCompile(`[1-9][0-9]* to destroy`).MatchString(said) || strings.Contains(said, "must be replaced") {
			w.t.Errorf("something would be destroyed:\n%s", r.out.String())
		}
		if !strings.Contains(said, "machine is stopped") {
			w.t.Errorf("it does not say what is the matter:\n%s", r.out.String())
		}
	})
}

// destroy destroys the fleet and asserts that nothing of it is left.
func (w *workspace) destroy() {
	w.terraform(withVars("destroy", nil)...)
	if left := w.instances(); len(left) > 0 {
		w.t.Errorf("%d nodes are left", len(left))
	}
	if entries, err := os.ReadDir(w.root); err == nil && len(entries) > 0 {
		w.t.Errorf("the root still holds %v", entries)
	}
	w.until("no process is left", 10*time.Second, func() bool { return len(processesIn(w.root)) == 0 })
}

// midRoll waits until a new broker runs and an old one is still there.
func (w *workspace) midRoll(before []int32) {
	w.t.Helper()
	w.until("the roll is under way", patience, func() bool {
		for _, i := range w.instances() {
			if i.Spec.Role == compute.RoleBroker && !slices.Contains(before, i.Spec.NodeID) && i.Status != nil && i.Status.Phase == compute.PhaseRunning {
				return true
			}
		}
		return false
	})
}

// lose kills every process of a node and deletes its disks, as a machine that vanishes does.
func (w *workspace) lose(role compute.Role) int32 {
	w.t.Helper()
	for _, i := range w.instances() {
		if i.Spec.Role != role {
			continue
		}
		if err := w.driver.Terminate(context.Background(), i.ID); err != nil {
			w.t.Fatal(err)
		}
		return i.Spec.NodeID
	}
	w.t.Fatalf("there is no %s to lose", role)
	return 0
}

// loseTwo takes away the machines of two brokers of three, so that a topic of two replicas keeps one, and waits until Kafka has noticed.
func (w *workspace) loseTwo(topic string) []int32 {
	w.t.Helper()
	var lost []int32
	replicas := w.replicas(topic)
	holders := 0
	for _, id := range w.nodes(compute.RoleBroker) {
		if replicas[id] > 0 {
			if holders++; holders > 1 {
				continue
			}
		}
		lost = append(lost, id)
	}
	for _, i := range w.instances() {
		if i.Spec.Role == compute.RoleBroker && slices.Contains(lost, i.Spec.NodeID) {
			if err := w.driver.Terminate(context.Background(), i.ID); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	client := w.client()
	w.until("Kafka has fenced both", patience, func() bool {
		_, brokers, err := client.Brokers(context.Background())
		return err == nil && !slices.ContainsFunc(brokers, func(b kafka.Broker) bool { return slices.Contains(lost, b.ID) && !b.Fenced })
	})
	return lost
}

// kill ends a node's machine as a power cut does: its agent and its Kafka at once.
func (w *workspace) kill(i compute.Instance) {
	w.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", i.Status.KafkaPID))
	agent := regexp.MustCompile(`PPid:\s+(\d+)`).FindSubmatch(status)
	if err != nil || agent == nil {
		w.t.Fatalf("the agent of node %d: %v", i.Spec.NodeID, err)
	}
	pid, err := strconv.Atoi(string(agent[1]))
	if err != nil || pid <= 1 {
		w.t.Fatalf("node %d has no agent: parent %d, %v", i.Spec.NodeID, pid, err)
	}
	for _, p := range []int{pid, i.Status.KafkaPID} {
		if err := syscall.Kill(p, syscall.SIGKILL); err != nil {
			w.t.Fatal(err)
		}
	}
	w.until("compute has noticed", patience, func() bool {
		return slices.ContainsFunc(w.instances(), func(now compute.Instance) bool { return now.ID == i.ID && now.State == compute.StateStopped })
	})
}

// refused asserts that a plan is an error that says something.
func (w *workspace) refused(says string, vars ...string) {
	w.t.Helper()
	r := w.start(withVars("plan", vars)...)
	if code := w.wait(r); code != 1 || !strings.Contains(strings.Join(strings.Fields(r.out.String()), " "), says) {
		w.t.Errorf("exit code %d, want an error that says %q:\n%s", code, says, r.out.String())
	}
}

// planMayWait asserts that a plan has nothing to do, or waits for a node that is suspect.
func (w *workspace) planMayWait(vars ...string) {
	w.t.Helper()
	r := w.start(append(withVars("plan", vars), "-detailed-exitcode")...)
	if code := w.wait(r); code != 0 && (code != 2 || !strings.Contains(r.out.String(), "is suspect")) {
		w.t.Errorf("exit code %d:\n%s", code, r.out.String())
	}
}

func (w *workspace) kafkaPID(node int32) int {
	w.t.Helper()
	for _, i := range w.instances() {
		if i.Spec.NodeID == node && i.Status != nil {
			return i.Status.KafkaPID
		}
	}
	w.t.Fatalf("node %d does not say its process", node)
	return 0
}

// client is a Kafka client of the test's own, which may do what the provider may.
func (w *workspace) client() *kafka.Client {
	w.t.Helper()
	client := fleet.New(w.driver, fleet.Options{Dial: kafka.New})
	w.t.Cleanup(func() { _ = client.Close() })
	k, err := client.Kafka(context.Background(), cluster)
	if err != nil {
		w.t.Fatal(err)
	}
	return k
}

func (w *workspace) metadataLevel() int16 {
	w.t.Helper()
	features, err := w.client().Features(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range features {
		return f[kafka.MetadataVersionFeature].Finalized
	}
	return 0
}

// replicas are how many of a topic's replicas each broker of the fleet has.
func (w *workspace) replicas(topic string) map[int32]int {
	w.t.Helper()
	topics, err := w.client().Topics(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	held := map[int32]int{}
	for _, id := range w.nodes(compute.RoleBroker) {
		held[id] = 0
	}
	for _, t := range topics {
		for _, p := range t.Partitions {
			if t.Name == topic {
				for _, r := range p.Replicas {
					held[r]++
				}
			}
		}
	}
	return held
}

// healthy waits until every replica of every partition is in sync.
func (w *workspace) healthy() {
	w.t.Helper()
	client := w.client()
	w.until("every replica is in sync", patience, func() bool {
		topics, err := client.Topics(context.Background())
		return err == nil && !slices.ContainsFunc(topics, func(t kafka.Topic) bool {
			return slices.ContainsFunc(t.Partitions, func(p kafka.Partition) bool { return len(p.ISR) < len(p.Replicas) || p.Leader < 0 })
		})
	})
}

// inFlight moves one replica of the topic under a throttle so low that the move lasts, and does something meanwhile.
func (w *workspace) inFlight(topic string, do func()) {
	w.t.Helper()
	ctx, client := context.Background(), w.client()
	w.fill(topic, 8<<20) // The first fetches are not held back.
	replicas := w.replicas(topic)
	var holders, others []int32
	for id, n := range replicas {
		if n > 0 {
			holders = append(holders, id)
		} else {
			others = append(others, id)
		}
	}
	all, tp := w.nodes(compute.RoleBroker), kafka.TopicPartition{Topic: topic}
	rates := map[int32]kafka.BrokerThrottle{}
	for _, id := range all {
		rates[id] = kafka.BrokerThrottle{Leader: 1024, Follower: 1024}
	}
	if err := client.SetThrottle(ctx, rates, map[kafka.TopicPartition][]int32{tp: holders}, map[kafka.TopicPartition][]int32{tp: others}); err != nil {
		w.t.Fatal(err)
	}
	if err := client.Reassign(ctx, []kafka.Reassignment{{Topic: topic, Replicas: []int32{holders[0], others[0]}}}, false); err != nil {
		w.t.Fatal(err)
	}
	moving := func() bool {
		topics, err := client.Topics(ctx)
		return err == nil && slices.ContainsFunc(topics, func(t kafka.Topic) bool { return t.Name == topic && len(t.Partitions[0].Adding) > 0 })
	}
	if !moving() {
		w.t.Fatal("the move did not last, so the test would prove nothing")
	}
	do()
	if !moving() {
		w.t.Fatal("the move ended before the test did, so it proves nothing")
	}
	state, err := client.Throttles(ctx, all, []string{topic})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := client.ClearThrottle(ctx, state); err != nil {
		w.t.Fatal(err)
	}
	w.until("the move ends", patience, func() bool { return !moving() })
	w.healthy()
}

// processesIn are the processes whose command line names a directory.
func processesIn(dir string) []string {
	var out []string
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline") //nolint:errcheck // The pattern is right.
	for _, p := range paths {
		if line, err := os.ReadFile(p); err == nil && strings.Contains(string(line), dir) {
			out = append(out, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return out
}
