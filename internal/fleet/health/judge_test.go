package health

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// sound is a cluster in which all is well: controllers 1 to 3, brokers 4 to 9 in three zones, two topics of six partitions, each with
// three replicas in three zones and two that have to be in sync.
func sound() Facts {
	f := Facts{
		Now:    now,
		Grace:  5 * time.Minute,
		MinISR: map[string]int{"orders": 2, "payments": 2},
		Voters: map[int32]Voter{1: {}, 2: {LagRecords: 1, LagMillis: 250}, 3: {}},
	}
	f.KafkaUp, f.NextNodeID = true, 10
	f.Quorum = &plan.Quorum{Leader: 1, Voters: map[int32]bool{1: true, 2: true, 3: true}}
	for id := int32(1); id <= 9; id++ {
		n := plan.Node{
			ID: id, Role: compute.RoleController, Group: compute.ControllersGroup, Zone: string('a' + (id-1)%3), InstanceID: fmt.Sprint("i-", id),
			State: compute.StateRunning, Phase: compute.PhaseRunning, SpecHash: "spec", Boot: 5 * time.Second, LaunchedAt: now.Add(-time.Hour), DiskBytes: 1000,
		}
		if id > 3 {
			n.Role, n.Group, n.Registered, n.Answering = compute.RoleBroker, "main", true, true
		}
		f.Nodes = append(f.Nodes, n)
	}
	for _, topic := range []string{"orders", "payments"} {
		for p := range int32(6) {
			replicas := []int32{4 + p, 4 + (p+1)%6, 4 + (p+2)%6}
			f.Partitions = append(f.Partitions, plan.Partition{
				TopicPartition: plan.TopicPartition{Topic: topic, Partition: p}, Leader: replicas[0], Replicas: replicas, ISR: replicas, Bytes: 100,
			})
		}
	}
	return f
}

// node is a node of the facts, to be changed.
func (f *Facts) node(id int32) *plan.Node { return &f.Nodes[id-1] }

// stop makes Kafka do what it does when brokers end: they are fenced and in no ISR, and others lead.
func (f *Facts) stop(ids ...int32) {
	away := map[int32]bool{}
	for _, id := range ids {
		away[id] = true
		f.node(id).Fenced, f.node(id).Answering = true, false
	}
	for i := range f.Partitions {
		p := &f.Partitions[i]
		var isr []int32
		for _, id := range p.ISR {
			if !away[id] {
				isr = append(isr, id)
			}
		}
		if len(isr) == 0 {
			p.Leader, isr = -1, p.ISR[:1] // The last one in sync stays the only one that may lead.
		} else if away[p.Leader] {
			p.Leader = isr[0]
		}
		p.ISR = isr
	}
}

// lose is stop with the machines.
func (f *Facts) lose(ids ...int32) {
	f.stop(ids...)
	for _, id := range ids {
		f.node(id).State = compute.StateStopped
	}
}

func TestASoundClusterIsHealthy(t *testing.T) {
	r := Judge(sound())
	if r.Status != Healthy || len(r.Problems) > 0 || !r.KafkaReachable {
		t.Errorf("%s, %q", r.Status, r.Problems)
	}
	if diff := cmp.Diff(Partitions{Total: 12}, *r.Partitions); diff != "" {
		t.Error(diff)
	}
	voters := []Voter{{ID: 1, CaughtUp: true}, {ID: 2, LagRecords: 1, LagMillis: 250, CaughtUp: true}, {ID: 3, CaughtUp: true}}
	if diff := cmp.Diff(&Quorum{Leader: 1, Voters: voters, Majority: true, Tolerates: 1}, r.Quorum); diff != "" {
		t.Error(diff)
	}
	if r.Leaders.MaxOverMean != 1 || r.Leaders.Share != 0 {
		t.Errorf("%+v", *r.Leaders)
	}
	for _, n := range r.Nodes {
		if n.Condition != (Condition{State: Ready}) {
			t.Errorf("node %d: %+v", n.ID, n.Condition)
		}
	}
}

