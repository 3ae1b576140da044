package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/sandbox"
)

func node(id int32, role compute.Role, state compute.State, version string) compute.Instance {
	return compute.Instance{Spec: compute.NodeSpec{NodeID: id, Role: role, KafkaVersion: version}, State: state}
}

// fleetOf is the fleet as it should be in the end: controllers 1 to 3, brokers 4 to 9.
func fleetOf() []compute.Instance {
	var out []compute.Instance
	for id := range int32(9) {
		role := compute.RoleBroker
		if id < 3 {
			role = compute.RoleController
		}
		out = append(out, node(id+1, role, compute.StateRunning, versionAfter))
	}
	return out
}

// one asserts that exactly one thing is found, and that it says so.
func one(t *testing.T, found []string, want string) {
	t.Helper()
	if want == "" && len(found) > 0 || want != "" && (len(found) != 1 || !strings.Contains(found[0], want)) {
		t.Errorf("found %q, want %q", found, want)
	}
}

func TestWrongNodes(t *testing.T) {
	one(t, wrongNodes(fleetOf()), "")
	one(t, wrongNodes(fleetOf()[1:]), "6 brokers and 2 controllers")
	one(t, wrongNodes(append(fleetOf(), node(10, compute.RoleBroker, compute.StateRunning, versionAfter))), "7 brokers and 3 controllers")
	stopped, old := fleetOf(), fleetOf()
	stopped[4].State, old[5].Spec.KafkaVersion = compute.StateStopped, versionBefore
	one(t, wrongNodes(stopped), "node 5 is stopped")
	one(t, wrongNodes(old), "node 6 is running with Kafka "+versionBefore)
}

func TestWrongProcesses(t *testing.T) {
	dirs := map[int32]string{1: "/f/chaos/nodes/1", 12: "/f/chaos/nodes/12"}
	agent := func(pid int, dir string) sandbox.Process {
		return sandbox.Process{PID: pid, Line: "provider node --spec " + dir + "/spec.json"}
	}
	java := func(pid int, dir string) sandbox.Process {
		return sandbox.Process{PID: pid, Line: "java -Dkafka.logs.dir=" + dir + " kafka.Kafka " + dir + "/server.properties"}
	}
	whole := []sandbox.Process{agent(1, dirs[1]), java(2, dirs[1]), agent(3, dirs[12]), java(4, dirs[12])}
	one(t, wrongProcesses(whole, dirs), "")
	one(t, wrongProcesses(whole[1:], dirs), "node 1 has 0 agents and 1 Javas")
	one(t, wrongProcesses(append(slices.Clone(whole), java(5, dirs[12])), dirs), "node 12 has 1 agents and 2 Javas")
	one(t, wrongProcesses(append(slices.Clone(whole), agent(5, "/f/chaos/nodes/2")), dirs), "process 5 belongs to no node")
	one(t, wrongProcesses(append(slices.Clone(whole), sandbox.Process{PID: 6, Line: "terraform apply -var local_root=/f"}), dirs), "process 6 belongs to no node")
}

func TestWrongRegistrations(t *testing.T) {
	var registered []kafka.Broker
	var quorum kafka.Quorum
	for _, i := range fleetOf() {
		if i.Spec.Role == compute.RoleBroker {
			registered = append(registered, kafka.Broker{ID: i.Spec.NodeID})
		} else {
			quorum.Voters = append(quorum.Voters, kafka.Voter{ID: i.Spec.NodeID})
		}
	}
	one(t, wrongRegistrations(registered, quorum, fleetOf()), "")
	one(t, wrongRegistrations(append(slices.Clone(registered), kafka.Broker{ID: 2}), quorum, fleetOf()), "Kafka knows the brokers [2 4 5 6 7 8 9]")
	more := kafka.Quorum{Voters: append(slices.Clone(quorum.Voters), kafka.Voter{ID: 44})}
	one(t, wrongRegistrations(registered, more, fleetOf()), "Kafka knows the controllers [1 2 3 44]")
	registered[3].Fenced = true
	one(t, wrongRegistrations(registered, quorum, fleetOf()), "broker 7 is fenced")
}

func TestWrongPartitions(t *testing.T) {
	topic := func(change func(*kafka.Partition)) []kafka.Topic {
		p := kafka.Partition{Leader: 4, Replicas: []int32{4, 5, 6}, ISR: []int32{6, 5, 4}}
		change(&p)
		return []kafka.Topic{{Name: "orders", Partitions: []kafka.Partition{p}}}
	}
	for want, change := range map[string]func(*kafka.Partition){
		"":               func(*kafka.Partition) {},
		"in sync [6 5],": func(p *kafka.Partition) { p.ISR = p.ISR[:2] },
		"leader -1":      func(p *kafka.Partition) { p.Leader = -1 },
		"adding [6]":     func(p *kafka.Partition) { p.Adding = []int32{6} },
		"removing [5]":   func(p *kafka.Partition) { p.Removing = []int32{5} },
	} {
		one(t, wrongPartitions(topic(change)), want)
	}
}

func TestLeftSettings(t *testing.T) {
	broker, topic := kafka.ConfigResource{Kind: kafka.ResourceBroker, Name: "7"}, kafka.ConfigResource{Kind: kafka.ResourceTopic, Name: "orders"}
	for want, settings := range map[string]map[kafka.ConfigResource][]kafka.ConfigEntry{
		"":                                     {broker: {{Name: "cordoned.log.dirs", Source: kafka.SourceDefault}, {Name: "num.io.threads", Value: "9", Source: kafka.SourceDynamicBroker}}},
		"cordoned.log.dirs=*":                  {broker: {{Name: "cordoned.log.dirs", Value: "*", Source: kafka.SourceDynamicBroker}}},
		"leader.replication.throttled.rate=07": {broker: {{Name: "leader.replication.throttled.rate", Value: "07", Source: kafka.SourceDynamicBroker}}},
		"follower.replication.throttled.replicas=0:07": {topic: {{Name: "follower.replication.throttled.replicas", Value: "0:07", Source: kafka.SourceTopic}}},
	} {
		one(t, leftSettings(settings), want)
	}
}

func TestAvailabilityIsAPromise(t *testing.T) {
	for _, tt := range []struct {
		raw, without float64
		faults       bool
		broken       bool
	}{{1, 1, false, false}, {0.9999, 1, false, true}, {0.6, 1, true, false}, {0.6, 0.999, true, false}, {0.6, 0.9989, true, true}} {
		err := result{AvailabilityRaw: tt.raw, AvailabilityOutsideZoneLoss: tt.without}.available(tt.faults)
		if (err != nil) != tt.broken {
			t.Errorf("%+v: %v", tt, err)
		}
	}
	if got := share(0.99999); got != 0.9999 {
		t.Errorf("0.99999 was rounded to %v: a loss is rounded away", got)
	}
}
