package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/IBM/sarama"
)

// metadataLevels are the last level of each release, as Kafka's MetadataVersion has them, in ascending order.
var metadataLevels = []struct {
	release string
	level   int16
}{{"4.0", 25}, {"4.1", 27}, {"4.2", 29}, {"4.3", 30}}

// MetadataLevel returns the level of metadata.version that belongs to a release such as "4.3"; a patch number is ignored. ok is
// false for a release that this provider does not know.
func MetadataLevel(release string) (level int16, ok bool) {
	if parts := strings.Split(release, "."); len(parts) > 2 {
		release = strings.Join(parts[:2], ".")
	}
	for _, m := range metadataLevels {
		if m.release == release {
			return m.level, true
		}
	}
	return 0, false
}

// MetadataRelease returns the newest known release that a level of metadata.version includes in full, "" for one below 4.0.
func MetadataRelease(level int16) string {
	release := ""
	for _, m := range metadataLevels {
		if m.level <= level {
			release = m.release
		}
	}
	return release
}

// Features asks every live node what it supports and what is in force: the unfenced brokers, and the controllers where
// Config.Controllers tells their addresses. It returns the features by name, by node id. A node that does not answer is missing
// in the map and named in the error; the others are returned with it.
func (c *Client) Features(ctx context.Context) (map[int32]map[string]Feature, error) {
	_, controllers, err := c.addresses(ctx)
	if err != nil {
		return nil, classify(err)
	}
	type source struct {
		name string
		ask  func() (int32, map[string]Feature, error)
	}
	var sources []source
	_, brokers, err := c.Brokers(ctx)
	if err != nil && !errors.Is(err, errNoBroker) {
		return nil, err
	}
	for _, b := range brokers {
		if b.Fenced {
			continue
		}
		sources = append(sources, source{fmt.Sprintf("broker %d", b.ID), func() (int32, map[string]Feature, error) {
			features, err := c.features(ctx, c.broker(b.ID))
			return b.ID, features, err
		}})
	}
	for _, address := range controllers {
		sources = append(sources, source{"controller at " + address, func() (int32, map[string]Feature, error) {
			id, err := c.controllerID(ctx, address)
			if err != nil {
				return 0, nil, err
			}
			features, err := c.features(ctx, at(address))
			return id, features, err
		}})
	}

	var mu sync.Mutex
	var errs []error
	all := map[int32]map[string]Feature{}
	var group sync.WaitGroup
	for _, s := range sources {
		group.Go(func() {
			id, features, err := s.ask()
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, fmt.Errorf("features of %s: %w", s.name, err))
				return
			}
			all[id] = features
		})
	}
	group.Wait()
	return all, errors.Join(errs...)
}

// features asks one node.
func (c *Client) features(ctx context.Context, node nodes) (map[string]Feature, error) {
	resp, err := request(ctx, c, node, "ApiVersions", func(b *sarama.Broker) (*sarama.ApiVersionsResponse, error) {
		// From version 4 on the features whose lowest level is 0 are in the answer.
		return b.ApiVersions(&sarama.ApiVersionsRequest{Version: 4, ClientSoftwareName: defaultClientID, ClientSoftwareVersion: "1"})
	}, func(r *sarama.ApiVersionsResponse) error { return kafkaError(r.ErrorCode, nil) })
	if err != nil {
		return nil, err
	}
	features := map[string]Feature{}
	for _, f := range resp.SupportedFeatures {
		features[f.Name] = Feature{Name: f.Name, MinSupported: f.MinVersion, MaxSupported: f.MaxVersion}
	}
	for _, f := range resp.FinalizedFeatures {
		feature := features[f.Name]
		feature.Name, feature.Finalized = f.Name, f.MaxVersionLevel
		features[f.Name] = feature
	}
	return features, nil
}

// controllerID returns the id of the controller that listens at address, as the controllers themselves know it.
func (c *Client) controllerID(ctx context.Context, address string) (int32, error) {
	resp, err := c.describeCluster(ctx, at(address), controllerEndpoints)
	if err != nil {
		return 0, err
	}
	for _, b := range resp.Brokers {
		if net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port))) == address {
			return b.BrokerID, nil
		}
	}
	return 0, fmt.Errorf("%w: no controller has registered with the address %s yet", ErrUnreachable, address)
}

// FinalizeFeature raises a feature of the whole cluster to a level. Kafka refuses it (ErrInvalid) while a node does not support
// the level, and there is no way back from most. A feature that has the level already is no error.
func (c *Client) FinalizeFeature(ctx context.Context, name string, level int16) error {
	c.mutation("UpdateFeatures", fmt.Sprintf("%s=%d", name, level))
	resp, err := request(ctx, c, c.anyNode(), "UpdateFeatures", func(b *sarama.Broker) (*sarama.UpdateFeaturesResponse, error) {
		return b.UpdateFeatures(&sarama.UpdateFeaturesRequest{
			Timeout: c.kafkaTimeout(), FeatureUpdates: []sarama.FeatureUpdate{{Feature: name, MaxVersionLevel: level}},
		})
	}, func(r *sarama.UpdateFeaturesResponse) error { return kafkaError(int16(r.ErrorCode), r.ErrorMessage) })
	if err == nil {
		for _, r := range resp.Results {
			err = errors.Join(err, classify(kafkaError(int16(r.ErrorCode), r.ErrorMessage)))
		}
	}
	if err != nil {
		return fmt.Errorf("finalizing %s at level %d: %w", name, level, err)
	}
	return nil
}