// TestSickness: each kind of sickness alone, with the verdict and the beginning of each problem in its order.
func TestSickness(t *testing.T) {
	cases := []struct {
		name     string
		make     func(*Facts)
		status   Status
		problems []string
	}{
		{"a replica is behind", func(f *Facts) { f.Partitions[0].ISR = []int32{4, 5}; f.MinISR["orders"] = 1 }, Degraded, []string{
			"1 partition is under-replicated: orders-0. They are written and read with fewer copies",
		}},
		{"at min ISR", func(f *Facts) { f.Partitions[0].ISR = []int32{4, 5} }, Degraded, []string{
			"1 partition is at min.insync.replicas: orders-0. They are written and read, and writes are refused once",
		}},
		{"under min ISR", func(f *Facts) { f.Partitions[0].ISR = []int32{4} }, Critical, []string{
			"1 partition is under min.insync.replicas: orders-0. Writes with acks=all are refused",
		}},
		{"a topic of one replica is never under it", func(f *Facts) {
			f.Partitions[0].Replicas, f.Partitions[0].ISR = []int32{4}, []int32{4}
		}, Healthy, nil},
		{"a topic that gets more replicas is under it until a second one is in sync", func(f *Facts) {
			f.Partitions[0].Replicas, f.Partitions[0].ISR, f.Partitions[0].Adding = []int32{4, 5, 6}, []int32{4}, []int32{5, 6}
		}, Critical, []string{"1 partition is under min.insync.replicas: orders-0."}},
		{"and one of a single replica that moves, when it asks for two", func(f *Facts) {
			f.Partitions[0].Replicas, f.Partitions[0].ISR, f.Partitions[0].Adding, f.Partitions[0].Removing = []int32{4, 7}, []int32{4}, []int32{7}, []int32{4}
		}, Critical, []string{"1 partition is under min.insync.replicas: orders-0."}},
		{"a move alone is none", func(f *Facts) {
			f.Partitions[0].Replicas, f.Partitions[0].Adding, f.Partitions[0].Removing = []int32{4, 5, 6, 7}, []int32{7}, []int32{4}
		}, Healthy, nil},
		{"min ISR cannot be read", func(f *Facts) {
			f.Partitions[0].ISR, f.MinISR, f.MinISRErr = []int32{4}, nil, "timed out"
		}, Degraded, []string{
			"1 partition is under-replicated: orders-0.", "The min.insync.replicas of some topics could not be read: timed out.",
		}},
		{"no leader, and nobody who could be", func(f *Facts) {
			f.stop(4)
			f.Partitions[0].Leader, f.Partitions[0].ISR = -1, []int32{4}
			f.MinISR = map[string]int{"orders": 1, "payments": 1}
		}, Critical, []string{
			"1 partition is without a leader: orders-0. They can be neither written nor read until a replica that was in sync is back.",
			"5 partitions are under-replicated: orders-4, orders-5, payments-0, payments-4, payments-5.",
			"1 node is suspect: broker 4 (Kafka has fenced it, it counts as lost in 5m0s).",
		}},
		{"an election is due", func(f *Facts) { f.Partitions[0].Leader = -1 }, Critical, []string{
			"1 partition is without a leader: orders-0. They can be neither written nor read. 1 partition is in sync on a live broker, and the controllers are to elect a leader: orders-0.",
		}},
		{"one node is lost", func(f *Facts) { f.lose(4) }, Degraded, []string{
			"6 partitions are at min.insync.replicas: orders-0, orders-4, orders-5, payments-0, payments-4 and 1 more.",
			"1 node is lost: broker 4 (its machine is stopped).",
		}},
		{"a zone is lost", func(f *Facts) { f.lose(4, 7) }, Degraded, []string{
			"12 partitions are at min.insync.replicas:", "2 nodes are lost: broker 4 (its machine is stopped), broker 7 (its machine is stopped).",
		}},
		{"two nodes are lost that share partitions", func(f *Facts) { f.lose(4, 5) }, Critical, []string{
			"4 partitions are under min.insync.replicas: orders-0, orders-5, payments-0, payments-5.", "4 partitions are at",
			"2 nodes are lost: broker 4 (its machine is stopped), broker 5 (its machine is stopped).",
		}},
		{"two zones are lost", func(f *Facts) {
			f.lose(4, 5)
			f.node(7).Zone, f.node(8).Zone = "c", "c"
			f.Partitions = nil
		}, Critical, []string{
			"Mass failure: all brokers of the cluster in the zones a, b are lost: broker 4 (its machine is stopped), broker 5 (its machine is stopped).",
			"Nodes are spread unevenly",
		}},
		{"half of a group is lost", func(f *Facts) {
			f.lose(4, 7)
			f.node(6).Group, f.node(9).Group, f.node(8).Group = "other", "other", "other"
		}, Critical, []string{"Mass failure: 2 of the 3 brokers of group main are lost", "12 partitions are at"}},
		{"all replicas of a partition are lost", func(f *Facts) {
			f.lose(4)
			for _, i := range []int{0, 6} {
				f.Partitions[i].Replicas, f.Partitions[i].ISR, f.Partitions[i].Leader = []int32{4}, []int32{4}, -1
			}
			f.Partitions[6].Replicas = []int32{4, 12} // Nobody knows 12 any more.
		}, Critical, []string{
			"2 partitions are on lost nodes with all replicas: orders-0, payments-0. What they held is gone", "4 partitions are at", "1 node is lost",
		}},
		{"gone without a trace", func(f *Facts) {
			f.stop(9)
			*f.node(9) = plan.Node{ID: 9, Role: compute.RoleBroker, Zone: "c", Registered: true, Fenced: true}
		}, Degraded, []string{"6 partitions are at", "1 node is lost: broker 9 (its machine is gone)."}},
		{"hung", func(f *Facts) { f.node(4).Answering = false }, Degraded, []string{"1 node is suspect: broker 4 (its machine runs and its broker does not answer)."}},
		{"its Kafka ends again and again", func(f *Facts) {
			f.node(4).Phase, f.node(4).Restarts, f.node(4).Problem = compute.PhaseBackoff, 3, "out of memory"
		}, Degraded, []string{
			"1 node is suspect: broker 4 (its Kafka ends again and again: out of memory, it counts as lost in 5m0s)."}},
		{"never joins", func(f *Facts) {
			f.node(4).Phase, f.node(4).Registered, f.node(4).Boot, f.node(4).LaunchedAt = compute.PhaseStarting, false, 0, now.Add(-6*time.Minute)
		}, Degraded, []string{
			"1 node is lost: broker 4 (it has not joined the cluster within 5m0s)."}},
		{"starts", func(f *Facts) {
			f.node(4).Phase, f.node(4).Registered, f.node(4).Boot, f.node(4).LaunchedAt = compute.PhaseStarting, false, 0, now.Add(-time.Minute)
		}, Healthy, nil},
		{"a machine is taken away soon", func(f *Facts) { f.node(4).Maintenance = "retires tomorrow" }, Degraded, []string{
			"1 node is to be replaced soon: broker 4 (its machine is scheduled for maintenance: retires tomorrow). It serves until"}},
		{"a machine has to go", func(f *Facts) { f.node(4).State = compute.StateStopping }, Healthy, nil},
		{"a stranger", func(f *Facts) {
			f.Nodes = append(f.Nodes, plan.Node{ID: 70, Role: compute.RoleBroker, Zone: "a", Registered: true, Answering: true})
		}, Degraded, []string{
			"1 node is of no fleet: broker 70 (it serves, and compute does not know its machine). This provider never touches",
		}},
		{"no majority", func(f *Facts) { f.Quorum.Voters[2], f.Quorum.Voters[3] = false, false }, Critical, []string{
			"The controllers have no majority: 1 of 3 voters have caught up with a leader. Nothing of the cluster can change: no partition gets another leader, no topic is created. Bring back the machines of controllers 2, 3;",
		}},
		{"no leader of the controllers", func(f *Facts) { f.Quorum.Leader = -1 }, Critical, []string{"The controllers have no majority: 3 of 3 voters"}},
		{"the controllers do not answer", func(f *Facts) { f.Quorum, f.QuorumErr = nil, "timed out" }, Critical, []string{"The controllers do not say who leads them: timed out."}},
		{"a voter is behind", func(f *Facts) { f.Quorum.Voters[3], f.Voters[3] = false, Voter{LagRecords: 120, LagMillis: 9000} }, Degraded, []string{
			"1 controller is not caught up: 3 (120 records and 9000 ms behind). The quorum can lose 0 more and still decide.",
		}},
		{"throttles are left over", func(f *Facts) { f.Throttles = []string{"broker 4", "topic orders"} }, Degraded, []string{
			"Replication throttles are left over although nothing moves: broker 4, topic orders."}},
		{"throttles are in use", func(f *Facts) {
			f.Throttles = []string{"broker 4"}
			f.Partitions[0].Replicas, f.Partitions[0].Adding, f.Partitions[0].Removing = []int32{4, 5, 6, 7}, []int32{7}, []int32{4}
		}, Healthy, nil},
		{"a cordon is left over", func(f *Facts) { f.node(4).Cordoned = true }, Degraded, []string{"1 broker is cordoned, and no rollout needs it: 4."}},
		{"a cordon of a rollout", func(f *Facts) {
			f.node(4).Cordoned, f.node(7).Replaces = true, 4                      // 7 takes over from it.
			f.node(5).Cordoned, f.Partitions[0].Removing = true, []int32{5}       // Moves take it empty.
			f.node(6).Cordoned, f.node(6).Group, f.node(9).Group = true, "b", "b" // Its group has two specs.
			f.node(9).SpecHash = "other"
		}, Healthy, nil},
		{"disks are full", func(f *Facts) {
			for i := range f.Partitions {
				f.Partitions[i].Bytes = 135
			}
			f.node(4).DiskBytes = 2000
		}, Degraded, []string{"5 brokers are fuller than 80 %: broker 5 (81 %), broker 6 (81 %)"}},
		{"a volume is full whose size compute does not know", func(f *Facts) {
			f.node(4).DiskBytes = 0
			f.Volumes = []Volume{{Broker: 4, TotalBytes: 500, UsableBytes: 300}, {Broker: 4, TotalBytes: 500, UsableBytes: -1}, {Broker: 4, TotalBytes: 1500, UsableBytes: 0}, {Broker: 5, TotalBytes: 1}}
		}, Degraded, []string{"1 broker is fuller than 80 %: broker 4 (85 %)."}},
		{"a disk is gone", func(f *Facts) { f.Volumes = []Volume{{Broker: 4, Path: "/data/1", Offline: "KAFKA_STORAGE_ERROR"}} }, Degraded, []string{
			"1 log directory is offline: broker 4 /data/1 (KAFKA_STORAGE_ERROR)."}},
		{"a group is uneven", func(f *Facts) {
			f.node(5).Zone, f.node(9).Zone = "a", "b"
			f.Partitions = nil
		}, Degraded, []string{"Nodes are spread unevenly over the zones: main (a 3, b 2, c 1)."}},
		{"replicas are crowded", func(f *Facts) { f.Partitions[0].Replicas, f.Partitions[0].ISR = []int32{4, 7, 5}, []int32{4, 7, 5} }, Degraded, []string{
			"1 partition is crowded in one zone while another has room: orders-0."}},
		{"replicas are crowded where there is no third zone", func(f *Facts) {
			f.Partitions = f.Partitions[:1]
			f.Partitions[0].Replicas, f.Partitions[0].ISR = []int32{4, 7, 5}, []int32{4, 7, 5}
			f.node(6).Group, f.node(9).Group = "other", "other"
		}, Healthy, nil},
		{"others lead", func(f *Facts) { f.Partitions[0].Leader, f.Partitions[1].Leader = 5, 6 }, Degraded, []string{
			"2 partitions are not led by the preferred leader: orders-0, orders-1."}},
		{"one other leads", func(f *Facts) { f.Partitions[0].Leader = 5 }, Healthy, nil},
		{"Kafka does not answer", func(f *Facts) { f.KafkaUp, f.KafkaErr, f.Partitions = false, "connection refused", nil }, Critical, []string{
			"Kafka does not answer: connection refused. No client is served"}},
		{"no broker runs", func(f *Facts) {
			f.lose(4, 5, 6, 7, 8, 9)
			f.KafkaUp, f.Partitions = false, nil
			for id := range int32(6) {
				f.node(4 + id).SuspectSince = now.Add(-time.Hour)
			}
		}, Critical, []string{"No broker of the cluster runs.", "Mass failure: 6 of the 6 brokers of the cluster are lost"}},
		{"there is no broker", func(f *Facts) { f.KafkaUp, f.Nodes, f.Partitions = false, f.Nodes[:3], nil }, Critical, []string{"The cluster has no broker."}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := sound()
			c.make(&f)
			r := Judge(f)
			if r.Status != c.status {
				t.Errorf("status %s, want %s", r.Status, c.status)
			}
			if len(r.Problems) != len(c.problems) {
				t.Fatalf("%d problems, want %d:\n%s", len(r.Problems), len(c.problems), strings.Join(r.Problems, "\n"))
			}
			for i, problem := range r.Problems {
				if !strings.HasPrefix(problem, c.problems[i]) {
					t.Errorf("problem %d is\n%s\nand shall begin\n%s", i, problem, c.problems[i])
				}
				if !strings.HasSuffix(problem, ".") || strings.Contains(problem, "..") || strings.Contains(problem, "  ") {
					t.Errorf("not well-formed: %q", problem)
				}
			}
		})
	}
}

