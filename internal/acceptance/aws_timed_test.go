//go:build aws && timed

package acceptance

import (
	"fmt"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/aws/emulator"
)

// TestTimedAWSRoll rolls six nodes to another Kafka under load, as local ones and as EC2 instances: what EC2 adds to a roll, its calls and its
// waits, is little beside the roll. It is run by `make bench BENCH=aws`.
func TestTimedAWSRoll(t *testing.T) {
	before, after := "kafka_version=4.2.1", "kafka_version=4.3.1"
	roll := func(w *workspace) (took time.Duration) {
		w.apply(before)
		w.fill("load", 8<<20)
		brokers, controllers := w.nodes(compute.RoleBroker), w.nodes(compute.RoleController)
		w.underLoad(func() {
			started := time.Now()
			w.apply(after)
			took = time.Since(started)
		})
		w.fresh(compute.RoleBroker, brokers)
		w.fresh(compute.RoleController, controllers)
		w.terraform(withVars("destroy", []string{after})...)
		return took
	}
	onMachine := newWorkspace(t)
	onMachine.env = append(onMachine.env, "JAVA_TOOL_OPTIONS="+javaOptions)
	local := roll(onMachine)
	a := newAccount(t, 0)
	a.image(emulator.Image)
	ec2 := roll(a.workspace)
	ratio := ec2.Seconds() / local.Seconds()
	fmt.Printf(`{"roll":"aws","nodes":6,"wall_s":%.1f,"local_s":%.1f,"ratio":%.3f}`+"\n", ec2.Seconds(), local.Seconds(), ratio)
	if ratio > 1.3 {
		t.Errorf("the roll took %s on EC2 instances and %s on local nodes: %.2f times as long", ec2, local, ratio)
	}
}
