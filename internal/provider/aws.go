package provider

import (
	"context"
	"errors"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	providerschema "github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/aws"
)

// awsModel is the provider block's aws.
type awsModel struct {
	Region      types.String `tfsdk:"region"`
	Profile     types.String `tfsdk:"profile"`
	AssumeRole  types.Object `tfsdk:"assume_role"`
	DefaultTags types.Map    `tfsdk:"default_tags"`
	Endpoints   types.Map    `tfsdk:"endpoints"`
}

type assumeRoleModel struct {
	RoleARN     types.String `tfsdk:"role_arn"`
	SessionName types.String `tfsdk:"session_name"`
	ExternalID  types.String `tfsdk:"external_id"`
}

func awsAttribute() providerschema.Attribute {
	return providerschema.SingleNestedAttribute{
		MarkdownDescription: "Nodes are EC2 instances with instance-store disks. Credentials come from where hashicorp/aws takes them: the environment, the shared files, the role of the machine.",
		Optional:            true,
		Attributes: map[string]providerschema.Attribute{
			"region": providerschema.StringAttribute{
				MarkdownDescription: "The region of all fleets. `AWS_REGION` or `AWS_DEFAULT_REGION` by default, then the profile's.", Optional: true,
			},
			"profile": providerschema.StringAttribute{
				MarkdownDescription: "A profile of the shared configuration. `AWS_PROFILE` by default.", Optional: true,
			},
			"assume_role": providerschema.SingleNestedAttribute{
				MarkdownDescription: "A role to assume.", Optional: true,
				Attributes: map[string]providerschema.Attribute{
					"role_arn":     providerschema.StringAttribute{MarkdownDescription: "The role.", Required: true},
					"session_name": providerschema.StringAttribute{MarkdownDescription: "The session's name, as CloudTrail shows it.", Optional: true},
					"external_id":  providerschema.StringAttribute{MarkdownDescription: "What the role's trust policy may ask for.", Optional: true},
				},
			},
			"default_tags": providerschema.MapAttribute{
				MarkdownDescription: "Tags for every instance and volume, beside the provider's own `kafkafleet:…`.", ElementType: types.StringType, Optional: true,
			},
			"endpoints": providerschema.MapAttribute{
				MarkdownDescription: "Addresses of services in place of AWS' own, by name: `ec2`, `ssm`, `sts`. `AWS_ENDPOINT_URL` and its like are for all.", ElementType: types.StringType, Optional: true,
				Validators: []validator.Map{mapvalidator.KeysAre(stringvalidator.OneOf(aws.Services...))},
			},
		},
	}
}

// awsDriver makes the driver of EC2. It asks AWS nothing.
func awsDriver(ctx context.Context, object types.Object, diags *diag.Diagnostics) compute.Driver {
	var m awsModel
	var role assumeRoleModel
	var tags map[string]string
	options := aws.Options{}
	diags.Append(object.As(ctx, &m, objectAsOptions)...)
	if !m.AssumeRole.IsNull() {
		diags.Append(m.AssumeRole.As(ctx, &role, objectAsOptions)...)
	}
	if !m.DefaultTags.IsNull() {
		diags.Append(m.DefaultTags.ElementsAs(ctx, &tags, false)...)
	}
	if !m.Endpoints.IsNull() {
		diags.Append(m.Endpoints.ElementsAs(ctx, &options.Endpoints, false)...)
	}
	options.Region, options.Profile = m.Region.ValueString(), m.Profile.ValueString()
	options.RoleARN, options.SessionName, options.ExternalID = role.RoleARN.ValueString(), role.SessionName.ValueString(), role.ExternalID.ValueString()
	config, err := aws.Load(ctx, options)
	if err != nil {
		diags.AddAttributeError(path.Root("aws"), "AWS cannot be used", sentence(err))
		return absentDriver{err}
	}
	return aws.New(aws.Config{AWS: config, Endpoints: options.Endpoints, DefaultTags: tags})
}

// machineModel is what an EC2 instance of a group is made of.
type machineModel struct {
	AMI                   types.String `tfsdk:"ami"`
	AMIParameter          types.String `tfsdk:"ami_ssm_parameter"`
	RootDevice            types.String `tfsdk:"root_device"`
	SubnetIDs             types.Map    `tfsdk:"subnet_ids"`
	SecurityGroupIDs      types.List   `tfsdk:"security_group_ids"`
	IAMInstanceProfile    types.String `tfsdk:"iam_instance_profile"`
	PlacementGroup        types.String `tfsdk:"placement_group"`
	Spot                  types.Bool   `tfsdk:"spot"`
	FallbackInstanceTypes types.List   `tfsdk:"fallback_instance_types"`
	UserDataExtra         types.String `tfsdk:"user_data_extra"`
}

func machineAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: "What the EC2 instances are made of beside their type; required where the provider block has `aws`. A change of any of it, a new image among them, is a rollout.",
		Optional:            true,
		Attributes: map[string]schema.Attribute{
			"ami": schema.StringAttribute{
				MarkdownDescription: "The image. It has Java, Kafka in `/opt/kafka-<version>` and this provider's binary as `/usr/local/bin/kafkafleet-node`, or `user_data_extra` brings them.", Optional: true, Computed: true,
				Validators: []validator.String{stringvalidator.ExactlyOneOf(path.MatchRelative().AtParent().AtName("ami_ssm_parameter"))},
			},
			"ami_ssm_parameter": schema.StringAttribute{
				MarkdownDescription: "A parameter of Systems Manager that names the image, in place of `ami`. It is read at each plan, which shows the image as `ami`: another one is a rollout, and that is how the operating system is patched.",
				Optional:            true,
			},
			"root_device": schema.StringAttribute{MarkdownDescription: "How the image names its root volume, which is encrypted: `/dev/xvda` by default.", Optional: true},
			"subnet_ids": schema.MapAttribute{
				MarkdownDescription: "The subnet by zone. Another subnet for a zone replaces the nodes there.", ElementType: types.StringType, Required: true,
				Validators: []validator.Map{mapvalidator.SizeAtLeast(1)},
			},
			"security_group_ids": schema.ListAttribute{
				MarkdownDescription: "The security groups. They let nodes and this provider in at port 9091, clients at 9092 and, where both ways to log in are open, at 9094.", ElementType: types.StringType, Optional: true,
				Validators: []validator.List{listvalidator.UniqueValues()},
			},
			"iam_instance_profile": schema.StringAttribute{
				MarkdownDescription: "The name or the ARN of the instance profile. Its role reads the node's spec and certificate, and finds the controllers.", Required: true,
			},
			"spot": schema.BoolAttribute{
				MarkdownDescription: "Whether the instances are spot instances. EC2 takes them back with a notice of two minutes, a whole zone's at once if need be, and data whose replicas are all on them is lost then. For fleets whose data may be lost; never for controllers that matter.",
				Optional:            true,
			},
			"placement_group":         schema.StringAttribute{MarkdownDescription: "A placement group. A spread group holds seven instances in a zone.", Optional: true},
			"fallback_instance_types": schema.ListAttribute{MarkdownDescription: "Types that are tried in this order, in the same zone, where it has no capacity for the group's. They have at least its disk and its memory. A change replaces nobody.", ElementType: types.StringType, Optional: true},
			"user_data_extra":         schema.StringAttribute{MarkdownDescription: "Lines of a shell script that run before the agent starts.", Optional: true},
		},
	}
}

// machineOf is the machine of a group, nil where none is declared.
func machineOf(ctx context.Context, object types.Object) (*compute.AWSMachine, diag.Diagnostics) {
	if object.IsNull() {
		return nil, nil
	}
	var m machineModel
	diags := object.As(ctx, &m, objectAsOptions)
	machine := &compute.AWSMachine{
		ImageID: m.AMI.ValueString(), RootDevice: m.RootDevice.ValueString(), InstanceProfile: m.IAMInstanceProfile.ValueString(),
		PlacementGroup: m.PlacementGroup.ValueString(), Spot: m.Spot.ValueBool(), UserDataExtra: m.UserDataExtra.ValueString(),
	}
	diags.Append(m.SubnetIDs.ElementsAs(ctx, &machine.SubnetIDs, false)...)
	if !m.SecurityGroupIDs.IsNull() {
		diags.Append(m.SecurityGroupIDs.ElementsAs(ctx, &machine.SecurityGroupIDs, false)...)
	}
	if !m.FallbackInstanceTypes.IsNull() {
		diags.Append(m.FallbackInstanceTypes.ElementsAs(ctx, &machine.FallbackInstanceTypes, false)...)
	}
	return machine, diags
}

