package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

const (
	// settleWithin is how long brokers may take to follow the metadata log before they are asked one by one about what was written, with settleEach more
	// for each object that is waited for: so long a broker takes for a topic.
	settleWithin, settleEach = 2 * time.Second, 10 * time.Millisecond
	// notSettledFor is for how long they are asked one by one at once, after they took longer, or the controllers did not say how far their log goes.
	notSettledFor = time.Minute
)

// settled says that every live broker works with the metadata that the controllers had when it was called, or newer. It is how what many have written is
// confirmed by few requests, for what brokers answer from that metadata: topics, settings, quotas. False says nothing: the brokers are then asked
// about the objects themselves, of which the caller waits for so many.
func (c *Client) settled(ctx context.Context, objects int) bool {
	c.mu.Lock()
	hopeless := time.Since(c.notSettled) < notSettledFor
	c.mu.Unlock()
	if hopeless {
		return false
	}
	if ask(ctx, c.gather.settled, objects) == nil {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() == nil {
		c.notSettled = time.Now()
	}
	return false
}

// settle waits for it, once for all who ask.
func (c *Client) settle(ctx context.Context, asked []int) []error {
	objects := 0
	for _, of := range asked {
		objects += of
	}
	ctx, cancel := context.WithTimeout(ctx, settleWithin+time.Duration(objects)*settleEach)
	defer cancel()
	errs := make([]error, len(asked))
	err := c.followed(ctx)
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// followed waits until every live broker has followed the metadata log to its end of now.
func (c *Client) followed(ctx context.Context) error {
	q, err := c.Quorum(ctx)
	if err != nil {
		return err
	}
	// Not the high watermark: a leader that was just elected may not know of all that was committed before, but it has it.
	if q.LogEndOffset < 0 {
		return fmt.Errorf("%w: the quorum's leader does not say how long its log is", ErrUnreachable)
	}
	return agreed(ctx, c, "the metadata log", func(ctx context.Context, to nodes) (bool, error) {
		// What a broker calls the epoch of its features is the offset of the metadata that it works with.
		resp, err := request(ctx, c, to, "ApiVersions", func(b *sarama.Broker) (*sarama.ApiVersionsResponse, error) {
			return b.ApiVersions(&sarama.ApiVersionsRequest{Version: 3, ClientSoftwareName: defaultClientID, ClientSoftwareVersion: "1"})
		}, nil)
		return err == nil && resp.FinalizedFeaturesEpoch >= q.LogEndOffset-1, err
	})
}
