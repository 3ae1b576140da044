package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafkadist"
)

// Catalog implements compute.Driver: the region's zones, and the current instance types with disks of their own, all of which have to be
// encrypted. It is asked for once.
func (d *Driver) Catalog(ctx context.Context) (compute.Catalog, error) {
	d.mu.Lock()
	known := d.catalog
	d.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	c := compute.Catalog{EC2: true, SilentAfter: silentAfter, InstanceTypes: map[string]compute.InstanceType{}}
	if err := d.limit.Wait(ctx); err != nil {
		return c, err
	}
	zones, err := d.ec2.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{Filters: []types.Filter{filter("state", "available"), filter("zone-type", "availability-zone")}})
	if err != nil {
		return c, explained(err, "asking EC2 for its zones")
	}
	for _, z := range zones.AvailabilityZones {
		c.Zones = append(c.Zones, aws.ToString(z.ZoneName))
	}
	architectures := map[string][]types.ArchitectureType{}
	pages := ec2.NewDescribeInstanceTypesPaginator(d.ec2, &ec2.DescribeInstanceTypesInput{Filters: []types.Filter{filter("instance-storage-supported", "true")}})
	for pages.HasMorePages() {
		if err := d.limit.Wait(ctx); err != nil {
			return c, err
		}
		page, err := pages.NextPage(ctx)
		if err != nil {
			return c, explained(err, "asking EC2 for its instance types")
		}
		for _, t := range page.InstanceTypes {
			if m, ok := machine(t); ok {
				c.InstanceTypes[m.Name] = m
				if t.ProcessorInfo != nil {
					architectures[m.Name] = t.ProcessorInfo.SupportedArchitectures
				}
			}
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.catalog, d.architectures = &c, architectures
	return c, nil
}

// machine is an instance type as the engine knows it; ok is false for those that no node can have.
func machine(t types.InstanceTypeInfo) (m compute.InstanceType, ok bool) {
	if t.InstanceStorageInfo == nil || t.InstanceStorageInfo.EncryptionSupport != types.InstanceStorageEncryptionSupportRequired || t.MemoryInfo == nil || t.VCpuInfo == nil {
		return m, false
	}
	m = compute.InstanceType{
		Name:        string(t.InstanceType),
		MemoryBytes: aws.ToInt64(t.MemoryInfo.SizeInMiB) << 20,
		Cores:       int(aws.ToInt32(t.VCpuInfo.DefaultVCpus)),
	}
	for _, disks := range t.InstanceStorageInfo.Disks {
		for range aws.ToInt32(disks.Count) {
			m.DiskBytes = append(m.DiskBytes, aws.ToInt64(disks.SizeInGB)*1e9)
		}
	}
	if t.NetworkInfo != nil {
		for _, card := range t.NetworkInfo.NetworkCards {
			m.NetworkBytesPerSecond += int64(aws.ToFloat64(card.BaselineBandwidthInGbps) * 1e9 / 8)
		}
	}
	return m, len(m.DiskBytes) > 0
}

// CheckKafka implements compute.Driver. Which Kafka is in an image, or can be downloaded by an instance, is known to nobody here, so this is about
// what is a release that nodes can run at all.
func (*Driver) CheckKafka(ctx context.Context, version string) error {
	return kafkadist.Source{}.Check(ctx, version)
}

func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: &name, Values: values}
}
