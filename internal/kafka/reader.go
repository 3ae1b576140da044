package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unique"

	"github.com/IBM/sarama"
	"golang.org/x/sync/errgroup"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/coalesce"
)

// readerAge is how long what a Reader has read is good. Most plans take less; one of ten thousand single objects takes Terraform minutes, in which it would read
// everything ten times over. brokersAge is the same for the brokers, which come and go while others wait for them.
const (
	readerAge  = 2 * time.Minute
	brokersAge = 30 * time.Second
)

// describedAtOnce is how many requests for the settings of many topics are under way at the same time, at different brokers. An answer is megabytes.
const describedAtOnce = 3

// atOnce is how many requests of a Reader are under way at the same time, where it takes one for each object.
const atOnce = 10

// Reader reads the topics, ACLs, quotas and users of a cluster for many callers: a few requests answer all of them. What it returns is at most two
// minutes old, and newer than all that was written through the same Client. That an object does not exist is confirmed by more than one broker
// before it is told as ErrNotFound. What it returns is shared and not to be changed.
type Reader struct {
	client  *Client
	created *coalesce.Gather[string, Topic]
	moving  *coalesce.Gather[string, Topic]
	topics  *coalesce.Known[string, Topic]
	configs *coalesce.Known[string, []ConfigEntry]
	acls    *coalesce.Known[ACL, nothing]
	quotas  *coalesce.Known[quotaKey, map[string]float64]
	users   *coalesce.Known[string, map[string]int32]
	brokers *coalesce.Known[nothing, []Broker]

	// wide is how many bindings the last answer had that was about all of them, or all of a kind.
	wide atomic.Int64

	mu sync.Mutex
	// metrics are the names of topics by how Kafka's metrics spell them, as of metricsAt.
	metrics   map[string][]string
	metricsAt time.Time
}

// Reader returns the one reader of this client.
func (c *Client) Reader() *Reader { return c.reader }

func newReader(c *Client) *Reader {
	r := &Reader{client: c}
	r.created = &coalesce.Gather[string, Topic]{Window: gatherWindow, Do: func(ctx context.Context, names []string) []coalesce.Answer[Topic] {
		found, failed := c.topicsAt(ctx, c.anyBroker(), names)
		answers := make([]coalesce.Answer[Topic], len(names))
		for i, name := range names {
			answers[i].Value, answers[i].Err = answerAbout(name, found, failed)
		}
		return answers
	}}
	// One call at a time: topics that are waited for together are asked for together.
	r.moving = &coalesce.Gather[string, Topic]{Window: gatherWindow, Alone: true, Do: func(ctx context.Context, names []string) []coalesce.Answer[Topic] {
		found, failed := c.topicsOf(ctx, names)
		answers := make([]coalesce.Answer[Topic], len(names))
		for i, name := range names {
			if t, ok := found[name]; ok {
				answers[i].Value = t
			} else if answers[i].Err = failed[name]; answers[i].Err == nil {
				answers[i].Value, answers[i].Err = c.Topic(ctx, name)
			}
		}
		return answers
	}}
	r.topics = known(c.topicsOf, c.allTopics, c.Topic)
	r.configs = known(c.topicConfigsOf, r.allTopicConfigs, c.topicConfig)
	r.acls = known(c.aclsOf, c.allACLs, func(ctx context.Context, a ACL) (nothing, error) { return nothing{}, c.ACL(ctx, a) })
	r.quotas = known(func(ctx context.Context, keys []quotaKey) (map[quotaKey]map[string]float64, map[quotaKey]error) {
		found, err := c.quotasOf(ctx, c.anyBroker(), keys)
		return found, all(keys, err)
	}, func(ctx context.Context) (map[quotaKey]map[string]float64, error) {
		return c.allQuotas(ctx, c.anyBroker())
	},
		func(ctx context.Context, k quotaKey) (map[string]float64, error) { return c.Quotas(ctx, k.entity()) })
	r.users = known(func(ctx context.Context, names []string) (map[string]map[string]int32, map[string]error) {
		found, err := c.usersAt(ctx, c.anyBroker(), names)
		return found, all(names, err)
	}, func(ctx context.Context) (map[string]map[string]int32, error) {
		return c.usersAt(ctx, c.anyBroker(), nil)
	}, c.UserCredentials)
	r.brokers = known(func(ctx context.Context, keys []nothing) (map[nothing][]Broker, map[nothing]error) {
		_, brokers, err := c.Brokers(ctx)
		if err != nil {
			return nil, all(keys, err)
		}
		return map[nothing][]Broker{{}: brokers}, nil
	}, nil, nil)
	r.brokers.MaxAge = brokersAge
	return r
}

