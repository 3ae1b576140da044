package provider

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timetypes/timetypes"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/throttle"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

func TestThresholdsAndBudgets(t *testing.T) {
	for threshold, fault := range map[float64]string{1.0001: "", 1.2: "", 40: "", 1: "above 1", 0.2: "above 1", -1: "above 1"} {
		var resp validator.Float64Response
		thresholdValidator{}.ValidateFloat64(t.Context(), validator.Float64Request{Path: path.Root("threshold"), ConfigValue: types.Float64Value(threshold)}, &resp)
		if got := details(resp.Diagnostics); (fault == "") != (got == "") || !strings.Contains(got, fault) {
			t.Errorf("threshold %g: %q, want %q", threshold, got, fault)
		}
	}
	for budget, fault := range map[string]string{"10GiB": "", "500MiB": "", "1": "", "much": `"much" is not a size`, "0": "above 0", "-1GiB": "above 0", "": "leave the budget out"} {
		var resp validator.StringResponse
		budgetValidator{}.ValidateString(t.Context(), validator.StringRequest{Path: path.Root("budget"), ConfigValue: types.StringValue(budget)}, &resp)
		if got := details(resp.Diagnostics); (fault == "") != (got == "") || !strings.Contains(got, fault) {
			t.Errorf("budget %q: %q, want %q", budget, got, fault)
		}
	}
}

func details(diags diag.Diagnostics) string {
	var out []string
	for _, d := range diags {
		out = append(out, d.Detail())
	}
	return strings.Join(out, "\n")
}

// TestRebalanceDefaults: what the action and the data source ask for when only the group is named, and when all is.
func TestRebalanceDefaults(t *testing.T) {
	var diags diag.Diagnostics
	c, g := types.StringValue("c"), types.StringValue("g")
	short := rebalanceOf(c, g, types.Float64Null(), types.StringNull(), types.StringNull(), &diags)
	if short.Cluster != "c" || short.Group != "g" || short.Threshold != 1.1 || short.Budget != 0 || short.Throttle != throttle.Auto {
		t.Errorf("%+v", short)
	}
	long := rebalanceOf(c, g, types.Float64Value(1.5), types.StringValue("2GiB"), types.StringValue("none"), &diags)
	if long.Threshold != 1.5 || long.Budget != 2<<30 || long.Throttle != throttle.None || diags.HasError() {
		t.Errorf("%+v, %v", long, diags)
	}
}

// groupModel is a group of which only the rebalance is declared.
func groupModel(rebalance types.Object) brokerGroupModel {
	return brokerGroupModel{
		Rebalance: rebalance, Config: types.MapNull(types.StringType), Zones: types.ListNull(types.StringType), Topics: types.ListNull(types.StringType),
		JVM:           types.ObjectNull(map[string]attr.Type{"heap": types.StringType}),
		RolloutPolicy: types.ObjectNull(map[string]attr.Type{"max_surge": types.Int64Type, "throttle": types.StringType, "gate_timeout": timetypes.GoDurationType{}}),
		FailurePolicy: types.ObjectNull(failurePolicyTypes), ReplaceNodes: types.SetNull(types.Int64Type),
	}
}

