package kafka

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-msk-iam-sasl-signer-go/signer"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// AWS is whom AWS_MSK_IAM logs in as. All of it may be empty: the standard chain of the AWS SDK then says (environment, shared
// configuration, single sign-on, web identity, the metadata of the machine).
type AWS struct {
	// Region of the brokers.
	Region string
	// Profile of the shared configuration.
	Profile string
	// RoleARN is a role that the identity of the chain takes on; "" for none. ExternalID is what the role's owner may ask for.
	RoleARN, ExternalID string
}

// String says who it is.
func (a *AWS) String() string {
	switch {
	case a.RoleARN != "":
		return fmt.Sprintf("the AWS role %q", a.RoleARN)
	case a.Profile != "":
		return fmt.Sprintf("the AWS profile %q", a.Profile)
	}
	return "the AWS identity of the environment"
}

// source returns what signs a token, one at a time. The configuration is read for the first one; the SDK renews credentials that end.
func (a *AWS) source() func(context.Context) (token, error) {
	var identity aws.CredentialsProvider
	var region string
	return func(ctx context.Context) (token, error) {
		if identity == nil {
			found, in, err := a.identity(ctx)
			if err != nil {
				return token{}, err
			}
			identity, region = found, in
		}
		if _, err := identity.Retrieve(ctx); err != nil {
			return token{}, &tokenError{refused: true, text: fmt.Sprintf("there are no AWS credentials for %s: %s; check the profile, the role and what the environment gives (the standard chain of the AWS SDK)", a, err), err: err}
		}
		value, ends, err := signer.GenerateAuthTokenFromCredentialsProvider(ctx, region, identity)
		if err != nil {
			return token{}, &tokenError{refused: true, text: fmt.Sprintf("the token of %s cannot be signed: %s", a, err), err: err}
		}
		return token{value: value, ends: time.UnixMilli(ends)}, nil
	}
}

// identity reads the AWS configuration.
func (a *AWS) identity(ctx context.Context) (aws.CredentialsProvider, string, error) {
	var options []func(*config.LoadOptions) error
	if a.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(a.Profile))
	}
	if a.Region != "" {
		options = append(options, config.WithRegion(a.Region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, "", &tokenError{refused: true, text: fmt.Sprintf("the AWS configuration for %s cannot be read: %s", a, err), err: err}
	}
	region := cmp.Or(a.Region, cfg.Region)
	if region == "" {
		return nil, "", &tokenError{refused: true, text: "no AWS region is known, and a token is signed for one: give the region of the brokers, here, in AWS_REGION or in the profile"}
	}
	if a.RoleARN == "" {
		return cfg.Credentials, region, nil
	}
	role := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), a.RoleARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = defaultClientID
		if a.ExternalID != "" {
			o.ExternalID = aws.String(a.ExternalID)
		}
	})
	return aws.NewCredentialsCache(role), region, nil
}
