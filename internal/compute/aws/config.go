package aws

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// attempts is how often a call is tried. The three of the SDK are too few for a fleet: EC2 refills what launches use up with two a second.
const attempts = 12

// Config is what a Driver needs to know. Load makes its AWS.
type Config struct {
	AWS aws.Config
	// Endpoints are those of Options.
	Endpoints map[string]string
	// DefaultTags are put on every instance, volume and parameter beside the driver's own.
	DefaultTags map[string]string
	// LeaseExpiry is how long a lease lives after its last renewal; 0 means compute.LeaseExpiry.
	LeaseExpiry time.Duration
}

// Options are what the provider block says, in the words of hashicorp/aws. What is "" is looked for in the environment and in the shared files.
type Options struct {
	Region, Profile string
	// RoleARN is a role to assume, with its session's name and external id.
	RoleARN, SessionName, ExternalID string
	// Endpoints are where services answer in place of AWS' own, by the names in Services.
	Endpoints map[string]string
}

// Services are the names of those that the driver calls.
var Services = []string{"ec2", "ssm", "sts"}

// newRetryer waits longer the more calls are refused. A zone without capacity is told at once, though EC2 tells it as an error of its own (500), which
// are repeated otherwise: there may be another instance type.
func newRetryer() aws.Retryer {
	full := retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
		if has(err, noCapacity) {
			return aws.FalseTernary
		}
		return aws.UnknownTernary
	})
	return retry.NewAdaptiveMode(func(a *retry.AdaptiveModeOptions) {
		a.StandardOptions = append(a.StandardOptions, func(s *retry.StandardOptions) {
			s.MaxAttempts = attempts
			s.Retryables = append([]retry.IsErrorRetryable{full}, s.Retryables...)
		})
	})
}

// Load finds region and credentials, and asks AWS nothing.
func Load(ctx context.Context, o Options) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithRegion(o.Region),
		config.WithSharedConfigProfile(o.Profile),
		config.WithRetryer(newRetryer))
	if err != nil {
		return cfg, fmt.Errorf("the settings for AWS: %w", err)
	}
	if cfg.Region == "" {
		return cfg, fmt.Errorf("there is no region for AWS: set aws.region, AWS_REGION, or region in the shared configuration's profile")
	}
	if o.RoleARN != "" {
		client := sts.NewFromConfig(cfg, func(s *sts.Options) { s.BaseEndpoint = endpoint(o.Endpoints, "sts", s.BaseEndpoint) })
		assume := stscreds.NewAssumeRoleProvider(client, o.RoleARN, func(a *stscreds.AssumeRoleOptions) {
			if o.SessionName != "" {
				a.RoleSessionName = o.SessionName
			}
			if o.ExternalID != "" {
				a.ExternalID = &o.ExternalID
			}
		})
		cfg.Credentials = aws.NewCredentialsCache(assume)
	}
	return cfg, nil
}

// endpoint is the one that is declared for a service, or else the one that it has.
func endpoint(declared map[string]string, service string, usual *string) *string {
	if url, found := declared[service]; found {
		return &url
	}
	return usual
}
