package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// noticeEvery is the pause between two looks at what the metadata service announces: AWS says that its notices, of two minutes, are to be looked
// for every five seconds.
const noticeEvery = 5 * time.Second

// Watch looks for notices that this instance will be taken away, until ctx ends, and has Tell say so at once.
func (n *Node) Watch(ctx context.Context) {
	for ctx.Err() == nil {
		if why, err := notice(ctx, n.metadata); err == nil {
			n.mu.Lock()
			n.leaving = why
			n.mu.Unlock()
			n.due()
		}
		select {
		case <-ctx.Done():
		case <-time.After(noticeEvery):
		}
	}
}

// notice is what the metadata service announces, as a sentence, "" for nothing. The first of these counts: that a spot instance is taken back,
// an event that is scheduled for the instance, and that a spot instance is more likely than others to be taken back.
func notice(ctx context.Context, metadata *imds.Client) (string, error) {
	var action struct {
		Action string
		Time   time.Time
	}
	if found, err := announced(ctx, metadata, "spot/instance-action", &action); err != nil {
		return "", err
	} else if found {
		return fmt.Sprintf("EC2 takes this spot instance back (%s) at %s", action.Action, action.Time.UTC().Format(time.RFC3339)), nil
	}
	// The times are such as "21 Jan 2027 09:00:43 GMT".
	var events []struct{ Code, Description, NotBefore, State string }
	if _, err := announced(ctx, metadata, "events/maintenance/scheduled", &events); err != nil {
		return "", err
	}
	for _, e := range events {
		if e.State == "active" {
			return fmt.Sprintf("AWS has scheduled %s for %s", e.Code, e.NotBefore), nil
		}
	}
	var rebalance struct{ NoticeTime time.Time }
	if found, err := announced(ctx, metadata, "events/recommendations/rebalance", &rebalance); err != nil || !found {
		return "", err
	}
	return "EC2 is likely to take this spot instance back, by its recommendation of " + rebalance.NoticeTime.UTC().Format(time.RFC3339), nil
}

// announced reads a document of the metadata service, which answers 404 while there is nothing to announce.
func announced(ctx context.Context, metadata *imds.Client, path string, into any) (bool, error) {
	text, err := read(ctx, metadata, path)
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) && response.HTTPStatusCode() == http.StatusNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return false, fmt.Errorf("the instance's metadata has %q for %s: %w", text, path, err)
	}
	return true, nil
}
