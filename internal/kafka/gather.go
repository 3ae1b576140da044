package kafka

import (
	"context"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/coalesce"
)

// gathers are the calls that are made of several callers' questions.
type gathers struct {
	settled                      *coalesce.Gather[int, nothing]
	checkedTopics, createdTopics *coalesce.Gather[NewTopic, nothing]
	deletedTopics                *coalesce.Gather[string, nothing]
	checkedPartitions            *coalesce.Gather[morePartitions, nothing]
	addedPartitions              *coalesce.Gather[morePartitions, nothing]
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
	// What changes metadata does so together, whatever it is about: brokers follow once for all of it.
	rounds := &coalesce.Rounds{Window: writeWindow}
	checks := &coalesce.Rounds{Window: checkWindow}
	settled := gathering(c.settle)
	settled.Alone = false // One that was begun before a write does not tell of it, and the next one shall not wait for it.
	return gathers{
		settled:           settled,
		checkedTopics:     asking(checks, func(ctx context.Context, asked []NewTopic) []error { return c.createTopics(ctx, asked, true) }),
		createdTopics:     asking(rounds, func(ctx context.Context, asked []NewTopic) []error { return c.createTopics(ctx, asked, false) }),
		deletedTopics:     asking(rounds, c.deleteTopics),
		checkedPartitions: asking(checks, func(ctx context.Context, asked []morePartitions) []error { return c.addPartitions(ctx, asked, true) }),
		addedPartitions:   asking(rounds, func(ctx context.Context, asked []morePartitions) []error { return c.addPartitions(ctx, asked, false) }),
		awaitedTopics:     awaiting(c.awaitTopics),
		checkedConfigs:    asking(checks, func(ctx context.Context, asked []topicChanges) []error { return c.alterTopicConfigs(ctx, asked, true) }),
		alteredConfigs:    asking(rounds, func(ctx context.Context, asked []topicChanges) []error { return c.alterTopicConfigs(ctx, asked, false) }),
		awaitedConfigs:    awaiting(c.awaitTopicConfigs),
		createdACLs:       asking(rounds, c.createACLs),
		deletedACLs:       asking(rounds, c.deleteACLs),
		awaitedACLs:       awaiting(c.awaitACLs),
		checkedQuotas:     asking(checks, func(ctx context.Context, asked []quotaChanges) []error { return c.alterQuotas(ctx, asked, true) }),
		alteredQuotas:     asking(rounds, func(ctx context.Context, asked []quotaChanges) []error { return c.alterQuotas(ctx, asked, false) }),
		awaitedQuotas:     awaiting(c.awaitQuotas),
	}
}