// TestAMassFailurePromisesNoRepair: the next apply replaces nothing, so nothing may say that it does.
func TestAMassFailurePromisesNoRepair(t *testing.T) {
	f := sound()
	f.lose(4, 5, 7)
	for _, problem := range Judge(f).Problems {
		if strings.Contains(problem, "next apply") {
			t.Error(problem)
		}
	}
}

// TestNothingIsKnownOfASilentKafka: zeros would say that all is well.
func TestNothingIsKnownOfASilentKafka(t *testing.T) {
	f := sound()
	f.KafkaUp, f.Partitions, f.KafkaErr, f.Throttles = false, nil, "connection refused", []string{"broker 4"}
	f.node(4).Cordoned = true
	r := Judge(f)
	if r.Partitions != nil || r.Leaders != nil || r.Zones != nil || r.Disks != nil || r.ExpiredThrottles.Count > 0 || r.LeftoverCordons != nil || len(r.Nodes) != 9 {
		t.Errorf("%+v", r)
	}
}

// TestAForeignKafka: only Kafka's own word is known, and no apply is promised to repair it.
func TestAForeignKafka(t *testing.T) {
	foreign := func(change func(*Facts)) Report {
		f := sound()
		f.Foreign, f.Nodes, f.NextNodeID = true, f.Nodes[3:], 0
		for i := range f.Nodes {
			n := f.Nodes[i]
			f.Nodes[i] = plan.Node{ID: n.ID, Role: n.Role, Zone: n.Zone, Registered: true, Answering: true}
		}
		change(&f)
		return Judge(f)
	}
	if r := foreign(func(*Facts) {}); r.Status != Healthy || len(r.Nodes) != 6 {
		t.Errorf("%+v", r)
	}
	if r := foreign(func(f *Facts) { f.Quorum, f.QuorumErr, f.QuorumRefused = nil, "not authorized", true }); r.Status != Healthy || r.Quorum != nil {
		t.Errorf("a quorum that may not be seen: %+v", r)
	}
	if r := foreign(func(f *Facts) { f.Nodes[0].Cordoned = true }); r.Status != Healthy || r.LeftoverCordons != nil {
		t.Errorf("a cordon of somebody else: %+v", r)
	}
	r := foreign(func(f *Facts) { f.Nodes[0].Fenced, f.Nodes[1].Answering = true, false })
	want := "2 nodes are suspect: broker 4 (it is registered and fenced: starting, stopped or dead), broker 5 (it does not answer). They do not serve as they should, and may come back. " +
		"This provider does not run this Kafka, so no apply repairs it."
	if r.Status != Degraded || len(r.Problems) != 1 || r.Problems[0] != want {
		t.Errorf("%s: %q", r.Status, r.Problems)
	}
}

