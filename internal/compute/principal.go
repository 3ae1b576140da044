package compute

import (
	"fmt"
	"regexp"
)

var (
	// commonName is what the principal rules of the nodes take over as it is. RFC 5280 ends it at 64 characters (ub-common-name).
	commonName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	// nodeCommonName is what they make NodePrincipal of.
	nodeCommonName = regexp.MustCompile(`^` + NodePrincipal + `-[0-9]+$`)
)

// CommonNameFault says why no client may have a certificate of this common name, "" for nothing. Whoever has one without a fault is the
// principal of that very name, and no super user.
func CommonNameFault(name string) string {
	switch {
	case !commonName.MatchString(name):
		return fmt.Sprintf("%q is not made of 1 to 64 letters, digits, dots, underscores and dashes, of which alone Kafka makes a principal of the same name", name)
	case nodeCommonName.MatchString(name):
		return fmt.Sprintf("%q is the common name of a node, and %s", name, SuperUserFault(NodePrincipal))
	}
	return SuperUserFault(name)
}

// SuperUserFault says why a principal, named without "User:", is for nobody else to be, and why no ACL of it matters: it may do everything in
// a cluster that is not plaintext. "" is for any other name.
func SuperUserFault(name string) string {
	who := ""
	switch name {
	case NodePrincipal:
		who = "the nodes work"
	case AdminPrincipal:
		who = "this provider works"
	default:
		return ""
	}
	return fmt.Sprintf("User:%s is a super user in each protected cluster of this provider, since %s under that name: Kafka lets a super user do everything, and asks no ACL about it", name, who)
}
