package provider

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// NewServer serves a provider as the plugin framework does, and lets go of what a call has held when it ends: the framework keeps the context of
// each call until the process stops (proto6server.Server.registerContext), and with it the call's loggers, which is 15 KB for each of four calls that
// a plan makes of every resource (docs/adr/0025).
func NewServer(p provider.Provider) (tfprotov6.ProviderServer, error) {
	inner := providerserver.NewProtocol6(p)()
	all, ok := inner.(allOfServer)
	if !ok {
		return nil, fmt.Errorf("the plugin framework's server, a %T, does not serve lists or actions", inner)
	}
	return server{all}, nil
}

// allOfServer is all that Terraform may call.
type allOfServer interface {
	tfprotov6.ProviderServer
	tfprotov6.ListResourceServer
	tfprotov6.ActionServer
}

// server has those calls let go that are made for each object. The answers of lists and actions are streams, which outlive their call.
type server struct{ allOfServer }

// asSets are attributes, by resource, that are sets for Terraform and lists for the plugin framework. Both are written in the same way, and Terraform puts
// the elements of a set into an order of its own. The framework compares each element of a set with each other one whenever it looks at
// it, and looks once for each attribute of each: a plan of a thousand bindings took it a minute and a half.
var asSets = map[string]string{"kafkafleet_acls": "bindings"}

// GetProviderSchema tells Terraform of the sets, and of the sealed attributes as they are.
func (s server) GetProviderSchema(ctx context.Context, req *tfprotov6.GetProviderSchemaRequest) (*tfprotov6.GetProviderSchemaResponse, error) {
	resp, err := s.allOfServer.GetProviderSchema(ctx, req)
	if err != nil {
		return nil, err
	}
	for resource, attribute := range sealed {
		if schema := resp.ResourceSchemas[resource]; schema != nil {
			attribute.show(schema)
		}
	}
	for resource, name := range asSets {
		if schema := resp.ResourceSchemas[resource]; schema != nil {
			for _, attribute := range schema.Block.Attributes {
				if attribute.Name == name && attribute.NestedType != nil {
					attribute.NestedType.Nesting = tfprotov6.SchemaObjectNestingModeSet
				}
			}
		}
	}
	return resp, nil
}

// lend makes a call with a context that holds on to nothing when it has ended.
func lend[Q, A any](ctx context.Context, req Q, call func(context.Context, Q) (A, error)) (A, error) {
	lent := &lentContext{}
	lent.from.Store(&ctx)
	defer lent.from.Store(&over)
	return call(lent, req)
}

// over is the context of a call that has ended.
var over = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// lentContext is a context until the call ends, and then one that is over.
type lentContext struct {
	from atomic.Pointer[context.Context]
}

func (l *lentContext) Deadline() (time.Time, bool) { return (*l.from.Load()).Deadline() }
func (l *lentContext) Done() <-chan struct{}       { return (*l.from.Load()).Done() }
func (l *lentContext) Err() error                  { return (*l.from.Load()).Err() }
func (l *lentContext) Value(key any) any           { return (*l.from.Load()).Value(key) }

func (s server) ValidateResourceConfig(ctx context.Context, req *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	inside := *req
	if err := sealed[req.TypeName].seal(&inside.Config); err != nil {
		return nil, err
	}
	return lend(ctx, &inside, s.allOfServer.ValidateResourceConfig)
}

func (s server) UpgradeResourceState(ctx context.Context, req *tfprotov6.UpgradeResourceStateRequest) (*tfprotov6.UpgradeResourceStateResponse, error) {
	attribute, inside := sealed[req.TypeName], *req
	var err error
	if inside.RawState, err = attribute.sealState(req.RawState); err != nil {
		return &tfprotov6.UpgradeResourceStateResponse{Diagnostics: unreadableState(err)}, nil
	}
	resp, err := lend(ctx, &inside, s.allOfServer.UpgradeResourceState)
	if err != nil {
		return nil, err
	}
	return resp, attribute.open(&resp.UpgradedState)
}

func (s server) UpgradeResourceIdentity(ctx context.Context, req *tfprotov6.UpgradeResourceIdentityRequest) (*tfprotov6.UpgradeResourceIdentityResponse, error) {
	return lend(ctx, req, s.allOfServer.UpgradeResourceIdentity)
}

func (s server) ReadResource(ctx context.Context, req *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	attribute, inside := sealed[req.TypeName], *req
	if err := attribute.seal(&inside.CurrentState); err != nil {
		return nil, err
	}
	resp, err := lend(ctx, &inside, s.allOfServer.ReadResource)
	if err != nil {
		return nil, err
	}
	return resp, attribute.open(&resp.NewState)
}

func (s server) PlanResourceChange(ctx context.Context, req *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	attribute, inside := sealed[req.TypeName], *req
	if err := attribute.seal(&inside.PriorState, &inside.ProposedNewState, &inside.Config); err != nil {
		return nil, err
	}
	resp, err := lend(ctx, &inside, s.allOfServer.PlanResourceChange)
	if err != nil {
		return nil, err
	}
	return resp, attribute.open(&resp.PlannedState)
}

func (s server) ApplyResourceChange(ctx context.Context, req *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	attribute, inside := sealed[req.TypeName], *req
	if err := attribute.seal(&inside.PriorState, &inside.PlannedState, &inside.Config); err != nil {
		return nil, err
	}
	resp, err := lend(ctx, &inside, s.allOfServer.ApplyResourceChange)
	if err != nil {
		return nil, err
	}
	return resp, attribute.open(&resp.NewState)
}

func (s server) ImportResourceState(ctx context.Context, req *tfprotov6.ImportResourceStateRequest) (*tfprotov6.ImportResourceStateResponse, error) {
	resp, err := lend(ctx, req, s.allOfServer.ImportResourceState)
	if err != nil {
		return nil, err
	}
	for _, imported := range resp.ImportedResources {
		if err := sealed[imported.TypeName].open(&imported.State); err != nil {
			return nil, err
		}
	}
	return resp, nil
}

func (s server) MoveResourceState(ctx context.Context, req *tfprotov6.MoveResourceStateRequest) (*tfprotov6.MoveResourceStateResponse, error) {
	inside := *req
	var err error
	if inside.SourceState, err = sealed[req.SourceTypeName].sealState(req.SourceState); err != nil {
		return &tfprotov6.MoveResourceStateResponse{Diagnostics: unreadableState(err)}, nil
	}
	resp, err := lend(ctx, &inside, s.allOfServer.MoveResourceState)
	if err != nil {
		return nil, err
	}
	return resp, sealed[req.TargetTypeName].open(&resp.TargetState)
}

func (s server) GenerateResourceConfig(ctx context.Context, req *tfprotov6.GenerateResourceConfigRequest) (*tfprotov6.GenerateResourceConfigResponse, error) {
	attribute, inside := sealed[req.TypeName], *req
	if err := attribute.seal(&inside.State); err != nil {
		return nil, err
	}
	resp, err := lend(ctx, &inside, s.allOfServer.GenerateResourceConfig)
	if err != nil {
		return nil, err
	}
	return resp, attribute.open(&resp.Config)
}

// CallFunction takes an argument without a value, by which OpenTofu passes null, for null.
func (s server) CallFunction(ctx context.Context, req *tfprotov6.CallFunctionRequest) (*tfprotov6.CallFunctionResponse, error) {
	for _, argument := range req.Arguments {
		if len(argument.MsgPack)+len(argument.JSON) == 0 {
			argument.JSON = []byte("null")
		}
	}
	return lend(ctx, req, s.allOfServer.CallFunction)
}
