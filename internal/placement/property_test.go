package placement

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// anyFleet draws a small fleet with everything that can be the matter with one.
func anyFleet(t *rapid.T) Fleet {
	var f Fleet
	zones := rapid.IntRange(1, 4).Draw(t, "zones")
	grouped := rapid.Bool().Draw(t, "grouped")
	limited := rapid.Bool().Draw(t, "limited")
	for i := range rapid.IntRange(1, 9).Draw(t, "brokers") {
		b := Broker{ID: int32(i), Zone: string(rune('a' + rapid.IntRange(0, zones-1).Draw(t, "zone")))}
		b.State = rapid.SampledFrom([]State{Live, Live, Live, Cordoned, Leaving, Dead}).Draw(t, "state")
		if b.State == Dead && rapid.Bool().Draw(t, "zone forgotten") {
			b.Zone = ""
		}
		if grouped {
			b.Group = rapid.SampledFrom([]string{"cold", "hot"}).Draw(t, "group")
		}
		if limited {
			b.Capacity = rapid.Int64Range(50, 400).Draw(t, "capacity")
		}
		f.Brokers = append(f.Brokers, b)
	}
	for i := range rapid.IntRange(0, 20).Draw(t, "partitions") {
		ids := rapid.Permutation(ids(f)).Draw(t, "brokers")
		p := Partition{
			Topic: fmt.Sprint("t", i%3), Partition: int32(i / 3), Replicas: ids[:min(len(ids), rapid.IntRange(1, 4).Draw(t, "replicas"))],
			Bytes: rapid.SampledFrom([]int64{0, 1, 2, 5, 10, 10, 50, 100}).Draw(t, "bytes"),
		}
		p.Leader = rapid.SampledFrom(append([]int32{-1}, p.Replicas...)).Draw(t, "leader")
		if grouped {
			p.Group = rapid.SampledFrom([]string{"", "cold", "hot"}).Draw(t, "group")
		}
		f.Partitions = append(f.Partitions, p)
	}
	return f
}

func ids(f Fleet) []int32 {
	var out []int32
	for _, b := range f.Brokers {
		out = append(out, b.ID)
	}
	return out
}

// live are the ids of brokers that take replicas.
func live(f Fleet) []int32 {
	var out []int32
	for _, b := range f.Brokers {
		if b.State == Live {
			out = append(out, b.ID)
		}
	}
	return out
}

// operation is one of those that the properties hold for, with its arguments.
type operation struct {
	name string
	run  func(Fleet) Plan
}

// operations are all of them, with arguments for the fleet.
func operations(t *rapid.T, f Fleet) []operation {
	some := func(what string) []int32 {
		var out []int32
		for _, id := range live(f) {
			if rapid.Bool().Draw(t, what) {
				out = append(out, id)
			}
		}
		return out
	}
	substitutes := map[int32]int32{}
	for _, b := range f.Brokers {
		if b.State >= Leaving && rapid.Bool().Draw(t, "substituted") {
			substitutes[b.ID] = rapid.SampledFrom(ids(f)).Draw(t, "substitute")
		}
	}
	added := some("added")
	threshold := rapid.SampledFrom([]float64{0, 0.05, 0.3}).Draw(t, "threshold")
	budget := rapid.SampledFrom([]int64{0, 0, 7, 60}).Draw(t, "budget")
	factor, group := rapid.IntRange(1, 5).Draw(t, "factor"), f.Brokers[0].Group
	return []operation{
		{"drain", func(f Fleet) Plan { return Drain(f, substitutes) }},
		{"scale out", func(f Fleet) Plan { return ScaleOut(f, added) }},
		{"rebalance", func(f Fleet) Plan { return Rebalance(f, threshold, budget) }},
		{"leaders", BalanceLeaders},
		{"zones", RestoreZones},
		{"group", MoveToGroup},
		{"create", func(f Fleet) Plan { return Create(f, "new", 5, factor, group) }},
		{"grow", func(f Fleet) Plan { return Grow(f, "t0", 9) }},
		{"factor", func(f Fleet) Plan { return SetReplicationFactor(f, "t0", factor) }},
	}
}

