package aws

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// Codes of errors by what they mean, as EC2 and Systems Manager name them
// (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html). What is in no list is handed on as it is.
var (
	noCapacity = []string{"InsufficientInstanceCapacity", "InsufficientHostCapacity", "InsufficientReservedInstanceCapacity", "SpotMaxPriceTooLow", "Unsupported"}
	quota      = []string{"InstanceLimitExceeded", "VcpuLimitExceeded", "MaxSpotInstanceCountExceeded", "ParameterLimitExceeded", "InsufficientFreeAddressesInSubnet"}
	gone       = []string{"InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed", "ParameterNotFound"}
	expired    = []string{"ExpiredToken", "ExpiredTokenException", "RequestExpired", "AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException"}
	forbidden  = []string{"UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "OptInRequired"}
	invalid    = []string{
		"InvalidAMIID.NotFound", "InvalidAMIID.Malformed", "InvalidAMIID.Unavailable", "InvalidSubnetID.NotFound", "InvalidSubnet", "InvalidGroup.NotFound",
		"InvalidGroupId.Malformed", "InvalidSecurityGroupID.NotFound", "InvalidParameterValue", "InvalidParameterCombination", "InvalidPlacementGroup.Unknown",
		"InvalidInstanceType", "IdempotentParameterMismatch",
	}
)

// has says that an error is one of these codes.
func has(err error, codes []string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && slices.Contains(codes, api.ErrorCode())
}

// explained says what could not be done, why, and what helps. It wraps the error of package compute that says what the caller should do.
func explained(err error, format string, a ...any) error {
	what := fmt.Sprintf(format, a...)
	switch {
	case err == nil:
		return nil
	case has(err, noCapacity):
		return fmt.Errorf("%s: %w: %w", what, compute.ErrNoCapacity, err)
	case has(err, quota):
		return fmt.Errorf("%s: %w: a quota of this account is used up; ask for a higher one in Service Quotas, or free what it counts: %w", what, compute.ErrNoCapacity, err)
	case has(err, gone):
		return fmt.Errorf("%s: %w: %w", what, compute.ErrNotFound, err)
	case has(err, expired):
		return fmt.Errorf("%s: the credentials for AWS are not valid (any more); renew them and run again, which goes on from what is there: %w", what, err)
	case has(err, forbidden):
		return fmt.Errorf("%s: these credentials lack the right to; examples/aws has the policy that a run needs: %w", what, err)
	case has(err, invalid):
		return fmt.Errorf("%s: %w: %w", what, compute.ErrInvalid, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// code is the code of an error, "" where it has none.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return strings.TrimSpace(api.ErrorCode())
	}
	return ""
}
