package command

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/placement"
)

var states = map[placement.State]string{placement.Live: "live", placement.Cordoned: "cordoned", placement.Leaving: "leaving", placement.Dead: "dead"}

// table reads a CSV file whose first line names its columns, in any order.
type table struct {
	rows   *csv.Reader
	column map[string]int
	row    []string
}

// newTable reads the first line. Of the optional columns any may be missing.
func newTable(in io.Reader, required, optional []string) (*table, error) {
	t := &table{rows: csv.NewReader(in), column: map[string]int{}}
	t.rows.ReuseRecord = true
	names, err := t.rows.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("line 1: it is empty, and must name the columns: %s", strings.Join(required, ","))
	}
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		name = strings.TrimSpace(strings.TrimPrefix(name, "\ufeff"))
		if !slices.Contains(required, name) && !slices.Contains(optional, name) {
			return nil, fmt.Errorf("line 1: nobody knows a column %q; there are %s, and if wanted %s", name, strings.Join(required, ", "), strings.Join(optional, ", "))
		}
		if _, twice := t.column[name]; twice {
			return nil, fmt.Errorf("line 1: the column %q is there twice", name)
		}
		t.column[name] = i
	}
	for _, name := range required {
		if _, ok := t.column[name]; !ok {
			return nil, fmt.Errorf("line 1: the column %q is missing", name)
		}
	}
	return t, nil
}

// next reads a line, and says false at the end.
func (t *table) next() (bool, error) {
	row, err := t.rows.Read()
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	t.row = row
	for _, value := range row {
		// A name over two lines is a quote that was forgotten, and could not be written as it was read.
		if value = strings.TrimSpace(value); err == nil && strings.ContainsFunc(value, unicode.IsControl) {
			err = t.wrong("%q has a line break or another control character in it", value)
		}
	}
	return err == nil, err
}

// text is the value of a column, "" when the file has none of the name.
func (t *table) text(name string) string {
	if at, ok := t.column[name]; ok {
		return strings.TrimSpace(t.row[at])
	}
	return ""
}

// number is the value of a column, which must be at least as large.
func (t *table) number(name string, least int64, bits int) (int64, error) {
	text := t.text(name)
	n, err := strconv.ParseInt(text, 10, bits)
	if err != nil || n < least {
		return 0, t.wrong("%s is %q, and must be a whole number of at least %d", name, text, least)
	}
	return n, nil
}

// wrong is an error that says in which line.
func (t *table) wrong(format string, args ...any) error {
	line, _ := t.rows.FieldPos(0)
	return fmt.Errorf("line %d: %s", line, fmt.Sprintf(format, args...))
}

// readBrokers reads the file of brokers. Errors name the line.
func readBrokers(in io.Reader) ([]placement.Broker, error) {
	t, err := newTable(in, []string{"broker", "zone", "capacity_bytes"}, []string{"group", "state"})
	if err != nil {
		return nil, err
	}
	var brokers []placement.Broker
	lines := map[int32]bool{}
	for {
		more, err := t.next()
		if err != nil || !more {
			return brokers, err
		}
		id, err := t.number("broker", 0, 32)
		if err != nil {
			return nil, err
		}
		b := placement.Broker{ID: int32(id), Zone: strings.Clone(t.text("zone")), Group: strings.Clone(t.text("group"))} //nolint:gosec // Read as 32 bits.
		if lines[b.ID] {
			return nil, t.wrong("broker %d has a line already", b.ID)
		}
		lines[b.ID] = true
		if b.Capacity, err = t.number("capacity_bytes", 0, 64); err != nil {
			return nil, err
		}
		if text := t.text("state"); text != "" {
			found := false
			for state, name := range states {
				if name == text {
					b.State, found = state, true
				}
			}
			if !found {
				return nil, t.wrong("the state is %q, and must be live, cordoned, leaving or dead", text)
			}
		}
		brokers = append(brokers, b)
	}
}

// readPartitions reads the file of partitions. Errors name the line.
func readPartitions(in io.Reader, brokers []placement.Broker) ([]placement.Partition, error) {
	t, err := newTable(in, []string{"topic", "partition", "replicas", "bytes"}, []string{"leader", "group"})
	if err != nil {
		return nil, err
	}
	isBroker := map[int32]bool{}
	for _, b := range brokers {
		isBroker[b.ID] = true
	}
	type name struct {
		topic     string
		partition int32
	}
	seen := map[name]bool{}
	var partitions []placement.Partition
	var p placement.Partition
	for {
		more, err := t.next()
		if err != nil || !more {
			return partitions, err
		}
		// A topic's partitions follow each other and share one string.
		if topic := t.text("topic"); topic != p.Topic {
			p.Topic = strings.Clone(topic)
		}
		if group := t.text("group"); group != p.Group {
			p.Group = strings.Clone(group)
		}
		if p.Topic == "" {
			return nil, t.wrong("the topic has no name")
		}
		number, err := t.number("partition", 0, 32)
		if err != nil {
			return nil, err
		}
		p.Partition = int32(number) //nolint:gosec // Read as 32 bits.
		if seen[name{p.Topic, p.Partition}] {
			return nil, t.wrong("partition %s-%d has a line already", p.Topic, p.Partition)
		}
		seen[name{p.Topic, p.Partition}] = true
		if p.Bytes, err = t.number("bytes", 0, 64); err != nil {
			return nil, err
		}
		list := t.text("replicas")
		p.Replicas = make([]int32, 0, strings.Count(list, "|")+1)
		for text := range strings.SplitSeq(list, "|") {
			id, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32)
			if err != nil || id < 0 {
				return nil, t.wrong("replicas is %q, and must be broker ids like 1|2|3", list)
			}
			if !isBroker[int32(id)] {
				return nil, t.wrong("the file of brokers has no broker %d: add a line for it, with the state dead if it is gone", id)
			}
			if slices.Contains(p.Replicas, int32(id)) {
				return nil, t.wrong("replicas is %q: broker %d is there twice", list, id)
			}
			p.Replicas = append(p.Replicas, int32(id))
		}
		p.Leader = p.Replicas[0]
		if t.text("leader") != "" {
			leader, err := t.number("leader", -1, 32)
			if err != nil {
				return nil, err
			}
			p.Leader = int32(leader) //nolint:gosec // Read as 32 bits.
			if leader >= 0 && !slices.Contains(p.Replicas, p.Leader) {
				return nil, t.wrong("the leader is %d, and the replicas are on %s", leader, list)
			}
		}
		partitions = append(partitions, p)
	}
}

func writeBrokers(out io.Writer, brokers []placement.Broker) error {
	rows := csv.NewWriter(out)
	_ = rows.Write([]string{"broker", "zone", "capacity_bytes", "group", "state"}) // Error has the first failure.
	for _, b := range brokers {
		_ = rows.Write([]string{strconv.Itoa(int(b.ID)), b.Zone, strconv.FormatInt(b.Capacity, 10), b.Group, states[b.State]})
	}
	rows.Flush()
	return rows.Error()
}

func writePartitions(out io.Writer, partitions []placement.Partition) error {
	rows := csv.NewWriter(out)
	_ = rows.Write([]string{"topic", "partition", "replicas", "bytes", "leader"}) // Error has the first failure.
	for _, p := range partitions {
		_ = rows.Write([]string{p.Topic, strconv.Itoa(int(p.Partition)), joined(p.Replicas), strconv.FormatInt(p.Bytes, 10), strconv.Itoa(int(p.Leader))})
	}
	rows.Flush()
	return rows.Error()
}
