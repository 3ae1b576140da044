package provider

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	tfjson "github.com/hashicorp/terraform-json"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/health"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/placement"
)

// checked asserts how a check block of the configuration ended.
type checked struct {
	name string
	want tfjson.CheckStatus
}

func (c checked) CheckState(_ context.Context, req statecheck.CheckStateRequest, resp *statecheck.CheckStateResponse) {
	for _, found := range req.State.Checks {
		if found.Address.ToDisplay == c.name && found.Status == c.want {
			return
		}
	}
	resp.Error = fmt.Errorf("%s is to be %q, and the checks are %+v", c.name, c.want, req.State.Checks)
}

// healthy is the status of a shared cluster on which nothing is wrong: this machine's disk may be full whatever the tests do.
func healthy(t *testing.T, k *kafka.Client) health.Status {
	t.Helper()
	dirs, err := k.LogDirs(t.Context(), []int32{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(dirs, func(d kafka.LogDir) bool {
		return float64(d.UsableBytes) < (1-placement.DefaultHeadroom)*float64(d.TotalBytes)
	}) {
		return health.Degraded
	}
	return health.Healthy
}

// TestAccHealth: by a check block of real Terraform, on a Kafka on which all is well, then with throttles left over, then well again. The
// plan after each step is empty, so a check leaves the exit code of a plan to what has drifted.
func TestAccHealth(t *testing.T) {
	k := direct(t, sharedKafka(t))
	const topic = "throttled"
	if err := k.CreateTopic(t.Context(), kafka.NewTopic{Name: topic, Partitions: 1, ReplicationFactor: 1}, false); err != nil {
		t.Fatal(err)
	}
	if err := k.AwaitTopic(t.Context(), topic, 1); err != nil {
		t.Fatal(err)
	}
	well := healthy(t, k)
	throttled := func() kafka.ThrottleState {
		t.Helper()
		state, err := k.Throttles(context.WithoutCancel(t.Context()), []int32{1, 2, 3}, []string{topic})
		if err != nil {
			t.Fatal(err)
		}
		return state
	}
	t.Cleanup(func() {
		if err := errors.Join(k.ClearThrottle(context.WithoutCancel(t.Context()), throttled()), k.DeleteTopic(context.WithoutCancel(t.Context()), topic)); err != nil {
			t.Error(err)
		}
	})
	config := onShared(t, fmt.Sprintf(`
data "kafkafleet_health" "test" {}

check "kafka_is_healthy" {
  assert {
    condition     = data.kafkafleet_health.test.status == %q
    error_message = join("\n", data.kafkafleet_health.test.problems)
  }
}
`, well))
	const address = "data.kafkafleet_health.test"
	at := func(value knownvalue.Check, path string, more ...string) statecheck.StateCheck {
		p := tfjsonpath.New(path)
		for _, m := range more {
			p = p.AtMapKey(m)
		}
		return statecheck.ExpectKnownValue(address, p, value)
	}
	none := knownvalue.ObjectExact(map[string]knownvalue.Check{"count": knownvalue.Int64Exact(0), "names": knownvalue.ListExact(nil)})
	node := func(zone string) knownvalue.Check {
		return knownvalue.ObjectExact(map[string]knownvalue.Check{
			"role": knownvalue.StringExact("broker"), "group": knownvalue.Null(), "zone": knownvalue.StringExact(zone),
			"state": knownvalue.StringExact("ready"), "cause": knownvalue.Null(), "reason": knownvalue.Null(), "certificate_ends": knownvalue.Null(), "figures": knownvalue.Null(),
		})
	}
	good := []statecheck.StateCheck{
		at(knownvalue.StringExact(string(well)), "status"), at(knownvalue.Bool(true), "kafka_reachable"), at(knownvalue.StringExact(sharedKafka(t).ID), "cluster_id"),
		at(none, "partitions", "under_replicated"), at(none, "partitions", "under_min_isr"), at(none, "partitions", "at_min_isr"), at(none, "partitions", "offline"),
		at(none, "expired_throttles"), at(none, "zones", "crowded_partitions"), at(none, "disks", "offline"),
		at(knownvalue.MapExact(map[string]knownvalue.Check{"1": node("local-a"), "2": node("local-b"), "3": node("local-c")}), "nodes"),
		at(knownvalue.Int64Exact(3), "node_states", "ready"), at(knownvalue.Int64Exact(0), "node_states", "lost"),
		at(knownvalue.Bool(true), "quorum", "majority"), at(knownvalue.Int64Exact(101), "quorum", "leader"), at(knownvalue.Int64Exact(0), "quorum", "tolerates"),
		at(knownvalue.ObjectExact(map[string]knownvalue.Check{"lag_records": knownvalue.Int64Exact(0), "lag_ms": knownvalue.Int64Exact(0), "caught_up": knownvalue.Bool(true)}), "quorum", "voters", "101"),
		checked{"check.kafka_is_healthy", tfjson.CheckStatusPass},
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			{Config: config, ConfigStateChecks: good},
			{
				PreConfig: func() {
					if err := k.SetThrottle(t.Context(), map[int32]kafka.BrokerThrottle{2: {Leader: 1 << 30, Follower: -1}}, map[kafka.TopicPartition][]int32{{Topic: topic}: {2}}, nil); err != nil {
						t.Fatal(err)
					}
					eventually(t, time.Minute, func() string {
						if s := throttled(); len(s.Brokers) == 0 || len(s.Topics) == 0 {
							return "the throttle is not seen"
						}
						return ""
					})
				},
				Config: config,
				ConfigStateChecks: []statecheck.StateCheck{
					at(knownvalue.StringExact("degraded"), "status"),
					at(knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact("broker 2"), knownvalue.StringExact("topic " + topic)}), "expired_throttles", "names"),
					checked{"check.kafka_is_healthy", map[health.Status]tfjson.CheckStatus{health.Healthy: tfjson.CheckStatusFail, health.Degraded: tfjson.CheckStatusPass}[well]},
				},
			},
			{
				PreConfig: func() {
					if err := k.ClearThrottle(t.Context(), throttled()); err != nil {
						t.Fatal(err)
					}
					eventually(t, time.Minute, func() string {
						if !throttled().Empty() {
							return "the throttle is still seen"
						}
						return ""
					})
				},
				Config: config, ConfigStateChecks: good,
			},
		},
	})
}

