package aws

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// The ports of a node, each at its private address.
const (
	portNodes   = 9091
	portClients = 9092
	portMTLS    = 9094
)

// List implements compute.Driver.
func (d *Driver) List(ctx context.Context, cluster string) ([]compute.Instance, error) {
	if err := compute.CheckClusterName(cluster); err != nil {
		return nil, err
	}
	var found []types.Instance
	pages := ec2.NewDescribeInstancesPaginator(d.ec2, &ec2.DescribeInstancesInput{Filters: []types.Filter{
		filter("tag:"+tagCluster, cluster),
		filter("instance-state-name", "pending", "running", "stopping", "stopped", "shutting-down"),
	}})
	for pages.HasMorePages() {
		if err := d.limit.Wait(ctx); err != nil {
			return nil, err
		}
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, explained(err, "asking EC2 for the nodes of cluster %q", cluster)
		}
		for _, r := range page.Reservations {
			found = append(found, r.Instances...)
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	specs, err := d.specsOf(ctx, cluster, found)
	if err != nil {
		return nil, err
	}
	events, err := d.events(ctx)
	if err != nil {
		return nil, err
	}
	var out []compute.Instance
	for _, i := range found {
		instance := d.instance(i, specs[aws.ToString(i.InstanceId)])
		instance.Maintenance = cmp.Or(events[instance.ID], instance.Maintenance)
		out = append(out, instance)
	}
	slices.SortFunc(out, func(a, b compute.Instance) int {
		return cmp.Or(cmp.Compare(a.Spec.NodeID, b.Spec.NodeID), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}

// specsOf are the specs of instances, by instance id. What was read once is not read again.
func (d *Driver) specsOf(ctx context.Context, cluster string, found []types.Instance) (map[string]compute.NodeSpec, error) {
	names := map[string]string{}
	var unknown []string
	d.mu.Lock()
	for _, i := range found {
		name := nodesPath(cluster) + "/" + tagged(i.Tags)[tagNodeID]
		names[aws.ToString(i.InstanceId)] = name
		if _, known := d.specs[name]; !known {
			unknown = append(unknown, name)
		}
	}
	d.mu.Unlock()
	for len(unknown) > 0 {
		some := unknown[:min(len(unknown), inOneCall)]
		unknown = unknown[len(some):]
		out, err := d.ssm.GetParameters(ctx, &ssm.GetParametersInput{Names: some})
		if err != nil {
			return nil, explained(err, "reading the specs of the nodes of cluster %q", cluster)
		}
		for _, p := range out.Parameters {
			var spec compute.NodeSpec
			if err := json.Unmarshal([]byte(aws.ToString(p.Value)), &spec); err != nil {
				return nil, fmt.Errorf("the parameter %s is damaged: %w", aws.ToString(p.Name), err)
			}
			d.mu.Lock()
			d.specs[aws.ToString(p.Name)] = spec
			d.mu.Unlock()
		}
	}
	specs := map[string]compute.NodeSpec{}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, i := range found {
		id := aws.ToString(i.InstanceId)
		spec, known := d.specs[names[id]]
		tags := tagged(i.Tags)
		if !known || spec.ClusterID != tags[tagClusterID] {
			// Its parameter is gone, be it with the cluster. The tags say as much as it takes to retire it.
			number, _ := strconv.ParseInt(tags[tagNodeID], 10, 32) //nolint:errcheck // 0 is nobody's id.
			spec = compute.NodeSpec{
				Cluster: cluster, ClusterID: tags[tagClusterID], Group: tags[tagGroup], Role: compute.Role(tags[tagRole]),
				NodeID: int32(number), Zone: aws.ToString(i.Placement.AvailabilityZone), InstanceType: string(i.InstanceType), SpecHash: tags[tagSpecHash],
			}
		}
		specs[id] = spec
	}
	return specs, nil
}

// events are the sentences on what AWS has scheduled for instances, whosever they are, by instance id, as they were eventsFor ago at most: what is
// scheduled comes days before it happens.
func (d *Driver) events(ctx context.Context) (map[string]string, error) {
	d.mu.Lock()
	known := d.scheduled
	fresh := known != nil && d.now().Sub(d.scheduledAt) < eventsFor
	d.mu.Unlock()
	if fresh {
		return known, nil
	}
	out := map[string]string{}
	pages := ec2.NewDescribeInstanceStatusPaginator(d.ec2, &ec2.DescribeInstanceStatusInput{
		Filters: []types.Filter{filter("event.code", "instance-reboot", "system-reboot", "system-maintenance", "instance-retirement", "instance-stop")},
	})
	for pages.HasMorePages() {
		if err := d.limit.Wait(ctx); err != nil {
			return nil, err
		}
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, explained(err, "asking EC2 for scheduled events")
		}
		for _, s := range page.InstanceStatuses {
			for _, e := range s.Events {
				out[aws.ToString(s.InstanceId)] = fmt.Sprintf("AWS has scheduled %s for %s: %s", e.Code, aws.ToTime(e.NotBefore).UTC().Format(time.RFC3339), aws.ToString(e.Description))
			}
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.scheduled, d.scheduledAt = out, d.now()
	return out, nil
}

// changed is the time in the reason of a state, such as "User initiated (2026-11-29 17:30:00 GMT)".
var changed = regexp.MustCompile(`\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)`)

// instance is one as the engine knows it.
func (*Driver) instance(i types.Instance, spec compute.NodeSpec) compute.Instance {
	tags := tagged(i.Tags)
	out := compute.Instance{ID: aws.ToString(i.InstanceId), Spec: spec, LaunchedAt: aws.ToTime(i.LaunchTime), Status: status(tags)}
	out.StateSince = out.LaunchedAt
	if out.Status != nil {
		out.Maintenance = out.Status.Leaving
	}
	switch i.State.Name {
	case types.InstanceStateNameRunning:
		out.State = compute.StateRunning
		if out.Status == nil {
			out.State = compute.StatePending
		}
	case types.InstanceStateNameStopping:
		out.State = compute.StateStopping
	case types.InstanceStateNameStopped:
		out.State = compute.StateStopped
	case types.InstanceStateNameShuttingDown, types.InstanceStateNameTerminated:
		out.State = compute.StateTerminating
	default:
		out.State = compute.StatePending
	}
	if out.State != compute.StatePending && out.State != compute.StateRunning {
		out.StateReason = aws.ToString(i.StateTransitionReason)
		if i.StateReason != nil && aws.ToString(i.StateReason.Message) != "" {
			out.StateReason = aws.ToString(i.StateReason.Message)
		}
		out.StateSince = time.Time{}
		if m := changed.FindStringSubmatch(aws.ToString(i.StateTransitionReason)); m != nil {
			out.StateSince, _ = time.Parse(time.DateTime, m[1]) //nolint:errcheck // The zero time is for what is not known.
		}
	}
	if address := aws.ToString(i.PrivateIpAddress); address != "" {
		at := func(port int) string { return net.JoinHostPort(address, strconv.Itoa(port)) }
		out.Address = at(portNodes)
		switch s := spec.Security; {
		case spec.Role != compute.RoleBroker:
		case s.Plaintext:
			out.Clients = out.Address
		default:
			out.Clients = at(portClients)
			if s.Passwords() && s.Certificates() {
				out.ClientsMTLS = at(portMTLS)
			}
		}
	}
	return out
}
