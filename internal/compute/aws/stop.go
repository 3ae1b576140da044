package aws

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// Stop implements compute.Driver: the machine's own shutdown stops the agent, which stops Kafka. A spot instance shuts down in the same way when
// it is terminated, and EC2 stops none that was asked for once.
func (d *Driver) Stop(ctx context.Context, instanceID string) error {
	i, err := d.find(ctx, instanceID)
	if err != nil {
		return err
	}
	if i == nil || i.State.Name == types.InstanceStateNameTerminated || i.State.Name == types.InstanceStateNameShuttingDown {
		return fmt.Errorf("instance %q: %w", instanceID, compute.ErrNotFound)
	}
	if i.State.Name == types.InstanceStateNameStopped || i.State.Name == types.InstanceStateNameStopping {
		return nil
	}
	if i.InstanceLifecycle == types.InstanceLifecycleTypeSpot {
		return d.Terminate(ctx, instanceID)
	}
	if err := d.limit.Wait(ctx); err != nil {
		return err
	}
	if _, err := d.ec2.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{instanceID}}); err != nil {
		return explained(err, "stopping %s", instanceID)
	}
	return d.visible(ctx, func(ctx context.Context) (bool, error) {
		i, err := d.find(ctx, instanceID)
		return i == nil || i.State.Name != types.InstanceStateNameRunning && i.State.Name != types.InstanceStateNamePending, err
	})
}

// Terminate implements compute.Driver.
func (d *Driver) Terminate(ctx context.Context, instanceID string) error {
	i, err := d.find(ctx, instanceID)
	if err != nil || i == nil {
		return err
	}
	tags := tagged(i.Tags)
	cluster := tags[tagCluster]
	id, err := strconv.ParseInt(tags[tagNodeID], 10, 32)
	if err != nil {
		return fmt.Errorf("instance %s of cluster %q has the tag %s = %q, which is no node's id; terminate it by hand", instanceID, cluster, tagNodeID, tags[tagNodeID])
	}
	// The secret is gone before the instance is, and the id is noted before what shows that it was used is gone.
	if err := d.remove(ctx, secretsPath(cluster)+"/"+compute.NodeSecret(int32(id))); err != nil {
		return err
	}
	if i.State.Name != types.InstanceStateNameShuttingDown && i.State.Name != types.InstanceStateNameTerminated {
		if err := d.terminate(ctx, *i); err != nil {
			return err
		}
	}
	switch _, err := d.get(ctx, nodeName(cluster, int32(id))); {
	case errors.Is(err, compute.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	if err := d.used(ctx, cluster, int32(id)); err != nil {
		return err
	}
	return d.remove(ctx, nodeName(cluster, int32(id)))
}

// terminate takes an instance's protection away and destroys it.
func (d *Driver) terminate(ctx context.Context, i types.Instance) error {
	instanceID := aws.ToString(i.InstanceId)
	if err := d.limit.Wait(ctx); err != nil {
		return err
	}
	if i.InstanceLifecycle != types.InstanceLifecycleTypeSpot {
		if _, err := d.ec2.ModifyInstanceAttribute(ctx, &ec2.ModifyInstanceAttributeInput{
			InstanceId: &instanceID, DisableApiTermination: &types.AttributeBooleanValue{Value: aws.Bool(false)},
		}); err != nil && !has(err, gone) && code(err) != "IncorrectInstanceState" {
			return explained(err, "taking the protection of %s away", instanceID)
		}
	}
	if _, err := d.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{instanceID}}); err != nil && !has(err, gone) {
		return explained(err, "terminating %s", instanceID)
	}
	return d.visible(ctx, func(ctx context.Context) (bool, error) {
		i, err := d.find(ctx, instanceID)
		return i == nil || i.State.Name == types.InstanceStateNameShuttingDown || i.State.Name == types.InstanceStateNameTerminated, err
	})
}

// find returns an instance of a fleet, nil where EC2 shows none of this id.
func (d *Driver) find(ctx context.Context, instanceID string) (*types.Instance, error) {
	if instanceID == "" {
		return nil, nil
	}
	found, err := d.describe(ctx, instanceID)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}