// clashes is how many pairs of the replicas are in one zone.
func clashes(b *board, replicas []int32) (n int) {
	for i, x := range replicas {
		for _, y := range replicas[:i] {
			if b.zone[b.number(x)] == b.zone[b.number(y)] {
				n++
			}
		}
	}
	return n
}

// TestNoMoveBreaksAHardRule is for every operation on every fleet.
func TestNoMoveBreaksAHardRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyFleet(t)
		b := newBoard(f)
		for _, op := range operations(t, f) {
			p := op.run(f)
			consistent(t, f, p)
			if op.name != "rebalance" && op.name != "scale out" && p.BytesMoved > p.LowerBound {
				t.Fatalf("%s moves %d bytes, more than its bound of %d", op.name, p.BytesMoved, p.LowerBound)
			}
			incoming := map[int32]int64{}
			for _, m := range p.Moves {
				if sorted := slices.Sorted(slices.Values(m.To)); len(slices.Compact(sorted)) != len(m.To) {
					t.Fatalf("%s puts two replicas on one broker: %v", op.name, m.To)
				}
				if op.name != "factor" && len(m.Partition.Replicas) > 0 && len(m.To) != len(m.Partition.Replicas) {
					t.Fatalf("%s changes the number of replicas: %v to %v", op.name, m.Partition.Replicas, m.To)
				}
				if len(m.Partition.Replicas) == len(m.To) {
					// Where replicas have to leave a zone for good, the others may have to take them; as even as can be is enough then.
					before, after := clashes(b, m.Partition.Replicas), clashes(b, m.To)
					if after > before && !b.evenList(m.Partition, m.To) {
						t.Fatalf("%s crowds a zone: %v to %v", op.name, m.Partition.Replicas, m.To)
					}
				}
				if len(m.Partition.Replicas) == 0 && !b.evenList(m.Partition, m.To) {
					t.Fatalf("%s spreads a new partition unevenly: %v", op.name, m.To)
				}
				for _, id := range m.Added() {
					br := b.brokers[b.number(id)]
					if br.State != Live {
						t.Fatalf("%s puts a replica on broker %d, which takes none", op.name, id)
					}
					if m.Partition.Group != "" && m.Partition.Group != br.Group {
						t.Fatalf("%s puts a replica of group %s on broker %d of %s", op.name, m.Partition.Group, id, br.Group)
					}
					incoming[id] += m.Partition.Bytes
				}
			}
			for id, bytes := range incoming {
				if i := b.number(id); b.bytes[i]+bytes > b.limit[i] && bytes > 0 {
					t.Fatalf("%s fills broker %d to %d of %d bytes while it moves", op.name, id, b.bytes[i]+bytes, b.limit[i])
				}
			}
			if op.name != "drain" && op.name != "group" && op.name != "factor" && p.After.ZoneViolations > p.Before.ZoneViolations {
				t.Fatalf("%s: %d partitions are spread unevenly, %d before", op.name, p.After.ZoneViolations, p.Before.ZoneViolations)
			}
			if p.After.HeadroomViolations > p.Before.HeadroomViolations {
				t.Fatalf("%s: %d brokers are beyond their headroom, %d before", op.name, p.After.HeadroomViolations, p.Before.HeadroomViolations)
			}
		}
	})
}

// evenList says that the list is spread evenly over the zones that the partition could use.
func (b *board) evenList(p Partition, list []int32) bool {
	count := make([]int, len(b.zones))
	for _, r := range list {
		count[b.zone[b.number(r)]]++
	}
	least := len(list)
	for i, br := range b.brokers {
		if b.takes(int32(i)) && (p.Group == "" || p.Group == br.Group) {
			least = min(least, count[b.zone[i]])
		}
	}
	return slices.Max(count) <= max(1, least+1)
}

