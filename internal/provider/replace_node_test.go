package provider

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

// TestAConfirmationNamesTheNodeOnceMore: any other one is refused before anything is asked.
func TestAConfirmationNamesTheNodeOnceMore(t *testing.T) {
	a := &replaceNodeAction{}
	var schema action.SchemaResponse
	a.Schema(t.Context(), action.SchemaRequest{}, &schema)
	for name, c := range map[string]struct {
		config map[string]any
		fault  string
	}{
		"no force":     {map[string]any{}, ""},
		"force":        {map[string]any{"force": true}, ""},
		"confirmed":    {map[string]any{"force": true, "confirm_node_id": 7}, ""},
		"another node": {map[string]any{"force": true, "confirm_node_id": 6}, "`node_id` is 7 and `confirm_node_id` is 6"},
		"for nothing":  {map[string]any{"confirm_node_id": 7}, "Without `force` nothing is lost"},
		"not forced":   {map[string]any{"force": false, "confirm_node_id": 7}, "Without `force` nothing is lost"},
	} {
		config := map[string]any{"cluster": "c", "group": "main", "node_id": 7}
		for key, v := range c.config {
			config[key] = v
		}
		var resp action.ValidateConfigResponse
		a.ValidateConfig(t.Context(), action.ValidateConfigRequest{Config: tfsdk.Config{Schema: schema.Schema, Raw: value(t, schema.Schema.Type().TerraformType(t.Context()), config)}}, &resp)
		if got := details(resp.Diagnostics); (c.fault == "") != (got == "") || !strings.Contains(got, c.fault) {
			t.Errorf("%s: %q, want %q", name, got, c.fault)
		}
	}
}

// TestManyLossesAreToldInFew lines.
func TestManyLossesAreToldInFew(t *testing.T) {
	var losses []plan.Loss
	for p := range int32(lossesTold + 3) {
		losses = append(losses, plan.Loss{TopicPartition: plan.TopicPartition{Topic: "t", Partition: p}, What: "everything"})
	}
	if got := lossTexts(losses); len(got) != lossesTold+2 || !strings.Contains(got[0], "in 23 partitions") || !strings.Contains(got[len(got)-1], "of 3 partitions more") {
		t.Errorf("%d lines: %q ... %q", len(got), got[0], got[len(got)-1])
	}
	if got := lossTexts(losses[:1]); len(got) != 2 || !strings.Contains(got[0], "in 1 partition:") || !strings.Contains(got[1], "t-0 (its size is not known): everything") {
		t.Errorf("%q", got)
	}
}

// blockedByALoss is a step after the first broker has died for good: the apply does what it can, and says what it cannot and the way out.
func blockedByALoss(t *testing.T, data *providerData, config string) resource.TestStep {
	return resource.TestStep{
		PreConfig:   func() { killForGood(t, data, oldest(t, data)) },
		Config:      config,
		ExpectError: message(`orders-...cannot be copied...the action kafkafleet_replace_node with node_id...force = true`),
	}
}

// replacedByForce is the step after it: the action refuses, tells what would be lost, and is then confirmed.
func replacedByForce(t *testing.T, data *providerData, config string) resource.TestStep {
	return resource.TestStep{
		PreConfig: func() {
			dead, a := oldest(t, data), &replaceNodeAction{fleet: data.Fleet}
			force := map[string]any{"cluster": "small", "group": "main", "node_id": int(dead), "force": true}
			told, diags := invokeAction(t, a, force)
			got := details(diags)
			if strings.Count(got, ": everything") != 3 || !strings.Contains(got, "in 3 partitions") || !strings.Contains(got, fmt.Sprintf("declare confirm_node_id = %d", dead)) {
				t.Fatalf("not confirmed: %s\n%s", got, strings.Join(told, "\n"))
			}
			force["confirm_node_id"], force["dry_run"] = int(dead), true
			told, diags = invokeAction(t, a, force)
			expectTold(t, told, diags, fmt.Sprintf("Node %d of main is lost: machine stopped", dead), "What only this node has", "orders-", "elect unclean leaders of 3 partitions", "Dry run: nothing was done.")
			if got := oldest(t, data); got != dead {
				t.Fatalf("nothing was to be done, and node %d is gone", dead)
			}
			force["dry_run"] = false
			told, diags = invokeAction(t, a, force)
			expectTold(t, told, diags, "move 3 partitions", "elect unclean leaders of 3 partitions", "what only it had of 3 partitions is lost")
			emptyOnTheYoungest(t, data)
			told, diags = invokeAction(t, a, force)
			expectTold(t, told, diags, fmt.Sprintf("Node %d is gone, and node", dead), "Nothing is left to do")
			force["node_id"], force["confirm_node_id"] = 99, 99
			if _, diags = invokeAction(t, a, force); !strings.Contains(details(diags), "node id 99 was never given out") {
				t.Errorf("%v", diags)
			}
		},
		Config: config,
		ConfigPlanChecks: resource.ConfigPlanChecks{
			PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction("kafkafleet_broker_group.g", plancheck.ResourceActionNoop)},
			PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
		},
	}
}

// oldest is the broker of the lowest id.
func oldest(t *testing.T, data *providerData) int32 {
	t.Helper()
	var ids []int32
	for _, i := range machines(t, data) {
		ids = append(ids, i.Spec.NodeID)
	}
	return slices.Min(ids)
}

// killForGood ends a node's agent and its Kafka at once, as a power cut does, and waits until compute has noticed.
func killForGood(t *testing.T, data *providerData, id int32) {
	t.Helper()
	find := func() compute.Instance {
		instances := machines(t, data)
		return instances[slices.IndexFunc(instances, func(i compute.Instance) bool { return i.Spec.NodeID == id })]
	}
	jvm := find().Status.KafkaPID
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", jvm))
	parent := regexp.MustCompile(`PPid:\s+(\d+)`).FindSubmatch(status)
	if err != nil || parent == nil {
		t.Fatalf("the agent of node %d: %v", id, err)
	}
	agent, err := strconv.Atoi(string(parent[1]))
	if err != nil || agent <= 1 {
		t.Fatalf("node %d has no agent: parent %d, %v", id, agent, err)
	}
	for _, pid := range []int{agent, jvm} {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, time.Minute, func() string {
		if now := find(); now.State != compute.StateStopped {
			return fmt.Sprintf("node %d is %s", id, now.State)
		}
		return ""
	})
}

// emptyOnTheYoungest checks that the youngest broker has three partitions of the topic, led and empty, and the other one still has its own.
func emptyOnTheYoungest(t *testing.T, data *providerData) {
	t.Helper()
	k, err := data.Fleet.Kafka(t.Context(), "small")
	if err != nil {
		t.Fatal(err)
	}
	var ids []int32
	for _, i := range machines(t, data) {
		ids = append(ids, i.Spec.NodeID)
	}
	slices.Sort(ids)
	orders, err := k.Topic(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := k.LogDirs(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	bytes := map[int32]int64{}
	for _, d := range dirs {
		for _, r := range d.Replicas {
			if r.Topic == "orders" {
				bytes[r.Broker] += r.Bytes
			}
		}
	}
	led := map[int32]int{}
	for _, p := range orders.Partitions {
		if len(p.Adding)+len(p.Removing) == 0 && slices.Equal(p.Replicas, []int32{p.Leader}) {
			led[p.Leader]++
		}
	}
	if led[ids[0]] != 3 || led[ids[1]] != 3 || bytes[ids[0]] < 3*partitionBytes || bytes[ids[1]] != 0 {
		t.Errorf("led %v, bytes %v", led, bytes)
	}
}
