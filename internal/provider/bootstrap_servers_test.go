package provider

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestServersOfTheEnvironment(t *testing.T) {
	for list, want := range map[string][]string{
		"": nil, " , ,": nil, "a:1": {"a:1"}, "a:1, b:65535,": {"a:1", "b:65535"}, "[::1]:9092": {"[::1]:9092"},
	} {
		if got, err := splitServers(list); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q is %q, %v, want %q", list, got, err, want)
		}
	}
	for list, names := range map[string]string{"a": `"a"`, "a:1 b:2": `"a:1 b:2"`, "b:1,a:0": `"a:0"`, "a:65536": `"a:65536"`, ":9092": `":9092"`, "::1:9092": `"::1:9092"`, "a:http": `"a:http"`} {
		if got, err := splitServers(list); err == nil || !strings.Contains(err.Error(), names) {
			t.Errorf("%q is %q, %v, want an error that names %s", list, got, err, names)
		}
	}
}

// FuzzServers: of a list that is taken every part is an address that can be dialled, nothing is lost, and it reads back as the same list.
func FuzzServers(f *testing.F) {
	for _, list := range []string{"", "a:1", "a:1, b:2,", "[::1]:9092", "a:1 b:2", "a:0", "a\x00b:1", ":1", "a:99999", "a:+1", "http://a:1", "\u00e4:1"} {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		servers, err := splitServers(list)
		if err != nil {
			if servers != nil {
				t.Errorf("%q is refused, %v, and is %q all the same", list, err, servers)
			}
			return
		}
		for _, server := range servers {
			host, port, err := net.SplitHostPort(server)
			if number, notNumber := strconv.ParseUint(port, 10, 16); err != nil || notNumber != nil || number == 0 || host == "" || strings.ContainsAny(server, ", \t\r\n\x00") {
				t.Errorf("%q has the server %q", list, server)
			}
		}
		parts := slices.DeleteFunc(strings.Split(list, ","), func(part string) bool { return strings.TrimSpace(part) == "" })
		if again, err := splitServers(strings.Join(servers, ",")); len(parts) != len(servers) || err != nil || !slices.Equal(again, servers) {
			t.Errorf("%q is %q, which reads back as %q, %v", list, servers, again, err)
		}
	})
}
