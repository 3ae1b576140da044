package kafka

import (
	"context"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/coalesce"
)

// gathers are the calls that are made of several callers' questions.
type gathers struct {
	checkedTopics, createdTopics *coalesce.Gather[NewTopic, nothing]
	deletedTopics                *coalesce.Gather[string, nothing]
	awaitedTopics                *coalesce.Gather[awaitedTopic, nothing]
	checkedConfigs               *coalesce.Gather[topicChanges, nothing]
	alteredConfigs               *coalesce.Gather[topicChanges, nothing]
	awaitedConfigs               *coalesce.Gather[topicChanges, nothing]
	createdACLs, deletedACLs     *coalesce.Gather[[]ACL, nothing]
	awaitedACLs                  *coalesce.Gather[awaitedACLs, nothing]
	checkedQuotas, alteredQuotas *coalesce.Gather[quotaChanges, nothing]
	awaitedQuotas                *coalesce.Gather[quotaChanges, nothing]
}

func newGathers(c *Client) gathers {
	return gathers{
		checkedTopics:  gathering(func(ctx context.Context, asked []NewTopic) []error { return c.createTopics(ctx, asked, true) }),
		createdTopics:  gathering(func(ctx context.Context, asked []NewTopic) []error { return c.createTopics(ctx, asked, false) }),
		deletedTopics:  gathering(c.deleteTopics),
		awaitedTopics:  awaiting(c.awaitTopics),
		checkedConfigs: gathering(func(ctx context.Context, asked []topicChanges) []error { return c.alterTopicConfigs(ctx, asked, true) }),
		alteredConfigs: gathering(func(ctx context.Context, asked []topicChanges) []error { return c.alterTopicConfigs(ctx, asked, false) }),
		awaitedConfigs: awaiting(c.awaitTopicConfigs),
		createdACLs:    gathering(c.createACLs),
		deletedACLs:    gathering(c.deleteACLs),
		awaitedACLs:    awaiting(c.awaitACLs),
		checkedQuotas:  gathering(func(ctx context.Context, asked []quotaChanges) []error { return c.alterQuotas(ctx, asked, true) }),
		alteredQuotas:  gathering(func(ctx context.Context, asked []quotaChanges) []error { return c.alterQuotas(ctx, asked, false) }),
		awaitedQuotas:  awaiting(c.awaitQuotas),
	}
}