// TestASecondRunMovesNothing is for every operation. The disks are without limits, since moves free room that a second run may use, and no
// zone is inferred, since moves change what is inferred.
func TestASecondRunMovesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := located(anyFleet(t))
		for i := range f.Brokers {
			f.Brokers[i].Capacity = 0
		}
		for _, op := range operations(t, f) {
			if op.name == "rebalance" {
				// With a budget, the second run has another one.
				op.run = func(f Fleet) Plan { return Rebalance(f, 0.1, 0) }
			}
			if again := op.run(f.After(op.run(f).Moves)); len(again.Moves) > 0 {
				t.Fatalf("%s moves again: %v to %v", op.name, again.Moves[0].Partition, again.Moves[0].To)
			}
		}
	})
}

// TestTheSameQuestionGivesTheSameAnswer in whatever order its parts are given, and leaves the question as it is.
func TestTheSameQuestionGivesTheSameAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyFleet(t)
		kept := f
		kept.Brokers, kept.Partitions = slices.Clone(f.Brokers), slices.Clone(f.Partitions)
		for i := range kept.Partitions {
			kept.Partitions[i].Replicas = slices.Clone(kept.Partitions[i].Replicas)
		}
		shuffled := f
		shuffled.Brokers, shuffled.Partitions = slices.Clone(f.Brokers), slices.Clone(f.Partitions)
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 0))
		random.Shuffle(len(f.Brokers), func(i, j int) {
			shuffled.Brokers[i], shuffled.Brokers[j] = shuffled.Brokers[j], shuffled.Brokers[i]
		})
		random.Shuffle(len(f.Partitions), func(i, j int) {
			shuffled.Partitions[i], shuffled.Partitions[j] = shuffled.Partitions[j], shuffled.Partitions[i]
		})
		for _, op := range operations(t, f) {
			one := op.run(f)
			if diff := cmp.Diff(one, op.run(shuffled)); diff != "" {
				t.Fatalf("%s (in order, then shuffled):\n%s", op.name, diff)
			}
			limits := Limits{Partitions: 3, MovesPerBroker: 2, BytesPerBroker: 60}
			if diff := cmp.Diff(Batch(one.Moves, nil, limits), Batch(op.run(shuffled).Moves, nil, limits)); diff != "" {
				t.Fatalf("a batch of %s (in order, then shuffled):\n%s", op.name, diff)
			}
			if diff := cmp.Diff(kept, f); diff != "" {
				t.Fatalf("%s changed the fleet:\n%s", op.name, diff)
			}
		}
	})
}

// TestDrainEmptiesTheLeavers but for what it says it left; its bytes and those left add up to the bound.
func TestDrainEmptiesTheLeavers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyFleet(t)
		b := newBoard(f)
		p := operations(t, f)[0].run(f)
		type replica struct {
			topic     string
			partition int32
			broker    int32
		}
		left := map[replica]bool{}
		rest := int64(0)
		sizes := map[replica]int64{}
		for _, part := range f.Partitions {
			for _, r := range part.Replicas {
				sizes[replica{part.Topic, part.Partition, r}] = part.Bytes
			}
		}
		for _, l := range p.Left {
			r := replica{l.Topic, l.Partition, l.Broker}
			left[r] = true
			if l.Constraint != ConstraintSource {
				rest += sizes[r]
			}
			if l.Short <= 0 {
				t.Fatalf("what is left is short of nothing: %s", l)
			}
		}
		if p.BytesMoved+rest != p.LowerBound {
			t.Fatalf("%d bytes moved and %d left, of %d", p.BytesMoved, rest, p.LowerBound)
		}
		for _, part := range f.After(p.Moves).Partitions {
			for _, r := range part.Replicas {
				if b.brokers[b.number(r)].State >= Leaving && !left[replica{part.Topic, part.Partition, r}] {
					t.Fatalf("%s-%d is still on broker %d", part.Topic, part.Partition, r)
				}
			}
		}
		for _, m := range p.Moves {
			for _, r := range m.Removed() {
				if b.brokers[b.number(r)].State < Leaving {
					t.Fatalf("a replica left broker %d, which stays", r)
				}
			}
		}
	})
}

