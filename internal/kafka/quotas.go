package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
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

// orDefault is the protocol's name of a part: null for the default entity.
func (p part) orDefault() *string {
	if *p.name == "" {
		return nil
	}
	return p.name
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
	req := kmsg.NewPtrDescribeClientQuotasRequest()
	req.Strict = true
	for _, p := range entity.parts() {
		component := kmsg.NewDescribeClientQuotasRequestComponent()
		component.EntityType, component.MatchType, component.Match = p.kind, kmsg.QuotasMatchTypeExact, p.orDefault()
		if component.Match == nil {
			component.MatchType = kmsg.QuotasMatchTypeDefault
		}
		req.Components = append(req.Components, component)
	}
	resp, err := requestKRaft(ctx, c, to, req, func(r *kmsg.DescribeClientQuotasResponse) error { return kafkaError(r.ErrorCode, r.ErrorMessage) })
	if err != nil {
		return nil, err
	}
	quotas := map[string]float64{}
	for _, entry := range resp.Entries {
		for _, v := range entry.Values {
			quotas[v.Key] = v.Value
		}
	}
	if len(quotas) == 0 {
		return nil, ErrNotFound
	}
	return quotas, nil
}

// AlterQuotas sets and removes quotas of one entity, leaves its others as they are, and waits until every live broker knows. With
// validateOnly Kafka checks and changes nothing.
func (c *Client) AlterQuotas(ctx context.Context, entity QuotaEntity, changes []QuotaChange, validateOnly bool) error {
	req := kmsg.NewPtrAlterClientQuotasRequest()
	req.ValidateOnly = validateOnly
	entry := kmsg.NewAlterClientQuotasRequestEntry()
	for _, p := range entity.parts() {
		component := kmsg.NewAlterClientQuotasRequestEntryEntity()
		component.Type, component.Name = p.kind, p.orDefault()
		entry.Entity = append(entry.Entity, component)
	}
	want := map[string]*float64{}
	for _, change := range changes {
		op := kmsg.NewAlterClientQuotasRequestEntryOp()
		op.Key, op.Remove = change.Key, change.Value == nil
		if change.Value != nil {
			op.Value = *change.Value
		}
		entry.Ops = append(entry.Ops, op)
		want[change.Key] = change.Value
	}
	req.Entries = append(req.Entries, entry)
	if !validateOnly {
		c.mutation("AlterClientQuotas", fmt.Sprintf("%s: %s", entity, strings.Join(slices.Sorted(maps.Keys(want)), ", ")))
	}
	_, err := requestKRaft(ctx, c, c.anyBroker(), req, func(r *kmsg.AlterClientQuotasResponse) error {
		for _, e := range r.Entries {
			if err := kafkaError(e.ErrorCode, e.ErrorMessage); err != nil {
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
