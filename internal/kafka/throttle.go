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
	"time"
)

// A replication throttle (KIP-73) needs both: a rate on each broker, and on each topic the list of its throttled replicas. It acts
// on replicas that are not in the ISR, so one that is left behind slows nothing down until a replica falls behind.
//
// What SetThrottle writes carries a mark that Kafka keeps for it and takes no notice of: a leading zero, in a list before the
// broker's id ("12:07" where everybody else writes "12:7"), in a rate before its digits ("052428800"). So it is known, also to a
// run that comes after a crash, from what others have set by hand (docs/adr/0009).
const (
	leaderRate       = "leader.replication.throttled.rate"
	followerRate     = "follower.replication.throttled.rate"
	leaderReplicas   = "leader.replication.throttled.replicas"
	followerReplicas = "follower.replication.throttled.replicas"

	// allReplicas is a list that the user has set for good.
	allReplicas = "*"
	mark        = "0"
)

// Throttled says that a topic of these settings has replicas that SetThrottle has put on its lists.
func Throttled(settings []ConfigEntry) bool {
	own := ownValues(settings, SourceTopic)
	return replicasMarked(own[leaderReplicas]) != nil || replicasMarked(own[followerReplicas]) != nil
}

// ThrottleState is what is set of replication throttles.
type ThrottleState struct {
	// Brokers are the rates by broker id that SetThrottle has set; Others are those that somebody else has.
	Brokers, Others map[int32]BrokerThrottle
	// Topics are the replicas by topic that SetThrottle has put on the lists.
	Topics map[string]TopicThrottle
}

// BrokerThrottle is a broker's rates in bytes per second, -1 where none is set.
type BrokerThrottle struct{ Leader, Follower int64 }

// TopicThrottle is a topic's throttled replicas: broker ids by partition.
type TopicThrottle struct{ Leader, Follower map[int32][]int32 }

// Empty is true when SetThrottle has left nothing. What others have set does not count.
func (s ThrottleState) Empty() bool { return len(s.Brokers) == 0 && len(s.Topics) == 0 }

// SetThrottle limits the replication of the given replicas. The rates are set on their brokers, which should be live; one that is
// negative is left as it is, and so is one that somebody else has set. The replicas, broker ids by partition, are added to what the
// topics throttle already: leader holds those that are read from, follower those that are written. A topic whose list is "*" is
// left alone, one that has vanished is skipped. What could not be set is in the error, all else is set.
//
// Then it waits, for a while, until all of it is in force (docs/adr/0028): a rate makes a broker load its whole configuration anew, and until
// that is done it follows no other change, so whatever is moved to it meanwhile stands still.
func (c *Client) SetThrottle(ctx context.Context, rates map[int32]BrokerThrottle, leader, follower map[TopicPartition][]int32) error {
	topics := map[string]struct{ leader, follower []string }{}
	for tp, ids := range leader {
		t := topics[tp.Topic]
		t.leader = append(t.leader, markedReplicas(tp.Partition, ids)...)
		topics[tp.Topic] = t
	}
	for tp, ids := range follower {
		t := topics[tp.Topic]
		t.follower = append(t.follower, markedReplicas(tp.Partition, ids)...)
		topics[tp.Topic] = t
	}
	resources := topicResources(maps.Keys(topics))
	for id := range rates {
		resources = append(resources, brokerResource(id))
	}
	current, failed := c.describeConfigs(ctx, resources, throttleSettings)

	limits, lists := map[ConfigResource][]ConfigChange{}, map[ConfigResource][]ConfigChange{}
	for id, rate := range rates {
		r := brokerResource(id)
		entries, known := current[r]
		if !known {
			continue // It did not answer, and is in failed.
		}
		own := ownValues(entries, SourceDynamicBroker)
		for _, setting := range []struct {
			name string
			rate int64
		}{{leaderRate, rate.Leader}, {followerRate, rate.Follower}} {
			value := mark + strconv.FormatInt(setting.rate, 10)
			if now := own[setting.name]; setting.rate >= 0 && now != value && (now == "" || markedRate(now)) {
				limits[r] = append(limits[r], ConfigChange{Name: setting.name, Value: &value})
			}
		}
	}
	for name, wanted := range topics {
		r := ConfigResource{Kind: ResourceTopic, Name: name}
		entries, known := current[r]
		if !known {
			continue
		}
		own := ownValues(entries, SourceTopic)
		for _, list := range []struct {
			name string
			add  []string
		}{{leaderReplicas, wanted.leader}, {followerReplicas, wanted.follower}} {
			if merged, changed := mergeReplicas(own[list.name], list.add); changed {
				lists[r] = append(lists[r], ConfigChange{Name: list.name, Value: &merged})
			}
		}
	}
	maps.Copy(failed, c.alterConfigs(ctx, limits, false))
	c.awaitLimits(ctx, limits, failed)
	maps.Copy(failed, c.alterConfigs(ctx, lists, false))
	c.awaitLists(ctx, lists)
	dropVanished(failed)
	return joinResources("throttling", failed)
}

