package command

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/bytesize"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/placement"
)

// placementFiles are the files that every operation of `placement` reads and writes.
type placementFiles struct {
	brokers, partitions          string
	moves, reassignment, figures string
	headroom                     float64
}

// newPlacement is `placement`: the planner of the provider for a cluster that is described by two CSV files.
func newPlacement() *cobra.Command {
	var (
		files    placementFiles
		generate string
	)
	cmd := &cobra.Command{
		Use:   "placement OPERATION --brokers FILE --partitions FILE",
		Short: "Plan which replica lives on which broker, for a cluster described by two CSV files",
		Long: `Reads a cluster from two CSV files, plans one operation as the provider would, and writes the moves as CSV, and as JSON for
kafka-reassign-partitions.sh if asked. It talks to no cluster.

Both files begin with a line of column names. Brokers: broker, zone, capacity_bytes (0: unknown), and, if wanted, group and
state (live, cordoned, leaving or dead). Partitions: topic, partition, replicas (ids in order, like 1|2|3), bytes (of one
replica), and, if wanted, leader (-1 for none) and group.

With --generate BROKERS,PARTITIONS,SEED and no operation it writes the two files: a skewed fleet to try things on.

Exits non-zero when a replica has no place. The moves of the others are written all the same.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if generate == "" {
				return errors.New("name an operation, or generate a fleet with --generate BROKERS,PARTITIONS,SEED")
			}
			cmd.SilenceUsage = true
			return files.generate(generate)
		},
	}
	cmd.Flags().StringVar(&generate, "generate", "", "write a skewed fleet of BROKERS,PARTITIONS,SEED into the two files")
	flags := cmd.PersistentFlags()
	flags.StringVar(&files.brokers, "brokers", "", "CSV file of the brokers")
	flags.StringVar(&files.partitions, "partitions", "", "CSV file of the partitions")
	flags.StringVar(&files.moves, "moves", "-", "where to write the moves as CSV; - is the standard output, empty for nowhere")
	flags.StringVar(&files.figures, "figures", "", "where to write the figures before and after as JSON; empty is the standard error, - the standard output")
	flags.Float64Var(&files.headroom, "headroom", placement.DefaultHeadroom, "share of a broker's disks that may be filled")
	for _, name := range []string{"brokers", "partitions"} {
		if err := cmd.MarkPersistentFlagRequired(name); err != nil {
			panic(err) // The flag is defined a few lines above.
		}
	}
	cmd.AddCommand(placementOperations(&files)...)
	return cmd
}

// placementOperations are the commands below `placement`.
func placementOperations(files *placementFiles) []*cobra.Command {
	var all []*cobra.Command
	operation := func(use, short string, plan func(placement.Fleet) (placement.Plan, error)) *cobra.Command {
		cmd := &cobra.Command{
			Use: use, Short: short, Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				cmd.SilenceUsage = true
				return files.run(cmd, plan)
			},
		}
		all = append(all, cmd)
		return cmd
	}
	// Only partitions that exist can be reassigned.
	reassigning := func(cmd *cobra.Command, required ...string) {
		cmd.Flags().StringVar(&files.reassignment, "reassignment", "", "where to write the moves as JSON for kafka-reassign-partitions.sh; - is the standard output")
		for _, name := range required {
			if err := cmd.MarkFlagRequired(name); err != nil {
				panic(err) // The callers define the flag first.
			}
		}
	}

	var pairs map[string]int
	replace := operation("replace --pair OLD=NEW", "Let brokers take over from others one to one: the same partitions, at the same position",
		func(f placement.Fleet) (placement.Plan, error) {
			substitutes := map[int32]int32{}
			for from, to := range pairs {
				id, err := strconv.ParseInt(from, 10, 32)
				if err != nil {
					return placement.Plan{}, fmt.Errorf("--pair %s=%d: %q is no broker id", from, to, from)
				}
				if err := known(f, int(id), to); err != nil {
					return placement.Plan{}, err
				}
				substitutes[int32(id)] = int32(to) //nolint:gosec // It is known, and so the id of a broker.
			}
			return placement.Replace(f, substitutes), nil
		})
	replace.Flags().StringToIntVar(&pairs, "pair", nil, "a broker that leaves and the one that takes over from it, like 3=14; may be repeated")
	reassigning(replace, "pair")

	var leaving []int
	drain := operation("drain --broker ID", "Take every replica off brokers that leave", func(f placement.Fleet) (placement.Plan, error) {
		err := mark(f, leaving, placement.Leaving)
		return placement.Drain(f, nil), err
	})
	drain.Flags().IntSliceVar(&leaving, "broker", nil, "a broker that leaves; may be repeated, besides those of the state leaving")
	reassigning(drain)

	var dead []int
	repair := operation("repair --broker ID", "Copy what dead brokers held from the other replicas", func(f placement.Fleet) (placement.Plan, error) {
		err := mark(f, dead, placement.Dead)
		return placement.Drain(f, nil), err
	})
	repair.Flags().IntSliceVar(&dead, "broker", nil, "a broker that is dead; may be repeated, besides those of the state dead")
	reassigning(repair)

	var fresh []int
	add := operation("add --broker ID", "Give new brokers their share; between the old ones nothing moves", func(f placement.Fleet) (placement.Plan, error) {
		if err := known(f, fresh...); err != nil {
			return placement.Plan{}, err
		}
		ids := make([]int32, len(fresh))
		for i, id := range fresh {
			ids[i] = int32(id) //nolint:gosec // They are known, and so ids of brokers.
		}
		return placement.ScaleOut(f, ids), nil
	})
	add.Flags().IntSliceVar(&fresh, "broker", nil, "a new broker, which the file has already; may be repeated")
	reassigning(add, "broker")

	var (
		threshold float64
		budget    string
	)
	rebalance := operation("rebalance", "Take brokers down that hold more than their zone's mean, then balance the leaders", func(f placement.Fleet) (placement.Plan, error) {
		bytes := int64(0)
		if budget != "" {
			var err error
			if bytes, err = bytesize.Parse(budget); err != nil {
				return placement.Plan{}, fmt.Errorf("--budget: %w", err)
			}
		}
		if threshold < 0 {
			return placement.Plan{}, fmt.Errorf("--threshold is %g, and must not be negative", threshold)
		}
		return placement.Rebalance(f, threshold, bytes), nil
	})
	rebalance.Flags().Float64Var(&threshold, "threshold", 0.05, "by which part of the mean a broker may exceed it")
	rebalance.Flags().StringVar(&budget, "budget", "", "how much may be copied at most, like 10GiB; empty: as much as it takes")
	reassigning(rebalance)

	reassigning(operation("leaders", "Balance preferred leaders by reordering replica lists; no data moves", pure(placement.BalanceLeaders)))
	reassigning(operation("zones", "Spread each partition evenly over the zones", pure(placement.RestoreZones)))
	reassigning(operation("group", "Move partitions that have a group onto that group's brokers", pure(placement.MoveToGroup)))

	var (
		topic, group                string
		partitions, replicas, total int
	)
	create := operation("create --topic NAME --partition-count N", "Place the partitions of a new topic", func(f placement.Fleet) (placement.Plan, error) {
		return placement.Create(f, topic, partitions, replicas, group), nil
	})
	create.Flags().StringVar(&topic, "topic", "", "the topic")
	create.Flags().IntVar(&partitions, "partition-count", 0, "how many partitions")
	create.Flags().IntVar(&replicas, "replication-factor", 3, "how many replicas each has")
	create.Flags().StringVar(&group, "group", "", "the broker group that it lives on; empty: all brokers")

	grow := operation("grow --topic NAME --total N", "Place the partitions that a topic is to get beyond those it has", func(f placement.Fleet) (placement.Plan, error) {
		return placement.Grow(f, topic, total), hasTopic(f, topic)
	})
	grow.Flags().StringVar(&topic, "topic", "", "the topic")
	grow.Flags().IntVar(&total, "total", 0, "how many partitions it is to have in all")

	var factor int
	set := operation("set-replication-factor --topic NAME --replication-factor N", "Give each partition of a topic more replicas, or fewer", func(f placement.Fleet) (placement.Plan, error) {
		return placement.SetReplicationFactor(f, topic, factor), hasTopic(f, topic)
	})
	set.Flags().StringVar(&topic, "topic", "", "the topic")
	set.Flags().IntVar(&factor, "replication-factor", 0, "how many replicas each partition is to have")
	reassigning(set, "topic", "replication-factor")
	for cmd, name := range map[*cobra.Command]string{create: "partition-count", grow: "total"} {
		for _, name := range []string{"topic", name} {
			if err := cmd.MarkFlagRequired(name); err != nil {
				panic(err) // The flag is defined a few lines above.
			}
		}
	}
	return all
}

// pure is an operation that has no arguments.
func pure(plan func(placement.Fleet) placement.Plan) func(placement.Fleet) (placement.Plan, error) {
	return func(f placement.Fleet) (placement.Plan, error) { return plan(f), nil }
}

// known is an error when the fleet lacks one of the brokers.
func known(f placement.Fleet, ids ...int) error {
	for _, id := range ids {
		if !slices.ContainsFunc(f.Brokers, func(b placement.Broker) bool { return int(b.ID) == id }) {
			return fmt.Errorf("the file of brokers has no broker %d: add a line for it", id)
		}
	}
	return nil
}

// mark gives brokers a state.
func mark(f placement.Fleet, ids []int, state placement.State) error {
	if err := known(f, ids...); err != nil {
		return err
	}
	for i := range f.Brokers {
		if slices.Contains(ids, int(f.Brokers[i].ID)) {
			f.Brokers[i].State = state
		}
	}
	if !slices.ContainsFunc(f.Brokers, func(b placement.Broker) bool { return b.State >= placement.Leaving }) {
		return errors.New("no broker is leaving or dead: name one with --broker, or in the file's column state")
	}
	return nil
}

func hasTopic(f placement.Fleet, topic string) error {
	if slices.ContainsFunc(f.Partitions, func(p placement.Partition) bool { return p.Topic == topic }) {
		return nil
	}
	return fmt.Errorf("the file of partitions has no topic %q", topic)
}

// run reads the fleet, plans, and writes what came out.
func (p placementFiles) run(cmd *cobra.Command, plan func(placement.Fleet) (placement.Plan, error)) error {
	fleet, err := p.read()
	if err != nil {
		return err
	}
	planned, err := plan(fleet)
	if err != nil {
		return err
	}
	var moves, reassignment, figures bytes.Buffer
	if err := writeMoves(&moves, planned.Moves); err != nil {
		return err
	}
	if err := writeReassignment(&reassignment, planned.Moves); err != nil {
		return err
	}
	if err := writeFigures(&figures, planned); err != nil {
		return err
	}
	for _, output := range []struct {
		name    string
		content []byte
		without io.Writer // for an empty name
	}{
		{p.moves, moves.Bytes(), io.Discard},
		{p.reassignment, reassignment.Bytes(), io.Discard},
		{p.figures, figures.Bytes(), cmd.ErrOrStderr()},
	} {
		switch output.name {
		case "":
			_, err = output.without.Write(output.content)
		case "-":
			_, err = cmd.OutOrStdout().Write(output.content)
		default:
			err = os.WriteFile(output.name, output.content, 0o644) //nolint:gosec // For whom the user's umask lets.
		}
		if err != nil {
			return fmt.Errorf("writing the plan: %w", err)
		}
	}
	switch n := len(planned.Left); n {
	case 0:
		return nil
	case 1:
		return errors.New(planned.Left[0].String())
	default:
		return fmt.Errorf("%s; %d others have no place either (the figures list them)", planned.Left[0], n-1)
	}
}

// read reads the fleet.
func (p placementFiles) read() (placement.Fleet, error) {
	fleet := placement.Fleet{Policy: placement.Policy{Headroom: p.headroom}}
	if p.headroom <= 0 || p.headroom > 1 {
		return fleet, fmt.Errorf("--headroom is %g, and must be above 0 and at most 1", p.headroom)
	}
	in, err := os.Open(p.brokers)
	if err != nil {
		return fleet, fmt.Errorf("the brokers: %w", err)
	}
	defer func() { _ = in.Close() }()
	if fleet.Brokers, err = readBrokers(in); err != nil {
		return fleet, fmt.Errorf("%s, %w", p.brokers, err)
	}
	in, err = os.Open(p.partitions)
	if err != nil {
		return fleet, fmt.Errorf("the partitions: %w", err)
	}
	defer func() { _ = in.Close() }()
	if fleet.Partitions, err = readPartitions(in, fleet.Brokers); err != nil {
		return fleet, fmt.Errorf("%s, %w", p.partitions, err)
	}
	return fleet, nil
}

// The largest fleet that can be generated: more than anybody runs, and still something that fits into memory.
const (
	mostBrokers    = 100_000
	mostPartitions = 10_000_000
)

// parseSkew reads BROKERS,PARTITIONS,SEED.
func parseSkew(what string) (brokers, partitions int, seed uint64, err error) {
	parts := strings.Split(what, ",")
	if len(parts) == 3 {
		b, errB := strconv.ParseUint(parts[0], 10, 31)
		p, errP := strconv.ParseUint(parts[1], 10, 31)
		s, errS := strconv.ParseUint(parts[2], 10, 64)
		if errors.Join(errB, errP, errS) == nil && b >= 1 && b <= mostBrokers && p >= 1 && p <= mostPartitions {
			return int(b), int(p), s, nil
		}
	}
	return 0, 0, 0, fmt.Errorf("--generate is %q, and must be three numbers: BROKERS,PARTITIONS,SEED, with at most %d brokers and %d partitions", what, mostBrokers, mostPartitions)
}

// generate writes a skewed fleet.
func (p placementFiles) generate(what string) error {
	brokers, partitions, seed, err := parseSkew(what)
	if err != nil {
		return err
	}
	fleet := placement.Skewed(brokers, partitions, seed)
	var buffer bytes.Buffer
	if err := writeBrokers(&buffer, fleet.Brokers); err != nil {
		return err
	}
	if err := os.WriteFile(p.brokers, buffer.Bytes(), 0o644); err != nil { //nolint:gosec // For whom the user's umask lets.
		return fmt.Errorf("writing the brokers: %w", err)
	}
	buffer.Reset()
	if err := writePartitions(&buffer, fleet.Partitions); err != nil {
		return err
	}
	if err := os.WriteFile(p.partitions, buffer.Bytes(), 0o644); err != nil { //nolint:gosec // See above.
		return fmt.Errorf("writing the partitions: %w", err)
	}
	return nil
}

func writeMoves(out io.Writer, moves []placement.Move) error {
	rows := csv.NewWriter(out)
	_ = rows.Write([]string{"topic", "partition", "from", "to", "bytes"}) // Error has the first failure.
	for _, m := range moves {
		_ = rows.Write([]string{
			m.Partition.Topic, strconv.Itoa(int(m.Partition.Partition)), joined(m.Partition.Replicas), joined(m.To), strconv.FormatInt(m.Bytes(), 10),
		})
	}
	rows.Flush()
	return rows.Error()
}

// writeReassignment writes what kafka-reassign-partitions.sh --reassignment-json-file takes.
func writeReassignment(out io.Writer, moves []placement.Move) error {
	type partition struct {
		Topic     string  `json:"topic"`
		Partition int32   `json:"partition"`
		Replicas  []int32 `json:"replicas"`
	}
	list := make([]partition, len(moves))
	for i, m := range moves {
		list[i] = partition{m.Partition.Topic, m.Partition.Partition, m.To}
	}
	return json.NewEncoder(out).Encode(struct {
		Version    int         `json:"version"`
		Partitions []partition `json:"partitions"`
	}{1, list})
}

func writeFigures(out io.Writer, plan placement.Plan) error {
	left := make([]string, len(plan.Left))
	for i, l := range plan.Left {
		left[i] = l.String()
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(struct {
		Moves      int               `json:"moves"`
		BytesMoved int64             `json:"bytes_moved"`
		LowerBound int64             `json:"lower_bound"`
		Left       []string          `json:"left"`
		Before     placement.Figures `json:"before"`
		After      placement.Figures `json:"after"`
	}{len(plan.Moves), plan.BytesMoved, plan.LowerBound, left, plan.Before, plan.After})
}

func joined(ids []int32) string {
	var b strings.Builder
	for i, id := range ids {
		if i > 0 {
			b.WriteByte('|')
		}
		b.WriteString(strconv.Itoa(int(id)))
	}
	return b.String()
}
