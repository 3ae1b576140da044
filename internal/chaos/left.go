package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/sandbox"
)

// traces are broker and topic settings that a rollout sets and takes back.
var traces = []string{
	"cordoned.log.dirs",
	"leader.replication.throttled.rate", "follower.replication.throttled.rate",
	"leader.replication.throttled.replicas", "follower.replication.throttled.replicas",
}

// atRest waits until the fleet is as it should be when nothing is to be done, and returns what it is not after a while: what is found by
// Kafka's own words, in the process table and on the disk, and not by what the provider says.
func (s *story) atRest(ctx context.Context) ([]string, error) {
	for deadline := time.Now().Add(restWithin); ; {
		left, err := s.left(ctx)
		if len(left) == 0 && err == nil || time.Now().After(deadline) {
			return left, err
		}
		if err := sleep(ctx, lookEvery); err != nil {
			return left, err
		}
	}
}

func (s *story) left(ctx context.Context) ([]string, error) {
	instances, err := s.Fleet.Driver.List(ctx, s.Fleet.Cluster)
	if err != nil {
		return nil, fmt.Errorf("listing the nodes: %w", err)
	}
	out := wrongNodes(instances)
	all, err := sandbox.ProcessesOf(s.Work)
	if err != nil {
		return out, err
	}
	out = append(out, wrongProcesses(all, s.dirs(instances))...)
	dirs, err := strayDirs(s.Fleet, instances)
	if err != nil {
		return out, err
	}
	out = append(out, dirs...)
	cluster, err := s.wrongInKafka(ctx, instances)
	return append(out, cluster...), err
}

// wrongNodes are nodes too many or too few, and those that are not what they should be.
func wrongNodes(instances []compute.Instance) []string {
	var out []string
	counts := map[compute.Role]int{}
	for _, i := range instances {
		counts[i.Spec.Role]++
		if i.State != compute.StateRunning || i.Spec.KafkaVersion != versionAfter {
			out = append(out, fmt.Sprintf("node %d is %s with Kafka %s", i.Spec.NodeID, i.State, i.Spec.KafkaVersion))
		}
	}
	if counts[compute.RoleBroker] != brokers || counts[compute.RoleController] != controllers {
		out = append(out, fmt.Sprintf("%d brokers and %d controllers", counts[compute.RoleBroker], counts[compute.RoleController]))
	}
	return out
}

// wrongProcesses are those of no node, and nodes that have not exactly one agent and one Kafka.
func wrongProcesses(all []sandbox.Process, dirs map[int32]string) []string {
	var out []string
	byNode, stray := processesByNode(all, dirs)
	for _, p := range stray {
		out = append(out, fmt.Sprintf("process %d belongs to no node: %s", p.PID, p.Line))
	}
	for id := range dirs {
		if of := byNode[id]; len(of.agents) != 1 || len(of.javas) != 1 {
			out = append(out, fmt.Sprintf("node %d has %d agents and %d Javas", id, len(of.agents), len(of.javas)))
		}
	}
	slices.Sort(out)
	return out
}

// strayDirs are folders of nodes that are none.
func strayDirs(fleet sandbox.Fleet, instances []compute.Instance) ([]string, error) {
	folder := filepath.Dir(fleet.NodeDir(0))
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("the folders of the nodes: %w", err)
	}
	var out []string
	for _, e := range entries {
		if !slices.ContainsFunc(instances, func(i compute.Instance) bool { return strconv.Itoa(int(i.Spec.NodeID)) == e.Name() }) {
			out = append(out, "folder "+filepath.Join(folder, e.Name()))
		}
	}
	return out, nil
}

// wrongInKafka is what Kafka still knows of a rollout or of nodes that are gone. Controllers that were replaced stay registered for ever
// before Kafka 4.4, so the voters are looked at instead.
func (s *story) wrongInKafka(ctx context.Context, instances []compute.Instance) ([]string, error) {
	_, registered, err := s.kafka.Brokers(ctx)
	if err != nil {
		return nil, err
	}
	quorum, err := s.kafka.Quorum(ctx)
	if err != nil {
		return nil, err
	}
	topics, err := s.kafka.Topics(ctx)
	if err != nil {
		return nil, err
	}
	resources := []kafka.ConfigResource{}
	for _, b := range registered {
		resources = append(resources, kafka.ConfigResource{Kind: kafka.ResourceBroker, Name: strconv.Itoa(int(b.ID))})
	}
	for _, t := range topics {
		resources = append(resources, kafka.ConfigResource{Kind: kafka.ResourceTopic, Name: t.Name})
	}
	settings, err := s.kafka.DescribeConfigs(ctx, resources)
	if err != nil {
		return nil, err
	}
	return slices.Concat(wrongRegistrations(registered, quorum, instances), wrongPartitions(topics), leftSettings(settings)), nil
}

// wrongRegistrations are brokers and voters without a node, and nodes that are neither.
func wrongRegistrations(registered []kafka.Broker, quorum kafka.Quorum, instances []compute.Instance) []string {
	known := map[compute.Role][]int32{}
	var out []string
	for _, b := range registered {
		known[compute.RoleBroker] = append(known[compute.RoleBroker], b.ID)
		if b.Fenced {
			out = append(out, fmt.Sprintf("broker %d is fenced", b.ID))
		}
	}
	for _, v := range quorum.Voters {
		known[compute.RoleController] = append(known[compute.RoleController], v.ID)
	}
	for _, role := range []compute.Role{compute.RoleBroker, compute.RoleController} {
		var nodes []int32
		for _, i := range instances {
			if i.Spec.Role == role {
				nodes = append(nodes, i.Spec.NodeID)
			}
		}
		slices.Sort(nodes)
		if slices.Sort(known[role]); !slices.Equal(known[role], nodes) {
			out = append(out, fmt.Sprintf("Kafka knows the %ss %v, and there are %v", role, known[role], nodes))
		}
	}
	return out
}

// wrongPartitions are those that move, or are not in sync.
func wrongPartitions(topics []kafka.Topic) []string {
	var out []string
	for _, t := range topics {
		for _, p := range t.Partitions {
			if len(p.Adding)+len(p.Removing) > 0 || len(p.ISR) < len(p.Replicas) || p.Leader < 0 {
				out = append(out, fmt.Sprintf("%s-%d has replicas %v, of them in sync %v, adding %v, removing %v, leader %d",
					t.Name, p.Partition, p.Replicas, p.ISR, p.Adding, p.Removing, p.Leader))
			}
		}
	}
	return out
}

// leftSettings are throttles and cordons.
func leftSettings(settings map[kafka.ConfigResource][]kafka.ConfigEntry) []string {
	var out []string
	for r, entries := range settings {
		for _, e := range entries {
			if own := e.Source == kafka.SourceTopic || e.Source == kafka.SourceDynamicBroker; own && slices.Contains(traces, e.Name) {
				out = append(out, strings.TrimSpace(fmt.Sprintf("%s: %s=%s", r, e.Name, e.Value)))
			}
		}
	}
	slices.Sort(out)
	return out
}
