package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"
)

// The types of groups.
const (
	// GroupClassic is a group whose members assign partitions among themselves, or one without members that commits offsets only.
	GroupClassic = "classic"
	// GroupConsumer is a group whose coordinator assigns partitions (KIP-848).
	GroupConsumer = "consumer"
	// GroupShare is a group whose members share the records of each partition (KIP-932). It commits no offsets.
	GroupShare = "share"
	// GroupStreams is a group of Kafka Streams whose coordinator assigns tasks (KIP-1071).
	GroupStreams = "streams"
)

// GroupStates are the states that a group may have, in Kafka's spelling. Assigning, Reconciling and NotReady are those of groups that their
// coordinator assigns.
var GroupStates = []string{"Empty", "PreparingRebalance", "CompletingRebalance", "Stable", "Assigning", "Reconciling", "NotReady"}

// emptyGroup is the state of a group that has offsets and no members.
const emptyGroup = "Empty"

// deadGroup is the state by which Kafka says of a group that it does not exist, where it has no error for that.
const deadGroup = "Dead"

// offsetsTopic is where coordinators keep groups and their offsets.
const offsetsTopic = "__consumer_offsets"

// maxGroupsPerRequest bounds an answer: a group of hundreds of members takes tens of kilobytes.
const maxGroupsPerRequest = 100

// Group is a group of clients that read topics together.
type Group struct {
	Name string
	// Type is one of the constants above. A Kafka older than 3.8 does not tell, and has classic groups only.
	Type string
	// State is one of GroupStates.
	State string
	// ProtocolType is what the members are to each other: "consumer", "connect" and the like; "" for a group that only ever committed offsets.
	ProtocolType string
	// Protocol is how partitions are assigned, such as "range" or "uniform"; "" while that is not settled.
	Protocol string
	// Coordinator is the broker that keeps the group.
	Coordinator int32
	// Members are in the order of their ids.
	Members []GroupMember
}

// Active says that somebody takes part in the group, so that its offsets are not anybody else's to set.
func (g Group) Active() bool { return len(g.Members) > 0 || g.State != emptyGroup }

// GroupMember is one client of a group.
type GroupMember struct {
	ID string
	// InstanceID is the name of a static member (KIP-345), "" for others.
	InstanceID string
	ClientID   string
	// Host is where it connects from, as Kafka writes it: /192.0.2.1.
	Host string
	// Partitions are what is assigned to it, by topic. Of a member of Kafka Streams they are those of the source topics of its active tasks. Those of
	// a classic group that does not consist of consumers, such as Kafka Connect's, are not known.
	Partitions map[string][]int32
}

// coordinator is a broker that keeps groups.
type coordinator struct {
	id int32
	nodes
}

// described is the answer about one group.
type described struct {
	group Group
	err   error
}

// listedGroup is what the list of a coordinator says of a group.
type listedGroup struct{ name, kind, protocolType, state string }