// TestGroupWantsItsBalance: the attribute reaches the engine, and is one of those whose change is a change.
func TestGroupWantsItsBalance(t *testing.T) {
	balance := func(onScaleOut bool, threshold types.Float64) types.Object {
		o, diags := types.ObjectValueFrom(t.Context(), rebalanceType.AttrTypes, rebalanceModel{OnScaleOut: types.BoolValue(onScaleOut), Threshold: threshold})
		if diags.HasError() {
			t.Fatal(diags)
		}
		return o
	}
	cases := map[string]struct {
		rebalance types.Object
		not       bool
		threshold float64
	}{
		"nothing said": {types.ObjectNull(rebalanceType.AttrTypes), false, 0},
		"on scale out": {balance(true, types.Float64Null()), false, 0},
		"never":        {balance(false, types.Float64Null()), true, 0},
		"threshold":    {balance(true, types.Float64Value(1.2)), false, 1.2},
	}
	for name, c := range cases {
		m := groupModel(c.rebalance)
		want, ok, diags := m.want(t.Context(), nil)
		if !ok || diags.HasError() || want.NotOnScaleOut != c.not || want.RebalanceThreshold != c.threshold {
			t.Errorf("%s: %+v, %t, %v", name, want, ok, diags)
		}
		for other, o := range cases {
			if same := unchanged(m, groupModel(o.rebalance)); same != (name == other) {
				t.Errorf("from %s to %s: unchanged is %t", other, name, same)
			}
		}
	}
	if _, ok, diags := groupModel(types.ObjectUnknown(rebalanceType.AttrTypes)).want(t.Context(), nil); ok || diags.HasError() {
		t.Errorf("a rebalance that is not known yet is waited for without an error: %t, %v", ok, diags)
	}
}

// invoke runs the action by itself and returns what it tells.
func invoke(t *testing.T, data *providerData, config map[string]any) (told []string, diags diag.Diagnostics) {
	t.Helper()
	return invokeAction(t, &rebalanceAction{fleet: data.Fleet}, config)
}

func invokeAction(t *testing.T, a action.Action, config map[string]any) (told []string, diags diag.Diagnostics) {
	t.Helper()
	var schema action.SchemaResponse
	a.Schema(t.Context(), action.SchemaRequest{}, &schema)
	req := action.InvokeRequest{Config: tfsdk.Config{Schema: schema.Schema, Raw: value(t, schema.Schema.Type().TerraformType(t.Context()), config)}}
	resp := action.InvokeResponse{SendProgress: func(e action.InvokeProgressEvent) { told = append(told, e.Message) }}
	a.Invoke(t.Context(), req, &resp)
	return told, resp.Diagnostics
}

// TestRebalanceOfNothing: a cluster that is not there is an error that names it.
func TestRebalanceOfNothing(t *testing.T) {
	data, diags := configure(t, map[string]any{"local": map[string]any{"root": t.TempDir(), "agent": os.Args[0]}})
	if diags.HasError() {
		t.Fatal(diags)
	}
	told, diags := invoke(t, data, map[string]any{"cluster": "none", "group": "main"})
	if got := details(diags); len(told) > 0 || !strings.Contains(got, `Cluster "none": not found`) {
		t.Errorf("%v, %q", told, got)
	}
}