// machineValue is the reverse of machineOf.
func machineValue(ctx context.Context, m *compute.AWSMachine, diags *diag.Diagnostics) types.Object {
	kinds := machineAttribute().GetType().(types.ObjectType).AttrTypes //nolint:errcheck,forcetypeassert // It is an object.
	if m == nil {
		return types.ObjectNull(kinds)
	}
	optional := func(text string) types.String {
		if text == "" {
			return types.StringNull()
		}
		return types.StringValue(text)
	}
	list := func(values []string) types.List {
		if len(values) == 0 {
			return types.ListNull(types.StringType)
		}
		out, more := types.ListValueFrom(ctx, types.StringType, values)
		diags.Append(more...)
		return out
	}
	subnets, more := types.MapValueFrom(ctx, types.StringType, m.SubnetIDs)
	diags.Append(more...)
	spot := types.BoolNull()
	if m.Spot {
		spot = types.BoolValue(true)
	}
	out, more := types.ObjectValueFrom(ctx, kinds, machineModel{
		Spot: spot,
		AMI:  types.StringValue(m.ImageID), RootDevice: optional(m.RootDevice), SubnetIDs: subnets, SecurityGroupIDs: list(m.SecurityGroupIDs),
		IAMInstanceProfile: types.StringValue(m.InstanceProfile), PlacementGroup: optional(m.PlacementGroup),
		FallbackInstanceTypes: list(m.FallbackInstanceTypes), UserDataExtra: optional(m.UserDataExtra),
	})
	diags.Append(more...)
	return out
}

// planImage gives the machine of a plan the image that its parameter names now. What is not known yet stays so.
func planImage(ctx context.Context, driver compute.Driver, object types.Object, at path.Path, diags *diag.Diagnostics) types.Object {
	if object.IsNull() || object.IsUnknown() {
		return object
	}
	var m machineModel
	diags.Append(object.As(ctx, &m, objectAsOptions)...)
	machines, ok := driver.(compute.Machines)
	switch {
	case m.AMIParameter.IsNull():
		return object
	case !ok:
		m.AMI = types.StringNull() // What else is wrong is said by whoever checks the machine.
	case m.AMIParameter.IsUnknown():
		m.AMI = types.StringUnknown()
	default:
		image, err := machines.Image(ctx, m.AMIParameter.ValueString())
		if err != nil {
			diags.AddAttributeError(at.AtName("ami_ssm_parameter"), "The parameter names no image", sentence(err))
			return object
		}
		m.AMI = types.StringValue(image)
	}
	out, more := types.ObjectValueFrom(ctx, object.AttributeTypes(ctx), m)
	diags.Append(more...)
	return out
}

// imageOf is planImage or applyImage.
type imageOf func(ctx context.Context, driver compute.Driver, object types.Object, at path.Path, diags *diag.Diagnostics) types.Object

// applyImage is planImage for an image that the plan did not know. One that it knew is what was agreed to.
func applyImage(ctx context.Context, driver compute.Driver, object types.Object, at path.Path, diags *diag.Diagnostics) types.Object {
	if fullyKnown(ctx, object) {
		return object
	}
	return planImage(ctx, driver, object, at, diags)
}

// checkMachine refuses at plan time what no instance can be made of. count is how many nodes may run at once, spread over the zones.
func checkMachine(ctx context.Context, driver compute.Driver, catalog compute.Catalog, m *compute.AWSMachine, instanceType string, zones []string, count, surge int, at path.Path, diags *diag.Diagnostics) {
	if why := catalog.MachineFault(m, zones...); why != "" {
		diags.AddAttributeError(at, "Nodes cannot be made of this", strings.ToUpper(why[:1])+why[1:]+".")
		return
	}
	machines, ok := driver.(compute.Machines)
	if m == nil || !ok || len(zones) == 0 || diags.HasError() {
		return
	}
	if m.Spot {
		diags.AddAttributeWarning(at.AtName("spot"), "Spot instances can be taken away all at once",
			"EC2 takes a spot instance back with a notice of two minutes, and often many of one type and zone together. What the nodes hold is on their own disks only. A node with a notice is replaced by the next apply; "+
				"when all replicas of a partition go before that, its records are lost. Keep data that must not be lost on a group without spot.")
	}
	nodes := map[string]int{}
	for i, zone := range zones {
		nodes[zone] = (count+len(zones)-1-i)/len(zones) + surge
	}
	switch err := machines.CheckMachine(ctx, *m, instanceType, nodes); {
	case errors.Is(err, compute.ErrInvalid):
		diags.AddAttributeError(at, "Nodes cannot be made of this", sentence(err))
	case err != nil:
		diags.AddAttributeError(at, "It could not be found out whether nodes can be made of this", sentence(err))
	}
}
