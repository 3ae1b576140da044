package sim

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/throttle"
)

// The Kafka releases that fleets are rolled between.
const (
	oldKafka = "4.2.1"
	newKafka = "4.3.1"
)

// Desired is a whole configuration, as one Terraform workspace has it.
type Desired struct {
	Cluster fleet.Cluster
	Groups  []fleet.BrokerGroup
}

// owner is the group that a topic lives on, "" when none has it.
func (d Desired) owner(topic string) string {
	fallback := ""
	for _, g := range d.Groups {
		if g.Default {
			fallback = g.Name
		}
		for _, pattern := range g.Topics {
			if regexp.MustCompile("^(?:" + pattern + ")$").MatchString(topic) {
				return g.Name
			}
		}
	}
	return fallback
}

// zones are those of a group.
func (d Desired) zones(group string) []string {
	for _, g := range d.Groups {
		if g.Name == group && len(g.Zones) > 0 {
			return g.Zones
		}
	}
	return d.Cluster.Zones
}

// topicSet is some topics of one kind.
type topicSet struct {
	name       string
	group      string
	partitions int
	rf         int
	bytes      int64
}

// Scenario is a fleet and what is changed about it.
type Scenario struct {
	Name          string
	Before, After Desired
	topics        []topicSet
	// lost is how many brokers are lost before the first apply.
	lost int
	// then are the steps of a change of the authority that follow, each as soon as the one before is done.
	then []fleet.Rotation
	// steady: nothing is changed. rolls: each broker of the group is replaced by another one, and nothing else.
	steady, rolls bool
}

// brokers is how many there are at most.
func (s Scenario) brokers() int {
	sum := func(d Desired) (n int) {
		for _, g := range d.Groups {
			n += g.Brokers
		}
		return n
	}
	return max(sum(s.Before), sum(s.After))
}

// desired is a cluster with one group.
func desired(version string, brokers, controllers int, zones []string, surge int) Desired {
	return Desired{
		Cluster: fleet.Cluster{Name: clusterName, KafkaVersion: version, Zones: zones, Controllers: controllers, InstanceType: instanceType, MetadataVersion: "latest"},
		Groups: []fleet.BrokerGroup{{
			Cluster: clusterName, Name: "main", Brokers: brokers, InstanceType: instanceType, KafkaVersion: version, MaxSurge: surge, Default: true, Throttle: throttle.Auto,
		}},
	}
}

// kind is a kind of change, drawn as often as its weight says.
type kind struct {
	name   string
	weight int
	change func(rng *rand.Rand, s *Scenario)
}

var kinds = []kind{
	{"version roll", 5, func(_ *rand.Rand, s *Scenario) {
		s.rolls = true
		s.After.Cluster.KafkaVersion = newKafka
		s.After.Groups[0].KafkaVersion = newKafka
	}},
	{"config roll", 2, func(_ *rand.Rand, s *Scenario) {
		s.rolls = true
		s.After.Groups[0].Config = map[string]string{"num.io.threads": "16", "socket.send.buffer.bytes": "1048576"}
	}},
	{"scale out", 3, func(rng *rand.Rand, s *Scenario) {
		s.After.Groups[0].Brokers += 1 + rng.IntN(max(1, min(s.After.Groups[0].Brokers, 6)))
	}},
	{"scale in", 3, func(rng *rand.Rand, s *Scenario) {
		s.Before.Groups[0].Brokers += 1 + rng.IntN(4)
	}},
	{"scale out and roll", 1, func(rng *rand.Rand, s *Scenario) {
		s.After.Groups[0].Brokers += 1 + rng.IntN(3)
		s.After.Groups[0].KafkaVersion, s.After.Cluster.KafkaVersion = newKafka, newKafka
	}},
	{"scale in and roll", 1, func(rng *rand.Rand, s *Scenario) {
		s.Before.Groups[0].Brokers += 1 + rng.IntN(3)
		s.After.Groups[0].KafkaVersion, s.After.Cluster.KafkaVersion = newKafka, newKafka
	}},
	{"new zone", 2, func(_ *rand.Rand, s *Scenario) {
		s.After.Cluster.Zones = catalog.Zones[:len(s.Before.Cluster.Zones)+1]
	}},
	{"zone removed", 1, func(_ *rand.Rand, s *Scenario) {
		s.Before.Cluster.Zones = catalog.Zones[:len(s.After.Cluster.Zones)+1]
	}},
	{"repair", 5, func(rng *rand.Rand, s *Scenario) {
		s.steady, s.lost = true, rng.IntN(2)
	}},
	{"controllers roll", 2, func(_ *rand.Rand, s *Scenario) {
		s.After.Cluster.KafkaVersion = newKafka
	}},
	{"more controllers", 1, func(_ *rand.Rand, s *Scenario) {
		s.Before.Cluster.Controllers, s.After.Cluster.Controllers = 3, 5
	}},
	{"fewer controllers", 2, func(_ *rand.Rand, s *Scenario) {
		s.Before.Cluster.Controllers, s.After.Cluster.Controllers = 5, 3
	}},
	{"topics change their group", 3, func(rng *rand.Rand, s *Scenario) {
		events := s.Before.Groups[0]
		events.Name, events.Default, events.Topics, events.Brokers = "events", false, []string{"events\\..*"}, max(3, len(s.Before.Cluster.Zones))+rng.IntN(3)
		s.Before.Groups = append(s.Before.Groups, events)
		moved := events
		moved.Topics = []string{"events\\..*", "orders"}
		if rng.IntN(2) == 0 {
			moved.Topics = []string{"events\\.b"}
		}
		s.After.Groups = append(s.After.Groups, moved)
		if rng.IntN(2) == 0 {
			slices.Reverse(s.After.Groups)
		}
		for i := range s.topics {
			s.topics[i].group = "main"
		}
		s.topics = append(s.topics, topicSet{"events.a", "events", 6, 3, s.topics[0].bytes}, topicSet{"events.b", "events", 6, 3, s.topics[0].bytes})
	}},
}

