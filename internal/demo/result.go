package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"text/tabwriter"
)

// node is a node as the example's outputs show it.
type node struct {
	Zone         string `json:"zone"`
	KafkaVersion string `json:"kafka_version"`
	State        string `json:"state"`
}

// outputs are the example's outputs; nodes are by node id.
type outputs struct {
	BootstrapServers []string        `json:"bootstrap_servers"`
	CACertificatePEM string          `json:"ca_certificate_pem"`
	User             string          `json:"user"`
	Brokers          map[string]node `json:"brokers"`
	Controllers      map[string]node `json:"controllers"`
}

// result is the demo's last line.
type result struct {
	RecordsAcked      int64   `json:"records_acked"`
	RecordsLost       int64   `json:"records_lost"`
	RecordsDuplicated int64   `json:"records_duplicated"`
	RecordsReordered  int64   `json:"records_reordered"`
	NodesReplaced     int     `json:"nodes_replaced"`
	BytesMovedRatio   float64 `json:"bytes_moved_ratio"`
	LongestGapMillis  int64   `json:"longest_gap_ms"`
	ApplySeconds      float64 `json:"apply_s"`
	RolloutSeconds    float64 `json:"rollout_s"`
}

// replaced counts the nodes that are gone, or says why that is not all of them: a node that stayed, a group of another
// size, a new node of another version than the one asked for.
func replaced(before, after map[string]node, version string) (int, error) {
	count := 0
	for id := range before {
		if _, stayed := after[id]; stayed {
			return count, fmt.Errorf("node %s was not replaced", id)
		}
		count++
	}
	if len(after) != len(before) || len(before) == 0 {
		return count, fmt.Errorf("there were %d nodes before and there are %d now", len(before), len(after))
	}
	for id, n := range after {
		if n.KafkaVersion != version {
			return count, fmt.Errorf("node %s runs Kafka %s and not %s", id, n.KafkaVersion, version)
		}
	}
	return count, nil
}

// printNodes prints nodes before and after side by side, by zone.
func printNodes(w io.Writer, before, after outputs) error {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	// What goes wrong in writing is told by Flush.
	_, _ = fmt.Fprintln(table, "ROLE\tZONE\tNODE BEFORE\tVERSION\tNODE AFTER\tVERSION")
	for _, group := range []struct {
		role          string
		before, after map[string]node
	}{
		{"controller", before.Controllers, after.Controllers},
		{"broker", before.Brokers, after.Brokers},
	} {
		olds, news := byZone(group.before), byZone(group.after)
		for i := range max(len(olds), len(news)) {
			zone, old, oldVersion, fresh, freshVersion := "", "-", "", "-", ""
			if i < len(news) {
				fresh, zone, freshVersion = news[i], group.after[news[i]].Zone, group.after[news[i]].KafkaVersion
			}
			if i < len(olds) {
				old, zone, oldVersion = olds[i], group.before[olds[i]].Zone, group.before[olds[i]].KafkaVersion
			}
			_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", group.role, zone, old, oldVersion, fresh, freshVersion)
		}
	}
	return table.Flush()
}

// byZone returns the ids in the order of their zones, and in numeric order within a zone.
func byZone(nodes map[string]node) []string {
	return slices.SortedFunc(maps.Keys(nodes), func(a, b string) int {
		if za, zb := nodes[a].Zone, nodes[b].Zone; za != zb {
			if za < zb {
				return -1
			}
			return 1
		}
		na, _ := strconv.Atoi(a)
		nb, _ := strconv.Atoi(b)
		return na - nb
	})
}
