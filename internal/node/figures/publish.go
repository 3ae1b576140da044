package figures

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

const (
	// Every is the pause between two records of a node.
	Every = 30 * time.Second
	// replicas is what the topic has, as far as there are brokers, and patience how long brokers are waited for that are fewer.
	replicas = 3
	patience = 10 * time.Minute
	// within bounds one record.
	within = 20 * time.Second
)

// Kafka is what a publisher works with.
type Kafka interface {
	Put(ctx context.Context, topic, key string, value []byte) error
	CreateTopic(ctx context.Context, t kafka.NewTopic, validateOnly bool) error
	Brokers(ctx context.Context) (clusterID string, brokers []kafka.Broker, err error)
}

// Publisher writes the figures of one node. Whatever goes wrong is gone with the next record: figures are for people, and no run depends on them.
type Publisher struct {
	NodeID int32
	Kafka  Kafka
	// Latest is the agent's report.
	Latest func() compute.NodeStatus
	// Root is where the kernel's files are, "" for the machine's own.
	Root string

	before counters
	began  time.Time
}

// Run publishes until ctx ends.
func (p *Publisher) Run(ctx context.Context) {
	p.began = time.Now()
	p.before = count(p.Root, p.began)
	const soon = 2 * time.Second
	pause := soon
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = soon
		if status := p.Latest(); status.Phase == compute.PhaseRunning && p.publish(ctx, status, time.Now()) == nil {
			pause = Every
		}
	}
}

func (p *Publisher) publish(ctx context.Context, status compute.NodeStatus, now time.Time) error {
	ctx, done := context.WithTimeout(ctx, within)
	defer done()
	after := count(p.Root, now)
	f := compute.NodeFigures{NodeID: p.NodeID, At: now.UTC(), Phase: status.Phase, Restarts: status.Restarts, DiskUsedBytes: status.DiskUsedBytes}
	f.CPU, f.NetworkIn, f.NetworkOut = rates(p.before, after)
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	err = p.Kafka.Put(ctx, compute.FiguresTopic, strconv.Itoa(int(p.NodeID)), text)
	if errors.Is(err, kafka.ErrNotFound) {
		return errors.Join(err, p.create(ctx, now)) // The record is for the next time.
	}
	if err == nil {
		p.before = after
	}
	return err
}

// create makes the topic, once there are as many brokers as it should have replicas, or there are to be no more of them.
func (p *Publisher) create(ctx context.Context, now time.Time) error {
	_, brokers, err := p.Kafka.Brokers(ctx)
	if err != nil {
		return err
	}
	live := 0
	for _, b := range brokers {
		if !b.Fenced {
			live++
		}
	}
	if live == 0 || live < replicas && now.Sub(p.began) < patience {
		return nil
	}
	err = p.Kafka.CreateTopic(ctx, kafka.NewTopic{
		Name: compute.FiguresTopic, Partitions: 1, ReplicationFactor: int16(min(live, replicas)),
		Config: map[string]string{
			// A reader reads all of it, so it is kept short; and nodes that are gone are forgotten after a day.
			"cleanup.policy": "compact,delete", "retention.ms": "86400000", "segment.ms": "600000", "min.cleanable.dirty.ratio": "0.1",
			// Figures are no reason to say that a cluster cannot be written to.
			"min.insync.replicas": "1",
		},
	}, false)
	if errors.Is(err, kafka.ErrExists) {
		return nil
	}
	return err
}