// known are the objects of a kind by how they are read.
func known[K comparable, V any](some func(context.Context, []K) (map[K]V, map[K]error), all func(context.Context) (map[K]V, error), confirm func(context.Context, K) (V, error)) *coalesce.Known[K, V] {
	return &coalesce.Known[K, V]{Some: some, All: all, Confirm: confirm, Window: readWindow, MaxAge: readerAge, Now: time.Now}
}

// all are the errors of objects that were read by one request.
func all[K comparable](keys []K, err error) map[K]error {
	failed := map[K]error{}
	for _, key := range keys {
		if err != nil {
			failed[key] = err
		}
	}
	return failed
}

// Topic is Client.Topic.
func (r *Reader) Topic(ctx context.Context, name string) (Topic, error) {
	t, err := r.topics.Get(ctx, name)
	return t, about(fmt.Sprintf("topic %q", name), err)
}

// CreatedTopic is Topic for one that was created a moment ago and that every broker knows: nobody moves it yet, so that the controller is not asked.
// Nothing of it is kept.
func (r *Reader) CreatedTopic(ctx context.Context, name string) (Topic, error) {
	t, err := r.created.Ask(ctx, name)
	if err != nil {
		return r.Topic(ctx, name)
	}
	return t, nil
}

// movingTopic is Topic for one whose replicas are waited for. Nothing of it is kept.
func (r *Reader) movingTopic(ctx context.Context, name string) (Topic, error) {
	t, err := r.moving.Ask(ctx, name)
	return t, about(fmt.Sprintf("topic %q", name), err)
}

// Topics returns all topics by their names.
func (r *Reader) Topics(ctx context.Context) (map[string]Topic, error) {
	all, err := r.topics.Everything(ctx)
	return all, about("the topics", err)
}

// TopicConfig returns the settings in force of a topic.
func (r *Reader) TopicConfig(ctx context.Context, name string) ([]ConfigEntry, error) {
	entries, err := r.configs.Get(ctx, name)
	return entries, about(fmt.Sprintf("describing topic %q", name), err)
}

// Brokers are the registered brokers, the fenced ones included.
func (r *Reader) Brokers(ctx context.Context) ([]Broker, error) { return r.brokers.Get(ctx, nothing{}) }

// ACL says whether a binding exists, as nil or ErrNotFound.
func (r *Reader) ACL(ctx context.Context, a ACL) error {
	_, err := r.acls.Get(ctx, a)
	return about(fmt.Sprintf("ACL %q", a), err)
}

// HasACL says whether a binding exists as far as one broker knows.
func (r *Reader) HasACL(ctx context.Context, a ACL) (bool, error) {
	_, found, err := r.acls.Look(ctx, a)
	return found, about(fmt.Sprintf("ACL %q", a), err)
}

// ACLs returns the bindings that are like the given one, in the order of Compare: a field that is "" matches all. None is no error.
func (r *Reader) ACLs(ctx context.Context, like ACL) ([]ACL, error) {
	all, err := r.acls.Everything(ctx)
	if err != nil {
		return nil, err
	}
	var found []ACL
	for a := range all {
		if a.like(like) {
			found = append(found, a)
		}
	}
	slices.SortFunc(found, ACL.Compare)
	return found, nil
}

// Quotas returns the quotas of exactly this entity by key. An entity has at least one: without any it is ErrNotFound.
func (r *Reader) Quotas(ctx context.Context, entity QuotaEntity) (map[string]float64, error) {
	quotas, err := r.quotas.Get(ctx, entity.key())
	return quotas, about(fmt.Sprintf("quotas of %s", entity), err)
}

