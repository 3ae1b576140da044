package placement

import "slices"

// Move is one partition's new replica list.
type Move struct {
	// Partition as it is before the move. A partition that does not exist yet has no Replicas.
	Partition Partition
	// To is the whole new list, in order: a new replica stands where the one it replaces stood, unless leaders are balanced by it. A list
	// of the same brokers in another order moves no data.
	To []int32
}

// Added are the brokers that get a new replica, in the order of To.
func (m Move) Added() []int32 { return minus(m.To, m.Partition.Replicas) }

// Removed are the brokers that lose their replica.
func (m Move) Removed() []int32 { return minus(m.Partition.Replicas, m.To) }

// Bytes is how much data the move copies: the partition's size, once for every replica that is added.
func (m Move) Bytes() int64 {
	n := 0
	for _, r := range m.To {
		if !slices.Contains(m.Partition.Replicas, r) {
			n++
		}
	}
	return int64(n) * m.Partition.Bytes
}

// After is the fleet once the moves are done: lists replaced, new partitions added, a leader that lost its replica succeeded by the
// preferred one, and the in-sync replicas complete.
func (f Fleet) After(moves []Move) Fleet {
	type name struct {
		topic     string
		partition int32
	}
	to := make(map[name][]int32, len(moves))
	for _, m := range moves {
		to[name{m.Partition.Topic, m.Partition.Partition}] = m.To
	}
	f.Partitions = slices.Clone(f.Partitions)
	for i := range f.Partitions {
		p := &f.Partitions[i]
		n := name{p.Topic, p.Partition}
		if list, ok := to[n]; ok {
			p.Replicas, p.InSync = list, nil
			if p.Leader >= 0 && !slices.Contains(list, p.Leader) {
				p.Leader = list[0]
			}
			delete(to, n)
		}
	}
	var added []Partition
	for _, m := range moves {
		n := name{m.Partition.Topic, m.Partition.Partition}
		if list, ok := to[n]; ok {
			p := m.Partition
			p.Replicas, p.Leader = list, list[0]
			added = append(added, p)
			delete(to, n)
		}
	}
	if len(added) > 0 {
		f.Partitions = merged(f.Partitions, added)
	}
	return f
}

// minus returns the elements of a that are not in b, in a's order.
func minus(a, b []int32) []int32 {
	var out []int32
	for _, x := range a {
		if !slices.Contains(b, x) {
			out = append(out, x)
		}
	}
	return out
}
