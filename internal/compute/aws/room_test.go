//go:build aws && linux

package aws

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/aws/emulator"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/aws/emulator/room"
)

// roomWith is a cloud whose machines boot for real.
func roomWith(t *testing.T) (*cloud, *room.Room) {
	t.Helper()
	var r *room.Room
	dir := t.TempDir()
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		logs, _ := filepath.Glob(filepath.Join(dir, "*", "*.log"))
		for _, log := range logs {
			if text, err := os.ReadFile(log); err == nil {
				t.Logf("%s:\n%s", strings.TrimPrefix(log, dir), text[max(0, len(text)-4000):])
			}
		}
	})
	cfg := room.Config{
		Dir: dir, Agent: os.Getenv("KAFKAFLEET_AGENT"), KafkaHome: os.Getenv("KAFKAFLEET_KAFKA_HOME"), Versions: []string{"4.2.1", "4.3.1"},
		Region: "eu-west-1", Disks: 2,
	}
	r, err := room.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	c := newCloudAt(t, net.JoinHostPort(room.Gateway, "0"), emulator.Config{PendingFor: 200 * time.Millisecond, Boot: func(i emulator.Instance) emulator.Power { return r.Boot(i) }})
	r.Serve(c.URL())
	return c, r
}

// TestANodeBoots: its user data starts the agent, which finds its disks, its spec and the quorum, and Kafka.
func TestANodeBoots(t *testing.T) {
	c, _ := roomWith(t)
	d := c.prod(t)
	controller := c.spec(1, "eu-west-1a")
	controller.Role, controller.Group, controller.Bootstrap, controller.Security = compute.RoleController, compute.ControllersGroup, true, compute.Security{Plaintext: true}
	broker := c.spec(2, "eu-west-1b")
	broker.Security.Plaintext = true
	for _, spec := range []compute.NodeSpec{controller, broker} {
		spec.HeapBytes = 256 << 20
		if _, err := d.Launch(t.Context(), spec); err != nil {
			t.Fatal(err)
		}
	}
	var last []compute.Instance
	deadline := time.Now().Add(2 * time.Minute)
	for phases := ""; phases != "running running"; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("two minutes after the launch: %+v", last)
		}
		var err error
		if last, err = d.List(t.Context(), "prod"); err != nil {
			t.Fatal(err)
		}
		phases = ""
		for _, i := range last {
			if i.Status != nil {
				phases = strings.TrimSpace(phases + " " + string(i.Status.Phase))
			}
		}
	}
	connection, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(t.Context(), "tcp", last[1].Clients)
	if err != nil {
		t.Fatal(err)
	}
	_ = connection.Close()
	if last[1].Status.BootSeconds <= 0 || len(last[1].Status.DiskUsedBytes) != 2 {
		t.Errorf("its report is %+v", last[1].Status)
	}
	if err := d.Stop(t.Context(), last[1].ID); err != nil {
		t.Fatal(err)
	}
	for stopped := false; !stopped; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline.Add(time.Minute)) {
			t.Fatal("it does not stop")
		}
		last, err = d.List(context.WithoutCancel(t.Context()), "prod")
		if err != nil {
			t.Fatal(err)
		}
		stopped = last[1].State == compute.StateStopped
	}
	if s := last[1].Status; s == nil || s.Phase != compute.PhaseStopped {
		t.Errorf("it was stopped, and its last report is %+v", s)
	}
}
