package provider

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
)

// FuzzTokenEndpoint: what is taken is https, or leads to this machine, and has no name or password in it.
func FuzzTokenEndpoint(f *testing.F) {
	for _, seed := range []string{endpoint, "http://127.0.0.1:1/t", "http://localhost@evil.example.com/", "http://[::1]/", "https://a:b@c/", "https:///x", "HTTPS://x/#y", "http://localhost.example.com/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" || endpointFault(text) != "" {
			return
		}
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
			t.Errorf("%q is taken", text)
		}
	})
}

// FuzzExtensions: what is taken can be sent, changes nothing of the message around it, and is all that was given.
func FuzzExtensions(f *testing.F) {
	for _, seed := range []string{"logicalCluster=lkc-1", "a=b,c=d", "auth=x", "a=b\x01auth=Bearer x", "a", "=", "a=b,", " a=b=c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsRune(text, 0) {
			return // No environment has it.
		}
		t.Setenv("KAFKA_SASL_OAUTH_EXTENSIONS", text)
		var diags diag.Diagnostics
		all := extensionsOfEnvironment(path.Empty(), &diags)
		if diags.HasError() != (all == nil && text != "") {
			t.Errorf("%q: %v and %v", text, all, diags)
		}
		for name, value := range all {
			if !extensionName.MatchString(name) || name == "auth" || value == "" || strings.ContainsAny(value, "\x01,") || !given(text, name, value) {
				t.Errorf("%q gives %q=%q", text, name, value)
			}
		}
	})
}

// given says whether a list of extensions has this one, be it with spaces around its name.
func given(text, name, value string) bool {
	return slices.ContainsFunc(strings.Split(text, ","), func(part string) bool {
		n, v, _ := strings.Cut(part, "=")
		return strings.TrimSpace(n) == name && v == value
	})
}
