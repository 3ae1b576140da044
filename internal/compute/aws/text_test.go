package aws

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// TestAReportFitsIntoTags: EC2 refuses a value of more than 256 characters, and with it the whole report.
func TestAReportFitsIntoTags(t *testing.T) {
	whole := compute.NodeStatus{
		Phase: compute.PhaseFormatting, KafkaPID: 4194304, Restarts: 1000000, BootSeconds: 123.456789012, AuthorityGeneration: 1000000,
		CertificateEnds: time.Date(2027, 11, 29, 18, 18, 51, 123456789, time.UTC), UpdatedAt: time.Date(2026, 11, 29, 18, 18, 51, 123456789, time.UTC),
		LastError: "Kafka ended: no Java",
	}
	for disks := range 25 {
		s := whole
		for range disks {
			s.DiskUsedBytes = append(s.DiskUsedBytes, 7_500_000_000_000)
		}
		s.LastError = strings.Repeat("ü", disks*20) + s.LastError
		tags, err := StatusTags(s)
		if err != nil {
			t.Fatal(err)
		}
		var shown []types.Tag
		for key, value := range tags {
			if utf8.RuneCountInString(value) > tagValue || len(value) > tagValue || !utf8.ValidString(value) {
				t.Errorf("%d disks: the tag %s has %d bytes: %s", disks, key, len(value), value)
			}
			shown = append(shown, types.Tag{Key: aws.String(key), Value: aws.String(value)})
		}
		got := status(tagged(shown))
		if got == nil {
			t.Fatalf("%d disks: no report in %v", disks, tags)
		}
		got.DiskUsedBytes, got.LastError, s.DiskUsedBytes, s.LastError = nil, "", nil, ""
		if diff := cmp.Diff(&s, got); diff != "" {
			t.Errorf("%d disks (-told +read):\n%s", disks, diff)
		}
	}
	for _, tags := range []map[string]string{nil, {tagStatus: ""}, {tagStatus: "running"}, {tagError: "x"}} {
		if got := status(tags); got != nil {
			t.Errorf("%v is the report %+v", tags, got)
		}
	}
}

// TestASecretIsTextOrEncoded, and what is read is what was stored.
func TestASecretIsTextOrEncoded(t *testing.T) {
	for _, value := range [][]byte{
		[]byte("plain"), []byte("{\"key\":\"-----BEGIN\\n\"}"), []byte("two\nlines"), []byte(" spaces "), []byte("line\n"), []byte("base64:"), []byte("base64:AA=="),
		{0}, {0xff, 0xfe}, []byte("ü"), []byte("\r\n"), bytes.Repeat([]byte("x"), compute.MaxSecretBytes), bytes.Repeat([]byte{0}, compute.MaxSecretBytes/2),
	} {
		text, err := encodeSecret(value)
		if err != nil || len(text) > compute.MaxSecretBytes {
			t.Errorf("%.20q: %d characters, %v", value, len(text), err)
		}
		got, err := decodeSecret(text)
		if err != nil || !bytes.Equal(got, value) {
			t.Errorf("%.20q came back as %.20q, %v", value, got, err)
		}
	}
	if _, err := encodeSecret(bytes.Repeat([]byte{0}, compute.MaxSecretBytes)); !errors.Is(err, compute.ErrInvalid) {
		t.Errorf("what does not fit: %v", err)
	}
	if _, err := decodeSecret("base64:?"); err == nil {
		t.Error("what nobody stored is read")
	}
}

// TestCodesOfErrors: what a caller does with them depends on it.
func TestCodesOfErrors(t *testing.T) {
	for code, want := range map[string]error{
		"InsufficientInstanceCapacity": compute.ErrNoCapacity, "VcpuLimitExceeded": compute.ErrNoCapacity, "InvalidAMIID.NotFound": compute.ErrInvalid,
		"InvalidInstanceID.NotFound": compute.ErrNotFound, "ParameterNotFound": compute.ErrNotFound,
	} {
		if err := explained(&smithy.GenericAPIError{Code: code}, "launching"); !errors.Is(err, want) || !strings.HasPrefix(err.Error(), "launching: ") {
			t.Errorf("%s: %v", code, err)
		}
	}
	for code, says := range map[string]string{"ExpiredToken": "credentials", "UnauthorizedOperation": "lack the right", "InternalError": "launching: "} {
		err := explained(&smithy.GenericAPIError{Code: code}, "launching")
		if !strings.Contains(err.Error(), says) || errors.Is(err, compute.ErrNotFound) || errors.Is(err, compute.ErrInvalid) || errors.Is(err, compute.ErrNoCapacity) {
			t.Errorf("%s: %v", code, err)
		}
	}
	if explained(nil, "launching") != nil {
		t.Error("no error is one")
	}
}

// TestNoTwoLaunchesShareAToken: whatever is different between two of them. One that is the same is answered with the same instance.
func TestNoTwoLaunchesShareAToken(t *testing.T) {
	spec := compute.NodeSpec{Cluster: "prod", ClusterID: "MkU3OEVBNTcwNTJENDM2Qg", Group: "main", NodeID: 7, SpecHash: "0123"}
	seen := map[string]bool{token(spec, 0): true}
	for what, change := range map[string]func(*compute.NodeSpec){
		"cluster": func(s *compute.NodeSpec) { s.Cluster = "test" }, "id": func(s *compute.NodeSpec) { s.ClusterID = "q1Sh-9_ISia_zwGINzRvyQ" },
		"group": func(s *compute.NodeSpec) { s.Group = "other" }, "node": func(s *compute.NodeSpec) { s.NodeID = 8 }, "hash": func(s *compute.NodeSpec) { s.SpecHash = "4567" },
	} {
		other := spec
		change(&other)
		if seen[token(other, 0)] {
			t.Errorf("another %s has the same token", what)
		}
		seen[token(other, 0)] = true
	}
	again := spec
	if seen[token(spec, 1)] || !seen[token(again, 0)] || len(token(spec, 0)) > 64 {
		t.Errorf("%s for the first attempt, %s for the second", token(spec, 0), token(spec, 1))
	}
}
