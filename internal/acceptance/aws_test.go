//go:build aws

package acceptance

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	static "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/aws"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/aws/emulator"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/aws/emulator/room"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

func TestMain(m *testing.M) {
	room.ServeMetadata()
	os.Exit(m.Run())
}

// javaOptions let many nodes run on few processors, as those of the local driver do: Java's compiler that starts quickly does not know what
// processors have for AES, and ChaCha20 is five times as fast there.
const javaOptions = "-XX:ActiveProcessorCount=1 -XX:+UseSerialGC -XX:TieredStopAtLevel=1" +
	" -Djdk.tls.server.cipherSuites=" + cipherSuites + " -Djdk.tls.client.cipherSuites=" + cipherSuites

const cipherSuites = "TLS_CHACHA20_POLY1305_SHA256,TLS_AES_256_GCM_SHA384,TLS_AES_128_GCM_SHA256"

// account is an emulated one whose instances boot for real.
type account struct {
	*workspace
	*emulator.Server
	config awssdk.Config
}

// newAccount makes a working directory from testdata/aws.tf, in an account where everything takes a little: that an instance runs, is shown and is gone.
func newAccount(t *testing.T, takes time.Duration) *account {
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
		Dir: dir, Agent: needed(t, "KAFKAFLEET_AGENT"), KafkaHome: needed(t, "KAFKAFLEET_KAFKA_HOME"), Versions: []string{"4.2.1", "4.3.1"}, Region: "eu-west-1", Disks: 1,
		JavaOptions: javaOptions,
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
		Moto: moto, Boot: r.Boot, PendingFor: takes, HiddenFor: takes, GoneAfter: takes,
		PlacementGroups: map[string]string{"partitions": "partition", "spread": "spread"},
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
	a.env = append(a.env, "AWS_ACCESS_KEY_ID=operator", "AWS_SECRET_ACCESS_KEY=operator", "TF_VAR_endpoint="+url, "TF_VAR_subnet_ids="+string(text))
	return a
}

// image has the parameter name an image.
func (a *account) image(id string) {
	a.t.Helper()
	if _, err := ssm.NewFromConfig(a.config).PutParameter(context.Background(), &ssm.PutParameterInput{
		Name: awssdk.String("/images/kafka"), Value: &id, Type: ssmtypes.ParameterTypeString, Overwrite: awssdk.Bool(true),
	}); err != nil {
		a.t.Fatal(err)
	}
}

// changed is apply, and prints which calls Terraform and the nodes made meanwhile, as a line of JSON.
func (a *account) changed(vars ...string) []string {
	a.t.Helper()
	before := a.Calls()
	mutating := a.apply(vars...)
	a.printCalls(before)
	return mutating
}

func (a *account) printCalls(before map[string]int) {
	made := map[string]int{}
	for action, n := range a.Calls() {
		if n -= before[action]; n > 0 {
			made[action] = n
		}
	}
	fmt.Printf(`{"test":%q,"calls":%s}`+"\n", a.t.Name(), asJSON(made))
}

// settled is quiet, and nothing is launched or ended by it.
func (a *account) settled(vars ...string) {
	a.t.Helper()
	before := a.Calls()
	a.quiet(vars...)
	a.printCalls(before)
	after := a.Calls()
	for _, action := range []string{"ec2:RunInstances", "ec2:StopInstances", "ec2:TerminateInstances", "ec2:ModifyInstanceAttribute"} {
		if n := after[action] - before[action]; n > 0 {
			a.t.Errorf("a second apply called %s %d times", action, n)
		}
	}
}

// broker is the broker with the highest id.
func (a *account) broker() compute.Instance {
	a.t.Helper()
	var last compute.Instance
	for _, i := range a.instances() {
		if i.Spec.Role == compute.RoleBroker {
			last = i
		}
	}
	return last
}

// pull terminates an instance as somebody might who knows nothing of the fleet.
func (a *account) pull(id string) {
	a.t.Helper()
	client := ec2.NewFromConfig(a.config)
	if _, err := client.ModifyInstanceAttribute(context.Background(), &ec2.ModifyInstanceAttributeInput{
		InstanceId: &id, DisableApiTermination: &types.AttributeBooleanValue{Value: awssdk.Bool(false)},
	}); err != nil {
		a.t.Fatal(err)
	}
	if _, err := client.TerminateInstances(context.Background(), &ec2.TerminateInstancesInput{InstanceIds: []string{id}}); err != nil {
		a.t.Fatal(err)
	}
}

