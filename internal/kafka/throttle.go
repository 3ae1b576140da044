package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A replication throttle (KIP-73) needs both: a rate on each broker, and on each topic the list of its throttled replicas. It acts
// on replicas that are not in the ISR, so one that is left behind slows nothing down until a replica falls behind.
const (
	leaderRate       = "leader.replication.throttled.rate"
	followerRate     = "follower.replication.throttled.rate"
	leaderReplicas   = "leader.replication.throttled.replicas"
	followerReplicas = "follower.replication.throttled.replicas"

	// allReplicas is a list that the user has set for good.
	allReplicas = "*"
)

// ThrottleState is what is set of replication throttles.
type ThrottleState struct {
	// Brokers are the rates by broker id, only of brokers that have one of their own.
	Brokers map[int32]BrokerThrottle
	// Topics are the lists by topic, only of topics that have one. A list "*" is the user's own and is not among them.
	Topics map[string]TopicThrottle
}

// BrokerThrottle is a broker's rates in bytes per second, -1 where none is set.
type BrokerThrottle struct{ Leader, Follower int64 }

// TopicThrottle is a topic's throttled replicas as Kafka writes them, "partition:broker", nil where none is set.
type TopicThrottle struct{ Leader, Follower []string }

// Empty is true when no throttle is set.
func (s ThrottleState) Empty() bool { return len(s.Brokers) == 0 && len(s.Topics) == 0 }

// SetThrottle limits the replication of the given replicas. The rate, in bytes per second for each broker and direction, is set on
// the given brokers, which should be live. The replicas, broker ids by partition, are added to what the topics throttle already:
// leader holds those that are read from, follower those that are written. A topic whose list is "*" is left alone, one that has
// vanished is skipped. What could not be set is in the error, all else is set.
func (c *Client) SetThrottle(ctx context.Context, rate int64, brokers []int32, leader, follower map[TopicPartition][]int32) error {
	topics := map[string]struct{ leader, follower []string }{}
	for tp, ids := range leader {
		t := topics[tp.Topic]
		t.leader = append(t.leader, throttledReplicas(tp.Partition, ids)...)
		topics[tp.Topic] = t
	}
	for tp, ids := range follower {
		t := topics[tp.Topic]
		t.follower = append(t.follower, throttledReplicas(tp.Partition, ids)...)
		topics[tp.Topic] = t
	}
	current, failed := c.describeConfigs(ctx, topicResources(maps.Keys(topics)), []string{leaderReplicas, followerReplicas})

	value := strconv.FormatInt(rate, 10)
	changes := map[ConfigResource][]ConfigChange{}
	for _, id := range brokers {
		changes[brokerResource(id)] = []ConfigChange{{Name: leaderRate, Value: &value}, {Name: followerRate, Value: &value}}
	}
	for r, entries := range current {
		own := ownValues(entries, SourceTopic)
		wanted := topics[r.Name]
		var change []ConfigChange
		for _, list := range []struct {
			name string
			add  []string
		}{{leaderReplicas, wanted.leader}, {followerReplicas, wanted.follower}} {
			if merged, changed := mergeReplicas(own[list.name], list.add); changed {
				change = append(change, ConfigChange{Name: list.name, Value: &merged})
			}
		}
		if len(change) > 0 {
			changes[r] = change
		}
	}
	maps.Copy(failed, c.alterConfigs(ctx, changes, false))
	dropVanished(failed)
	return joinResources("throttling", failed)
}

// Throttles reads what is set on the given brokers and topics. A topic that has vanished is left out. A broker that does not answer
// is named in the error; what the others say is returned with it.
func (c *Client) Throttles(ctx context.Context, brokers []int32, topics []string) (ThrottleState, error) {
	state := ThrottleState{Brokers: map[int32]BrokerThrottle{}, Topics: map[string]TopicThrottle{}}
	resources := topicResources(slices.Values(topics))
	for _, id := range brokers {
		resources = append(resources, brokerResource(id))
	}
	current, failed := c.describeConfigs(ctx, resources, []string{leaderRate, followerRate, leaderReplicas, followerReplicas})
	for _, id := range brokers {
		own := ownValues(current[brokerResource(id)], SourceDynamicBroker)
		throttle := BrokerThrottle{Leader: parseRate(own[leaderRate]), Follower: parseRate(own[followerRate])}
		if throttle.Leader >= 0 || throttle.Follower >= 0 {
			state.Brokers[id] = throttle
		}
	}
	for _, name := range topics {
		own := ownValues(current[ConfigResource{Kind: ResourceTopic, Name: name}], SourceTopic)
		throttle := TopicThrottle{Leader: splitReplicas(own[leaderReplicas]), Follower: splitReplicas(own[followerReplicas])}
		if throttle.Leader != nil || throttle.Follower != nil {
			state.Topics[name] = throttle
		}
	}
	dropVanished(failed)
	return state, joinResources("reading the throttle of", failed)
}

