package kafka

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// RegisteredControllers returns the ids of all controllers that ever registered and were not forgotten, the retired ones included. Only
// a controller can tell.
func (c *Client) RegisteredControllers(ctx context.Context) ([]int32, error) {
	resp, err := c.describeCluster(ctx, c.anyController(), controllerEndpoints)
	if err != nil {
		return nil, fmt.Errorf("listing the registered controllers: %w", err)
	}
	var ids []int32
	for _, b := range resp.Brokers {
		ids = append(ids, b.BrokerID)
	}
	return ids, nil
}

// anyController sends to whichever controller answers.
func (c *Client) anyController() nodes {
	return nodes{name: "any controller", addresses: func(ctx context.Context) ([]string, error) {
		_, controllers, err := c.addresses(ctx)
		if err == nil && len(controllers) == 0 {
			err = errNoNode
		}
		return c.byHealth(controllers), err
	}}
}

// RetireController makes the registration of a controller that is gone harmless. Kafka keeps it for ever (before KIP-1312, Kafka 4.4,
// nothing removes it) and refuses to raise a feature that the registration does not support, so that a cluster whose controllers
// are replaced could never finalize a new metadata.version. This registers the retired id once more, with the features of
// a controller that lives and the address that it had no more use for. The caller makes sure that no such controller runs or will.
func (c *Client) RetireController(ctx context.Context, id int32, features map[string]Feature, listenerName string) error {
	req := kmsg.NewPtrControllerRegistrationRequest()
	req.ControllerID = id
	if _, err := rand.Read(req.IncarnationID[:]); err != nil {
		return err
	}
	listener := kmsg.NewControllerRegistrationRequestListener()
	listener.Name, listener.Host, listener.Port = listenerName, "retired.invalid", 1
	req.Listeners = append(req.Listeners, listener)
	for _, f := range features {
		feature := kmsg.NewControllerRegistrationRequestFeature()
		feature.Name, feature.MinSupportedVersion, feature.MaxSupportedVersion = f.Name, f.MinSupported, f.MaxSupported
		req.Features = append(req.Features, feature)
	}
	c.mutation("ControllerRegistration", strconv.Itoa(int(id)))
	_, err := requestKRaft(ctx, c, c.anyController(), req, func(r *kmsg.ControllerRegistrationResponse) error {
		return kafkaError(r.ErrorCode, r.ErrorMessage) // A controller that is not the active one says so, and the next is asked.
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("retiring the registration of controller %d: %w", id, err)
	}
	return nil
}
