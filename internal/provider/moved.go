package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
)

var (
	_ resource.ResourceWithMoveState = (*topicResource)(nil)
	_ resource.ResourceWithMoveState = (*aclResource)(nil)
	_ resource.ResourceWithMoveState = (*quotaResource)(nil)
	_ resource.ResourceWithMoveState = (*userResource)(nil)
)

// movedProvider is the provider whose resources `moved` blocks may turn into ours, in whichever registry it was found. Its schemas are those of
// github.com/Mongey/terraform-provider-kafka, releases up to 0.13.1.
const movedProvider = "mongey/kafka"

// movedFrom takes over the state of one of that provider's types. S has the attributes of it that are wanted; the others are not read. What is of
// another provider or type is left to the framework, which refuses it.
//
// move fills the response, or says why it cannot. It has no connection to Kafka: what the other state lacks is null, and the refresh that follows
// reads it.
func movedFrom[S any](
	typeName string, newestVersion int64, attributes map[string]schema.Attribute, move func(ctx context.Context, from S, resp *resource.MoveStateResponse) (fault string),
) resource.StateMover {
	return resource.StateMover{
		SourceSchema: &schema.Schema{Attributes: attributes},
		StateMover: func(ctx context.Context, req resource.MoveStateRequest, resp *resource.MoveStateResponse) {
			if req.SourceTypeName != typeName || !strings.HasSuffix(req.SourceProviderAddress, "/"+movedProvider) {
				return
			}
			if req.SourceSchemaVersion > newestVersion {
				notMoved(typeName, fmt.Sprintf("its state is of schema version %d, and this provider knows those up to %d", req.SourceSchemaVersion, newestVersion), &resp.Diagnostics)
				return
			}
			if req.SourceState == nil || req.SourceState.Raw.IsNull() {
				notMoved(typeName, fmt.Sprintf("its state has not the form that %s gives it", movedProvider), &resp.Diagnostics)
				return
			}
			var from S
			resp.Diagnostics.Append(req.SourceState.Get(ctx, &from)...)
			if resp.Diagnostics.HasError() {
				return
			}
			if fault := move(ctx, from, resp); fault != "" {
				notMoved(typeName, fault, &resp.Diagnostics)
			}
		},
	}
}

func notMoved(typeName, fault string, diags *diag.Diagnostics) {
	diags.AddError(fmt.Sprintf("A %s that cannot be moved", typeName), asSentence(fault)+" Nothing is changed, in the state or in Kafka. "+
		"Instead of the moved block, forget the object by a removed block with `destroy = false`, and import it.")
}