// HasQuotas returns the quotas of an entity as far as one broker knows; found is false when it has none.
func (r *Reader) HasQuotas(ctx context.Context, entity QuotaEntity) (quotas map[string]float64, found bool, err error) {
	quotas, found, err = r.quotas.Look(ctx, entity.key())
	return quotas, found, about(fmt.Sprintf("quotas of %s", entity), err)
}

// UserCredentials returns the iterations of a user's SCRAM credentials by mechanism. A user has at least one: without any it is ErrNotFound.
func (r *Reader) UserCredentials(ctx context.Context, user string) (map[string]int32, error) {
	found, err := r.users.Get(ctx, user)
	return found, about(fmt.Sprintf("SCRAM credentials of user %q", user), err)
}

// about says what an error is about, unless it says so already.
func about(what string, err error) error {
	if err == nil || strings.HasPrefix(err.Error(), what) {
		return err
	}
	return fmt.Errorf("%s: %w", what, err)
}

// knows notes bindings that every broker knows.
func (r *Reader) knows(acls []ACL) {
	there := map[ACL]nothing{}
	for _, a := range acls {
		there[a] = nothing{}
	}
	r.acls.Set(there)
}

// sees notes how many bindings an answer had that was not about one principal or one resource.
func (r *Reader) sees(bindings int) { r.wide.Store(int64(bindings)) }

// bindings is about how many bindings there are, as far as this client knows: as many as it keeps, or as it was last told of.
func (r *Reader) bindings() int { return max(r.acls.Len(), int(r.wide.Load())) }

// forgetTopics has topics and their settings read anew.
func (r *Reader) forgetTopics(names []string) {
	r.topics.Forget(names...)
	r.configs.Forget(names...)
}

// forgetConfigs has the settings of topics read anew.
func (r *Reader) forgetConfigs(resources []ConfigResource) {
	for _, resource := range resources {
		if resource.Kind == ResourceTopic {
			r.configs.Forget(resource.Name)
		}
	}
}

// like says whether a binding is like another one, in which "" matches all.
func (a ACL) like(b ACL) bool {
	matches := func(value, wanted string) bool { return wanted == "" || value == wanted }
	return matches(a.ResourceType, b.ResourceType) && matches(a.ResourceName, b.ResourceName) && matches(a.PatternType, b.PatternType) &&
		matches(a.Principal, b.Principal) && matches(a.Host, b.Host) && matches(a.Operation, b.Operation) && matches(a.Permission, b.Permission)
}

// SameInMetrics are the other topics that have the same name in Kafka's metrics, where dots become underscores.
func (r *Reader) SameInMetrics(ctx context.Context, name string) ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.metrics == nil || time.Since(r.metricsAt) > readerAge {
		topics, err := r.Topics(ctx)
		if err != nil {
			return nil, err
		}
		r.metrics, r.metricsAt = map[string][]string{}, time.Now()
		for other := range topics {
			if strings.ContainsAny(other, "._") {
				r.metrics[MetricName(other)] = append(r.metrics[MetricName(other)], other)
			}
		}
	}
	var others []string
	for _, other := range r.metrics[MetricName(name)] {
		if other != name {
			others = append(others, other)
		}
	}
	return others, nil
}

// MetricName is how Kafka's metrics spell a topic.
func MetricName(topic string) string { return strings.ReplaceAll(topic, ".", "_") }