// TestAccHealthOfNothing: a cluster that is not there, and no Kafka to take instead, are errors that say so.
func TestAccHealthOfNothing(t *testing.T) {
	local := fmt.Sprintf("provider \"kafkafleet\" {\n  local = { root = %q, agent = %q }\n}\n", t.TempDir(), os.Args[0])
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			{Config: local + `data "kafkafleet_health" "test" { cluster = "none" }`, ExpectError: message(`The health of cluster "none" cannot be judged ... Cluster "none": not found`)},
			{Config: local + `data "kafkafleet_health" "test" {}`, ExpectError: message("No cluster ... Say which cluster this belongs to")},
		},
	})
}

// TestHealthInTheState: what is unknown is null, and never a zero that reads like all is well.
func TestHealthInTheState(t *testing.T) {
	var schema datasource.SchemaResponse
	(&healthDataSource{}).Schema(t.Context(), datasource.SchemaRequest{}, &schema)
	state := tfsdk.State{Schema: schema.Schema}
	silent := healthModel{Cluster: types.StringValue("c")}
	silent.fill(health.Report{Status: health.Critical, Problems: []string{"Kafka does not answer."}, Nodes: []health.Node{
		{ID: 4, Role: compute.RoleBroker, Group: "main", Zone: "a", Condition: health.Condition{State: health.Lost, Cause: "machine gone", Reason: "its machine is gone"}},
	}})
	if diags := state.Set(t.Context(), silent); diags.HasError() {
		t.Fatal(diags)
	}
	var in map[string]tftypes.Value
	if err := state.Raw.As(&in); err != nil {
		t.Fatal(err)
	}
	for name, value := range in {
		known := slices.Contains([]string{"cluster", "status", "problems", "kafka_reachable", "nodes", "node_states"}, name)
		if value.IsNull() == known {
			t.Errorf("%s is %s", name, value)
		}
	}
	if silent.NodeStates[health.Lost] != 1 || len(silent.NodeStates) != len(health.States) {
		t.Errorf("%v", silent.NodeStates)
	}

	loud := healthModel{Cluster: types.StringValue("c")}
	loud.fill(health.Report{
		Status: health.Degraded, KafkaReachable: true,
		Partitions: &health.Partitions{Total: 3, UnderReplicated: health.Names{Count: 1, First: []string{"orders-0"}}},
		Leaders:    &health.Leaders{Share: 0.25, MaxOverMean: 1.5}, Zones: &health.Zones{}, Disks: &health.Disks{},
		Quorum:          &health.Quorum{Leader: 1, Majority: true, Voters: []health.Voter{{ID: 1, LagRecords: -1, LagMillis: 3}}},
		LeftoverCordons: []int32{4},
	})
	if diags := state.Set(t.Context(), loud); diags.HasError() {
		t.Fatal(diags)
	}
	if v := loud.Quorum.Voters["1"]; !v.LagRecords.IsNull() || v.LagMillis.ValueInt64() != 3 {
		t.Errorf("a lag that is not known is null: %+v", v)
	}
	if loud.Partitions.UnderReplicated.Names[0] != "orders-0" || loud.LeftoverCordons[0] != 4 || loud.ExpiredThrottles.Count.ValueInt64() != 0 {
		t.Errorf("%+v", loud)
	}
}