// TestDrainKeepsBalance: with one replica and one zone nothing constrains the drain, so no broker ends up above the old maximum, or the mean
// and the largest partition that moved.
func TestDrainKeepsBalance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 6).Draw(t, "brokers")
		leavers := rapid.IntRange(1, n-1).Draw(t, "leavers")
		f := Fleet{}
		for i := range n {
			b := Broker{ID: int32(i), Zone: "a"}
			if i < leavers {
				b.State = Leaving
			}
			f.Brokers = append(f.Brokers, b)
		}
		var total, largest, most int64
		for i := range rapid.IntRange(0, 30).Draw(t, "partitions") {
			p := Partition{Topic: "t", Partition: int32(i), Replicas: []int32{rapid.Int32Range(0, int32(n-1)).Draw(t, "broker")}, Bytes: rapid.Int64Range(0, 100).Draw(t, "bytes")}
			f.Partitions = append(f.Partitions, p)
			total += p.Bytes
			if int(p.Replicas[0]) < leavers {
				largest = max(largest, p.Bytes)
			}
		}
		p := Drain(f, nil)
		for _, b := range p.Before.Brokers[leavers:] {
			most = max(most, b.Bytes)
		}
		for _, b := range p.After.Brokers {
			if limit := max(most, total/int64(n-leavers)+largest); b.Bytes > limit {
				t.Fatalf("broker %d holds %d bytes, more than %d", b.Broker, b.Bytes, limit)
			}
		}
	})
}

// TestScaleOutMovesToAddedBrokersOnly, no more than they lack and a hundredth, and no broker above the old maximum.
func TestScaleOutMovesToAddedBrokersOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyFleet(t)
		added := slices.DeleteFunc(live(f), func(int32) bool { return rapid.Bool().Draw(t, "old") })
		p := ScaleOut(f, added)
		for _, m := range p.Moves {
			for _, r := range m.Added() {
				if !slices.Contains(added, r) {
					t.Fatalf("a move to an old broker: %v to %v", m.Partition.Replicas, m.To)
				}
			}
			for _, r := range m.Removed() {
				if slices.Contains(added, r) || newBoard(f).brokers[newBoard(f).number(r)].State > Cordoned {
					t.Fatalf("a move from broker %d: %v to %v", r, m.Partition.Replicas, m.To)
				}
			}
		}
		var most, all int64
		for _, b := range p.Before.Brokers {
			most = max(most, b.Bytes)
			all += b.Bytes
		}
		if p.BytesMoved > p.LowerBound+all/100 {
			t.Fatalf("moved %d, more than is lacking (%d) and a hundredth of the shares", p.BytesMoved, p.LowerBound)
		}
		for i, b := range p.After.Brokers {
			if b.Bytes > most {
				t.Fatalf("broker %d holds %d bytes, and the fullest had %d", b.Broker, b.Bytes, most)
			}
			if !slices.Contains(added, b.Broker) && b.Bytes > p.Before.Brokers[i].Bytes {
				t.Fatalf("old broker %d got something", b.Broker)
			}
		}
	})
}

// TestRebalanceMakesNothingWorse: the fullest broker of each zone is no fuller, what gives was above the limit, what takes stays below it,
// and the budget is kept.
func TestRebalanceMakesNothingWorse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyFleet(t)
		threshold := rapid.SampledFrom([]float64{0, 0.05, 0.3}).Draw(t, "threshold")
		budget := rapid.Int64Range(0, 200).Draw(t, "budget")
		p := Rebalance(f, threshold, budget)
		if budget > 0 && p.BytesMoved > budget {
			t.Fatalf("moved %d bytes of a budget of %d", p.BytesMoved, budget)
		}
		if p.After.MaxOverMeanBytes > p.Before.MaxOverMeanBytes {
			t.Fatalf("the fullest broker has %f of the mean, %f before", p.After.MaxOverMeanBytes, p.Before.MaxOverMeanBytes)
		}
		b := newBoard(f)
		means := make([]mean, len(b.groups)*len(b.zones))
		for i := range b.brokers {
			if b.stays(int32(i)) {
				means[b.cell(int32(i))].add(b.bytes[i])
			}
		}
		for i, after := range p.After.Brokers {
			limit, before := (1+threshold)*means[b.cell(int32(i))].value(), p.Before.Brokers[i].Bytes
			if after.Bytes > before && float64(after.Bytes) > limit {
				t.Fatalf("broker %d was filled from %d to %d bytes, and its limit is %f", after.Broker, before, after.Bytes, limit)
			}
			if after.Bytes < before && float64(before) <= limit {
				t.Fatalf("broker %d gave without need", after.Broker)
			}
		}
		for _, m := range p.Moves {
			if m.Bytes() > 0 && clashes(b, m.To) != clashes(b, m.Partition.Replicas) {
				t.Fatalf("the spread over zones changed: %v to %v", m.Partition.Replicas, m.To)
			}
		}
	})
}