// topicsOf reads topics with what only the controller knows of them, in three requests.
func (c *Client) topicsOf(ctx context.Context, names []string) (map[string]Topic, map[string]error) {
	const rounds = 5
	found := map[string]Topic{}
	before, failed := c.topicsAt(ctx, c.anyBroker(), names)
	// As in Topic, a broker is asked before and after the controller.
	for range rounds {
		moving, err := c.reassignmentsOf(ctx, slices.Collect(maps.Values(before))...)
		if err != nil {
			maps.Copy(failed, all(names, err))
			break
		}
		after, failedNow := c.topicsAt(ctx, c.anyBroker(), names)
		maps.Copy(failed, failedNow)
		var unsteady []string
		for name, t := range after {
			if !slices.EqualFunc(before[name].Partitions, t.Partitions, func(a, b Partition) bool { return slices.Equal(a.Replicas, b.Replicas) }) {
				failed[name] = fmt.Errorf("%w: the replicas of topic %q change all the time", ErrUnreachable, name)
				unsteady = append(unsteady, name)
				continue
			}
			delete(failed, name)
			for i, p := range t.Partitions {
				if m, ok := moving[TopicPartition{Topic: name, Partition: p.Partition}]; ok {
					t.Partitions[i].Replicas, t.Partitions[i].Adding, t.Partitions[i].Removing = m.replicas, m.adding, m.removing
				}
			}
			found[name] = t
			delete(after, name)
		}
		if before, names = after, unsteady; len(names) == 0 {
			break
		}
	}
	return found, dropMissing(failed)
}

// dropMissing leaves out what one broker does not know, which is for others to confirm.
func dropMissing[K comparable](failed map[K]error) map[K]error {
	maps.DeleteFunc(failed, func(_ K, err error) bool { return errors.Is(err, ErrNotFound) })
	return failed
}

// allTopics takes what a broker says as it is, as topicsOf does: for a minute after thousands of topics were created, none has followed the log to its
// end.
func (c *Client) allTopics(ctx context.Context) (map[string]Topic, error) {
	topics, err := c.topics(ctx, func(context.Context) int64 { return anyOffset })
	if err != nil {
		return nil, err
	}
	found := make(map[string]Topic, len(topics))
	for _, t := range topics {
		found[t.Name] = t
	}
	return found, nil
}

// TopicConfigs reads the settings in force of topics that exist, those of the given keys or all for nil, and why it could not read the others. Nothing
// of it is kept: few keys of thousands of topics are read in a fraction of the time that all of them take.
func (r *Reader) TopicConfigs(ctx context.Context, names, keys []string) (map[string][]ConfigEntry, map[string]error) {
	return r.client.topicConfigs(ctx, names, keys)
}

// topicConfigsOf reads the settings of topics. One that was not found is in neither result.
func (c *Client) topicConfigsOf(ctx context.Context, names []string) (map[string][]ConfigEntry, map[string]error) {
	found, failed := c.topicConfigs(ctx, names, nil)
	return found, dropMissing(failed)
}

// topicConfigs reads settings of topics, where these are many from several brokers at the same time.
func (c *Client) topicConfigs(ctx context.Context, names, keys []string) (map[string][]ConfigEntry, map[string]error) {
	var mu sync.Mutex
	entries, errs := map[string][]ConfigEntry{}, map[string]error{}
	var group errgroup.Group
	group.SetLimit(describedAtOnce)
	turn := 0
	for some := range slices.Chunk(names, maxResourcesPerRequest) {
		to := c.anotherBroker(turn)
		turn++
		group.Go(func() error {
			resources := make([]ConfigResource, len(some))
			for i, name := range some {
				resources[i] = ConfigResource{Kind: ResourceTopic, Name: name}
			}
			found, failed := c.describeConfigsAt(ctx, to, resources, keys)
			mu.Lock()
			defer mu.Unlock()
			for r, e := range found {
				entries[r.Name] = shared(e)
			}
			for r, err := range failed {
				errs[r.Name] = err
			}
			return nil
		})
	}
	_ = group.Wait() // The errors are in errs.
	return entries, errs
}

// allTopicConfigs reads the settings of all topics, of which those that cannot be read are left out.
func (r *Reader) allTopicConfigs(ctx context.Context) (map[string][]ConfigEntry, error) {
	topics, err := r.topics.Everything(ctx)
	if err != nil {
		return nil, err
	}
	found, failed := r.client.topicConfigsOf(ctx, slices.Sorted(maps.Keys(topics)))
	for _, err := range failed {
		if errors.Is(err, ErrUnreachable) {
			return nil, err
		}
	}
	return found, nil
}

