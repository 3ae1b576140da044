//go:build aws

package acceptance

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	static "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/aws"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/aws/emulator"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/aws/emulator/room"
)

func TestMain(m *testing.M) {
	room.ServeMetadata()
	os.Exit(m.Run())
}

// account is an emulated one whose instances boot for real.
type account struct {
	*workspace
	*emulator.Server
	config awssdk.Config
}

// newAccount makes a working directory from testdata/aws.tf.
func newAccount(t *testing.T) *account {
	t.Helper()
	moto, stop, err := emulator.StartMoto(os.Getenv("KAFKAFLEET_MOTO"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	if err := emulator.Reset(moto); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Cleanup(func() {
		logs, _ := filepath.Glob(filepath.Join(dir, "*", "*.log")) //nolint:errcheck // The pattern is one.
		for _, log := range logs {
			if text, err := os.ReadFile(log); err == nil && t.Failed() {
				t.Logf("%s ends:\n%s", strings.TrimPrefix(log, dir), text[max(0, len(text)-2000):])
			}
		}
	})
	r, err := room.New(room.Config{
		Dir: dir, Agent: needed(t, "KAFKAFLEET_AGENT"), KafkaHome: needed(t, "KAFKAFLEET_KAFKA_HOME"), Versions: []string{"4.3.1"}, Region: "eu-west-1", Disks: 1,
		JavaOptions: "-XX:ActiveProcessorCount=1 -XX:+UseSerialGC -XX:TieredStopAtLevel=1",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	a := &account{}
	if a.Server, err = emulator.Start(net.JoinHostPort(room.Gateway, "0"), emulator.Config{
		Moto: moto, Boot: r.Boot, PendingFor: 500 * time.Millisecond, HiddenFor: 500 * time.Millisecond, GoneAfter: 500 * time.Millisecond,
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	url := a.URL()
	r.Serve(url)
	a.config = awssdk.Config{Region: "eu-west-1", BaseEndpoint: &url, Credentials: static.NewStaticCredentialsProvider("test", "test", "")}
	subnets, err := ec2.NewFromConfig(a.config).DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{})
	if err != nil {
		t.Fatal(err)
	}
	byZone := map[string]string{}
	for _, s := range subnets.Subnets {
		byZone[awssdk.ToString(s.AvailabilityZone)] = awssdk.ToString(s.SubnetId)
	}
	text, err := json.Marshal(byZone)
	if err != nil {
		t.Fatal(err)
	}
	a.workspace = workspaceOf(t, "testdata/aws.tf", aws.New(aws.Config{AWS: a.config}))
	a.env = append(a.env, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "TF_VAR_endpoint="+url, "TF_VAR_subnet_ids="+string(text))
	return a
}

// TestAWS takes a fleet of EC2 instances through its life.
func TestAWS(t *testing.T) {
	a := newAccount(t)
	image := "ami=ami-2222222222222222"

	a.chapter("create", func() {
		if calls := a.apply(); len(calls) < 6 {
			a.t.Fatalf("six nodes are launched by %d mutating calls", len(calls))
		}
		a.fill("load", 8<<20)
		a.quiet()
	})

	a.chapter("a new image", func() {
		brokers, controllers := a.nodes(compute.RoleBroker), a.nodes(compute.RoleController)
		a.underLoad(func() { a.apply(image) })
		a.specs(compute.RoleBroker, 3, func(s compute.NodeSpec) bool { return s.AWS.ImageID == "ami-2222222222222222" })
		a.fresh(compute.RoleBroker, brokers)
		a.fresh(compute.RoleController, controllers)
		a.quiet(image)
	})

	a.chapter("an instance terminated behind Terraform's back", func() {
		var victim compute.Instance
		for _, i := range a.instances() {
			if i.Spec.Role == compute.RoleBroker {
				victim = i
			}
		}
		client := ec2.NewFromConfig(a.config)
		if _, err := client.ModifyInstanceAttribute(context.Background(), &ec2.ModifyInstanceAttributeInput{
			InstanceId: &victim.ID, DisableApiTermination: &types.AttributeBooleanValue{Value: awssdk.Bool(false)},
		}); err != nil {
			a.t.Fatal(err)
		}
		if _, err := client.TerminateInstances(context.Background(), &ec2.TerminateInstancesInput{InstanceIds: []string{victim.ID}}); err != nil {
			a.t.Fatal(err)
		}
		a.underLoad(func() { a.apply(image) })
		a.specs(compute.RoleBroker, 3, func(s compute.NodeSpec) bool { return s.NodeID != victim.Spec.NodeID })
		a.quiet(image)
	})

	a.chapter("destroy", func() {
		a.terraform(withVars("destroy", []string{image})...)
		a.until("no instance is left", 30*time.Second, func() bool { return len(a.Alive()) == 0 })
		a.t.Logf("calls: %v", a.Calls())
	})
}
