//go:build aws

package aws

import (
	"errors"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/aws/emulator"
)

// spec is one of a node in a zone.
func (c *cloud) spec(id int32, zone string) compute.NodeSpec {
	s := compute.NodeSpec{
		Cluster: "prod", ClusterID: "MkU3OEVBNTcwNTJENDM2Qg", Group: "main", Role: compute.RoleBroker, NodeID: id, Zone: zone,
		InstanceType: "i3.large", KafkaVersion: "4.3.1", HeapBytes: 1 << 30, SpecHash: "0123abcd",
	}
	c.complete(&s)
	return s
}

// prod makes the record of a cluster.
func (c *cloud) prod(t *testing.T) *Driver {
	t.Helper()
	d := c.driver()
	record := compute.Cluster{Name: "prod", ID: "MkU3OEVBNTcwNTJENDM2Qg", MetadataVersion: "latest", Zones: []string{"eu-west-1a", "eu-west-1b", "eu-west-1c"}}
	if err := d.PutCluster(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	return d
}

// show is an instance as EC2 has it.
func (c *cloud) show(t *testing.T, id string) types.Instance {
	t.Helper()
	out, err := ec2.NewFromConfig(c.config()).DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	if err != nil {
		t.Fatal(err)
	}
	return out.Reservations[0].Instances[0]
}

// TestALostReplyLaunchesOnce: each launch is answered once more by what it has launched, whoever repeats it.
func TestALostReplyLaunchesOnce(t *testing.T) {
	c := newCloud(t, emulator.Config{})
	d := c.prod(t)
	const nodes = 4
	for id := int32(1); id <= nodes; id++ {
		c.Strike(emulator.Faults{LoseReplies: map[string]int{"RunInstances": 1}})
		if _, err := d.Launch(t.Context(), c.spec(id, "eu-west-1a")); err != nil {
			t.Fatal(err)
		}
	}
	c.Strike(emulator.Faults{})
	found, err := c.driver().List(t.Context(), "prod")
	if err != nil || len(found) != nodes || len(c.Alive()) != nodes {
		t.Errorf("%d instances, %d of them listed, want %d: %v", len(c.Alive()), len(found), nodes, err)
	}
	if calls := c.Calls()["ec2:RunInstances"]; calls != 2*nodes {
		t.Errorf("%d calls of RunInstances, want each of %d twice", calls, nodes)
	}
}

// TestAFullZoneHasAnotherTypeOrNothing, and never is it another zone.
func TestAFullZoneHasAnotherTypeOrNothing(t *testing.T) {
	c := newCloud(t, emulator.Config{})
	d := c.prod(t)
	c.Strike(emulator.Faults{FullZones: map[string][]string{"eu-west-1b": {"i3.large"}}})
	spec := c.spec(1, "eu-west-1b")
	_, err := d.Launch(t.Context(), spec)
	if !errors.Is(err, compute.ErrNoCapacity) || !strings.Contains(err.Error(), "i3.large in zone eu-west-1b") {
		t.Errorf("%v", err)
	}
	spec = c.spec(2, "eu-west-1b")
	spec.AWS.FallbackInstanceTypes = []string{"i3.xlarge"}
	i, err := d.Launch(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if shown := c.show(t, i.ID); shown.InstanceType != "i3.xlarge" || awssdk.ToString(shown.Placement.AvailabilityZone) != "eu-west-1b" {
		t.Errorf("it is %s in %s", shown.InstanceType, awssdk.ToString(shown.Placement.AvailabilityZone))
	}
	c.Strike(emulator.Faults{FullZones: map[string][]string{"eu-west-1b": nil}})
	spec = c.spec(3, "eu-west-1b")
	spec.AWS.FallbackInstanceTypes = []string{"i3.xlarge"}
	if _, err := d.Launch(t.Context(), spec); !errors.Is(err, compute.ErrNoCapacity) || !strings.Contains(err.Error(), "i3.xlarge") {
		t.Errorf("%v", err)
	}
	if len(c.Alive()) != 1 {
		t.Errorf("%d instances, want one", len(c.Alive()))
	}
	if calls := c.Calls()["ec2:RunInstances"]; calls != 5 {
		t.Errorf("%d calls of RunInstances: a zone that has nothing is asked once for each type", calls)
	}
}

// TestThrottledCallsAreTriedAgain, more often than the SDK would by itself.
func TestThrottledCallsAreTriedAgain(t *testing.T) {
	c := newCloud(t, emulator.Config{})
	d := c.prod(t)
	if _, err := d.Catalog(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Strike(emulator.Faults{Throttle: 5})
	if _, err := d.List(t.Context(), "prod"); err != nil {
		t.Error(err)
	}
}

// TestExpiredCredentialsAreNamed, and nothing is taken for gone because of them.
func TestExpiredCredentialsAreNamed(t *testing.T) {
	c := newCloud(t, emulator.Config{})
	d := c.prod(t)
	c.Strike(emulator.Faults{Expired: true})
	_, listing := d.List(t.Context(), "prod")
	_, reading := d.GetCluster(t.Context(), "prod")
	for what, err := range map[string]error{"listing": listing, "reading the record": reading, "terminating": d.Terminate(t.Context(), "i-0123456789abcdef0")} {
		if err == nil || errors.Is(err, compute.ErrNotFound) || !strings.Contains(err.Error(), "the credentials for AWS are not valid") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestAnInstanceIsClosed: what a launch asks for beside its size.
func TestAnInstanceIsClosed(t *testing.T) {
	c := newCloud(t, emulator.Config{})
	d := c.prod(t)
	d.tags = map[string]string{"team": "data", tagCluster: "stolen"}
	i, err := d.Launch(t.Context(), c.spec(1, "eu-west-1a"))
	if err != nil {
		t.Fatal(err)
	}
	shown := c.show(t, i.ID)
	if o := shown.MetadataOptions; o == nil || o.HttpTokens != types.HttpTokensStateRequired || awssdk.ToInt32(o.HttpPutResponseHopLimit) != 1 {
		t.Errorf("metadata: %+v", o)
	}
	if shown.KeyName != nil {
		t.Errorf("a key pair %s", *shown.KeyName)
	}
	tags := tagged(shown.Tags)
	for key, want := range map[string]string{"team": "data", tagCluster: "prod", tagNodeID: "1", tagGroup: "main", tagSpecHash: "0123abcd", "Name": "prod-main-1"} {
		if tags[key] != want {
			t.Errorf("tag %s is %q, want %q", key, tags[key], want)
		}
	}
	volumes, err := ec2.NewFromConfig(c.config()).DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{})
	if err != nil || len(volumes.Volumes) != 1 || !awssdk.ToBool(volumes.Volumes[0].Encrypted) {
		t.Errorf("volumes: %+v, %v", volumes, err)
	}
	if _, err := ec2.NewFromConfig(c.config()).TerminateInstances(t.Context(), &ec2.TerminateInstancesInput{InstanceIds: []string{i.ID}}); code(err) != "OperationNotPermitted" {
		t.Errorf("it can be terminated by a slip of the hand: %v", err)
	}
	if err := d.Terminate(t.Context(), i.ID); err != nil {
		t.Error(err)
	}
}

// TestUserDataIsShort: EC2 takes 16 KB, and nothing of what it holds is a secret.
func TestUserDataIsShort(t *testing.T) {
	c := newCloud(t, emulator.Config{})
	d := c.prod(t)
	spec := c.spec(1, "eu-west-1a")
	spec.AWS.UserDataExtra = strings.Repeat("# long\n", 3000)
	if _, err := d.Launch(t.Context(), spec); !errors.Is(err, compute.ErrInvalid) || !strings.Contains(err.Error(), "user_data_extra") {
		t.Errorf("%v", err)
	}
}

// TestWhatANodeNeedsOfAWS is refused before anything exists.
func TestWhatANodeNeedsOfAWS(t *testing.T) {
	c := newCloud(t, emulator.Config{})
	d := c.prod(t)
	for says, change := range map[string]func(*compute.NodeSpec){
		"set aws.ami":                              func(s *compute.NodeSpec) { s.AWS.ImageID = "" },
		"add it to aws.subnet_ids":                 func(s *compute.NodeSpec) { s.AWS.SubnetIDs = nil },
		`no instance type "t3.micro"`:              func(s *compute.NodeSpec) { s.InstanceType = "t3.micro" },
		`aws.fallback_instance_types has "x.none"`: func(s *compute.NodeSpec) { s.AWS.FallbackInstanceTypes = []string{"x.none"} },
	} {
		spec := c.spec(1, "eu-west-1a")
		change(&spec)
		if _, err := d.Launch(t.Context(), spec); !errors.Is(err, compute.ErrInvalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q: %v", says, err)
		}
	}
	record, err := d.GetCluster(t.Context(), "prod")
	if err != nil || record.NextNodeID != 1 || len(c.Alive()) > 0 {
		t.Errorf("%+v, %v", record, err)
	}
}

// TestAnIDThatAKilledRunClaimedIsUsed: it had made the node's parameter and not yet noted the id.
func TestAnIDThatAKilledRunClaimedIsUsed(t *testing.T) {
	c := newCloud(t, emulator.Config{})
	d := c.prod(t)
	for id := int32(1); id <= 3; id++ {
		if err := d.put(t.Context(), nodeName("prod", id), "{}", ssmtypes.ParameterTypeString, true); err != nil {
			t.Fatal(err)
		}
	}
	record, err := d.GetCluster(t.Context(), "prod")
	if err != nil || record.NextNodeID != 1 {
		t.Fatalf("nothing is noted, and the next id is %d: %v", record.NextNodeID, err)
	}
	if _, err := d.Launch(t.Context(), c.spec(1, "eu-west-1a")); !errors.Is(err, compute.ErrNodeIDUsed) {
		t.Errorf("a launch of a claimed id: %v", err)
	}
	if record, err = d.GetCluster(t.Context(), "prod"); err != nil || record.NextNodeID != 4 || len(c.Alive()) > 0 {
		t.Errorf("after that the next id is %d, want 4, and %d instances: %v", record.NextNodeID, len(c.Alive()), err)
	}
	if _, err := d.Launch(t.Context(), c.spec(4, "eu-west-1a")); err != nil {
		t.Error(err)
	}
}