// topicConfig reads the settings of one topic, and believes that it does not exist when more than one broker says so.
func (c *Client) topicConfig(ctx context.Context, name string) ([]ConfigEntry, error) {
	this := ConfigResource{Kind: ResourceTopic, Name: name}
	return find(ctx, c, func(ctx context.Context, to nodes) ([]ConfigEntry, error) {
		found, failed := c.describeConfigsAt(ctx, to, []ConfigResource{this}, nil)
		return found[this], failed[this]
	})
}

// shared has equal texts share their bytes: thousands of topics have the same few settings.
func shared(entries []ConfigEntry) []ConfigEntry {
	for i, e := range entries {
		entries[i].Name, entries[i].Value = unique.Make(e.Name).Value(), unique.Make(e.Value).Value()
	}
	return entries
}

// aclsOf reads bindings one by one.
func (c *Client) aclsOf(ctx context.Context, acls []ACL) (map[ACL]nothing, map[ACL]error) {
	var mu sync.Mutex
	found, failed := map[ACL]nothing{}, map[ACL]error{}
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, a := range acls {
		group.Go(func() error {
			there, err := c.aclsAt(ctx, c.anyBroker(), a)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed[a] = err
			} else if len(there) > 0 {
				found[a] = nothing{}
			}
			return nil
		})
	}
	_ = group.Wait() // The errors are in failed.
	return found, failed
}

func (c *Client) allACLs(ctx context.Context) (map[ACL]nothing, error) {
	acls, err := c.aclsAt(ctx, c.anyBroker(), ACL{})
	if err != nil {
		return nil, err
	}
	found := make(map[ACL]nothing, len(acls))
	for _, a := range acls {
		found[a] = nothing{}
	}
	return found, nil
}

// usersAt returns the iterations of users' credentials by mechanism as one node sees them, those of all users when there are no names.
func (c *Client) usersAt(ctx context.Context, to nodes, names []string) (map[string]map[string]int32, error) {
	resp, err := request(ctx, c, to, "DescribeUserScramCredentials", func(b *sarama.Broker) (*sarama.DescribeUserScramCredentialsResponse, error) {
		req := &sarama.DescribeUserScramCredentialsRequest{}
		for _, name := range names {
			req.DescribeUsers = append(req.DescribeUsers, sarama.DescribeUserScramCredentialsRequestUser{Name: name})
		}
		return b.DescribeUserScramCredentials(req)
	}, func(r *sarama.DescribeUserScramCredentialsResponse) error {
		if err := kafkaError(int16(r.ErrorCode), r.ErrorMessage); err != nil {
			return err
		}
		for _, result := range r.Results {
			if err := kafkaError(int16(result.ErrorCode), result.ErrorMessage); err != nil && !errors.Is(classify(err), ErrNotFound) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	found := map[string]map[string]int32{}
	for _, result := range resp.Results {
		for _, info := range result.CredentialInfos {
			if found[result.User] == nil {
				found[result.User] = map[string]int32{}
			}
			found[result.User][info.Mechanism.String()] = info.Iterations
		}
	}
	return found, nil
}

// EntityQuotas are the quotas of one entity.
type EntityQuotas struct {
	Entity QuotaEntity
	Quotas map[string]float64
}

// AllQuotas returns the quotas of all entities, in a steady order.
func (r *Reader) AllQuotas(ctx context.Context) ([]EntityQuotas, error) {
	all, err := r.quotas.Everything(ctx)
	if err != nil {
		return nil, about("the quotas", err)
	}
	var found []EntityQuotas
	for k, quotas := range all {
		found = append(found, EntityQuotas{Entity: k.entity(), Quotas: quotas})
	}
	slices.SortFunc(found, func(a, b EntityQuotas) int { return strings.Compare(a.Entity.String(), b.Entity.String()) })
	return found, nil
}

// Users returns the iterations of all users' SCRAM credentials, by name and mechanism.
func (r *Reader) Users(ctx context.Context) (map[string]map[string]int32, error) {
	all, err := r.users.Everything(ctx)
	return all, about("the users", err)
}