// TestAWS takes a fleet of EC2 instances through its life. The first reply to each launch is lost.
func TestAWS(t *testing.T) {
	a := newAccount(t, 500*time.Millisecond)
	lost := emulator.Faults{LoseLaunches: true}
	a.Strike(lost)
	a.image(emulator.Image)
	larger := `fallback_instance_types=["c6gd.large"]`
	spot := "spot=true"

	a.chapter("what cannot be launched", func() {
		a.refused("spreads its instances over hardware", "placement_group=spread", "brokers=24")
		a.refused("no placement group", "placement_group=nowhere")
		a.image("ami-3333333333333333")
		a.refused("is for x86_64")
		a.image("ami-4444444444444444")
		a.refused("set root_device")
		a.image("none")
		a.refused("names no image")
		a.image(emulator.Image)
	})

	a.chapter("create", func() {
		if calls := a.changed(); len(calls) < 6 {
			a.t.Fatalf("six nodes are launched by %d mutating calls", len(calls))
		}
		a.fill("load", 8<<20)
		client := fleet.New(a.driver, fleet.Options{Dial: kafka.New})
		defer func() { _ = client.Close() }()
		a.until("every node has told how busy it is", patience, func() bool {
			_, report, err := client.Health(context.Background(), cluster)
			told := 0
			for _, n := range report.Nodes {
				if f := n.Figures; f != nil && f.CPU > 0 && f.NetworkIn > 0 && f.NetworkOut > 0 && len(f.DiskUsedBytes) == 1 {
					told++
				}
			}
			return err == nil && told == 6
		})
		a.settled()
	})

	a.chapter("an instance terminated behind Terraform's back, in a zone that has no other", func() {
		victim := a.broker()
		a.Strike(emulator.Faults{LoseLaunches: true, FullZones: map[string][]string{victim.Spec.Zone: {"c6gd.medium"}}})
		a.pull(victim.ID)
		a.underLoad(func() {
			r := a.start(withVars("apply", nil)...)
			if code := a.wait(r); code == 0 || !strings.Contains(unwrapped(r.out.String()), victim.Spec.Zone+": no capacity") {
				a.t.Fatalf("exit code %d:\n%s", code, r.out.String())
			}
			a.changed(larger)
		})
		a.specs(compute.RoleBroker, 3, func(s compute.NodeSpec) bool { return s.NodeID != victim.Spec.NodeID })
		if successor := a.broker(); successor.Spec.Zone != victim.Spec.Zone || a.typeOf(successor.ID) != "c6gd.large" {
			a.t.Errorf("in place of %+v there is %+v, a %s", victim.Spec, successor.Spec, a.typeOf(successor.ID))
		}
		a.Strike(lost)
		a.settled(larger)
	})

	a.chapter("an instance that dies at boot", func() {
		gone := a.broker()
		faults := lost
		faults.DieAtBoot = 1
		a.Strike(faults)
		a.pull(gone.ID)
		before, _ := a.Launched()
		a.underLoad(func() { a.changed(larger) })
		a.specs(compute.RoleBroker, 3, func(s compute.NodeSpec) bool { return s.NodeID != gone.Spec.NodeID })
		if after, _ := a.Launched(); len(after) != len(before)+2 {
			a.t.Errorf("%d instances were launched for one that had died, of which the first died, too", len(after)-len(before))
		}
		a.settled(larger)
	})

	a.chapter("a new image, and brokers on spot instances", func() {
		a.image(emulator.Patched)
		brokers, controllers := a.nodes(compute.RoleBroker), a.nodes(compute.RoleController)
		r := a.start(withVars("plan", []string{larger, spot})...)
		if code, out := a.wait(r), unwrapped(r.out.String()); code != 0 || !strings.Contains(out, emulator.Patched) || !strings.Contains(out, "taken away all at once") {
			a.t.Errorf("the plan, exit code %d, does not show the image or warns of nothing:\n%s", code, out)
		}
		a.underLoad(func() { a.changed(larger, spot) })
		a.specs(compute.RoleBroker, 3, func(s compute.NodeSpec) bool { return s.AWS.ImageID == emulator.Patched && s.AWS.Spot })
		a.specs(compute.RoleController, 3, func(s compute.NodeSpec) bool { return s.AWS.ImageID == emulator.Patched && !s.AWS.Spot })
		a.fresh(compute.RoleBroker, brokers)
		a.fresh(compute.RoleController, controllers)
		a.settled(larger, spot)
	})

	a.chapter("a spot instance is taken back", func() {
		victim := a.broker()
		const notice = 2 * time.Minute
		ends := time.Now().Add(notice)
		if err := a.Interrupt(victim.ID, notice); err != nil {
			a.t.Fatal(err)
		}
		a.until("the node has told of it", 30*time.Second, func() bool { return a.find(victim.ID).Maintenance != "" })
		a.underLoad(func() { a.changed(larger, spot) })
		if left := time.Until(ends); left < 0 {
			a.t.Errorf("the replacement ended %s after the machine's time", -left)
		}
		a.specs(compute.RoleBroker, 3, func(s compute.NodeSpec) bool { return s.NodeID != victim.Spec.NodeID })
		a.settled(larger, spot)
	})

	a.chapter("destroy", func() {
		before := a.Calls()
		a.terraform(withVars("destroy", []string{larger, spot})...)
		a.printCalls(before)
		a.until("no instance is left", 30*time.Second, func() bool { return len(a.Alive()) == 0 })
	})

	a.chapter("each launch is one instance, and each is gone", func() {
		instances, launches := a.Launched()
		fmt.Printf(`{"test":%q,"launches":%d,"launch_calls":%d,"instances":%d,"terminated":%d}`+"\n", a.t.Name(), launches, a.Calls()["ec2:RunInstances"], len(instances), len(instances)-len(a.Alive()))
		nodes := map[string]string{}
		for _, i := range instances {
			name := regexp.MustCompile(`--aws-spec \S+`).FindString(i.UserData)
			if other := nodes[name]; other != "" || name == "" {
				a.t.Errorf("%s and %s are both %s", i.ID, other, name)
			}
			nodes[name] = i.ID
		}
		if launches != len(instances) || a.Calls()["ec2:RunInstances"] < 2*launches {
			a.t.Errorf("%d instances of %d launches, which took %d calls, though each one's first reply was lost", len(instances), launches, a.Calls()["ec2:RunInstances"])
		}
	})

	a.chapter("the policies of examples/aws are the calls that were made", func() {
		for file, key := range map[string]string{"operator.json": "operator", "node.json": "node"} {
			granted, made := actions(a.t, filepath.Join("..", "..", "examples", "aws", "iam", file)), a.Rights(key)
			if !slices.Equal(granted, made) {
				a.t.Errorf("%s grants %v, and what was called is %v", file, granted, made)
			}
			fmt.Printf(`{"test":%q,"policy":%q,"actions":%d}`+"\n", a.t.Name(), file, len(granted))
		}
	})
}

