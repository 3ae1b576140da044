// Package check finds out whether a Kafka cluster keeps its promise while something happens to it: it produces with
// acks=all, remembers every record that was acknowledged, and at the end reads all of them back.
//
// The client is franz-go's kgo, while the provider itself speaks to Kafka through sarama: a checker that shared the
// provider's client would share its mistakes. kgo also tells the offset of each record as it is acknowledged, learns new
// brokers by itself and takes new seed addresses while it runs, which matters when every broker is replaced under it.
package check

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Bootstrap returns addresses (host:port) of brokers that are alive now. It is asked at the start and every few seconds
// after, since all the brokers that a run started with may be gone at its end. An error is not fatal once the run has
// started: the addresses known so far are kept.
type Bootstrap func(ctx context.Context) ([]string, error)

// Static is a Bootstrap of addresses that do not change.
func Static(addresses ...string) Bootstrap {
	return func(context.Context) ([]string, error) { return addresses, nil }
}

// Current is a Bootstrap of addresses that somebody in this process knows.
func Current(addresses func() []string) Bootstrap {
	return func(context.Context) ([]string, error) { return addresses(), nil }
}

// Options say what load to put on which topic. Bootstrap and Topic are required.
type Options struct {
	Bootstrap Bootstrap
	// Security is how to connect. The user needs the rights to write the topic and to read it, and no other.
	Security Security
	// Topic must exist and belong to this run alone while it lasts: a record of anyone else counts as unexpected. Its
	// retention must outlast the run and its cleanup policy must be delete.
	Topic string
	// Partitions limits the load to partitions 0 … n-1; 0 means all of them.
	Partitions int
	// RecordBytes is the size of a record's value, 1,024 when 0, at least 32.
	RecordBytes int
	// Rate is in records a second over all partitions, 500 when 0.
	Rate int
	// Records ends the producing after so many records; 0 means that it goes on until Stop.
	Records int
	// DeliveryTimeout is how long a record is repeated before it counts as failed, 3 minutes when 0.
	DeliveryTimeout time.Duration
	// Log takes what the Kafka clients say of each request, which is a lot; nil for nothing.
	Log io.Writer
}

// filled returns the options with their defaults, or an error that says which of them cannot be used.
func (o Options) filled() (Options, error) {
	if o.RecordBytes == 0 {
		o.RecordBytes = 1024
	}
	if o.Rate == 0 {
		o.Rate = 500
	}
	if o.DeliveryTimeout == 0 {
		o.DeliveryTimeout = 3 * time.Minute
	}
	if err := o.Security.valid(); err != nil {
		return o, err
	}
	switch {
	case o.Bootstrap == nil:
		return o, fmt.Errorf("the check needs bootstrap addresses")
	case o.Topic == "":
		return o, fmt.Errorf("the check needs a topic")
	case o.RecordBytes < minRecordBytes:
		return o, fmt.Errorf("records of %d bytes cannot carry what the check needs to recognise them: use at least %d", o.RecordBytes, minRecordBytes)
	case o.Rate < 0, o.Partitions < 0, o.Records < 0, o.DeliveryTimeout < 0:
		return o, fmt.Errorf("rate, partitions, records and delivery timeout cannot be negative")
	}
	return o, nil
}
