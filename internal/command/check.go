package command

import (
	"context"
	"encoding/json"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/check"
)

// readBackTimeout is how long the end of a check may take: the last acknowledgements, and reading everything back.
const readBackTimeout = 10 * time.Minute

// newCheck is `check`: load on a topic for a while, then the proof that nothing of it was lost.
func newCheck() *cobra.Command {
	var (
		options   check.Options
		access    checkAccess
		bootstrap []string
		duration  time.Duration
		asJSON    bool
	)
	cmd := &cobra.Command{
		Use:   "check --bootstrap HOST:PORT[,HOST:PORT...] --topic NAME",
		Short: "Produce to a topic, read every acknowledged record back, and report what was lost",
		Long: `Produces to a topic with acks=all and idempotence while a consumer reads it, and remembers every record that was
acknowledged. At the end it reads them all back and reports lost, duplicated and reordered records, and the longest time
that a partition went without an acknowledgement. Ctrl-C ends the producing early; the report follows all the same.

The topic must exist and is used by this check alone while it runs. Exits non-zero when any promise was broken.

Without --tls, --ca or --certificate connections are plaintext, and without --user nobody logs in. Of ACLs the check needs
Write and Read of the topic. A password is no argument, which others could see: it is in the environment variable
` + checkPassword + `, or in a file that --password-file names.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// From here on an error is the check's outcome, and the usage text would only hide it.
			cmd.SilenceUsage = true
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			options.Bootstrap = check.Static(bootstrap...)
			var err error
			if options.Security, err = access.security(); err != nil {
				return err
			}
			run, err := check.Start(ctx, options)
			if err != nil {
				return err
			}
			defer run.Close()
			select {
			case <-ctx.Done():
			case <-time.After(duration):
			case <-run.Produced():
			}
			// A second Ctrl-C ends the process at once.
			stop()
			reading, cancel := context.WithTimeout(context.WithoutCancel(ctx), readBackTimeout)
			defer cancel()
			report, err := run.Stop(reading)
			if err != nil {
				return err
			}
			if asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(report)
			} else {
				_, err = fmt.Fprintln(cmd.OutOrStdout(), report)
			}
			if err != nil {
				return fmt.Errorf("writing the report: %w", err)
			}
			return report.Problem()
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&bootstrap, "bootstrap", nil, "addresses of brokers to start from; others are learned")
	flags.StringVar(&options.Topic, "topic", "", "the topic, which must exist")
	flags.DurationVar(&duration, "duration", 30*time.Second, "how long to produce")
	flags.IntVar(&options.Partitions, "partitions", 0, "use only this many of the topic's partitions (0: all)")
	flags.IntVar(&options.Records, "records", 0, "end the producing after so many records (0: when the duration is over)")
	flags.IntVar(&options.Rate, "rate", 500, "records a second over all partitions")
	flags.IntVar(&options.RecordBytes, "record-bytes", 1024, "size of a record's value")
	access.bind(cmd)
	flags.BoolVar(&asJSON, "json", false, "print the report as JSON")
	for _, name := range []string{"bootstrap", "topic"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // The flag is defined a few lines above.
		}
	}
	return cmd
}