// Groups returns the groups whose names are taken and which have one of the states, any for none, in the order of their names. It takes one request
// to each live broker, and one to each coordinator for a hundred groups of a type. Every live broker has to answer, or some would be missing. Kafka
// leaves out the groups that the login may not describe.
func (c *Client) Groups(ctx context.Context, takes func(name string) bool, states []string) ([]Group, error) {
	var groups []Group
	// A broker that dies or a coordinator that loads is waited for: its groups come back elsewhere, or there.
	err := c.retry(ctx, 3, 0, func(ctx context.Context) (err error) {
		groups, err = c.groups(ctx, takes, states)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("the groups: %w", err)
	}
	return groups, nil
}

func (c *Client) groups(ctx context.Context, takes func(name string) bool, states []string) ([]Group, error) {
	_, brokers, err := c.Brokers(ctx)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	found := map[string]Group{}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(atOnce)
	for _, b := range brokers {
		if b.Fenced {
			continue
		}
		work.Go(func() error {
			groups, err := c.groupsOf(ctx, coordinator{id: b.ID, nodes: c.broker(b.ID)}, takes, states)
			mu.Lock()
			defer mu.Unlock()
			for _, g := range groups {
				found[g.Name] = g // One that changes its coordinator meanwhile may be told of twice.
			}
			return err
		})
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	var groups []Group
	for _, g := range found {
		// The list and the description are of two moments.
		if hasState(g.State, states) {
			groups = append(groups, g)
		}
	}
	slices.SortFunc(groups, func(a, b Group) int { return cmp.Compare(a.Name, b.Name) })
	return groups, nil
}

// groupsOf are the groups that one broker coordinates.
func (c *Client) groupsOf(ctx context.Context, broker coordinator, takes func(name string) bool, states []string) ([]Group, error) {
	listed, err := c.listGroups(ctx, broker.nodes, states)
	if err != nil {
		return nil, err
	}
	byType := map[string][]listedGroup{}
	for _, l := range listed {
		if takes(l.name) && hasState(l.state, states) {
			byType[l.kind] = append(byType[l.kind], l)
		}
	}
	var groups []Group
	for kind, some := range byType {
		for chunk := range slices.Chunk(some, maxGroupsPerRequest) {
			answers, err := c.describeGroups(ctx, broker, kind, chunk)
			if err != nil {
				return nil, err
			}
			for _, a := range answers {
				if a.err != nil {
					// It is gone, has got another coordinator or another type since the list was made: rare, and so it is asked for alone.
					if a.group, a.err = c.Group(ctx, a.group.Name); errors.Is(a.err, ErrNotFound) {
						continue
					}
				}
				if a.err != nil {
					return nil, a.err
				}
				groups = append(groups, a.group)
			}
		}
	}
	return groups, nil
}

// hasState says whether a state is one of some, whatever it is when there are none. A Kafka older than 2.6 tells no state in its list.
func hasState(state string, states []string) bool {
	return len(states) == 0 || state == "" || slices.ContainsFunc(states, func(s string) bool { return strings.EqualFold(s, state) })
}

// Group returns a group with its members. ErrNotFound is the word of its coordinator; ErrDenied: the login may not describe it.
func (c *Client) Group(ctx context.Context, name string) (Group, error) {
	var group Group
	err := c.atCoordinator(ctx, name, func(ctx context.Context, broker coordinator) error {
		listed, err := c.listGroups(ctx, broker.nodes, nil)
		if err != nil {
			return err
		}
		// One that the list does not have is asked for all the same: a coordinator that is none any more says so then only.
		l := listedGroup{name: name, kind: GroupClassic}
		if i := slices.IndexFunc(listed, func(l listedGroup) bool { return l.name == name }); i >= 0 {
			l = listed[i]
		}
		answers, err := c.describeGroups(ctx, broker, l.kind, []listedGroup{l})
		if err != nil {
			return err
		}
		group = answers[0].group
		return answers[0].err
	})
	if err != nil {
		return Group{}, fmt.Errorf("group %q: %w", name, err)
	}
	return group, nil
}

// atCoordinator does what only the coordinator of a group can, and looks for it again where it is another one meanwhile. ErrNotFound: there are no
// groups at all.
func (c *Client) atCoordinator(ctx context.Context, group string, do func(ctx context.Context, broker coordinator) error) error {
	// The question for a coordinator makes Kafka create the topic of all groups, which is not for a reader to do.
	if _, err := c.reader.Topic(ctx, offsetsTopic); errors.Is(err, ErrNotFound) {
		return fmt.Errorf("%w: the cluster has never had a group", ErrNotFound)
	}
	return c.onCoordinator(ctx, group, do)
}

// onCoordinator is atCoordinator for what may be the first of all groups.
func (c *Client) onCoordinator(ctx context.Context, group string, do func(ctx context.Context, broker coordinator) error) error {
	return c.retry(ctx, 3, 0, func(ctx context.Context) error {
		r, err := request(ctx, c, c.anyBroker(), "FindCoordinator", func(b *sarama.Broker) (*sarama.FindCoordinatorResponse, error) {
			return b.FindCoordinator(&sarama.FindCoordinatorRequest{Version: 1, CoordinatorKey: group, CoordinatorType: sarama.CoordinatorGroup})
		}, func(r *sarama.FindCoordinatorResponse) error { return groupError(group, int16(r.Err), r.ErrMsg) })
		if err != nil {
			return err
		}
		// By the address that Kafka tells: that of a broker which is not registered here yet would not be found.
		broker := coordinator{id: r.Coordinator.ID(), nodes: at(r.Coordinator.Addr())}
		broker.name = fmt.Sprintf("broker %d", broker.id)
		return do(ctx, broker)
	})
}

// groupError is kafkaErrorAbout for a group.
func groupError(name string, code int16, message *string) error {
	return kafkaErrorAbout(fmt.Sprintf("group %q", name), code, message)
}

// listGroups lists the groups that a broker coordinates, those of some states only where Kafka can (2.6).
func (c *Client) listGroups(ctx context.Context, to nodes, states []string) ([]listedGroup, error) {
	r, err := request(ctx, c, to, "ListGroups", func(b *sarama.Broker) (*sarama.ListGroupsResponse, error) {
		return b.ListGroups(&sarama.ListGroupsRequest{Version: 5, StatesFilter: states})
	}, func(r *sarama.ListGroupsResponse) error { return kafkaError(int16(r.Err), nil) })
	if err != nil {
		return nil, err
	}
	var groups []listedGroup
	for name, protocolType := range r.Groups {
		data := r.GroupsData[name]
		groups = append(groups, listedGroup{
			name: name, kind: cmp.Or(strings.ToLower(data.GroupType), GroupClassic), protocolType: protocolType, state: data.GroupState,
		})
	}
	return groups, nil
}

// describeGroups returns groups of one type as the broker knows them that coordinates them, an answer about each. Those of a type that is not known
// here are as they were listed.
func (c *Client) describeGroups(ctx context.Context, coordinator coordinator, kind string, listed []listedGroup) ([]described, error) {
	names := make([]string, len(listed))
	protocolTypes := map[string]string{}
	for i, l := range listed {
		names[i], protocolTypes[l.name] = l.name, l.protocolType
	}
	var answers []described
	var err error
	switch kind {
	case GroupClassic:
		answers, err = c.describeClassic(ctx, coordinator.nodes, names)
	case GroupConsumer:
		answers, err = c.describeConsumer(ctx, coordinator.nodes, names)
	case GroupShare:
		answers, err = c.describeShare(ctx, coordinator.nodes, names)
	case GroupStreams:
		answers, err = c.describeStreams(ctx, coordinator.nodes, names)
	default:
		for _, l := range listed {
			answers = append(answers, described{group: Group{Name: l.name, State: l.state}})
		}
	}
	if err != nil {
		return nil, err
	}
	if len(answers) != len(names) {
		return nil, fmt.Errorf("%w: broker %d was asked about %d groups and told of %d", ErrUnreachable, coordinator.id, len(names), len(answers))
	}
	for i := range answers {
		a := &answers[i]
		a.group.Type, a.group.Coordinator, a.group.ProtocolType = kind, coordinator.id, cmp.Or(a.group.ProtocolType, protocolTypes[a.group.Name])
		if a.err == nil && a.group.State == deadGroup {
			a.err = fmt.Errorf("%w: its coordinator, broker %d, does not know it", ErrNotFound, coordinator.id)
		}
		a.err = classify(a.err)
		slices.SortFunc(a.group.Members, func(a, b GroupMember) int { return cmp.Compare(a.ID, b.ID) })
	}
	return answers, nil
}

func (c *Client) describeClassic(ctx context.Context, to nodes, names []string) ([]described, error) {
	const api = "DescribeGroups"
	return request(ctx, c, to, api, func(b *sarama.Broker) ([]described, error) {
		r, err := b.DescribeGroups(&sarama.DescribeGroupsRequest{Version: 5, Groups: names})
		if err != nil {
			return nil, err
		}
		var all []described
		for _, g := range r.Groups {
			group := Group{Name: g.GroupId, State: g.State, ProtocolType: g.ProtocolType, Protocol: g.Protocol}
			for _, m := range g.Members {
				member := GroupMember{ID: m.MemberId, ClientID: m.ClientId, Host: m.ClientHost}
				if m.GroupInstanceId != nil {
					member.InstanceID = *m.GroupInstanceId
				}
				// What others than consumers write there is their own business.
				if g.ProtocolType == "consumer" {
					if a, err := m.GetMemberAssignment(); err == nil && a != nil {
						member.assign(a.Topics)
					}
				}
				group.Members = append(group.Members, member)
			}
			all = append(all, described{group: group, err: c.denied(groupError(g.GroupId, g.ErrorCode, nil), api)})
		}
		return all, nil
	}, nil)
}

func (c *Client) describeConsumer(ctx context.Context, to nodes, names []string) ([]described, error) {
	const api = "ConsumerGroupDescribe"
	return request(ctx, c, to, api, func(b *sarama.Broker) ([]described, error) {
		r, err := b.ConsumerGroupDescribe(&sarama.ConsumerGroupDescribeRequest{Version: 1, GroupIDs: names})
		if err != nil {
			return nil, err
		}
		var all []described
		for _, g := range r.Groups {
			group := Group{Name: g.GroupID, State: g.GroupState, Protocol: g.AssignorName}
			for _, m := range g.Members {
				member := GroupMember{ID: m.MemberID, ClientID: m.ClientID, Host: m.ClientHost}
				if m.InstanceID != nil {
					member.InstanceID = *m.InstanceID
				}
				for _, t := range m.Assignment.TopicPartitions {
					member.assign(map[string][]int32{t.TopicName: t.Partitions})
				}
				group.Members = append(group.Members, member)
			}
			all = append(all, described{group: group, err: c.denied(groupError(g.GroupID, int16(g.ErrorCode), g.ErrorMessage), api)})
		}
		return all, nil
	}, nil)
}

func (c *Client) describeShare(ctx context.Context, to nodes, names []string) ([]described, error) {
	req := kmsg.NewPtrShareGroupDescribeRequest()
	req.GroupIDs = names
	r, err := requestKRaft[*kmsg.ShareGroupDescribeResponse](ctx, c, to, req, nil)
	if err != nil {
		return nil, err
	}
	var all []described
	for _, g := range r.Groups {
		group := Group{Name: g.GroupID, State: g.GroupState, Protocol: g.Assignor}
		for _, m := range g.Members {
			member := GroupMember{ID: m.MemberID, ClientID: m.ClientID, Host: m.ClientHost}
			for _, t := range m.Assignment.TopicPartitions {
				member.assign(map[string][]int32{t.Topic: t.Partitions})
			}
			group.Members = append(group.Members, member)
		}
		all = append(all, described{group: group, err: c.denied(groupError(g.GroupID, g.ErrorCode, g.ErrorMessage), "ShareGroupDescribe")})
	}
	return all, nil
}

func (c *Client) describeStreams(ctx context.Context, to nodes, names []string) ([]described, error) {
	req := kmsg.NewPtrStreamsGroupDescribeRequest()
	req.Groups = names
	r, err := requestKRaft[*kmsg.StreamsGroupDescribeResponse](ctx, c, to, req, nil)
	if err != nil {
		return nil, err
	}
	var all []described
	for _, g := range r.Groups {
		group := Group{Name: g.Group, State: g.State}
		if g.AssignorName != nil {
			group.Protocol = *g.AssignorName
		}
		// A task reads the partition of its number of all the topics of its subtopology.
		topics := map[string][]string{}
		if g.Topology != nil {
			for _, s := range g.Topology.Subtopologies {
				topics[s.SubtopologyID] = slices.Clone(s.SourceTopics)
				for _, t := range s.RepartitionSourceTopics {
					topics[s.SubtopologyID] = append(topics[s.SubtopologyID], t.Topic)
				}
			}
		}
		for _, m := range g.Members {
			member := GroupMember{ID: m.MemberID, ClientID: m.ClientID, Host: m.ClientHost}
			if m.InstanceID != nil {
				member.InstanceID = *m.InstanceID
			}
			for _, task := range m.Assignment.ActiveTasks {
				for _, topic := range topics[task.SubtopologyID] {
					member.assign(map[string][]int32{topic: task.Partitions})
				}
			}
			group.Members = append(group.Members, member)
		}
		all = append(all, described{group: group, err: c.denied(groupError(g.Group, g.ErrorCode, g.ErrorMessage), "StreamsGroupDescribe")})
	}
	return all, nil
}

// assign adds partitions to what a member has.
func (m *GroupMember) assign(partitions map[string][]int32) {
	for topic, ids := range partitions {
		if m.Partitions == nil {
			m.Partitions = map[string][]int32{}
		}
		m.Partitions[topic] = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(m.Partitions[topic]), ids...))))
	}
}
