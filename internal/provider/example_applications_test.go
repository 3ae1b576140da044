package provider

import (
	"context"
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// makes creates a topic, as an application does that keeps its state in topics of its own.
func (m member) makes(topic string) error {
	create := kmsg.NewPtrCreateTopicsRequest()
	wanted := kmsg.NewCreateTopicsRequestTopic()
	wanted.Topic, wanted.NumPartitions, wanted.ReplicationFactor = topic, 1, 3
	create.Topics = append(create.Topics, wanted)
	answer, err := create.RequestWith(m.deadline(), m.client())
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(answer.Topics[0].ErrorCode)
}

// settings asks for the settings of a topic.
func (m member) settings(topic string) error {
	describe := kmsg.NewPtrDescribeConfigsRequest()
	resource := kmsg.NewDescribeConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, topic
	describe.Resources = append(describe.Resources, resource)
	answer, err := describe.RequestWith(m.deadline(), m.client())
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(answer.Resources[0].ErrorCode)
}

// sees asks whether there is a topic.
func (m member) sees(topic string) error {
	metadata := kmsg.NewPtrMetadataRequest()
	wanted := kmsg.NewMetadataRequestTopic()
	wanted.Topic = &topic
	metadata.Topics = append(metadata.Topics, wanted)
	answer, err := metadata.RequestWith(m.deadline(), m.client())
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(answer.Topics[0].ErrorCode)
}

// TestAccTheExampleOfApplicationsIsApplied: a stream application, the workers of Connect and a schema registry get the rights that they need, and no others.
func TestAccTheExampleOfApplicationsIsApplied(t *testing.T) {
	k := direct(t, sharedKafka(t))
	c := newExample(t, "applications", "fraud", "connect", "schema-registry")
	c.run(0, "validate")
	t.Cleanup(func() {
		c.run(0, "apply", "-auto-approve", "-var", "protect_schemas=false")
		c.run(0, "destroy", "-auto-approve", "-var", "protect_schemas=false")
	})
	c.run(0, "apply", "-auto-approve")
	c.run(0, "plan", "-detailed-exitcode")
	c.run(1, "destroy", "-auto-approve") // The schemas are protected.

	as := func(name string) member { return member{t, name} }
	streams, connect, registry := as("fraud"), as("connect"), as("schema-registry")
	t.Cleanup(func() {
		if err := k.DeleteTopic(context.Background(), "fraud-counts-changelog"); err != nil {
			t.Error(err)
		}
	})
	// In this order: what is read has been written. The Kafka of these tests allows what no ACL is about, so what is refused is what another one has; and
	// whoever may create topics of no name in particular may create those of any name.
	topic, group, id := kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.TransactionalIDAuthorizationFailed
	for _, c := range []struct {
		what      string
		got, want error
	}{
		{"the stream application makes a topic of its own", streams.makes("fraud-counts-changelog"), nil},
		{"it writes to it", streams.writes("fraud-counts-changelog"), nil},
		{"it reads it", streams.reads("fraud-counts-changelog"), nil},
		{"it writes its output", streams.writes("alerts"), nil},
		{"it writes its input", streams.writes("payments"), topic},
		{"it is in its group", streams.group("fraud"), nil},
		{"it is in another one's group", streams.group("connect"), group},
		{"it writes in transactions", streams.transaction("fraud-0c4a-1"), nil},
		{"another one writes in its transactions", connect.transaction("fraud-0c4a-1"), id},
		{"the workers are in their group", connect.group("connect"), nil},
		{"they write configurations", connect.writes("connect-configs"), nil},
		{"they read configurations", connect.reads("connect-configs"), nil},
		{"they write offsets", connect.writes("connect-offsets"), nil},
		{"they write the status", connect.writes("connect-status"), nil},
		{"the sink is in its group", connect.group("connect-archive"), nil},
		{"the sink reads", connect.reads("alerts"), nil},
		{"the sink is in the application's group", connect.group("fraud"), group},
		{"the sink writes", connect.writes("alerts"), topic},
		{"the registry writes schemas", registry.writes("_schemas"), nil},
		{"it reads schemas", registry.reads("_schemas"), nil},
		{"it looks at how they are kept", registry.settings("_schemas"), nil},
		{"it sees where offsets are kept", registry.sees("__consumer_offsets"), nil},
		{"it is in its instances' group", registry.group("schema-registry"), nil},
		{"it is in its reader's group", registry.group("schema-registry-host-8081"), nil},
		{"it writes something else", registry.writes("alerts"), topic},
		{"it looks at the settings of something else", registry.settings("alerts"), topic},
	} {
		// The topic of offsets comes with the first group: until then it is not there, which only who may see it is told.
		unknown := c.want == nil && errors.Is(c.got, kerr.UnknownTopicOrPartition) && c.what == "it sees where offsets are kept"
		if !errors.Is(c.got, c.want) && !unknown || c.want == nil && c.got != nil && !unknown {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
}
