package provider

import (
	"context"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// absentDriver stands where the provider has no place for nodes. Everything that is asked of it fails with the reason.
type absentDriver struct{ reason error }

var _ compute.Driver = absentDriver{}

func (d absentDriver) Catalog(context.Context) (compute.Catalog, error) {
	return compute.Catalog{}, d.reason
}
func (d absentDriver) CheckKafka(context.Context, string) error { return d.reason }
func (d absentDriver) GetCluster(context.Context, string) (compute.Cluster, error) {
	return compute.Cluster{}, d.reason
}
func (d absentDriver) PutCluster(context.Context, compute.Cluster) error { return d.reason }
func (d absentDriver) DeleteCluster(context.Context, string) error       { return d.reason }
func (d absentDriver) Launch(context.Context, compute.NodeSpec) (compute.Instance, error) {
	return compute.Instance{}, d.reason
}
func (d absentDriver) List(context.Context, string) ([]compute.Instance, error) { return nil, d.reason }
func (d absentDriver) Stop(context.Context, string) error                       { return d.reason }
func (d absentDriver) Terminate(context.Context, string) error                  { return d.reason }
func (d absentDriver) Secret(context.Context, string, string) ([]byte, error)   { return nil, d.reason }
func (d absentDriver) PutSecret(context.Context, string, string, []byte) error  { return d.reason }
func (d absentDriver) DeleteSecret(context.Context, string, string) error       { return d.reason }
func (d absentDriver) Lock(context.Context, string, string) (compute.Lease, error) {
	return nil, d.reason
}
