package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/IBM/sarama"
)

// QuotaChange sets a quota, or with a nil Value removes it.
type QuotaChange struct {
	Key   string
	Value *float64
}

// String says the entity in a few words.
func (e QuotaEntity) String() string {
	var parts []string
	for _, p := range e.parts() {
		name := "default " + p.kind
		if *p.name != "" {
			name = fmt.Sprintf("%s %q", p.kind, *p.name)
		}
		parts = append(parts, name)
	}
	return strings.Join(parts, " with ")
}

// part is one side of an entity, in the protocol's words.
type part struct {
	kind string
	name *string
}

func (e QuotaEntity) parts() []part {
	all := []part{{"user", e.User}, {"client-id", e.ClientID}, {"ip", e.IP}}
	return slices.DeleteFunc(all, func(p part) bool { return p.name == nil })
}

// match is exact, or default for the default entity, which has no name in the protocol.
func (p part) match() sarama.QuotaMatchType {
	if *p.name == "" {
		return sarama.QuotaMatchDefault
	}
	return sarama.QuotaMatchExact
}

// Quotas returns the quotas of exactly this entity by key. An entity has at least one: without any it is ErrNotFound, which is
// confirmed by more than one broker.
func (c *Client) Quotas(ctx context.Context, entity QuotaEntity) (map[string]float64, error) {
	quotas, err := find(ctx, c, func(ctx context.Context, to nodes) (map[string]float64, error) { return c.quotasAt(ctx, to, entity) })
	if err != nil {
		return nil, fmt.Errorf("quotas of %s: %w", entity, err)
	}
	return quotas, nil
}

// quotasAt is Quotas as one node sees them.
func (c *Client) quotasAt(ctx context.Context, to nodes, entity QuotaEntity) (map[string]float64, error) {
	resp, err := request(ctx, c, to, "DescribeClientQuotas", func(b *sarama.Broker) (*sarama.DescribeClientQuotasResponse, error) {
		req := &sarama.DescribeClientQuotasRequest{Version: 1, Strict: true}
		for _, p := range entity.parts() {
			req.Components = append(req.Components, sarama.QuotaFilterComponent{
				EntityType: sarama.QuotaEntityType(p.kind), MatchType: p.match(), Match: *p.name,
			})
		}
		return b.DescribeClientQuotas(req)
	}, func(r *sarama.DescribeClientQuotasResponse) error { return kafkaError(int16(r.ErrorCode), r.ErrorMsg) })
	if err != nil {
		return nil, err
	}
	quotas := map[string]float64{}
	for _, entry := range resp.Entries {
		maps.Copy(quotas, entry.Values)
	}
	if len(quotas) == 0 {
		return nil, ErrNotFound
	}
	return quotas, nil
}

// AlterQuotas sets and removes quotas of one entity, leaves its others as they are, and waits until every live broker knows. With
// validateOnly Kafka checks and changes nothing.
func (c *Client) AlterQuotas(ctx context.Context, entity QuotaEntity, changes []QuotaChange, validateOnly bool) error {
	var entry sarama.AlterClientQuotasEntry
	for _, p := range entity.parts() {
		entry.Entity = append(entry.Entity, sarama.QuotaEntityComponent{
			EntityType: sarama.QuotaEntityType(p.kind), MatchType: p.match(), Name: *p.name,
		})
	}
	want := map[string]*float64{}
	for _, change := range changes {
		op := sarama.ClientQuotasOp{Key: change.Key, Remove: change.Value == nil}
		if change.Value != nil {
			op.Value = *change.Value
		}
		entry.Ops = append(entry.Ops, op)
		want[change.Key] = change.Value
	}
	if !validateOnly {
		c.mutation("AlterClientQuotas", fmt.Sprintf("%s: %s", entity, strings.Join(slices.Sorted(maps.Keys(want)), ", ")))
	}
	_, err := request(ctx, c, c.anyBroker(), "AlterClientQuotas", func(b *sarama.Broker) (*sarama.AlterClientQuotasResponse, error) {
		return b.AlterClientQuotas(&sarama.AlterClientQuotasRequest{
			Version: 1, Entries: []sarama.AlterClientQuotasEntry{entry}, ValidateOnly: validateOnly,
		})
	}, func(r *sarama.AlterClientQuotasResponse) error {
		for _, e := range r.Entries {
			if err := kafkaError(int16(e.ErrorCode), e.ErrorMsg); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || validateOnly {
		return err
	}
	return agreed(ctx, c, fmt.Sprintf("the quota of %s", entity), func(ctx context.Context, to nodes) (bool, error) {
		quotas, err := c.quotasAt(ctx, to, entity)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return false, err
		}
		for key, value := range want {
			if is, ok := quotas[key]; ok != (value != nil) || ok && is != *value {
				return false, nil
			}
		}
		return true, nil
	})
}