// TestAccRebalance: partitions that are all on one of two brokers are planned, told and moved, by the data source, the group's plan and the
// action, which says each step.
func TestAccRebalance(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "fleets")
	var made calls
	data, diags := configure(t, map[string]any{"local": map[string]any{
		"root": root, "kafka_home": os.Getenv("KAFKAFLEET_KAFKA_HOME"), "agent": os.Getenv("KAFKAFLEET_AGENT"),
	}})
	if diags.HasError() {
		t.Fatal(diags)
	}
	base := func(rebalance string) string {
		return override(fleetConfig(root, "", "deletion_protection = false\n"+rebalance), "  brokers = 2") + `
resource "kafkafleet_topic" "orders" {
  cluster            = kafkafleet_broker_group.g.cluster
  name               = "orders"
  partitions         = 6
  replication_factor = 1
}
`
	}
	calm := base("rebalance = { on_scale_out = false }")
	watched := calm + `
data "kafkafleet_rebalance_plan" "p" {
  cluster = kafkafleet_topic.orders.cluster
  group   = kafkafleet_broker_group.g.name
}
`
	run := func(dry bool) string {
		return watched + fmt.Sprintf(`
action "kafkafleet_rebalance" "main" {
  config {
    cluster  = kafkafleet_broker_group.g.cluster
    group    = kafkafleet_broker_group.g.name
    throttle = "50MiB/s"
    dry_run  = %t
  }
}

resource "terraform_data" "now" {
  input = %t
  lifecycle {
    action_trigger {
      events  = [after_create, after_update]
      actions = [action.kafkafleet_rebalance.main]
    }
  }
}
`, dry, dry)
	}
	const planned = "data.kafkafleet_rebalance_plan.p"
	balanced := []statecheck.StateCheck{
		has(planned, "moves", knownvalue.ListSizeExact(0)), has(planned, "bytes_to_move", knownvalue.Int64Exact(0)),
		statecheck.ExpectKnownValue(planned, tfjsonpath.New("before").AtMapKey("max_over_mean_leaders"), knownvalue.Float64Exact(1)),
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(&made),
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_14_0)},
		Steps: []resource.TestStep{
			{
				Config: calm,
				ConfigStateChecks: []statecheck.StateCheck{has("kafkafleet_broker_group.g", "rebalance", knownvalue.ObjectExact(map[string]knownvalue.Check{
					"on_scale_out": knownvalue.Bool(false), "threshold": knownvalue.Null(),
				}))},
				ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			},
			{
				PreConfig: func() {
					crowd(t, data)
					made.take()
				},
				Config: run(true),
				ConfigStateChecks: []statecheck.StateCheck{
					has(planned, "moves", knownvalue.ListSizeExact(3)),
					has(planned, "bytes_to_move", atLeast(3*partitionBytes)), has(planned, "lower_bound", atLeast(2*partitionBytes)),
					statecheck.ExpectKnownValue(planned, tfjsonpath.New("moves").AtSliceIndex(0).AtMapKey("to"), knownvalue.ListSizeExact(1)),
					statecheck.ExpectKnownValue(planned, tfjsonpath.New("before").AtMapKey("max_over_mean_leaders"), knownvalue.Float64Exact(2)),
					statecheck.ExpectKnownValue(planned, tfjsonpath.New("after").AtMapKey("max_over_mean_leaders"), knownvalue.Float64Exact(1)),
					statecheck.ExpectKnownValue(planned, tfjsonpath.New("before").AtMapKey("brokers"), knownvalue.MapSizeExact(2)),
				},
				Check: func(*terraform.State) error {
					if changed := made.take(); len(changed) > 0 {
						t.Errorf("a dry run changed something: %v", changed)
					}
					return onBrokers(t, data, 0, 6)
				},
			},
			{
				// The same, asked for by a threshold of the group: the plan shows the bytes, and no node is touched.
				Config: base("rebalance = { threshold = 1.2 }"), PlanOnly: true, ExpectNonEmptyPlan: true,
				ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPreRefresh: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction("kafkafleet_broker_group.g", plancheck.ResourceActionUpdate),
					plancheck.ExpectKnownValue("kafkafleet_broker_group.g", tfjsonpath.New("rollout").AtMapKey("bytes_to_move"), atLeast(3*partitionBytes)),
					plancheck.ExpectKnownValue("kafkafleet_broker_group.g", tfjsonpath.New("rollout").AtMapKey("nodes_launched"), knownvalue.Int64Exact(0)),
				}},
			},
			{
				Config: run(false),
				Check:  func(*terraform.State) error { return onBrokers(t, data, 3, 3) },
			},
			{
				PreConfig: func() {
					crowd(t, data)
					told, diags := invoke(t, data, map[string]any{"cluster": "small", "group": "main", "dry_run": true})
					expectTold(t, told, diags, "3 moves, ", "orders-", "Dry run: nothing was moved.")
					// Each partition is of 2 MiB by now, so two of them are within the budget, and a third is not.
					told, diags = invoke(t, data, map[string]any{"cluster": "small", "group": "main", "budget": "5MiB"})
					expectTold(t, told, diags, "2 moves, ", "move 2 partitions", "clear throttles", "Moved")
					if err := onBrokers(t, data, 2, 4); err != nil {
						t.Errorf("by its budget: %v", err)
					}
					told, diags = invoke(t, data, map[string]any{"cluster": "small", "group": "main"})
					expectTold(t, told, diags, "1 move, ", "move 1 partition", "clear throttles", "Moved")
					told, diags = invoke(t, data, map[string]any{"cluster": "small", "group": "main"})
					expectTold(t, told, diags, "Nothing to rebalance")
					_, diags = invoke(t, data, map[string]any{"cluster": "small", "group": "none"})
					if got := details(diags); !strings.Contains(got, "the cluster has main") {
						t.Errorf("a group that is not there: %q", got)
					}
				},
				Config:            run(false),
				ConfigStateChecks: balanced,
				ConfigPlanChecks:  resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			},
			// The same fleet loses a broker for good, with the only replicas of half of the partitions.
			blockedByALoss(t, data, calm),
			replacedByForce(t, data, calm),
		},
	})
}