// awaitLimits waits until the brokers whose limits did not fail show them. A broker answers from the limits that it works with. One that does not come to it
// is not waited for for long: it may be the one that is to be moved away from.
func (c *Client) awaitLimits(ctx context.Context, limits map[ConfigResource][]ConfigChange, failed map[ConfigResource]error) {
	ctx, cancel := context.WithTimeout(ctx, inForceWithin)
	defer cancel()
	left := slices.DeleteFunc(slices.SortedFunc(maps.Keys(limits), compareResources), func(r ConfigResource) bool { return failed[r] != nil })
	_ = c.retry(ctx, 1, 0, func(ctx context.Context) error {
		current, unanswered := c.describeConfigs(ctx, left, throttleSettings)
		left = slices.DeleteFunc(left, func(r ConfigResource) bool {
			own := ownValues(current[r], SourceDynamicBroker)
			return unanswered[r] != nil || !slices.ContainsFunc(limits[r], func(change ConfigChange) bool { return own[change.Name] != *change.Value })
		})
		if len(left) > 0 {
			return errNotAgreed
		}
		return nil
	})
}

// awaitLists waits until every live broker works with the lists. One that shows its limits may still be busy with what they bring about, and one
// that works with the lists, which came later, is through with that. Not everybody may see how far the log of metadata is.
func (c *Client) awaitLists(ctx context.Context, lists map[ConfigResource][]ConfigChange) {
	if len(lists) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, inForceWithin)
	defer cancel()
	_ = c.followed(ctx)
}

// inForceWithin is how long brokers may take to work with a throttle before it is taken to be in force.
const inForceWithin = 10 * time.Second

var throttleSettings = []string{leaderRate, followerRate, leaderReplicas, followerReplicas}

// Throttles reads what is set on the given brokers and topics. A topic that has vanished is left out. A broker that does not answer
// is named in the error; what the others say is returned with it.
func (c *Client) Throttles(ctx context.Context, brokers []int32, topics []string) (ThrottleState, error) {
	state := ThrottleState{Brokers: map[int32]BrokerThrottle{}, Others: map[int32]BrokerThrottle{}, Topics: map[string]TopicThrottle{}}
	resources := topicResources(slices.Values(topics))
	for _, id := range brokers {
		resources = append(resources, brokerResource(id))
	}
	current, failed := c.describeConfigs(ctx, resources, throttleSettings)
	for _, id := range brokers {
		own := ownValues(current[brokerResource(id)], SourceDynamicBroker)
		for _, by := range []struct {
			rates  map[int32]BrokerThrottle
			marked bool
		}{{state.Brokers, true}, {state.Others, false}} {
			throttle := BrokerThrottle{Leader: rateOf(own[leaderRate], by.marked), Follower: rateOf(own[followerRate], by.marked)}
			if throttle.Leader >= 0 || throttle.Follower >= 0 {
				by.rates[id] = throttle
			}
		}
	}
	for _, name := range topics {
		own := ownValues(current[ConfigResource{Kind: ResourceTopic, Name: name}], SourceTopic)
		throttle := TopicThrottle{Leader: replicasMarked(own[leaderReplicas]), Follower: replicasMarked(own[followerReplicas])}
		if throttle.Leader != nil || throttle.Follower != nil {
			state.Topics[name] = throttle
		}
	}
	dropVanished(failed)
	return state, joinResources("reading the throttle of", failed)
}

