package provider

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/types"
)

// FuzzImportID offers one text to every reader of import ids. What a reader takes is written as an id that it reads as the very same
// object, and names no cluster that could be a path.
func FuzzImportID(f *testing.F) {
	for _, id := range []string{
		"orders", "shop/orders", "shop/main", "shop", "/", "a/b/c", "../shop/x", "shop/../x", "Shop/x", "",
		"Topic|orders|Literal|User:shop|*|Write|Allow", "shop/Topic|a%7Cb%25|Prefixed|User:CN=a/b|192.0.2.1|Read|Deny", "Topic|%7c%257C|||||", "||||||", "a|b",
		"user=alice&client_id=reports", "shop/user=%3Cdefault%3E", "ip=192.0.2.1", "ip=here", "user=a%26b%3Dc+d", "user=a;b", "user=a&user=b", "user=", "host=a", "user=%zz", "shop/",
	} {
		f.Add(id)
	}
	named := func(t *testing.T, id string, cluster types.String) {
		if !cluster.IsNull() && !fleetName.MatchString(cluster.ValueString()) {
			t.Errorf("%q is of a cluster %q", id, cluster.ValueString())
		}
	}
	f.Fuzz(func(t *testing.T, id string) {
		if g, ok := parseGroupID(id); ok {
			named(t, id, g.Cluster)
			named(t, id, g.Name)
			if g.Cluster.ValueString()+"/"+g.Name.ValueString() != id {
				t.Errorf("%q is taken as the group %v", id, g)
			}
		}
		topic := parseTopicID(id)
		named(t, id, topic.Cluster)
		if joinID(topic.Cluster, topic.Name.ValueString()).ValueString() != id {
			t.Errorf("%q is taken as the topic %v", id, topic)
		}
		if m, err := parseACLID(id); err == nil {
			named(t, id, m.Cluster)
			if again, err := parseACLID(m.id().ValueString()); err != nil || again != m {
				t.Errorf("%q is %v, and its id %q is %v, %v", id, m, m.id(), again, err)
			}
		}
		set := parseACLsID(id)
		named(t, id, set.Cluster)
		if again := parseACLsID(set.id().ValueString()); (!set.Principal.IsNull() || !set.ResourceType.IsNull()) && again != set {
			t.Errorf("%q is the set %v, and its id %q is %v", id, set, set.id(), again)
		}
		user := parseUserID(id)
		named(t, id, user.Cluster)
		if again := parseUserID((userModel{Cluster: user.Cluster, Name: user.Name}).id().ValueString()); again != user {
			t.Errorf("%q is the user %v, which is read again as %v", id, user, again)
		}
		if i, err := parseQuotaID(id); err == nil && i.fault() == "" {
			named(t, id, i.Cluster)
			m := quotaModel{Cluster: i.Cluster, User: i.User, ClientID: i.ClientID, IP: i.IP}
			if again, err := parseQuotaID(m.id().ValueString()); err != nil || again != i {
				t.Errorf("%q is %v, and its id %q is %v, %v", id, i, m.id(), again, err)
			}
		}
	})
}

// FuzzID: whatever an object is called, its id is read as the same object.
func FuzzID(f *testing.F) {
	f.Add("shop", "alice", "reports", "*")
	f.Add("", "a|b", "c/d", "%7C")
	f.Add("", "a&b=c", "d+e;f %26", "<default>")
	f.Add("s", "shop/x", "\x00\xff", "é\n")
	f.Fuzz(func(t *testing.T, cluster, a, b, c string) {
		of := types.StringNull()
		if fleetName.MatchString(cluster) {
			of = types.StringValue(cluster)
		}
		var m aclModel
		m.Cluster, m.ResourceType, m.ResourceName, m.PatternType = of, types.StringValue("Group"), types.StringValue(a), types.StringValue("Literal")
		m.Principal, m.Host, m.Operation, m.Permission = types.StringValue(b), types.StringValue(c), types.StringValue("Read"), types.StringValue("Allow")
		if again, err := parseACLID(m.id().ValueString()); err != nil || again != m {
			t.Errorf("the ACL %v has the id %q, which is %v, %v", m, m.id(), again, err)
		}
		quotas := []quotaIdentity{{Cluster: of, User: types.StringValue(a)}, {Cluster: of, ClientID: types.StringValue(a)}, {Cluster: of, User: types.StringValue(a), ClientID: types.StringValue(b)}}
		for _, q := range quotas {
			if q.fault() != "" {
				continue
			}
			id := quotaModel{Cluster: q.Cluster, User: q.User, ClientID: q.ClientID}.id().ValueString()
			if again, err := parseQuotaID(id); err != nil || again != q {
				t.Errorf("the quota of %v has the id %q, which is %v, %v", q, id, again, err)
			}
		}
		sets := []aclSubject{{Cluster: of, Principal: types.StringValue("User:" + a)}, {Cluster: of, ResourceType: types.StringValue("Group"), ResourceName: types.StringValue(a), PatternType: types.StringValue("Prefixed")}}
		for _, s := range sets {
			if again := parseACLsID(s.id().ValueString()); again != s {
				t.Errorf("the set %v has the id %q, which is %v", s, s.id(), again)
			}
		}
		user := userIdentity{Cluster: of, Name: types.StringValue(a)}
		if again := parseUserID((userModel{Cluster: of, Name: user.Name}).id().ValueString()); again != user {
			t.Errorf("the user %v is read as %v", user, again)
		}
		if topicNameFault(a) == "" {
			topic := topicIdentity{Cluster: of, Name: types.StringValue(a)}
			if again := parseTopicID(joinID(of, a).ValueString()); again != topic {
				t.Errorf("the topic %v is read as %v", topic, again)
			}
		}
	})
}

func TestWhatIsNoImportID(t *testing.T) {
	for id, want := range map[string]string{
		"": "neither", "user=a&ip=192.0.2.1": "cannot be combined", "ip=here": `"here" is no IP address`, "ip=192.0.2.1": "", "ip=<default>": "", "user=a": "",
	} {
		i, err := parseQuotaID(id)
		if fault := i.fault(); err != nil || !strings.Contains(fault, want) || want == "" && fault != "" {
			t.Errorf("%q: %v, %q, want %q", id, err, fault, want)
		}
	}
	if fault := (quotaIdentity{User: types.StringValue("")}).fault(); fault != "a name is empty" {
		t.Errorf("an empty name is %q", fault)
	}
	for _, id := range []string{"", "a", "/b", "a/", "a/b/c", "../b", "a/..", "A/b"} {
		if g, ok := parseGroupID(id); ok {
			t.Errorf("%q is the group %v", id, g)
		}
	}
}
