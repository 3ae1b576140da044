package provider

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// tellNotCreated says which topics are not created, and that nothing is lost by it.
func tellNotCreated(failed map[string]error, of int, diags *diag.Diagnostics) {
	tellFailed(failed, diags, func(name string, err error, diags *diag.Diagnostics) {
		diags.AddAttributeError(path.Root("topics").AtMapKey(name), fmt.Sprintf("Topic %q is not created", name), sentence(errors.New(kafka.Words(err)))+
			fmt.Sprintf(" Of %d topics %d failed. Nothing is deleted because of that: the next apply takes over those that are there, and creates the others.", of, len(failed)))
	})
}

// toldAtOnce is how many topics get an error of their own. The rest is counted: they have mostly failed of the same thing.
const toldAtOnce = 10

// tellFailed tells what has failed, in the order of the names.
func tellFailed(failed map[string]error, diags *diag.Diagnostics, tell func(name string, err error, diags *diag.Diagnostics)) {
	names := slices.Sorted(maps.Keys(failed))
	for i, name := range names {
		if i == toldAtOnce {
			diags.AddError("More of that", fmt.Sprintf("Beside these, %s the same kind of problem.", strings.TrimSuffix(topicList(names[i:]), " are")+" have"))
			return
		}
		tell(name, failed[name], diags)
	}
}

// aboutTopic collects what is told of a topic with the paths of a single one.
type aboutTopic struct {
	name  string
	diags diag.Diagnostics
	to    *diag.Diagnostics
}

func about(name string, to *diag.Diagnostics) *aboutTopic { return &aboutTopic{name: name, to: to} }

// tell passes it on with the paths that it has in the map.
func (a *aboutTopic) tell() {
	for _, d := range a.diags {
		at := path.Root("topics").AtMapKey(a.name)
		if here, ok := d.(diag.DiagnosticWithPath); ok {
			for _, step := range here.Path().Steps() {
				switch step := step.(type) {
				case path.PathStepAttributeName:
					if step != "name" {
						at = at.AtName(string(step))
					}
				case path.PathStepElementKeyString:
					at = at.AtMapKey(string(step))
				}
			}
		}
		a.to.Append(diag.WithPath(at, d))
	}
}
