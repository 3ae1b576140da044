package aws

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// root is where the parameters of all clusters are.
const root = "/kafkafleet/"

// inOneCall is how many parameters can be asked for, or deleted, by their names.
const inOneCall = 10

func recordName(cluster string) string  { return root + cluster + "/record" }
func nextIDName(cluster string) string  { return root + cluster + "/next-node-id" }
func nodesPath(cluster string) string   { return root + cluster + "/nodes" }
func leasePath(cluster string) string   { return root + cluster + "/lease" }
func secretsPath(cluster string) string { return root + cluster + "/secrets" }
func nodeName(cluster string, id int32) string {
	return nodesPath(cluster) + "/" + strconv.Itoa(int(id))
}

// parameter is one as it is read.
type parameter struct {
	name, value string
	version     int64
	written     time.Time
}

func parameterOf(p types.Parameter) parameter {
	return parameter{name: aws.ToString(p.Name), value: aws.ToString(p.Value), version: p.Version, written: aws.ToTime(p.LastModifiedDate)}
}

// last is the part of the name after its path.
func (p parameter) last() string { return p.name[strings.LastIndexByte(p.name, '/')+1:] }

// get reads a parameter; the error wraps compute.ErrNotFound where there is none.
func (d *Driver) get(ctx context.Context, name string) (parameter, error) {
	out, err := d.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
	if err != nil {
		return parameter{}, explained(err, "reading the parameter %s", name)
	}
	return parameterOf(*out.Parameter), nil
}

// getAll reads some parameters, of which those that do not exist are not in the answer.
func (d *Driver) getAll(ctx context.Context, names ...string) (map[string]parameter, error) {
	out, err := d.ssm.GetParameters(ctx, &ssm.GetParametersInput{Names: names, WithDecryption: aws.Bool(true)})
	if err != nil {
		return nil, explained(err, "reading the parameters %s", strings.Join(names, ", "))
	}
	all := map[string]parameter{}
	for _, p := range out.Parameters {
		all[aws.ToString(p.Name)] = parameterOf(p)
	}
	return all, nil
}

// below reads all parameters of a path.
func (d *Driver) below(ctx context.Context, path string) ([]parameter, error) {
	all, _, err := d.belowAt(ctx, path)
	return all, err
}

// belowAt is below, with the time of the service when it answered.
func (d *Driver) belowAt(ctx context.Context, path string) (all []parameter, at time.Time, err error) {
	pages := ssm.NewGetParametersByPathPaginator(d.ssm, &ssm.GetParametersByPathInput{Path: &path, Recursive: aws.Bool(true), WithDecryption: aws.Bool(false)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, at, explained(err, "reading the parameters below %s", path)
		}
		at, _ = middleware.GetServerTime(page.ResultMetadata)
		for _, p := range page.Parameters {
			all = append(all, parameterOf(p))
		}
	}
	return all, at, nil
}

// errExists says that a parameter that was to be made is there already.
var errExists = errors.New("the parameter is there already")

// put writes a parameter. With create it makes it, and the error is errExists where it is there: of many who do so at once, one succeeds.
func (d *Driver) put(ctx context.Context, name, value string, kind types.ParameterType, create bool) error {
	in := &ssm.PutParameterInput{Name: &name, Value: &value, Type: kind, Overwrite: aws.Bool(!create), Tier: types.ParameterTierIntelligentTiering}
	_, err := d.ssm.PutParameter(ctx, in)
	var exists *types.ParameterAlreadyExists
	if create && errors.As(err, &exists) {
		return errExists
	}
	return explained(err, "writing the parameter %s", name)
}

// remove deletes parameters; those that do not exist are no error.
func (d *Driver) remove(ctx context.Context, names ...string) error {
	for len(names) > 0 {
		some := names[:min(len(names), inOneCall)]
		names = names[len(some):]
		if _, err := d.ssm.DeleteParameters(ctx, &ssm.DeleteParametersInput{Names: some}); err != nil {
			return explained(err, "deleting the parameters %s", strings.Join(some, ", "))
		}
	}
	return nil
}

// Secret implements compute.Driver.
func (d *Driver) Secret(ctx context.Context, cluster, name string) ([]byte, error) {
	if err := errors.Join(compute.CheckClusterName(cluster), compute.CheckSecretName(name)); err != nil {
		return nil, err
	}
	p, err := d.get(ctx, secretsPath(cluster)+"/"+name)
	if err != nil {
		return nil, err
	}
	return decodeSecret(p.value)
}

// PutSecret implements compute.Driver.
func (d *Driver) PutSecret(ctx context.Context, cluster, name string, value []byte) error {
	if err := errors.Join(compute.CheckClusterName(cluster), compute.CheckSecret(name, value)); err != nil {
		return err
	}
	text, err := encodeSecret(value)
	if err != nil {
		return err
	}
	return d.put(ctx, secretsPath(cluster)+"/"+name, text, types.ParameterTypeSecureString, false)
}

// DeleteSecret implements compute.Driver.
func (d *Driver) DeleteSecret(ctx context.Context, cluster, name string) error {
	if err := errors.Join(compute.CheckClusterName(cluster), compute.CheckSecretName(name)); err != nil {
		return err
	}
	return d.remove(ctx, secretsPath(cluster)+"/"+name)
}
