package aws

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// agentPath is where an image, or the user's own lines of user data, put this provider's binary.
const agentPath = "/usr/local/bin/kafkafleet-node"

// userDataBytes is how long user data may be before it is encoded.
const userDataBytes = 16 << 10

// Launch implements compute.Driver.
func (d *Driver) Launch(ctx context.Context, spec compute.NodeSpec) (compute.Instance, error) {
	offer, err := d.Catalog(ctx)
	if err != nil {
		return compute.Instance{}, err
	}
	if err := offer.Check(spec); err != nil {
		return compute.Instance{}, err
	}
	if err := d.CheckKafka(ctx, spec.KafkaVersion); err != nil {
		return compute.Instance{}, err
	}
	record, err := d.GetCluster(ctx, spec.Cluster)
	if err != nil {
		return compute.Instance{}, err
	}
	if spec.ClusterID != record.ID {
		return compute.Instance{}, fmt.Errorf("%w: cluster %q has the id %s, not %s", compute.ErrInvalid, spec.Cluster, record.ID, spec.ClusterID)
	}
	used := fmt.Errorf("%w: %d in cluster %q", compute.ErrNodeIDUsed, spec.NodeID, spec.Cluster)
	if spec.NodeID < record.NextNodeID {
		return compute.Instance{}, fmt.Errorf("%w, where the next free one is %d", used, record.NextNodeID)
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return compute.Instance{}, err
	}
	data, err := userData(spec, text)
	if err != nil {
		return compute.Instance{}, err
	}
	// From here on the id is used, whatever comes: one caller makes this parameter, and it is there before the node is.
	switch err := d.put(ctx, nodeName(spec.Cluster, spec.NodeID), string(text), ssmtypes.ParameterTypeString, true); {
	case errors.Is(err, errExists):
		// By another run just now, or by one that was killed before it could note it.
		return compute.Instance{}, errors.Join(fmt.Errorf("%w; another run has launched it", used), d.recount(ctx, spec.Cluster))
	case err != nil:
		return compute.Instance{}, err
	}
	if err := d.used(ctx, spec.Cluster, spec.NodeID); err != nil {
		return compute.Instance{}, err
	}
	instance, err := d.run(ctx, spec, data)
	if err != nil {
		return compute.Instance{}, fmt.Errorf("cannot launch node %d of cluster %q: %w", spec.NodeID, spec.Cluster, err)
	}
	d.mu.Lock()
	d.specs[nodeName(spec.Cluster, spec.NodeID)] = spec
	d.mu.Unlock()
	return d.instance(instance, spec), d.visible(ctx, func(ctx context.Context) (bool, error) {
		found, err := d.describe(ctx, aws.ToString(instance.InstanceId))
		return len(found) > 0, err
	})
}

// run asks for the instance, of the first of the spec's types that its zone has. Nothing else than that is tried: never another zone.
func (d *Driver) run(ctx context.Context, spec compute.NodeSpec, data string) (types.Instance, error) {
	var errs []error
	for attempt, kind := range append([]string{spec.InstanceType}, spec.AWS.FallbackInstanceTypes...) {
		if err := d.limit.Wait(ctx); err != nil {
			return types.Instance{}, err
		}
		out, err := d.ec2.RunInstances(ctx, d.request(spec, kind, attempt, data))
		if err == nil && len(out.Instances) == 1 {
			return out.Instances[0], nil
		}
		if err == nil {
			return types.Instance{}, fmt.Errorf("EC2 has launched %d instances in place of one", len(out.Instances))
		}
		errs = append(errs, explained(err, "an instance %s in zone %s", kind, spec.Zone))
		if !has(err, noCapacity) {
			break
		}
	}
	return types.Instance{}, errors.Join(errs...)
}

