package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/IBM/sarama"
)

// maxResourcesPerRequest keeps the answers of a large cluster at a few megabytes.
const maxResourcesPerRequest = 500

// String is what error texts call the resource.
func (r ConfigResource) String() string {
	switch {
	case r.Kind == ResourceTopic:
		return fmt.Sprintf("topic %q", r.Name)
	case r.Name == "":
		return "the cluster-wide broker default"
	default:
		return "broker " + r.Name
	}
}

// DescribeConfigs returns the settings in force of each resource, secrets with an empty Value. A broker is asked itself, since no
// other node knows its static settings. Every resource that could not be described is in the error, the others are returned.
func (c *Client) DescribeConfigs(ctx context.Context, resources []ConfigResource) (map[ConfigResource][]ConfigEntry, error) {
	entries, failed := c.describeConfigs(ctx, resources, nil)
	return entries, joinResources("describing", failed)
}

// describeConfigs returns the entries of the given names, all when names is nil, and what failed by resource.
func (c *Client) describeConfigs(ctx context.Context, resources []ConfigResource, names []string) (map[ConfigResource][]ConfigEntry, map[ConfigResource]error) {
	var mu sync.Mutex
	entries := map[ConfigResource][]ConfigEntry{}
	failed := byRoute(resources, c.broker, c.anyNode(), func(to nodes, some []ConfigResource) map[ConfigResource]error {
		found, failed := c.describeConfigsAt(ctx, to, some, names)
		mu.Lock()
		defer mu.Unlock()
		maps.Copy(entries, found)
		return failed
	})
	return entries, failed
}

// byRoute runs do for the resources of each broker and for batches of all others, at the same time, and returns what failed.
func byRoute(resources []ConfigResource, broker func(id int32) nodes, others nodes, do func(nodes, []ConfigResource) map[ConfigResource]error) map[ConfigResource]error {
	var mu sync.Mutex
	failed := map[ConfigResource]error{}
	var group sync.WaitGroup
	run := func(to nodes, some []ConfigResource) {
		group.Go(func() {
			errs := do(to, some)
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(failed, errs)
		})
	}
	var anywhere, malformed []ConfigResource
	for _, r := range resources {
		if r.Kind != ResourceBroker || r.Name == "" {
			anywhere = append(anywhere, r)
			continue
		}
		id, err := strconv.ParseInt(r.Name, 10, 32)
		if err != nil {
			malformed = append(malformed, r)
			continue
		}
		run(broker(int32(id)), []ConfigResource{r})
	}
	for some := range slices.Chunk(anywhere, maxResourcesPerRequest) {
		run(others, some)
	}
	group.Wait()
	for _, r := range malformed {
		failed[r] = fmt.Errorf("%w: a broker's name is its id in digits", ErrInvalid)
	}
	return failed
}

