package kafkadist

import (
	"path/filepath"
	"strings"
	"testing"
)

// FuzzDistribution: a version that is taken is one folder of the cache, a sum is 128 lower-case digits that stand in the text in this order,
// and an entry of an archive is unpacked below its folder or not at all.
func FuzzDistribution(f *testing.F) {
	sum := strings.Repeat("0123456789abcdef", 8)
	f.Add("4.3.1", sum+"  kafka_2.13-4.3.1.tgz\n", "kafka_2.13-4.3.1/libs/a.jar")
	f.Add("4.3.1/..", "kafka.tgz: "+strings.ToUpper(sum[:64])+"\n  "+strings.ToUpper(sum[64:]), "../../etc/passwd")
	f.Add("../4.3.1", "SHA512 (kafka.tgz) = "+sum, "kafka/../../x")
	f.Add("3.9.0", "<html>not found</html>", "/etc/passwd")
	f.Add("4.3.1\n", sum[:127], "kafka/./libs//a.jar")
	f.Add("99999.0.0", sum+"a", "kafka")
	f.Add("04.3.1", "", "..")
	f.Fuzz(func(t *testing.T, version, text, entry string) {
		if checkVersion(version) == nil {
			if strings.Trim(version, "0123456789.") != "" || filepath.Base(filepath.Join("/cache", version)) != version || strings.Count(version, ".") != 2 {
				t.Errorf("%q is taken for a version", version)
			}
		}
		if got, ok := parseSum(text); ok {
			if len(got) != 128 || strings.Trim(got, "0123456789abcdef") != "" || !strings.Contains(strings.ToLower(strings.Join(strings.Fields(text), "")), got) {
				t.Errorf("%q is read as the sum %q", text, got)
			}
			if again, ok := parseSum(got + "  file"); !ok || again != got {
				t.Errorf("the sum %q reads back as %q", got, again)
			}
		}
		if name, err := placeOf(entry); err == nil && name != "" {
			if rel, err := filepath.Rel("/home", filepath.Join("/home", name)); err != nil || !filepath.IsLocal(rel) || rel == "." {
				t.Errorf("%q is unpacked to %q", entry, name)
			}
		} else if name != "" {
			t.Errorf("%q is refused, %v, and is %q all the same", entry, err, name)
		}
	})
}