// partitionBytes is how much crowd puts into each partition.
const partitionBytes = 1 << 20

// crowd moves all partitions of the topic to the first broker, and puts some data into each.
func crowd(t *testing.T, data *providerData) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	nodes := machines(t, data)
	k, err := data.Fleet.Kafka(ctx, "small")
	if err != nil {
		t.Fatal(err)
	}
	var list []kafka.Reassignment
	for p := range int32(6) {
		list = append(list, kafka.Reassignment{Topic: "orders", Partition: p, Replicas: []int32{nodes[0].Spec.NodeID}})
	}
	if err := k.Reassign(ctx, list, false); err != nil {
		t.Fatal(err)
	}
	if err := k.AwaitReplicas(ctx, "orders", list); err != nil {
		t.Fatal(err)
	}
	security, err := data.Fleet.AdminTLS(ctx, "small")
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(nodes[0].Address), kgo.DialTLSConfig(security), kgo.DisableClientMetrics(),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var records []*kgo.Record
	for p := range int32(6) {
		for range partitionBytes / (64 << 10) {
			records = append(records, &kgo.Record{Topic: "orders", Partition: p, Value: make([]byte, 64<<10)})
		}
	}
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// machines are the brokers as compute lists them. The client's own answer would be shared with the next question of a plan.
func machines(t *testing.T, data *providerData) []compute.Instance {
	t.Helper()
	list, err := data.Fleet.Driver().List(t.Context(), "small")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(list, func(i compute.Instance) bool { return i.Spec.Role != compute.RoleBroker })
}

// onBrokers says whether the brokers hold so many partitions of the topic each, fewest first, in no throttle's way.
func onBrokers(t *testing.T, data *providerData, want ...int) error {
	t.Helper()
	nodes := machines(t, data)
	k, err := data.Fleet.Kafka(t.Context(), "small")
	if err != nil {
		return err
	}
	orders, err := k.Topic(t.Context(), "orders")
	if err != nil {
		return err
	}
	var have []int
	var ids []int32
	for _, n := range nodes {
		ids = append(ids, n.Spec.NodeID)
		count := 0
		for _, p := range orders.Partitions {
			if slices.Equal(p.Replicas, []int32{n.Spec.NodeID}) {
				count++
			}
		}
		have = append(have, count)
	}
	slices.Sort(have)
	throttles, err := k.Throttles(t.Context(), ids, []string{"orders"})
	if err != nil {
		return err
	}
	if !slices.Equal(have, want) || !throttles.Empty() {
		return fmt.Errorf("the brokers hold %v partitions, want %v; throttles: %+v", have, want, throttles)
	}
	return nil
}

// expectTold asserts that an action told these things in this order.
func expectTold(t *testing.T, told []string, diags diag.Diagnostics, want ...string) {
	t.Helper()
	if diags.HasError() {
		t.Errorf("%v", diags)
	}
	rest := told
	for _, w := range want {
		at := slices.IndexFunc(rest, func(line string) bool { return strings.Contains(line, w) })
		if at < 0 {
			t.Errorf("%q is not told, or not in its place:\n%s", w, strings.Join(told, "\n"))
			return
		}
		rest = rest[at+1:]
	}
}

// atLeast is a check of a number.
func atLeast(least int64) knownvalue.Check {
	return knownvalue.Int64Func(func(n int64) error {
		if n < least {
			return fmt.Errorf("%d is less than %d", n, least)
		}
		return nil
	})
}