// draw makes a scenario, one in two hundred of them with hundreds of brokers.
func draw(rng *rand.Rand) Scenario {
	brokers, large := 3+rng.IntN(7), false
	switch dice := rng.IntN(1000); {
	case dice < 5:
		brokers, large = 100+rng.IntN(201), true
	case dice < 80:
		brokers = 12 + rng.IntN(37)
	}
	zones := catalog.Zones[:3]
	if rng.IntN(8) == 0 {
		zones = catalog.Zones[:1+rng.IntN(4)]
	}
	surge := 1 + rng.IntN(3)
	if brokers > 12 {
		surge = max(surge, brokers/6)
	}
	s := fleetOf(rng, brokers, zones, surge)
	sum := 0
	for _, kind := range kinds {
		sum += kind.weight
	}
	dice := rng.IntN(sum)
	for _, kind := range kinds {
		if dice -= kind.weight; dice >= 0 {
			continue
		}
		if large && kind.weight == 1 {
			kind = kinds[0] // The rarer ones are no different when they are large.
		}
		return s.as(kind, rng)
	}
	return s
}

// Small is a scenario of one kind, by its name, with three brokers or a few more; ok is false when there is no such kind.
func Small(name string, seed uint64) (s Scenario, ok bool) {
	rng := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // The same seed has to be the same scenario.
	for _, kind := range kinds {
		if kind.name == name {
			s = fleetOf(rng, 3+rng.IntN(2), catalog.Zones[:3], 1).as(kind, rng)
			if s.steady {
				s.lost = 1 // Else nothing would be to be done.
			}
			return s, true
		}
	}
	return s, false
}

// fleetOf is a fleet that nothing changes about.
func fleetOf(rng *rand.Rand, brokers int, zones []string, surge int) Scenario {
	s := Scenario{Before: desired(oldKafka, brokers, 3, zones, surge)}
	partitions := max(3, brokers*(1+rng.IntN(5)))
	if brokers > 12 {
		partitions = brokers
	}
	bytes := int64(1+rng.IntN(100)) * mib
	s.topics = []topicSet{
		{"orders", "", partitions, 3, bytes},
		{"__consumer_offsets", "", max(3, partitions/3), 3, 2 * mib},
	}
	if rng.IntN(5) == 0 {
		s.topics = append(s.topics, topicSet{"logs", "", 4, 1 + rng.IntN(2), bytes})
	}
	s.After = s.Before
	s.After.Groups = slices.Clone(s.Before.Groups)
	return s
}

// as changes something about a fleet.
func (s Scenario) as(k kind, rng *rand.Rand) Scenario {
	s.Name = k.name
	k.change(rng, &s)
	// A group has a broker in each zone at least.
	for _, d := range []*Desired{&s.Before, &s.After} {
		for i := range d.Groups {
			d.Groups[i].Brokers = max(d.Groups[i].Brokers, len(s.Before.Cluster.Zones), len(s.After.Cluster.Zones), 3)
		}
	}
	return s
}

// String is the scenario in a line.
func (s Scenario) String() string {
	text := fmt.Sprintf("%s: %d zones, %d controllers", s.Name, len(s.After.Cluster.Zones), s.After.Cluster.Controllers)
	for i, g := range s.After.Groups {
		for _, b := range s.Before.Groups {
			if b.Name == g.Name {
				text += fmt.Sprintf(", group %s of %d brokers (was %d), surge %d, Kafka %s", g.Name, g.Brokers, b.Brokers, s.After.Groups[i].MaxSurge, g.KafkaVersion)
			}
		}
	}
	return text
}
