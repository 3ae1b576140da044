package aws

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// The tags of an instance. Policies of IAM go by them (examples/aws).
const (
	tagCluster   = "kafkafleet:cluster"
	tagClusterID = "kafkafleet:cluster-id"
	tagGroup     = "kafkafleet:group"
	tagRole      = "kafkafleet:role"
	tagNodeID    = "kafkafleet:node-id"
	tagSpecHash  = "kafkafleet:spec-hash"
	// tagStatus is written by the node's agent: its report, as short as it can be.
	tagStatus = "kafkafleet:status"
	// tagError is the reason of the latest failure, beside it.
	tagError = "kafkafleet:error"
	// tagLeaving says that the machine will be taken away, beside it.
	tagLeaving = "kafkafleet:leaving"
	// tagValue is how long the value of a tag can be.
	tagValue = 256
)

// tagsOf are the tags of a node's instance and volume. Those of the driver win over the user's.
func (d *Driver) tagsOf(spec compute.NodeSpec) []types.Tag {
	all := maps.Clone(d.tags)
	if all == nil {
		all = map[string]string{}
	}
	if all["Name"] == "" {
		all["Name"] = spec.Cluster + "-" + spec.Group + "-" + strconv.Itoa(int(spec.NodeID))
	}
	maps.Copy(all, map[string]string{
		tagCluster: spec.Cluster, tagClusterID: spec.ClusterID, tagGroup: spec.Group, tagRole: string(spec.Role),
		tagNodeID: strconv.Itoa(int(spec.NodeID)), tagSpecHash: spec.SpecHash,
	})
	var out []types.Tag
	for _, key := range slices.Sorted(maps.Keys(all)) {
		out = append(out, types.Tag{Key: aws.String(key), Value: aws.String(all[key])})
	}
	return out
}

func tagged(tags []types.Tag) map[string]string {
	out := map[string]string{}
	for _, t := range tags {
		out[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return out
}

// StatusTags are the tags by which an agent reports, each no longer than a tag can be.
func StatusTags(s compute.NodeStatus) (map[string]string, error) {
	problem, leaving := s.LastError, s.Leaving
	s.LastError, s.Leaving = "", ""
	text, err := json.Marshal(s)
	if err == nil && len(text) > tagValue {
		s.DiskUsedBytes = nil
		text, err = json.Marshal(s)
	}
	if err != nil {
		return nil, err
	}
	return map[string]string{tagStatus: string(text), tagError: shortened(strings.TrimSpace(problem)), tagLeaving: shortened(leaving)}, nil
}

// shortened cuts a text to what a tag can be, between two characters.
func shortened(text string) string {
	const more = "…"
	if len(text) <= tagValue {
		return text
	}
	cut := 0
	for i := range text {
		if i > tagValue-len(more) {
			break
		}
		cut = i
	}
	return text[:cut] + more
}

// status is the reverse of StatusTags, nil where there is no report.
func status(tags map[string]string) *compute.NodeStatus {
	s := &compute.NodeStatus{}
	if err := json.Unmarshal([]byte(tags[tagStatus]), s); err != nil {
		return nil
	}
	s.LastError, s.Leaving = tags[tagError], tags[tagLeaving]
	return s
}