// request is one launch. Its token stands for this attempt: a call whose reply was lost is answered with the instance that it has launched.
func (d *Driver) request(spec compute.NodeSpec, kind string, attempt int, data string) *ec2.RunInstancesInput {
	m := spec.AWS
	tags := d.tagsOf(spec)
	in := &ec2.RunInstancesInput{
		MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
		ClientToken:      aws.String(token(spec, attempt)),
		ImageId:          &m.ImageID,
		InstanceType:     types.InstanceType(kind),
		SubnetId:         aws.String(m.SubnetIDs[spec.Zone]),
		SecurityGroupIds: m.SecurityGroupIDs,
		UserData:         &data,
		TagSpecifications: []types.TagSpecification{
			{ResourceType: types.ResourceTypeInstance, Tags: tags}, {ResourceType: types.ResourceTypeVolume, Tags: tags},
		},
		// Session tokens only, and none for a container on the node: one hop.
		MetadataOptions: &types.InstanceMetadataOptionsRequest{
			HttpEndpoint: types.InstanceMetadataEndpointStateEnabled, HttpTokens: types.HttpTokensStateRequired, HttpPutResponseHopLimit: aws.Int32(1),
		},
		BlockDeviceMappings: []types.BlockDeviceMapping{{
			DeviceName: aws.String(rootDevice(m)), Ebs: &types.EbsBlockDevice{Encrypted: aws.Bool(true), DeleteOnTermination: aws.Bool(true), VolumeType: types.VolumeTypeGp3},
		}},
		DisableApiTermination:             aws.Bool(true),
		InstanceInitiatedShutdownBehavior: types.ShutdownBehaviorStop,
	}
	if m.InstanceProfile != "" {
		in.IamInstanceProfile = &types.IamInstanceProfileSpecification{Name: &m.InstanceProfile}
		if strings.HasPrefix(m.InstanceProfile, "arn:") {
			in.IamInstanceProfile = &types.IamInstanceProfileSpecification{Arn: &m.InstanceProfile}
		}
	}
	if m.PlacementGroup != "" {
		in.Placement = &types.Placement{GroupName: &m.PlacementGroup}
	}
	if m.Spot {
		in.InstanceMarketOptions = &types.InstanceMarketOptionsRequest{MarketType: types.MarketTypeSpot, SpotOptions: &types.SpotMarketOptions{
			SpotInstanceType: types.SpotInstanceTypeOneTime, InstanceInterruptionBehavior: types.InstanceInterruptionBehaviorTerminate,
		}}
		// EC2 refuses to protect one that it may take back, and to stop it.
		in.DisableApiTermination, in.InstanceInitiatedShutdownBehavior = nil, types.ShutdownBehaviorTerminate
	}
	return in
}

// rootDevice is how the image names its root volume.
func rootDevice(m *compute.AWSMachine) string {
	if m.RootDevice != "" {
		return m.RootDevice
	}
	return "/dev/xvda"
}

// token is of at most 64 characters. A token whose instance was terminated is refused for ever, so it has the attempt in it; a node id is used
// once, and so no two launches have one.
func token(spec compute.NodeSpec, attempt int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%s/%d/%s/%d", spec.Cluster, spec.ClusterID, spec.Group, spec.NodeID, spec.SpecHash, attempt))
	return hex.EncodeToString(sum[:])
}

// userData is what an instance runs when it boots: it says who it is, and where the rest is.
func userData(spec compute.NodeSpec, text []byte) (string, error) {
	sum := sha256.Sum256(text)
	script := fmt.Sprintf(`#!/bin/sh
set -eu
%s
exec %s node --aws-spec %s --aws-digest %s --install
`, spec.AWS.UserDataExtra, agentPath, nodeName(spec.Cluster, spec.NodeID), hex.EncodeToString(sum[:]))
	if len(script) > userDataBytes {
		return "", fmt.Errorf("%w: the user data would have %d bytes, and has %d at most: shorten aws.user_data_extra", compute.ErrInvalid, len(script), userDataBytes)
	}
	return base64.StdEncoding.EncodeToString([]byte(script)), nil
}

// describe returns instances by their ids: those of fleets, and those that EC2 shows.
func (d *Driver) describe(ctx context.Context, ids ...string) ([]types.Instance, error) {
	if err := d.limit.Wait(ctx); err != nil {
		return nil, err
	}
	out, err := d.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: ids})
	if has(err, gone) {
		return nil, nil
	}
	if err != nil {
		return nil, explained(err, "asking EC2 for %s", strings.Join(ids, ", "))
	}
	var found []types.Instance
	for _, r := range out.Reservations {
		found = append(found, r.Instances...)
	}
	return slices.DeleteFunc(found, func(i types.Instance) bool { return tagged(i.Tags)[tagCluster] == "" }), nil
}