// ClearThrottle removes what SetThrottle has set on the brokers and topics of a state, and nothing that others have put there. A topic
// or broker that has vanished is no error. What could not be removed is in the error, all else is removed.
func (c *Client) ClearThrottle(ctx context.Context, state ThrottleState) error {
	changes := map[ConfigResource][]ConfigChange{}
	for id, t := range state.Brokers {
		r := brokerResource(id)
		if t.Leader >= 0 {
			changes[r] = append(changes[r], ConfigChange{Name: leaderRate})
		}
		if t.Follower >= 0 {
			changes[r] = append(changes[r], ConfigChange{Name: followerRate})
		}
	}
	// The lists are read again: somebody may have added to them since.
	current, failed := c.describeConfigs(ctx, topicResources(maps.Keys(state.Topics)), throttleSettings)
	for r, entries := range current {
		own := ownValues(entries, SourceTopic)
		for _, name := range []string{leaderReplicas, followerReplicas} {
			kept, changed := withoutMarked(own[name])
			switch {
			case changed && kept == "":
				changes[r] = append(changes[r], ConfigChange{Name: name})
			case changed:
				changes[r] = append(changes[r], ConfigChange{Name: name, Value: &kept})
			}
		}
	}
	maps.Copy(failed, c.alterConfigs(ctx, changes, false))
	maps.DeleteFunc(failed, func(_ ConfigResource, err error) bool { return errors.Is(err, ErrNotFound) })
	return joinResources("removing the throttle of", failed)
}

// ForgetThrottle removes the rates of brokers that are gone for good, whoever set them: nobody can ask such a broker what it has, and
// its settings outlive it. The controllers take the change in its place. A broker that is not registered any more is no error.
func (c *Client) ForgetThrottle(ctx context.Context, brokers []int32) error {
	changes := map[ConfigResource][]ConfigChange{}
	for _, id := range brokers {
		changes[brokerResource(id)] = []ConfigChange{{Name: leaderRate}, {Name: followerRate}}
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

func markedReplicas(partition int32, brokers []int32) []string {
	var list []string
	for _, id := range brokers {
		list = append(list, fmt.Sprintf("%d:%s%d", partition, mark, id))
	}
	return list
}

// markedReplica says that SetThrottle wrote an entry. Broker 0 of somebody else is "0", ours is "00".
func markedReplica(entry string) bool {
	_, broker, _ := strings.Cut(entry, ":")
	return markedRate(broker)
}

func markedRate(value string) bool { return len(value) > len(mark) && strings.HasPrefix(value, mark) }

// mergeReplicas adds entries to a list as Kafka writes it, and says whether that changes it. A replica that is on the list already stays
// as it stands there.
func mergeReplicas(list string, add []string) (merged string, changed bool) {
	if strings.TrimSpace(list) == allReplicas {
		return list, false
	}
	all := splitReplicas(list)
	before := len(all)
	for _, entry := range add {
		if !slices.ContainsFunc(all, func(old string) bool { return numbersOf(old) == numbersOf(entry) }) {
			all = append(all, entry)
		}
	}
	slices.SortFunc(all, compareThrottled)
	return strings.Join(all, ","), len(all) > before
}

// withoutMarked drops SetThrottle's entries from a list, and says whether that changes it.
func withoutMarked(list string) (kept string, changed bool) {
	all := splitReplicas(list)
	others := slices.DeleteFunc(slices.Clone(all), markedReplica)
	return strings.Join(others, ","), len(others) < len(all)
}

// replicasMarked are SetThrottle's entries of a list, broker ids by partition, nil for none.
func replicasMarked(list string) map[int32][]int32 {
	var out map[int32][]int32
	for _, entry := range splitReplicas(list) {
		if !markedReplica(entry) {
			continue
		}
		if out == nil {
			out = map[int32][]int32{}
		}
		n := numbersOf(entry)
		out[n.partition] = append(out[n.partition], n.broker)
	}
	return out
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

type throttledReplica struct{ partition, broker int32 }

// numbersOf reads "partition:broker", with or without the mark.
func numbersOf(entry string) throttledReplica {
	p, b, _ := strings.Cut(entry, ":")
	partition, _ := strconv.ParseInt(p, 10, 32) //nolint:errcheck // Kafka takes only numbers.
	broker, _ := strconv.ParseInt(b, 10, 32)    //nolint:errcheck // See above.
	return throttledReplica{int32(partition), int32(broker)}
}

// compareThrottled orders "partition:broker" by numbers.
func compareThrottled(a, b string) int {
	x, y := numbersOf(a), numbersOf(b)
	return cmp.Or(cmp.Compare(x.partition, y.partition), cmp.Compare(x.broker, y.broker))
}

// rateOf returns -1 for a rate that is not set, or not by the one who is asked for.
func rateOf(value string, marked bool) int64 {
	rate, err := strconv.ParseInt(value, 10, 64)
	if err != nil || rate < 0 || markedRate(value) != marked {
		return -1
	}
	return rate
}