// ClearThrottle removes what state holds. A topic or broker that has vanished is no error. What could not be removed is in the
// error, all else is removed.
func (c *Client) ClearThrottle(ctx context.Context, state ThrottleState) error {
	changes := map[ConfigResource][]ConfigChange{}
	remove := func(r ConfigResource, name string, set bool) {
		if set {
			changes[r] = append(changes[r], ConfigChange{Name: name})
		}
	}
	for id, t := range state.Brokers {
		remove(brokerResource(id), leaderRate, t.Leader >= 0)
		remove(brokerResource(id), followerRate, t.Follower >= 0)
	}
	for name, t := range state.Topics {
		r := ConfigResource{Kind: ResourceTopic, Name: name}
		remove(r, leaderReplicas, t.Leader != nil)
		remove(r, followerReplicas, t.Follower != nil)
	}
	failed := c.alterConfigs(ctx, changes, false)
	maps.DeleteFunc(failed, func(_ ConfigResource, err error) bool { return errors.Is(err, ErrNotFound) })
	return joinResources("removing the throttle of", failed)
}

func brokerResource(id int32) ConfigResource {
	return ConfigResource{Kind: ResourceBroker, Name: strconv.Itoa(int(id))}
}

func topicResources(names func(yield func(string) bool)) []ConfigResource {
	var resources []ConfigResource
	for name := range names {
		resources = append(resources, ConfigResource{Kind: ResourceTopic, Name: name})
	}
	return resources
}

// dropVanished forgets that topics are gone: their throttles are gone with them.
func dropVanished(failed map[ConfigResource]error) {
	maps.DeleteFunc(failed, func(r ConfigResource, err error) bool { return r.Kind == ResourceTopic && errors.Is(err, ErrNotFound) })
}

// ownValues are the settings made on the resource itself, not inherited ones.
func ownValues(entries []ConfigEntry, source ConfigSource) map[string]string {
	own := map[string]string{}
	for _, e := range entries {
		if e.Source == source {
			own[e.Name] = e.Value
		}
	}
	return own
}

func throttledReplicas(partition int32, brokers []int32) []string {
	var list []string
	for _, id := range brokers {
		list = append(list, fmt.Sprintf("%d:%d", partition, id))
	}
	return list
}

// mergeReplicas adds entries to a list as Kafka writes it, and says whether that changes it.
func mergeReplicas(list string, add []string) (merged string, changed bool) {
	if strings.TrimSpace(list) == allReplicas {
		return list, false
	}
	all := splitReplicas(list)
	before := len(all)
	for _, entry := range add {
		if !slices.Contains(all, entry) {
			all = append(all, entry)
		}
	}
	slices.SortFunc(all, compareThrottled)
	return strings.Join(all, ","), len(all) > before
}

// splitReplicas returns the entries of a list as Kafka writes it, nil for none and for the user's "*".
func splitReplicas(list string) []string {
	list = strings.TrimSpace(list)
	if list == "" || list == allReplicas {
		return nil
	}
	entries := strings.Split(list, ",")
	for i := range entries {
		entries[i] = strings.TrimSpace(entries[i])
	}
	return entries
}

// compareThrottled orders "partition:broker" by numbers.
func compareThrottled(a, b string) int {
	numbers := func(entry string) (partition, broker int) {
		p, r, _ := strings.Cut(entry, ":")
		partition, _ = strconv.Atoi(p)
		broker, _ = strconv.Atoi(r)
		return partition, broker
	}
	pa, ra := numbers(a)
	pb, rb := numbers(b)
	return cmp.Or(cmp.Compare(pa, pb), cmp.Compare(ra, rb), strings.Compare(a, b))
}

// parseRate returns -1 for a rate that is not set.
func parseRate(value string) int64 {
	rate, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return -1
	}
	return rate
}
