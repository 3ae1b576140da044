package compute

import (
	"errors"
	"strings"
	"testing"
)

// TestWhatACatalogRefuses: each fault is named with what is there, and with what to do.
func TestWhatACatalogRefuses(t *testing.T) {
	c := Catalog{Zones: []string{"a", "b"}, InstanceTypes: map[string]InstanceType{"small": {Name: "small", MemoryBytes: 100}, "large": {Name: "large", MemoryBytes: 200}}}
	good := NodeSpec{Cluster: "prod", NodeID: 7, Zone: "a", InstanceType: "small", Role: RoleBroker, HeapBytes: 50}
	if err := c.Check(good); err != nil {
		t.Errorf("a good spec: %v", err)
	}
	for says, change := range map[string]func(*NodeSpec){
		`"../x" cannot be a cluster's name`:        func(s *NodeSpec) { s.Cluster = "../x" },
		`no zone "c"; the zones here are a, b`:     func(s *NodeSpec) { s.Zone = "c" },
		`no instance type "tiny"; the types here`:  func(s *NodeSpec) { s.InstanceType = "tiny" },
		`"witness" is not a node's role`:           func(s *NodeSpec) { s.Role = "witness" },
		"a heap of 101 bytes does not fit":         func(s *NodeSpec) { s.HeapBytes = 101 },
		`node 7 of cluster "prod": aws is for EC2`: func(s *NodeSpec) { s.AWS = &AWSMachine{} },
	} {
		spec := good
		change(&spec)
		if err := c.Check(spec); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q: %v", says, err)
		}
	}
	c.EC2 = true
	machine := func() *AWSMachine {
		return &AWSMachine{ImageID: "ami-1", SubnetIDs: map[string]string{"a": "subnet-a", "b": "subnet-b"}, FallbackInstanceTypes: []string{"large"}}
	}
	if why := c.MachineFault(machine(), "a", "b"); why != "" {
		t.Errorf("a good machine: %s", why)
	}
	if why := c.MachineFault(nil, "a"); !strings.Contains(why, "set aws") {
		t.Errorf("none: %q", why)
	}
	for says, change := range map[string]func(*AWSMachine){
		"set aws.ami":              func(m *AWSMachine) { m.ImageID = "" },
		"no subnet for zone b":     func(m *AWSMachine) { delete(m.SubnetIDs, "b") },
		`has "huge", and there is`: func(m *AWSMachine) { m.FallbackInstanceTypes = []string{"large", "huge"} },
	} {
		m := machine()
		change(m)
		if why := c.MachineFault(m, "a", "b"); !strings.Contains(why, says) {
			t.Errorf("want %q: %q", says, why)
		}
	}
}