// TestBatchesComeToTheEnd: batch after batch, each within the limits, the moves are done.
func TestBatchesComeToTheEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyFleet(t)
		ops := operations(t, f)
		op := rapid.SampledFrom([]operation{ops[0], ops[2], ops[5]}).Draw(t, "operation")
		limits := Limits{
			Partitions:     rapid.IntRange(0, 4).Draw(t, "partitions"),
			MovesPerBroker: rapid.IntRange(0, 2).Draw(t, "moves a broker"),
			BytesPerBroker: rapid.Int64Range(0, 60).Draw(t, "bytes a broker"),
		}
		target := op.run(f).Moves
		for round := 0; len(target) > 0; round++ {
			batch := Batch(target, nil, limits)
			if len(batch) == 0 || round > 200 {
				t.Fatalf("round %d: %d moves are left, and none may start", round, len(target))
			}
			if limits.Partitions > 0 && len(batch) > limits.Partitions {
				t.Fatalf("%d moves at once", len(batch))
			}
			in := map[int32]int{}
			for _, m := range batch {
				kept := len(m.Partition.Replicas) - len(m.Removed())
				if len(m.Partition.Replicas) > 1 && kept == 0 {
					t.Fatalf("all replicas are exchanged at once: %v to %v", m.Partition.Replicas, m.To)
				}
				for _, r := range m.Added() {
					if in[r]++; limits.MovesPerBroker > 0 && in[r] > limits.MovesPerBroker {
						t.Fatalf("%d moves into broker %d", in[r], r)
					}
				}
			}
			f = f.After(batch)
			var rest []Move
			for _, m := range target {
				for _, p := range f.Partitions {
					if p.Topic == m.Partition.Topic && p.Partition == m.Partition.Partition && !slices.Equal(p.Replicas, m.To) {
						rest = append(rest, Move{Partition: p, To: m.To})
					}
				}
			}
			target = rest
		}
	})
}

// TestTopicsCreatedTogetherAreWhereTheyWouldBeOneAfterTheOther places some topics at once and, beside it, each in the fleet that the ones before it left.
func TestTopicsCreatedTogetherAreWhereTheyWouldBeOneAfterTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyFleet(t)
		groups := []string{f.Brokers[0].Group, ""}
		var topics []NewTopic
		for i := range rapid.IntRange(0, 6).Draw(t, "topics") {
			topics = append(topics, NewTopic{
				Name:       rapid.SampledFrom([]string{"a", "t0-", "z"}).Draw(t, "name") + fmt.Sprint(i),
				Partitions: rapid.IntRange(1, 4).Draw(t, "partitions"), ReplicationFactor: rapid.IntRange(1, 4).Draw(t, "factor"), Group: rapid.SampledFrom(groups).Draw(t, "group"),
			})
		}
		moves, left := CreateAll(f, topics)
		oneAfterTheOther(t, f, moves, left, len(topics), func(now Fleet, i int) Plan {
			return Create(now, topics[i].Name, topics[i].Partitions, topics[i].ReplicationFactor, topics[i].Group)
		})
	})
}

// oneAfterTheOther wants moves and what is left to be what so many plans come to, each of the fleet that the one before it left.
func oneAfterTheOther(t *rapid.T, f Fleet, moves []Move, left []Left, plans int, plan func(now Fleet, i int) Plan) {
	t.Helper()
	var oneByOne []Move
	var without []Left
	for i := range plans {
		p := plan(f, i)
		oneByOne, without, f = append(oneByOne, p.Moves...), append(without, p.Left...), f.After(p.Moves)
	}
	if diff := cmp.Diff(oneByOne, moves); diff != "" {
		t.Fatalf("one by one (-), together (+):\n%s", diff)
	}
	if diff := cmp.Diff(without, left); diff != "" {
		t.Fatalf("without a place one by one (-), together (+):\n%s", diff)
	}
}

