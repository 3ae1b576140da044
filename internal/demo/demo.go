package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/check"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/sandbox"
)

const (
	// loadTopic takes the load during the rollout; dataTopic gets preload records before it, so that there is data to move,
	// and they are read back after it.
	loadTopic, dataTopic = "orders", "payments"
	preload              = 10_000
	preloadBytes         = 4096
	preloadRate          = 4000
	// acksAfter is how many records the new fleet has to acknowledge before the load ends.
	acksAfter = 1000
	// patience is how long the demo waits for any one thing that should take seconds.
	patience = 3 * time.Minute
)

// demo is the story that `make demo` tells.
type demo struct {
	*sandbox.Sandbox
	roll roll
	// password is that of the example's user.
	password string
}

// tell runs it from init to destroy. With keep it leaves the fleet running. The result is valid when the error is nil, or
// when the error is about the result itself.
func (d demo) tell(ctx context.Context, keep bool) (result, error) {
	var r result
	chapter("A fleet from nothing: %s", d.roll.before.kafkaVersion)
	if err := d.Terraform.Run(ctx, "init"); err != nil {
		return r, err
	}
	began := time.Now()
	if err := d.Terraform.Run(ctx, d.args(d.roll.before, "apply", "-auto-approve")...); err != nil {
		return r, err
	}
	r.ApplySeconds = seconds(time.Since(began))
	var before outputs
	if err := d.Terraform.Outputs(ctx, &before); err != nil {
		return r, err
	}

	chapter("Load: acks=all on topic %s, and %d MiB on topic %s to be moved", loadTopic, preload*preloadBytes>>20, dataTopic)
	client, err := d.client(before)
	if err != nil {
		return r, err
	}
	fmt.Printf("Clients connect by %v.\n", client)
	data, err := check.Start(ctx, check.Options{Bootstrap: d.Fleet.Brokers, Security: client, Topic: dataTopic, Records: preload, RecordBytes: preloadBytes, Rate: preloadRate})
	if err != nil {
		return r, err
	}
	defer data.Close()
	if err := waitFor(ctx, func() bool { return data.Acked() == preload }, "the data to be written"); err != nil {
		return r, err
	}
	load, err := check.Start(ctx, check.Options{Bootstrap: d.Fleet.Brokers, Security: client, Topic: loadTopic})
	if err != nil {
		return r, err
	}
	defer load.Close()
	if err := waitFor(ctx, func() bool { return load.Acked() > acksAfter }, "the load to begin"); err != nil {
		return r, err
	}
	admin, err := d.admin(ctx)
	if err != nil {
		return r, err
	}
	replicas, err := check.WatchReplicas(ctx, d.Fleet.BrokersInside, admin, 200*time.Millisecond)
	if err != nil {
		return r, err
	}
	defer replicas.Close()
	fmt.Printf("%d + %d records acknowledged; the load goes on.\n", data.Acked(), load.Acked())

	chapter("Every node replaced under the load: %s", d.roll)
	began = time.Now()
	if err := d.Terraform.Run(ctx, d.args(d.roll.after, "apply", "-auto-approve")...); err != nil {
		return r, err
	}
	r.RolloutSeconds = seconds(time.Since(began))
	var after outputs
	if err := d.Terraform.Outputs(ctx, &after); err != nil {
		return r, err
	}
	reached := load.Acked()
	if err := waitFor(ctx, func() bool { return load.Acked() > reached+acksAfter }, "the new fleet to acknowledge records"); err != nil {
		return r, err
	}

	chapter("Was anything lost?")
	fault := d.judge(ctx, &r, data, load, replicas)
	if err := printNodes(os.Stdout, before, after); err != nil {
		return r, fmt.Errorf("printing the nodes: %w", err)
	}
	version := d.roll.after.kafkaVersion
	controllers, controllerFault := replaced(before.Controllers, after.Controllers, version)
	brokers, brokerFault := replaced(before.Brokers, after.Brokers, version)
	r.NodesReplaced = controllers + brokers
	fault = errors.Join(fault, controllerFault, brokerFault)

	chapter("And now there is nothing more to do")
	converged, err := d.Terraform.Converged(ctx, d.args(d.roll.after)...)
	if err != nil {
		return r, errors.Join(fault, err)
	}
	if !converged {
		fault = errors.Join(fault, errors.New("a plan right after the rollout wants to change something"))
	}
	if keep {
		return r, fault
	}

	chapter("Destroyed without a trace")
	if err := d.Terraform.Run(ctx, d.args(d.roll.after, "destroy", "-auto-approve")...); err != nil {
		return r, errors.Join(fault, err)
	}
	if err := d.Fleet.Gone(ctx, d.Work); err != nil {
		return r, errors.Join(fault, err)
	}
	fmt.Printf("No process and no directory of the fleet is left.\n")
	return r, fault
}

// judge ends the checks and puts their figures into the result. Its error says what was promised and not kept.
func (d demo) judge(ctx context.Context, r *result, data, load *check.Run, replicas *check.ReplicaWatch) error {
	loaded, err := load.Stop(ctx)
	if err != nil {
		return err
	}
	// Only now, when the load has ended, do the sizes of the partitions stand still.
	moved, err := replicas.Stop(ctx)
	if err != nil {
		return err
	}
	kept, err := data.Stop(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%v\n%v\n", loaded, kept)
	fmt.Printf("%d replicas moved: %d bytes for %d bytes held\n\n", moved.ReplicasMoved, moved.BytesMoved, moved.BytesHeld)
	r.RecordsAcked = loaded.RecordsAcked + kept.RecordsAcked
	r.RecordsLost = loaded.RecordsLost + kept.RecordsLost
	r.RecordsDuplicated = loaded.RecordsDuplicated + kept.RecordsDuplicated
	r.RecordsReordered = loaded.RecordsReordered + kept.RecordsReordered
	r.LongestGapMillis = loaded.LongestGapMillis
	r.BytesMovedRatio = math.Round(moved.Ratio()*100) / 100
	return errors.Join(loaded.Problem(), kept.Problem())
}

// args are a command's arguments with the example's variables.
func (d demo) args(s setting, command ...string) []string {
	return append(append(command, d.Variables...), "-var", "kafka_version="+s.kafkaVersion, "-var", "instance_type="+s.instanceType)
}

// waitFor waits until the condition holds.
func waitFor(ctx context.Context, condition func() bool, what string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		case <-ticker.C:
		}
	}
	return nil
}

func chapter(format string, args ...any) { fmt.Printf("\n=== "+format+"\n\n", args...) }

func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*10) / 10 }
