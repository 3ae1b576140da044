//go:build aws

package aws

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/aws/emulator"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/aws/emulator/room"
)

// moto is where it answers, for all tests of this package.
var moto string

func TestMain(m *testing.M) {
	room.ServeMetadata()
	var stop func()
	var err error
	if moto, stop, err = emulator.StartMoto(os.Getenv("KAFKAFLEET_MOTO")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	stop()
	os.Exit(code)
}

// cloud is an emulated one with nothing in it, and what it takes to launch there.
type cloud struct {
	*emulator.Server
	subnets map[string]string
}

// pretend is a machine whose agent only reports.
type pretend struct {
	stop func()
	off  chan struct{}
}

func (p pretend) ShutDown()                     { p.stop() }
func (p pretend) Kill()                         { p.stop() }
func (p pretend) Announce(string, string) error { return nil }
func (p pretend) Off() <-chan struct{}          { return p.off }

func newCloud(t *testing.T, cfg emulator.Config) *cloud { return newCloudAt(t, "127.0.0.1:0", cfg) }

func newCloudAt(t *testing.T, address string, cfg emulator.Config) *cloud {
	t.Helper()
	err := emulator.Reset(moto)
	if err != nil {
		t.Fatal(err)
	}
	c := &cloud{subnets: map[string]string{}}
	cfg.Moto = moto
	if cfg.Boot == nil {
		cfg.Boot = func(i emulator.Instance) emulator.Power { return c.report(i) }
	}
	if c.Server, err = emulator.Start(address, cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	out, err := ec2.NewFromConfig(c.config()).DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range out.Subnets {
		c.subnets[awssdk.ToString(s.AvailabilityZone)] = awssdk.ToString(s.SubnetId)
	}
	return c
}

func (c *cloud) config() awssdk.Config {
	url := c.URL()
	return awssdk.Config{
		Region: "eu-west-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		Retryer: newRetryer,
	}
}

func (c *cloud) driver() *Driver { return New(Config{AWS: c.config()}) }

// complete adds what an EC2 instance needs.
func (c *cloud) complete(s *compute.NodeSpec) {
	s.AWS = &compute.AWSMachine{ImageID: emulator.Image, SubnetIDs: c.subnets, InstanceProfile: emulator.Profile, UserDataExtra: "# nothing"}
}

// report is a machine that reports every second.
func (c *cloud) report(i emulator.Instance) emulator.Power {
	ctx, cancel := context.WithCancel(context.Background())
	p := pretend{stop: cancel, off: make(chan struct{})}
	client := ec2.NewFromConfig(c.config())
	go func() {
		defer close(p.off)
		for ctx.Err() == nil {
			tags, err := StatusTags(compute.NodeStatus{Phase: compute.PhaseRunning, UpdatedAt: time.Now().UTC()})
			if err != nil {
				panic(err)
			}
			in := &ec2.CreateTagsInput{Resources: []string{i.ID}}
			for _, key := range slices.Sorted(maps.Keys(tags)) {
				in.Tags = append(in.Tags, types.Tag{Key: &key, Value: awssdk.String(tags[key])})
			}
			_, _ = client.CreateTags(ctx, in) // The next report tries again.
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}()
	return p
}
