package command

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzFleetCSV: a fleet that is read is one that can be planned for, every id and every number in its bounds, and is written as files that
// give the same fleet.
func FuzzFleetCSV(f *testing.F) {
	f.Add(someBrokers, somePartitions, "12,300,7")
	f.Add("\ufeffbroker,zone,capacity_bytes\r\n1,\" a \",0\r\n", "group,leader,bytes,replicas,partition,topic\ng,,0,1,0,t\n", "1,1,0")
	f.Add("broker,broker,zone,capacity_bytes\n1,2,a,0\n", "topic,partition,replicas,bytes\n\"a\nb\",0,1,0\n", "1,1,1x")
	f.Add("broker,zone,capacity_bytes\n1,\"a\r\r\nb\",0\n", "topic,partition,replicas,bytes\nt,0,1|1,0\nt,0,,0\n", "-1,1,1")
	f.Add("broker,zone,capacity_bytes\n-1,a,0\n2147483648,a,9223372036854775808\n", "topic,partition,replicas,bytes,leader\nt,0,1,0,-2\n", "99999999,1,1")
	f.Add("", "x", "1,2,3,4")
	f.Fuzz(func(t *testing.T, brokersText, partitionsText, skew string) {
		if brokers, partitions, _, err := parseSkew(skew); err == nil && (brokers < 1 || brokers > mostBrokers || partitions < 1 || partitions > mostPartitions || strings.Trim(skew, "0123456789,") != "") {
			t.Errorf("%q is taken for %d brokers and %d partitions", skew, brokers, partitions)
		}
		brokers, err := readBrokers(strings.NewReader(brokersText))
		if err != nil {
			if brokers, err = readBrokers(strings.NewReader(someBrokers)); err != nil {
				t.Fatal(err)
			}
		}
		ids := map[int32]bool{}
		for _, b := range brokers {
			if b.ID < 0 || ids[b.ID] || b.Capacity < 0 {
				t.Errorf("%q has the broker %+v", brokersText, b)
			}
			ids[b.ID] = true
		}
		var written bytes.Buffer
		if err := writeBrokers(&written, brokers); err != nil {
			t.Fatal(err)
		}
		text := written.String()
		if again, err := readBrokers(&written); err != nil || !slices.Equal(again, brokers) {
			t.Errorf("%q is %+v, which is written as %q and reads back as %+v, %v", brokersText, brokers, text, again, err)
		}

		partitions, err := readPartitions(strings.NewReader(partitionsText), brokers)
		if err != nil {
			return
		}
		type name struct {
			topic     string
			partition int32
		}
		seen := map[name]bool{}
		for i, p := range partitions {
			distinct := map[int32]bool{}
			for _, id := range p.Replicas {
				if distinct[id] || !ids[id] {
					t.Errorf("%q has the partition %+v", partitionsText, p)
				}
				distinct[id] = true
			}
			at := name{p.Topic, p.Partition}
			if p.Topic == "" || p.Partition < 0 || p.Bytes < 0 || len(p.Replicas) == 0 || seen[at] || p.Leader != -1 && !distinct[p.Leader] {
				t.Errorf("%q has the partition %+v", partitionsText, p)
			}
			seen[at] = true
			partitions[i].Group = "" // The column is for who writes the file by hand.
		}
		written.Reset()
		if err := writePartitions(&written, partitions); err != nil {
			t.Fatal(err)
		}
		text = written.String()
		if again, err := readPartitions(&written, brokers); err != nil || !cmp.Equal(again, partitions) {
			t.Errorf("%q is %+v, which is written as %q and reads back as %+v, %v", partitionsText, partitions, text, again, err)
		}
	})
}
