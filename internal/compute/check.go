package compute

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// clusterName admits no name that is a path, hidden, or an option on a command line.
var clusterName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// CheckClusterName is for drivers: the error wraps ErrInvalid where a text can be no cluster's name.
func CheckClusterName(name string) error {
	if !clusterName.MatchString(name) {
		return fmt.Errorf("%w: %q cannot be a cluster's name here; it must begin with a letter or a digit, and have at most 128 letters, digits, dots, "+
			"underscores and hyphens", ErrInvalid, name)
	}
	return nil
}

// IsClusterID says that a text is an id as Kafka makes them.
func IsClusterID(text string) bool {
	id, err := base64.RawURLEncoding.DecodeString(text)
	return err == nil && len(id) == 16
}

// Check is for drivers: the error wraps ErrInvalid where this offer has nothing that a spec could be launched on.
func (c Catalog) Check(spec NodeSpec) error {
	if err := CheckClusterName(spec.Cluster); err != nil {
		return err
	}
	if !slices.Contains(c.Zones, spec.Zone) {
		return fmt.Errorf("%w: there is no zone %q; the zones here are %s", ErrInvalid, spec.Zone, strings.Join(c.Zones, ", "))
	}
	machine, ok := c.InstanceTypes[spec.InstanceType]
	if !ok {
		return fmt.Errorf("%w: there is no instance type %q; the types here are %s", ErrInvalid, spec.InstanceType,
			strings.Join(slices.Sorted(maps.Keys(c.InstanceTypes)), ", "))
	}
	if spec.Role != RoleBroker && spec.Role != RoleController {
		return fmt.Errorf("%w: %q is not a node's role", ErrInvalid, spec.Role)
	}
	if why := c.MachineFault(spec.AWS, spec.Zone); why != "" {
		return fmt.Errorf("%w: node %d of cluster %q: %s", ErrInvalid, spec.NodeID, spec.Cluster, why)
	}
	if spec.HeapBytes > machine.MemoryBytes {
		return fmt.Errorf("%w: a heap of %d bytes does not fit into a %s, which has %d bytes of memory", ErrInvalid, spec.HeapBytes, machine.Name, machine.MemoryBytes)
	}
	return nil
}

// Silence is from how old its latest report is on that an agent is taken for silent.
func (c Catalog) Silence() time.Duration { return cmp.Or(c.SilentAfter, 6*ReportEvery) }

// MachineFault says why nodes in these zones cannot be made of this, "" for nothing.
func (c Catalog) MachineFault(m *AWSMachine, zones ...string) string {
	switch {
	case m == nil && c.EC2:
		return "an EC2 instance needs an image, subnets and an instance profile: set aws"
	case m == nil:
		return ""
	case !c.EC2:
		return "aws is for EC2 instances, and nodes are none here: the provider block has no aws"
	case m.ImageID == "":
		return "there is no image: set aws.ami"
	}
	for _, zone := range zones {
		if m.SubnetIDs[zone] == "" {
			return fmt.Sprintf("there is no subnet for zone %s: add it to aws.subnet_ids", zone)
		}
	}
	for _, t := range m.FallbackInstanceTypes {
		if _, ok := c.InstanceTypes[t]; !ok {
			return fmt.Sprintf("aws.fallback_instance_types has %q, and there is no such instance type", t)
		}
	}
	return ""
}