// TestManyNamesAreBounded: the whole number stands beside the first names.
func TestManyNamesAreBounded(t *testing.T) {
	f := sound()
	f.Partitions = nil
	for p := range int32(100) {
		f.Partitions = append(f.Partitions, plan.Partition{TopicPartition: plan.TopicPartition{Topic: "orders", Partition: p}, Leader: 4, Replicas: []int32{4, 5, 6}, ISR: []int32{4}})
	}
	r := Judge(f)
	if got := r.Partitions.UnderMinISR; got.Count != 100 || len(got.First) != MaxNames || got.First[19] != "orders-19" {
		t.Errorf("%+v", got)
	}
	if !strings.HasPrefix(r.Problems[0], "100 partitions are under min.insync.replicas: orders-0, orders-1, orders-2, orders-3, orders-4 and 95 more.") {
		t.Errorf("%q", r.Problems[0])
	}
}

// TestLeadersByGroup: a group that leads more, since it has more topics, is not uneven for that.
func TestLeadersByGroup(t *testing.T) {
	f := sound()
	for _, id := range []int32{7, 8, 9} {
		f.node(id).Group = "busy"
	}
	f.Partitions = f.Partitions[:0]
	lead := func(topic string, leaders ...int32) {
		for p, id := range leaders {
			f.Partitions = append(f.Partitions, plan.Partition{TopicPartition: plan.TopicPartition{Topic: topic, Partition: int32(p)}, Leader: id, Replicas: []int32{id}, ISR: []int32{id}})
		}
	}
	lead("a", 4, 5, 6)
	lead("b", 7, 8, 9, 7, 8, 9)
	if got := Judge(f).Leaders.MaxOverMean; got != 1 {
		t.Errorf("%g, want 1", got)
	}
	lead("c", 4, 4, 4) // Of 6 that the group leads, 4 has 4 and the mean is 2.
	if got := Judge(f).Leaders.MaxOverMean; got != 2 {
		t.Errorf("%g, want 2", got)
	}
}

// TestLaggingTopics: only these are asked for their settings.
func TestLaggingTopics(t *testing.T) {
	f := sound()
	if got := Lagging(f.Observation); got != nil {
		t.Errorf("of a sound cluster: %v", got)
	}
	f.Partitions[7].ISR, f.Partitions[8].ISR = []int32{5}, []int32{6}
	f.Partitions[1].Leader, f.Partitions[1].ISR = -1, []int32{5}
	if diff := cmp.Diff([]string{"payments"}, Lagging(f.Observation)); diff != "" {
		t.Error(diff)
	}
}