func (c *Client) describeConfigsAt(ctx context.Context, to nodes, resources []ConfigResource, names []string) (map[ConfigResource][]ConfigEntry, map[ConfigResource]error) {
	failed := map[ConfigResource]error{}
	var address string
	to.told = &address
	resp, err := request(ctx, c, to, "DescribeConfigs", func(b *sarama.Broker) (*sarama.DescribeConfigsResponse, error) {
		req := &sarama.DescribeConfigsRequest{Version: 4}
		for _, r := range resources {
			req.Resources = append(req.Resources, &sarama.ConfigResource{Type: sarama.ConfigResourceType(r.Kind), Name: r.Name, ConfigNames: names})
		}
		return b.DescribeConfigs(req)
	}, func(r *sarama.DescribeConfigsResponse) error {
		for _, resource := range r.Resources {
			if err := kafkaError(resource.ErrorCode, &resource.ErrorMsg); err != nil && passes(err) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		for _, r := range resources {
			failed[r] = err
		}
		return nil, failed
	}
	entries := map[ConfigResource][]ConfigEntry{}
	for _, resource := range resp.Resources {
		r := ConfigResource{Kind: ResourceKind(resource.Type), Name: resource.Name}
		if err := kafkaErrorAbout(r.String(), resource.ErrorCode, &resource.ErrorMsg); err != nil {
			failed[r] = c.resourceError(err, "DescribeConfigs", address)
			continue
		}
		all := make([]ConfigEntry, 0, len(resource.Configs))
		for _, e := range resource.Configs {
			all = append(all, ConfigEntry{
				Name: e.Name, Value: e.Value, Source: ConfigSource(e.Source), ReadOnly: e.ReadOnly, Sensitive: e.Sensitive,
			})
		}
		entries[r] = all
	}
	return entries, failed
}

// AlterConfigs sets and removes the given settings and leaves all others as they are (IncrementalAlterConfigs). With validateOnly
// Kafka checks and changes nothing. Every resource that was refused is in the error, the others are changed.
//
// Brokers check values and controllers do not: one that is asked directly takes "abc" for a number. So the settings of a broker are
// sent to that broker, all others to any broker, and the controllers are asked only when these do not answer. The settings of a
// dead broker can be changed that way, and the cluster-wide default before there is any broker.
func (c *Client) AlterConfigs(ctx context.Context, changes map[ConfigResource][]ConfigChange, validateOnly bool) error {
	return joinResources("configuring", c.alterConfigs(ctx, changes, validateOnly))
}

// alterConfigs returns what failed by resource.
func (c *Client) alterConfigs(ctx context.Context, changes map[ConfigResource][]ConfigChange, validateOnly bool) map[ConfigResource]error {
	resources := slices.SortedFunc(maps.Keys(changes), compareResources)
	return byRoute(resources, c.brokerOrController, c.brokersThenControllers(), func(to nodes, some []ConfigResource) map[ConfigResource]error {
		return c.alterConfigsAt(ctx, to, some, changes, validateOnly)
	})
}

func (c *Client) alterConfigsAt(ctx context.Context, to nodes, resources []ConfigResource, changes map[ConfigResource][]ConfigChange, validateOnly bool) map[ConfigResource]error {
	if !validateOnly {
		defer c.reader.forgetConfigs(resources)
		for _, r := range resources {
			var names []string
			for _, change := range changes[r] {
				names = append(names, change.Name)
			}
			c.mutation("IncrementalAlterConfigs", r.String()+": "+strings.Join(names, ", "))
		}
	}
	failed := map[ConfigResource]error{}
	var address string
	to.told = &address
	resp, err := request(ctx, c, to, "IncrementalAlterConfigs", func(b *sarama.Broker) (*sarama.IncrementalAlterConfigsResponse, error) {
		req := &sarama.IncrementalAlterConfigsRequest{Version: 1, ValidateOnly: validateOnly}
		for _, r := range resources {
			entries := map[string]sarama.IncrementalAlterConfigsEntry{}
			for _, change := range changes[r] {
				entry := sarama.IncrementalAlterConfigsEntry{Operation: sarama.IncrementalAlterConfigsOperationSet, Value: change.Value}
				if change.Value == nil {
					entry.Operation = sarama.IncrementalAlterConfigsOperationDelete
				}
				entries[change.Name] = entry
			}
			req.Resources = append(req.Resources, &sarama.IncrementalAlterConfigsResource{
				Type: sarama.ConfigResourceType(r.Kind), Name: r.Name, ConfigEntries: entries,
			})
		}
		return b.IncrementalAlterConfigs(req)
	}, func(r *sarama.IncrementalAlterConfigsResponse) error {
		for _, resource := range r.Resources {
			if err := kafkaError(resource.ErrorCode, &resource.ErrorMsg); err != nil && passes(err) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		for _, r := range resources {
			failed[r] = err
		}
		return failed
	}
	for _, resource := range resp.Resources {
		r := ConfigResource{Kind: ResourceKind(resource.Type), Name: resource.Name}
		if err := kafkaErrorAbout(r.String(), resource.ErrorCode, &resource.ErrorMsg); err != nil {
			failed[r] = c.resourceError(err, "IncrementalAlterConfigs", address)
		}
	}
	return failed
}

// resourceError is what an address answered about one resource of several.
func (c *Client) resourceError(err error, api, address string) error {
	if err = c.denied(err, api); errors.Is(err, ErrDenied) {
		err = fmt.Errorf("%s at %s: %w", api, address, err)
	}
	return classify(err)
}

// joinResources makes one error of many, in a steady order.
func joinResources(doing string, failed map[ConfigResource]error) error {
	var errs []error
	for _, r := range slices.SortedFunc(maps.Keys(failed), compareResources) {
		errs = append(errs, fmt.Errorf("%s %s: %w", doing, r, failed[r]))
	}
	return errors.Join(errs...)
}

func compareResources(a, b ConfigResource) int {
	if a.Kind != b.Kind {
		return int(a.Kind) - int(b.Kind)
	}
	return strings.Compare(a.Name, b.Name)
}
