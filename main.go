// Command terraform-provider-kafkafleet serves the provider to Terraform, and is the agent of the nodes that the provider runs.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/command"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/provider"
)

// version is set by the release build.
var version = "dev"

const address = "registry.terraform.io/kafkafleet/kafkafleet"

func main() {
	// Terraform starts the plugin without arguments, a developer with -debug. Everything else is a command.
	if len(os.Args) > 1 && !strings.HasPrefix(strings.TrimLeft(os.Args[1], "-"), "debug") {
		if err := command.Root(version).ExecuteContext(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "Error:", err)
			os.Exit(1)
		}
		return
	}
	quiet()
	roomy()
	debugger := flag.Bool("debug", false, "serve for a debugger")
	flag.Parse()
	if err := serve(*debugger); err != nil {
		log.Fatal(err)
	}
}

// serve serves the provider until Terraform stops it.
func serve(debugger bool) error {
	var options []tf6server.ServeOpt
	if debugger {
		options = append(options, tf6server.WithManagedDebug())
	}
	server, err := provider.NewServer(provider.New(version)())
	if err != nil {
		return err
	}
	return tf6server.Serve(address, func() tfprotov6.ProviderServer { return server }, options...)
}

// quiet keeps the libraries from writing traces that nobody asked for: they write one for each step of each call, also where Terraform throws them
// away, which was a quarter of the processor time of a plan.
func quiet() {
	if os.Getenv("TF_LOG") != "" || os.Getenv("TF_LOG_PROVIDER") != "" {
		return
	}
	for _, name := range []string{"TF_LOG_SDK", "TF_LOG_SDK_PROTO", "TF_LOG_SDK_FRAMEWORK"} {
		if _, set := os.LookupEnv(name); set {
			continue
		}
		if err := os.Setenv(name, "ERROR"); err != nil {
			log.Fatal(err)
		}
	}
}

// room is how much memory the provider takes, unless it has more than half of that in use.
const room = 88 << 20

// roomy collects garbage when there is four times of what is in use, in place of twice, as long as that is within room: a plan of thousands of objects has
// little in use and makes much garbage, and a CLI that waits for the provider meanwhile. GOGC and GOMEMLIMIT are the user's.
func roomy() {
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(300)
	}
	if _, set := os.LookupEnv("GOMEMLIMIT"); !set {
		debug.SetMemoryLimit(room)
		withRoom(room)
	}
}

// withRoom has, after each collection of garbage, twice of what is in use be allowed: at a limit that is in use the collector would never rest.
func withRoom(allowed int64) {
	type collected struct{ _ *int } // With a pointer it is no part of another object.
	runtime.AddCleanup(new(collected), func(before int64) {
		inUse := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
		metrics.Read(inUse)
		now := max(room, 2*int64(inUse[0].Value.Uint64()+inUse[1].Value.Uint64())) //nolint:gosec // Bytes of memory.
		if now != before {
			debug.SetMemoryLimit(now)
		}
		withRoom(now)
	}, allowed)
}
