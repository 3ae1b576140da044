package main

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// whole is a fleet at rest: controllers 1 to 3, brokers 4 to 9, each zone with one and two, and six partitions over all of them.
func whole() view {
	v := view{voters: []int32{1, 2, 3}, leader: 2}
	zones := []string{"local-a", "local-b", "local-c"}
	for i, zone := range zones {
		v.controllers = append(v.controllers, machine{id: int32(1 + i), zone: zone, serving: true})
	}
	for i := range 6 {
		v.brokers = append(v.brokers, machine{id: int32(4 + i), zone: zones[i%3], serving: true})
		replicas := []int32{int32(4 + i), int32(4 + (i+1)%6), int32(4 + (i+2)%6)}
		v.partitions = append(v.partitions, kafka.Partition{Topic: "orders", Partition: int32(i), Leader: replicas[0], Replicas: replicas, ISR: slices.Clone(replicas)})
	}
	return v
}

func (v *view) broker(id int32, change func(*machine)) {
	for i := range v.brokers {
		if v.brokers[i].id == id {
			change(&v.brokers[i])
		}
	}
}

func (v *view) drop(id int32) {
	for i, p := range v.partitions {
		v.partitions[i].ISR = slices.DeleteFunc(slices.Clone(p.ISR), func(r int32) bool { return r == id })
	}
}

func ids(machines []machine) []int32 {
	var out []int32
	for _, m := range machines {
		out = append(out, m.id)
	}
	return out
}

func TestOfAWholeFleetEveryFaultHasVictims(t *testing.T) {
	for _, k := range kinds {
		if k == killTerraform {
			continue
		}
		seen := map[int32]bool{}
		for draw := range uint64(40) {
			victims, why := whole().choose(k, rand.New(rand.NewPCG(draw, 0)))
			if why != "" {
				t.Fatalf("%s: %s", k, why)
			}
			for _, m := range victims {
				seen[m.id] = true
			}
			if k == loseZone && (len(victims) != 3 || slices.ContainsFunc(victims, func(m machine) bool { return m.zone != victims[0].zone })) {
				t.Errorf("a zone is %v", victims)
			}
		}
		want, ok := map[kind]int{killController: 1, loseZone: 9}[k]
		if !ok {
			want = 6
		}
		if len(seen) != want {
			t.Errorf("%s strikes %v, want %d of them", k, seen, want)
		}
	}
}

func TestFaultsDoNotDestroyWhatTheFleetNeeds(t *testing.T) {
	tests := map[string]struct {
		kind    kind
		change  func(*view)
		victims []int32
		want    string
	}{
		"a second broker of a partition":    {killBroker, func(v *view) { v.broker(4, func(m *machine) { m.serving = false }) }, []int32{5}, "would have 1 copies"},
		"one that has not caught up":        {killBroker, func(v *view) { v.drop(6) }, []int32{5}, "would have 1 copies"},
		"one that shares no partition":      {killBroker, func(v *view) { v.broker(4, func(m *machine) { m.serving = false }) }, []int32{7}, ""},
		"the one that is behind":            {killBroker, func(v *view) { v.drop(4) }, []int32{4}, ""},
		"a hang of the second":              {hangBroker, func(v *view) { v.drop(4) }, []int32{5}, "would have 1 copies"},
		"the last but one copy":             {deleteData, func(v *view) { v.drop(4) }, []int32{5}, "would have 1 copies"},
		"disks while another is lost":       {deleteData, func(v *view) { v.broker(4, func(m *machine) { m.lost = true }) }, []int32{7}, "node 4 does not serve"},
		"a zone out of sync":                {loseZone, func(v *view) { v.drop(4) }, []int32{1, 4, 7}, "is not in sync: broker 4"},
		"a zone beside one that hangs":      {loseZone, func(v *view) { v.broker(5, func(m *machine) { m.serving = false }) }, []int32{1, 4, 7}, "would have 1 copies"},
		"a zone with a broker too many":     {loseZone, func(v *view) { v.brokers = append(v.brokers, machine{10, "local-a", true, false}) }, []int32{1, 4, 7, 10}, "has 3 brokers"},
		"a zone with a controller too many": {loseZone, func(v *view) { v.controllers = append(v.controllers, machine{10, "local-a", true, false}) }, []int32{1, 4, 7, 10}, "has 2 controllers"},
		"a zone with half of the voters": {loseZone, func(v *view) {
			v.voters = append(v.voters, 10)
			v.controllers = append(v.controllers, machine{10, "local-a", true, false})
		}, []int32{1, 4, 7, 10}, "2 of 4 voters would serve"},
		"a controller of two":                 {killController, func(v *view) { v.controllers[0].serving = false }, []int32{2}, "1 of 3 voters would serve"},
		"a controller while nobody is it":     {killController, func(v *view) { v.leader = -1 }, []int32{2}, "no leader"},
		"a controller of a fleet out of sync": {killController, func(v *view) { v.drop(4) }, []int32{2}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			v := whole()
			tt.change(&v)
			var victims []machine
			for _, m := range slices.Concat(v.controllers, v.brokers) {
				if slices.Contains(tt.victims, m.id) {
					victims = append(victims, m)
				}
			}
			if why := v.forbids(tt.kind, victims); (why == "") != (tt.want == "") || !strings.Contains(why, tt.want) {
				t.Errorf("%q, want %q", why, tt.want)
			}
		})
	}
}

// TestWhoeverCanBeStruckIs: a broker that nobody would miss is no victim, and when one cannot be spared another one is taken.
func TestWhoeverCanBeStruckIs(t *testing.T) {
	v := whole()
	v.brokers = append(v.brokers, machine{10, "local-a", true, false}) // Without a replica.
	v.broker(4, func(m *machine) { m.serving = false })
	for draw := range uint64(40) {
		victims, why := v.choose(killBroker, rand.New(rand.NewPCG(draw, 0)))
		if got := ids(victims); why != "" || !slices.Equal(got, []int32{7}) {
			t.Fatalf("%v (%s), want 7, which alone shares no partition with 4", got, why)
		}
	}
	v.leader = -1
	if victims, why := v.choose(killController, rand.New(rand.NewPCG(0, 0))); victims != nil || why == "" {
		t.Errorf("there is no active controller, and the victims are %v", victims)
	}
}

// TestAZoneIsLostUntilItsNodesAreReplaced: until none of them is left, and the others hold all that they held.
func TestAZoneIsLostUntilItsNodesAreReplaced(t *testing.T) {
	zone := []machine{{id: 4, zone: "local-a"}, {id: 1, zone: "local-a"}}
	v := whole()
	if v.without(zone) {
		t.Error("they are still there")
	}
	v.brokers, v.controllers = v.brokers[1:], v.controllers[1:]
	if !v.without(zone) {
		t.Error("they are gone, and all is in sync")
	}
	v.drop(5)
	if v.without(zone) {
		t.Error("a replica is not in sync")
	}
}