// TestTopicsGrowTogetherAsTheyWouldOneAfterTheOther, and beside one that the fleet does not have.
func TestTopicsGrowTogetherAsTheyWouldOneAfterTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyFleet(t)
		totals := map[string]int{"unknown": 3}
		for _, p := range f.Partitions {
			if _, ok := totals[p.Topic]; !ok {
				totals[p.Topic] = rapid.IntRange(0, 6).Draw(t, "total of "+p.Topic)
			}
		}
		moves, left := GrowAll(f, totals)
		names := slices.Sorted(maps.Keys(totals))
		oneAfterTheOther(t, f, moves, left, len(names), func(now Fleet, i int) Plan { return Grow(now, names[i], totals[names[i]]) })
	})
}

// TestNewPartitionsHaveAsManyReplicasAsTheFirst, whatever the others have.
func TestNewPartitionsHaveAsManyReplicasAsTheFirst(t *testing.T) {
	f := Fleet{Brokers: []Broker{{ID: 1}, {ID: 2}, {ID: 3}}, Partitions: []Partition{
		{Topic: "t", Partition: 1, Replicas: []int32{1}}, {Topic: "t", Partition: 0, Replicas: []int32{1, 2}}, {Topic: "t", Partition: 2, Replicas: []int32{1, 2, 3}},
	}}
	if p := Grow(f, "t", 4); len(p.Moves) != 1 || p.Moves[0].Partition.Partition != 3 || len(p.Moves[0].To) != 2 {
		t.Errorf("the new partition gets %+v", p.Moves)
	}
}

// TestFactorsAreSetTogether: each partition that would get its replicas alone gets them beside the others, where disks have room for all.
func TestFactorsAreSetTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyFleet(t)
		factors := map[string]int{}
		for _, p := range f.Partitions {
			if _, ok := factors[p.Topic]; !ok {
				factors[p.Topic] = rapid.IntRange(0, 4).Draw(t, "factor of "+p.Topic)
			}
		}
		after := f.After(SetReplicationFactors(f, factors).Moves)
		for _, p := range after.Partitions {
			factor := factors[p.Topic]
			alone := SetReplicationFactor(f, p.Topic, factor)
			placed := !slices.ContainsFunc(alone.Left, func(l Left) bool { return l.Topic == p.Topic && l.Partition == p.Partition })
			if factor > 0 && len(p.Replicas) > 0 && len(p.Replicas) != factor && placed && f.Brokers[0].Capacity == 0 {
				t.Fatalf("%s-%d is to have %d replicas and gets %v", p.Topic, p.Partition, factor, p.Replicas)
			}
		}
	})
}

// TestFactorsOfManyTopicsAreSpread: the new replicas of one do not all go where those of the others went.
func TestFactorsOfManyTopicsAreSpread(t *testing.T) {
	f := Fleet{}
	for id := range int32(6) {
		f.Brokers = append(f.Brokers, Broker{ID: id, Zone: string("abc"[id%3]), State: Live})
	}
	factors := map[string]int{}
	for i := range 60 {
		name := fmt.Sprintf("t%02d", i)
		factors[name] = 3
		f.Partitions = append(f.Partitions, Partition{Topic: name, Replicas: []int32{int32(i % 3)}, Leader: int32(i % 3)})
	}
	added := map[int32]int{}
	for _, m := range SetReplicationFactors(f, factors).Moves {
		for _, id := range m.Added() {
			added[id]++
		}
	}
	// 0 to 2 lead twenty each and take ten, 3 to 5 take thirty.
	if want := map[int32]int{0: 10, 1: 10, 2: 10, 3: 30, 4: 30, 5: 30}; !maps.Equal(added, want) {
		t.Errorf("the new replicas by broker are %v, want %v", added, want)
	}
}
