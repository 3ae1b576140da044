package aws

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// spreadInZone is how many instances of a spread placement group run in one zone.
const spreadInZone = 7

// Image implements compute.Machines.
func (d *Driver) Image(ctx context.Context, parameter string) (string, error) {
	p, err := d.get(ctx, parameter)
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(p.value, "ami-") {
		return "", fmt.Errorf("%w: the parameter %s is %q, and no image's id", compute.ErrInvalid, parameter, p.value)
	}
	return p.value, nil
}

// CheckMachine implements compute.Machines: the image is there and fits the instance types, the subnets are in their zones, and the placement
// group has room.
func (d *Driver) CheckMachine(ctx context.Context, m compute.AWSMachine, instanceType string, nodes map[string]int) error {
	catalog, err := d.Catalog(ctx)
	if err != nil {
		return err
	}
	kinds := append([]string{instanceType}, m.FallbackInstanceTypes...)
	wrong := lesser(catalog, kinds)
	for _, check := range []func() (string, error){
		func() (string, error) { return d.imageFault(ctx, m, kinds) },
		func() (string, error) { return d.subnetFault(ctx, m, nodes) },
		func() (string, error) { return d.placementFault(ctx, m, nodes) },
	} {
		why, err := check()
		if err != nil {
			return err
		}
		if why != "" {
			wrong = append(wrong, why)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", compute.ErrInvalid, strings.Join(wrong, "; "))
}

// lesser are the sentences on types that cannot stand in for the first one, since a node's replicas would not fit there.
func lesser(catalog compute.Catalog, kinds []string) (wrong []string) {
	size := func(kind string) (disks int64, memory int64) {
		for _, d := range catalog.InstanceTypes[kind].DiskBytes {
			disks += d
		}
		return disks, catalog.InstanceTypes[kind].MemoryBytes
	}
	disks, memory := size(kinds[0])
	for _, kind := range kinds[1:] {
		if d, m := size(kind); d < disks || m < memory {
			wrong = append(wrong, fmt.Sprintf("%s has less disk or memory than %s, and cannot stand in for it", kind, kinds[0]))
		}
	}
	return wrong
}

func (d *Driver) imageFault(ctx context.Context, m compute.AWSMachine, kinds []string) (string, error) {
	if err := d.limit.Wait(ctx); err != nil {
		return "", err
	}
	out, err := d.ec2.DescribeImages(ctx, &ec2.DescribeImagesInput{ImageIds: []string{m.ImageID}})
	if has(err, invalid) {
		return fmt.Sprintf("there is no image %s in this region that this account may use", m.ImageID), nil
	}
	if err != nil {
		return "", explained(err, "asking EC2 for the image %s", m.ImageID)
	}
	if len(out.Images) != 1 || out.Images[0].State != types.ImageStateAvailable {
		return fmt.Sprintf("there is no image %s in this region that this account may use now", m.ImageID), nil
	}
	image := out.Images[0]
	if root := aws.ToString(image.RootDeviceName); root != rootDevice(&m) {
		return fmt.Sprintf("image %s names its root volume %s, and a volume %s would not replace it: set root_device = %q", m.ImageID, root, rootDevice(&m), root), nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, kind := range kinds {
		if a := d.architectures[kind]; len(a) > 0 && !slices.Contains(a, types.ArchitectureType(image.Architecture)) {
			return fmt.Sprintf("image %s is for %s, and %s is %s", m.ImageID, image.Architecture, kind, a[len(a)-1]), nil
		}
	}
	return "", nil
}

func (d *Driver) subnetFault(ctx context.Context, m compute.AWSMachine, nodes map[string]int) (string, error) {
	var ids []string
	for zone := range nodes {
		ids = append(ids, m.SubnetIDs[zone])
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if err := d.limit.Wait(ctx); err != nil {
		return "", err
	}
	out, err := d.ec2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: ids})
	if has(err, invalid) {
		return fmt.Sprintf("a subnet among %s does not exist in this region", strings.Join(ids, ", ")), nil
	}
	if err != nil {
		return "", explained(err, "asking EC2 for the subnets %s", strings.Join(ids, ", "))
	}
	for _, s := range out.Subnets {
		for _, zone := range slices.Sorted(maps.Keys(nodes)) {
			if m.SubnetIDs[zone] == aws.ToString(s.SubnetId) && aws.ToString(s.AvailabilityZone) != zone {
				return fmt.Sprintf("subnet %s is in zone %s, and not in %s", m.SubnetIDs[zone], aws.ToString(s.AvailabilityZone), zone), nil
			}
		}
	}
	return "", nil
}

func (d *Driver) placementFault(ctx context.Context, m compute.AWSMachine, nodes map[string]int) (string, error) {
	if m.PlacementGroup == "" {
		return "", nil
	}
	if err := d.limit.Wait(ctx); err != nil {
		return "", err
	}
	out, err := d.ec2.DescribePlacementGroups(ctx, &ec2.DescribePlacementGroupsInput{GroupNames: []string{m.PlacementGroup}})
	if has(err, invalid) || err == nil && len(out.PlacementGroups) == 0 {
		return fmt.Sprintf("there is no placement group %q in this region", m.PlacementGroup), nil
	}
	if err != nil {
		return "", explained(err, "asking EC2 for the placement group %q", m.PlacementGroup)
	}
	switch g := out.PlacementGroups[0]; g.Strategy {
	case types.PlacementStrategyCluster:
		if len(nodes) > 1 {
			return fmt.Sprintf("placement group %q is of the strategy cluster, which is one zone's, and the nodes are in %d", m.PlacementGroup, len(nodes)), nil
		}
	case types.PlacementStrategySpread:
		for _, zone := range slices.Sorted(maps.Keys(nodes)) {
			if nodes[zone] > spreadInZone && g.SpreadLevel != types.SpreadLevelHost {
				return fmt.Sprintf("placement group %q spreads its instances over hardware, of which a zone has room for %d, and %s would have %d with those that are about to be replaced; take one of the strategy partition",
					m.PlacementGroup, spreadInZone, zone, nodes[zone]), nil
			}
		}
	case types.PlacementStrategyPartition:
	}
	return "", nil
}
