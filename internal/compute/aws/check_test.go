//go:build aws

package aws

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/aws/emulator"
)

// TestAMachineIsCheckedBeforeAnyIsLaunched.
func TestAMachineIsCheckedBeforeAnyIsLaunched(t *testing.T) {
	c := newCloud(t, emulator.Config{PlacementGroups: map[string]string{"partitions": "partition", "spread": "spread", "near": "cluster"}})
	d := c.driver()
	machine := func(change func(*compute.AWSMachine)) compute.AWSMachine {
		m := compute.AWSMachine{ImageID: emulator.Image, SubnetIDs: c.subnets, InstanceProfile: emulator.Profile, PlacementGroup: "partitions", FallbackInstanceTypes: []string{"c6gd.2xlarge"}}
		change(&m)
		return m
	}
	nodes := map[string]int{"eu-west-1a": 8, "eu-west-1b": 8}
	if err := d.CheckMachine(t.Context(), machine(func(*compute.AWSMachine) {}), "c6gd.large", nodes); err != nil {
		t.Errorf("a good one: %v", err)
	}
	for says, change := range map[string]func(*compute.AWSMachine){
		"is for x86_64":                   func(m *compute.AWSMachine) { m.ImageID = "ami-3333333333333333" },
		"set root_device = \"/dev/sda1\"": func(m *compute.AWSMachine) { m.ImageID = "ami-4444444444444444" },
		"no image ami-5555555555555555":   func(m *compute.AWSMachine) { m.ImageID = "ami-5555555555555555" },
		"is in zone eu-west-1b, and not in eu-west-1a": func(m *compute.AWSMachine) {
			m.SubnetIDs = map[string]string{"eu-west-1a": c.subnets["eu-west-1b"], "eu-west-1b": c.subnets["eu-west-1b"]}
		},
		"does not exist in this region": func(m *compute.AWSMachine) {
			m.SubnetIDs = map[string]string{"eu-west-1a": "subnet-00000000", "eu-west-1b": c.subnets["eu-west-1b"]}
		},
		"no placement group \"nowhere\"":                      func(m *compute.AWSMachine) { m.PlacementGroup = "nowhere" },
		"eu-west-1a would have 8":                             func(m *compute.AWSMachine) { m.PlacementGroup = "spread" },
		"which is one zone's":                                 func(m *compute.AWSMachine) { m.PlacementGroup = "near" },
		"c6gd.medium has less disk or memory than c6gd.large": func(m *compute.AWSMachine) { m.FallbackInstanceTypes = []string{"c6gd.medium"} },
	} {
		err := d.CheckMachine(t.Context(), machine(change), "c6gd.large", nodes)
		if !errors.Is(err, compute.ErrInvalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("want an error that says %q: %v", says, err)
		}
	}
	c.Strike(emulator.Faults{Expired: true})
	if err := c.driver().CheckMachine(t.Context(), machine(func(*compute.AWSMachine) {}), "c6gd.large", nodes); err == nil || errors.Is(err, compute.ErrInvalid) {
		t.Errorf("what could not be asked is no fault of the machine: %v", err)
	}
}

// TestASpotInstanceIsShutDownAndGone: EC2 protects none, and stops none.
func TestASpotInstanceIsShutDownAndGone(t *testing.T) {
	c := newCloud(t, emulator.Config{GoneAfter: time.Second})
	d := c.prod(t)
	spec := c.spec(1, "eu-west-1a")
	spec.AWS.Spot = true
	i, err := d.Launch(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if shown := c.show(t, i.ID); shown.InstanceLifecycle != types.InstanceLifecycleTypeSpot {
		t.Errorf("its lifecycle is %q", shown.InstanceLifecycle)
	}
	if err := d.PutSecret(t.Context(), "prod", compute.NodeSecret(1), []byte("key")); err != nil {
		t.Fatal(err)
	}
	if err := d.Stop(t.Context(), i.ID); err != nil {
		t.Fatal(err)
	}
	if list, err := d.List(t.Context(), "prod"); err != nil || len(list) > 0 && list[0].State != compute.StateTerminating {
		t.Errorf("after its stop: %+v, %v", list, err)
	}
	if _, err := d.Secret(t.Context(), "prod", compute.NodeSecret(1)); !errors.Is(err, compute.ErrNotFound) {
		t.Errorf("its key is still there: %v", err)
	}
	if c, err := d.GetCluster(t.Context(), "prod"); err != nil || c.NextNodeID != 2 {
		t.Errorf("the next id is %d: %v", c.NextNodeID, err)
	}
}
