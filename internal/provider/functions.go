package provider

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/bytesize"
)

// pureFunction is a function of the provider: its name, its definition, and what it does. None of them makes a call.
type pureFunction struct {
	name       string
	definition function.Definition
	run        func(ctx context.Context, req function.RunRequest, resp *function.RunResponse) *function.FuncError
}

var _ function.Function = pureFunction{}

func (f pureFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = f.name
}

func (f pureFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = f.definition
}

func (f pureFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	resp.Error = function.ConcatFuncErrors(resp.Error, f.run(ctx, req, resp))
}

// functions are all functions of the provider.
func functions() []pureFunction {
	return []pureFunction{bytesFunction(), durationFunction(), aclIDFunction(), parseACLIDFunction(), matchTopicsFunction(), brokersNeededFunction()}
}

// ofText is a function of one text that gives a number.
func ofText(name, summary, description, parameter, parameterText string, read func(string) (int64, error)) pureFunction {
	return pureFunction{
		name: name,
		definition: function.Definition{
			Summary: summary, MarkdownDescription: description,
			Parameters: []function.Parameter{function.StringParameter{Name: parameter, MarkdownDescription: parameterText}},
			Return:     function.Int64Return{},
		},
		run: func(ctx context.Context, req function.RunRequest, resp *function.RunResponse) *function.FuncError {
			var text string
			if err := req.Arguments.Get(ctx, &text); err != nil {
				return err
			}
			n, err := read(text)
			if err != nil {
				return function.NewArgumentFuncError(0, sentence(err))
			}
			return resp.Result.Set(ctx, n)
		},
	}
}

func bytesFunction() pureFunction {
	return ofText("bytes", "Read an amount of bytes",
		"Reads an amount of bytes, such as `64KiB`, `1.5GiB` or `512m`, as settings of this provider take it. All units are powers of 1,024, with and without the `i`.",
		"size", "The amount, a number with a unit.", bytesize.Parse)
}

func durationFunction() pureFunction {
	return ofText("duration", "Read a duration as milliseconds",
		"Reads a duration, such as `7d`, `1h30m` or `500ms`, as milliseconds, which is what Kafka's settings are in. The units are `y` (365 days), `w`, `d`, `h`, `m`, `s` and `ms`, the larger ones first.",
		"duration", "The duration, whole numbers with units.", milliseconds)
}

// aclParts are the parts of an ACL's id, in their order.
var aclParts = []string{"resource_type", "resource_name", "pattern_type", "principal", "host", "operation", "permission"}

func aclIDFunction() pureFunction {
	parameters := []function.Parameter{function.StringParameter{
		Name: "cluster", AllowNullValue: true, MarkdownDescription: "The cluster's name; null for the Kafka of the provider block.",
	}}
	for _, name := range aclParts {
		parameters = append(parameters, function.StringParameter{Name: name, MarkdownDescription: fmt.Sprintf("As `%s` of `kafkafleet_acl`.", name)})
	}
	return pureFunction{
		name: "acl_id",
		definition: function.Definition{
			Summary:             "Make the import id of an ACL",
			MarkdownDescription: "Makes the id of a `kafkafleet_acl` of its parts, as an `import` block wants it. What would be taken for something else in a part is escaped.",
			Parameters:          parameters,
			Return:              function.StringReturn{},
		},
		run: func(ctx context.Context, req function.RunRequest, resp *function.RunResponse) *function.FuncError {
			var cluster types.String
			parts := make([]string, len(aclParts))
			into := []any{&cluster}
			for i := range parts {
				into = append(into, &parts[i])
			}
			if err := req.Arguments.Get(ctx, into...); err != nil {
				return err
			}
			return resp.Result.Set(ctx, joinID(cluster, joinACLID(parts...)))
		},
	}
}

func parseACLIDFunction() pureFunction {
	kinds := map[string]attr.Type{"cluster": types.StringType}
	for _, name := range aclParts {
		kinds[name] = types.StringType
	}
	return pureFunction{
		name: "parse_acl_id",
		definition: function.Definition{
			Summary:             "Take the id of an ACL apart",
			MarkdownDescription: "Takes the id of a `kafkafleet_acl` apart: an object with `cluster`, which is null for the Kafka of the provider block, `" + strings.Join(aclParts, "`, `") + "`.",
			Parameters:          []function.Parameter{function.StringParameter{Name: "id", MarkdownDescription: "The id."}},
			Return:              function.ObjectReturn{AttributeTypes: kinds},
		},
		run: func(ctx context.Context, req function.RunRequest, resp *function.RunResponse) *function.FuncError {
			var id string
			if err := req.Arguments.Get(ctx, &id); err != nil {
				return err
			}
			cluster, object := splitID(id)
			parts := splitACLID(object)
			if len(parts) != len(aclParts) {
				return function.NewArgumentFuncError(0, fmt.Sprintf("The id of an ACL is like cluster/Topic|orders|Literal|User:shop|*|Write|Allow, of %d parts, and %q has %d.", len(aclParts), id, len(parts)))
			}
			values := map[string]attr.Value{"cluster": cluster}
			for i, name := range aclParts {
				values[name] = types.StringValue(parts[i])
			}
			return resp.Result.Set(ctx, types.ObjectValueMust(kinds, values))
		},
	}
}

