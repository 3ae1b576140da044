package kafka

import (
	"context"
	"errors"
	"fmt"
)

// topicChanges are changes of a topic's own settings.
type topicChanges struct {
	name    string
	changes []ConfigChange
	// same says that two values mean the same.
	same func(a, b string) bool
}

func (t topicChanges) String() string { return fmt.Sprintf("the settings of topic %q", t.name) }

func (t topicChanges) resource() ConfigResource {
	return ConfigResource{Kind: ResourceTopic, Name: t.name}
}

// AlterTopicConfig sets and removes settings of a topic, leaves all others as they are, and returns when the controller has done so; see
// AwaitTopicConfig. With validateOnly Kafka checks and changes nothing.
func (c *Client) AlterTopicConfig(ctx context.Context, name string, changes []ConfigChange, validateOnly bool) error {
	this := topicChanges{name: name, changes: changes}
	if validateOnly {
		return ask(ctx, c.gather.checkedConfigs, this)
	}
	return ask(ctx, c.gather.alteredConfigs, this)
}

// AwaitTopicConfig waits until every live broker has these changes of a topic's own settings. same says that two values mean the same, since
// Kafka keeps some in a spelling of its own.
func (c *Client) AwaitTopicConfig(ctx context.Context, name string, changes []ConfigChange, same func(a, b string) bool) error {
	if c.settled(ctx, 1) {
		return nil
	}
	return await(ctx, c.gather.awaitedConfigs, topicChanges{name: name, changes: changes, same: same})
}

// alterTopicConfigs is AlterTopicConfig for many.
func (c *Client) alterTopicConfigs(ctx context.Context, all []topicChanges, validateOnly bool) []error {
	return inChunks(all, maxResourcesPerRequest, single, topicChanges.resource, func(some []topicChanges) []error {
		changes := map[ConfigResource][]ConfigChange{}
		for _, t := range some {
			changes[t.resource()] = t.changes
		}
		failed := c.alterConfigs(ctx, changes, validateOnly)
		errs := make([]error, len(some))
		for i, t := range some {
			if err := failed[t.resource()]; err != nil {
				errs[i] = fmt.Errorf("configuring %s: %w", t.resource(), err)
			}
		}
		return errs
	})
}

// awaitTopicConfigs waits until every live broker has the changes.
func (c *Client) awaitTopicConfigs(ctx context.Context, all []topicChanges) []error {
	return agreedOnEach(ctx, c, texts(all), func(ctx context.Context, to nodes, left []int) ([]bool, error) {
		var resources []ConfigResource
		for _, i := range left {
			resources = append(resources, all[i].resource())
		}
		found, failed := c.describeConfigsAt(ctx, to, resources, nil)
		answers := make([]bool, len(left))
		for position, i := range left {
			if err := failed[all[i].resource()]; err != nil && !errors.Is(err, ErrNotFound) {
				return nil, err
			}
			answers[position] = all[i].holds(ownValues(found[all[i].resource()], SourceTopic))
		}
		return answers, nil
	})
}

// holds says whether a topic's own settings are as they were changed.
func (t topicChanges) holds(own map[string]string) bool {
	for _, change := range t.changes {
		value, set := own[change.Name]
		if set != (change.Value != nil) || set && !t.same(*change.Value, value) {
			return false
		}
	}
	return true
}
