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
	this := quotaChanges{entity: entity, changes: changes}
	if validateOnly {
		return ask(ctx, c.gather.checkedQuotas, this)
	}
	defer c.reader.quotas.Forget(entity.key())
	if err := ask(ctx, c.gather.alteredQuotas, this); err != nil {
		return err
	}
	if c.settled(ctx, 1) {
		return nil
	}
	return await(ctx, c.gather.awaitedQuotas, this)
}

// quotaChanges are changes of one entity.
type quotaChanges struct {
	entity  QuotaEntity
	changes []QuotaChange
}

func (q quotaChanges) String() string { return fmt.Sprintf("the quota of %s", q.entity) }

// entry is the changes as sarama asks for them.
func (q quotaChanges) entry() sarama.AlterClientQuotasEntry {
	var entry sarama.AlterClientQuotasEntry
	for _, p := range q.entity.parts() {
		entry.Entity = append(entry.Entity, sarama.QuotaEntityComponent{
			EntityType: sarama.QuotaEntityType(p.kind), MatchType: p.match(), Name: *p.name,
		})
	}
	for _, change := range q.changes {
		op := sarama.ClientQuotasOp{Key: change.Key, Remove: change.Value == nil}
		if change.Value != nil {
			op.Value = *change.Value
		}
		entry.Ops = append(entry.Ops, op)
	}
	return entry
}

// holds says whether quotas are as they were changed.
func (q quotaChanges) holds(quotas map[string]float64) bool {
	for _, change := range q.changes {
		if is, ok := quotas[change.Key]; ok != (change.Value != nil) || ok && is != *change.Value {
			return false
		}
	}
	return true
}

// maxQuotasPerRequest keeps a request below the records that a controller takes.
const maxQuotasPerRequest = 1000

// alterQuotas is AlterQuotas for many, without the wait.
func (c *Client) alterQuotas(ctx context.Context, all []quotaChanges, validateOnly bool) []error {
	return inChunks(all, maxQuotasPerRequest, single, func(q quotaChanges) quotaKey { return q.entity.key() }, func(some []quotaChanges) []error {
		if !validateOnly {
			for _, q := range some {
				var keys []string
				for _, change := range q.changes {
					keys = append(keys, change.Key)
				}
				slices.Sort(keys)
				c.mutation("AlterClientQuotas", fmt.Sprintf("%s: %s", q.entity, strings.Join(keys, ", ")))
			}
		}
		return each(ctx, c, c.anyForwarder(), "AlterClientQuotas", len(some), func(b *sarama.Broker, left []int) (*sarama.AlterClientQuotasResponse, error) {
			req := &sarama.AlterClientQuotasRequest{Version: 1, ValidateOnly: validateOnly}
			for _, i := range left {
				req.Entries = append(req.Entries, some[i].entry())
			}
			return b.AlterClientQuotas(req)
		}, func(r *sarama.AlterClientQuotasResponse, _, i int, _ bool) error {
			for _, e := range r.Entries {
				if keyOf(e.Entity) == some[i].entity.key() {
					return kafkaErrorAbout(some[i].String(), int16(e.ErrorCode), e.ErrorMsg)
				}
			}
			return fmt.Errorf("%w: %s was to be changed and is not in the answer", ErrInvalid, some[i])
		})
	})
}

// awaitQuotas waits until every live broker knows the changes.
func (c *Client) awaitQuotas(ctx context.Context, all []quotaChanges) []error {
	return agreedOnEach(ctx, c, texts(all), func(ctx context.Context, to nodes, left []int) ([]bool, error) {
		entities := make([]quotaKey, len(left))
		for position, i := range left {
			entities[position] = all[i].entity.key()
		}
		found, err := c.quotasOf(ctx, to, entities)
		answers := make([]bool, len(left))
		for position, i := range left {
			answers[position] = all[i].holds(found[entities[position]])
		}
		return answers, err
	})
}

// quotaKey is an entity as a key. A part that is nil is not of the entity, one that is "" is the default.
type quotaKey struct{ user, clientID, ip quotaName }

type quotaName struct {
	there bool
	name  string
}

func (e QuotaEntity) key() quotaKey {
	name := func(s *string) quotaName {
		if s == nil {
			return quotaName{}
		}
		return quotaName{true, *s}
	}
	return quotaKey{name(e.User), name(e.ClientID), name(e.IP)}
}

// entity is the reverse of QuotaEntity.key.
func (k quotaKey) entity() QuotaEntity {
	name := func(n quotaName) *string {
		if !n.there {
			return nil
		}
		return &n.name
	}
	return QuotaEntity{User: name(k.user), ClientID: name(k.clientID), IP: name(k.ip)}
}

// keyOf is the entity of an answer.
func keyOf(components []sarama.QuotaEntityComponent) (k quotaKey) {
	for _, c := range components {
		n := quotaName{there: true, name: c.Name}
		if c.MatchType == sarama.QuotaMatchDefault {
			n.name = ""
		}
		switch c.EntityType {
		case sarama.QuotaEntityUser:
			k.user = n
		case sarama.QuotaEntityClientID:
			k.clientID = n
		case sarama.QuotaEntityIP:
			k.ip = n
		}
	}
	return k
}

// fewEntities are asked for one by one, more of them by a list of all.
const fewEntities = 3

// quotasOf returns the quotas of entities as one node sees them. One that has none is not in the answer.
func (c *Client) quotasOf(ctx context.Context, to nodes, entities []quotaKey) (map[quotaKey]map[string]float64, error) {
	if len(entities) > fewEntities {
		return c.allQuotas(ctx, to)
	}
	found := map[quotaKey]map[string]float64{}
	for _, k := range entities {
		quotas, err := c.quotasAt(ctx, to, k.entity())
		switch {
		case err == nil:
			found[k] = quotas
		case !errors.Is(err, ErrNotFound):
			return nil, err
		}
	}
	return found, nil
}

// allQuotas returns the quotas of all entities as one node sees them.
func (c *Client) allQuotas(ctx context.Context, to nodes) (map[quotaKey]map[string]float64, error) {
	resp, err := request(ctx, c, to, "DescribeClientQuotas", func(b *sarama.Broker) (*sarama.DescribeClientQuotasResponse, error) {
		return b.DescribeClientQuotas(&sarama.DescribeClientQuotasRequest{Version: 1})
	}, func(r *sarama.DescribeClientQuotasResponse) error { return kafkaError(int16(r.ErrorCode), r.ErrorMsg) })
	if err != nil {
		return nil, err
	}
	all := map[quotaKey]map[string]float64{}
	for _, entry := range resp.Entries {
		k := keyOf(entry.Entity)
		if all[k] == nil {
			all[k] = map[string]float64{}
		}
		maps.Copy(all[k], entry.Values)
	}
	return all, nil
}