// actions are those that a policy allows, in order.
func actions(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var policy struct {
		Statement []struct {
			Effect string
			Action any
		}
	}
	if err := json.Unmarshal(text, &policy); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	all := map[string]bool{}
	for _, s := range policy.Statement {
		switch action := s.Action.(type) {
		case string:
			all[action] = true
		case []any:
			for _, one := range action {
				all[fmt.Sprint(one)] = true
			}
		}
		if s.Effect != "Allow" {
			t.Errorf("%s has a statement of the effect %s", file, s.Effect)
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// refused asserts that a plan is an error that says something, on however many lines.
func (a *account) refused(says string, vars ...string) {
	a.t.Helper()
	r := a.start(withVars("plan", vars)...)
	if code, out := a.wait(r), unwrapped(r.out.String()); code != 1 || !strings.Contains(out, says) {
		a.t.Errorf("exit code %d, want an error that says %q:\n%s", code, says, out)
	}
}

// find is an instance of the fleet, the zero one where there is none of this id.
func (a *account) find(id string) compute.Instance {
	for _, i := range a.instances() {
		if i.ID == id {
			return i
		}
	}
	return compute.Instance{}
}

// typeOf is what an instance really is.
func (a *account) typeOf(id string) string {
	instances, _ := a.Launched()
	for _, i := range instances {
		if i.ID == id {
			return i.Type
		}
	}
	return ""
}

// unwrapped is what Terraform says without its frame and its line breaks.
func unwrapped(text string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(text, "│", " ")), " ")
}