func matchTopicsFunction() pureFunction {
	return pureFunction{
		name: "match_topics",
		definition: function.Definition{
			Summary: "Find the topics that patterns match",
			MarkdownDescription: "Finds those of some topics whose whole names one of the patterns matches, in the order of the names given. It is how `topics` of `kafkafleet_broker_group` is read, " +
				"so that a configuration can say, and a check block can test, what a pattern will take.",
			Parameters: []function.Parameter{
				function.ListParameter{Name: "names", ElementType: types.StringType, MarkdownDescription: "Names of topics."},
				function.ListParameter{Name: "patterns", ElementType: types.StringType, MarkdownDescription: "Regular expressions in [RE2's syntax](https://github.com/google/re2/wiki/Syntax), each for whole names."},
			},
			Return: function.ListReturn{ElementType: types.StringType},
		},
		run: func(ctx context.Context, req function.RunRequest, resp *function.RunResponse) *function.FuncError {
			var names, patterns []string
			if err := req.Arguments.Get(ctx, &names, &patterns); err != nil {
				return err
			}
			takes, err := matching(patterns...)
			if err != nil {
				return function.NewArgumentFuncError(1, sentence(err))
			}
			found := slices.DeleteFunc(names, func(name string) bool { return !takes(name) })
			return resp.Result.Set(ctx, found)
		},
	}
}

// load is what brokers_needed is asked about.
type load struct {
	Throughput        float64 `tfsdk:"throughput"`
	Consumers         float64 `tfsdk:"consumers"`
	Retention         float64 `tfsdk:"retention"`
	ReplicationFactor int64   `tfsdk:"replication_factor"`
	Disk              float64 `tfsdk:"disk"`
	Network           float64 `tfsdk:"network"`
}

// How far a broker's disks are filled, and its network used, when all brokers are there: the rest is for what comes unevenly, for segments that are
// not deleted yet, and for replicas that move.
const (
	fullDisk    = 0.8
	fullNetwork = 0.6
)

// brokers is how many brokers carry the load while one of them is away.
//
//   - Disks: throughput × retention × replication_factor bytes are kept.
//   - Network, each direction by itself: each record comes in once from its producer and once for each further replica, and goes out once for each
//     further replica and each consumer.
func (l load) brokers() int64 {
	kept := l.Throughput * l.Retention / 1000 * float64(l.ReplicationFactor)
	in := l.Throughput * float64(l.ReplicationFactor)
	out := l.Throughput * (float64(l.ReplicationFactor) - 1 + l.Consumers)
	carrying := max(math.Ceil(kept/(fullDisk*l.Disk)), math.Ceil(max(in, out)/(fullNetwork*l.Network)), 1)
	return max(int64(carrying)+1, l.ReplicationFactor)
}

// fault says why a load is none, "" for nothing.
func (l load) fault() string {
	switch {
	case !(l.Throughput >= 0) || !(l.Consumers >= 0) || !(l.Retention >= 0):
		return "throughput, consumers and retention cannot be below 0"
	case l.ReplicationFactor < 1:
		return "replication_factor is at least 1"
	case !(l.Disk > 0) || !(l.Network > 0):
		return "disk and network are above 0"
	case l.Throughput*l.Retention > math.MaxInt64 || l.Throughput*(l.Consumers+1) > math.MaxInt64:
		return "there are no disks and networks for so much"
	}
	return ""
}

func brokersNeededFunction() pureFunction {
	return pureFunction{
		name: "brokers_needed",
		definition: function.Definition{
			Summary: "Estimate how many brokers a load needs",
			MarkdownDescription: fmt.Sprintf("Estimates how many brokers carry a load while one of them is away. It is the larger of two sums, and one broker more, and at least `replication_factor`:\n\n"+
				"* disks: `throughput × retention × replication_factor` bytes, with each broker's disks filled to %.0f %%;\n"+
				"* network, for each direction: in, `throughput × replication_factor`; out, `throughput × (replication_factor - 1 + consumers)`; with each broker's network used to %.0f %%.\n\n"+
				"It knows nothing of processors, of compression, or of load that is uneven over time or topics: measure, and see `kafkafleet_health`.", 100*fullDisk, 100*fullNetwork),
			Parameters: []function.Parameter{function.ObjectParameter{
				Name: "load", MarkdownDescription: "`throughput`: bytes a second that producers write, as they are stored; `consumers`: how often each record is read; `retention`: milliseconds; `replication_factor`; " +
					"`disk`: bytes of a broker's disks; `network`: bytes a second of a broker's network, in each direction. `provider::kafkafleet::bytes` and `provider::kafkafleet::duration` help to write them.",
				AttributeTypes: map[string]attr.Type{
					"throughput": types.Float64Type, "consumers": types.Float64Type, "retention": types.Float64Type, "replication_factor": types.Int64Type,
					"disk": types.Float64Type, "network": types.Float64Type,
				},
			}},
			Return: function.Int64Return{},
		},
		run: func(ctx context.Context, req function.RunRequest, resp *function.RunResponse) *function.FuncError {
			var l load
			if err := req.Arguments.Get(ctx, &l); err != nil {
				return err
			}
			if fault := l.fault(); fault != "" {
				return function.NewArgumentFuncError(0, "Not a load: "+fault+".")
			}
			return resp.Result.Set(ctx, l.brokers())
		},
	}
}
