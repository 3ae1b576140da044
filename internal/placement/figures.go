package placement

// Figures describe a fleet's balance. Leaders are counted by the preferred leader, the first in the replica list.
//
// A broker counts as long as it stays (live or cordoned), and a leaving or dead one while it still holds something.
type Figures struct {
	// Brokers by ascending id.
	Brokers []BrokerFigures `json:"brokers"`
	// MaxOverMeanBytes is the largest, over all brokers, of a broker's bytes over the mean of its group's brokers in its zone. 0 when there
	// are no bytes. A fleet whose partitions name no group counts as one group.
	MaxOverMeanBytes float64 `json:"max_over_mean_bytes"`
	// MaxOverMeanLeaders is the same for the number of leaders, over the brokers of a group in all zones.
	MaxOverMeanLeaders float64 `json:"max_over_mean_leaders"`
	// ZoneViolations is how many partitions have two replicas more in one zone than in another that they could use.
	ZoneViolations int `json:"zone_violations"`
	// HeadroomViolations is how many brokers hold more than the headroom allows.
	HeadroomViolations int `json:"headroom_violations"`
}

// BrokerFigures are what one broker holds.
type BrokerFigures struct {
	Broker      int32  `json:"broker"`
	Zone        string `json:"zone"`
	Group       string `json:"group,omitempty"`
	Bytes       int64  `json:"bytes"`
	Replicas    int    `json:"replicas"`
	Leaders     int    `json:"leaders"`
	LeaderBytes int64  `json:"leader_bytes"`
}

// Describe returns the figures of a fleet as it is.
func Describe(f Fleet) Figures { return newBoard(f).figures() }

// figures are the board's, with the moves made so far.
func (b *board) figures() Figures {
	out := Figures{Brokers: make([]BrokerFigures, len(b.brokers))}
	cells := make([]mean, len(b.groups)*len(b.zones))
	groups := make([]mean, len(b.groups))
	counts := func(i int) bool { return b.stays(int32(i)) || b.replicas[i] > 0 }
	for i, br := range b.brokers {
		out.Brokers[i] = BrokerFigures{
			Broker: br.ID, Zone: b.zones[b.zone[i]], Group: br.Group,
			Bytes: b.bytes[i], Replicas: int(b.replicas[i]), Leaders: int(b.leaders[i]), LeaderBytes: b.leaderBytes[i],
		}
		if counts(i) {
			cells[b.cell(int32(i))].add(b.bytes[i])
			groups[b.circle(int32(i))].add(int64(b.leaders[i]))
		}
		if b.limit[i] < b.bytes[i] {
			out.HeadroomViolations++
		}
	}
	for i := range b.brokers {
		if counts(i) {
			out.MaxOverMeanBytes = max(out.MaxOverMeanBytes, cells[b.cell(int32(i))].ratio(b.bytes[i]))
			out.MaxOverMeanLeaders = max(out.MaxOverMeanLeaders, groups[b.circle(int32(i))].ratio(int64(b.leaders[i])))
		}
	}
	for p := range b.parts {
		if !b.even(int32(p)) {
			out.ZoneViolations++
		}
	}
	return out
}

// mean collects values of which the mean is wanted.
type mean struct {
	sum int64
	n   int
}

func (m *mean) add(value int64) {
	m.sum += value
	m.n++
}

func (m mean) value() float64 {
	if m.n == 0 {
		return 0
	}
	return float64(m.sum) / float64(m.n)
}

func (m mean) ratio(value int64) float64 {
	if m.sum == 0 {
		return 0
	}
	return float64(value) / m.value()
}
