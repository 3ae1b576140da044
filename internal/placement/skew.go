package placement

import (
	"fmt"
	"math/rand/v2"
)

// Skewed returns a fleet to try operations on, the same for the same seed: brokers in three zones, partitions with one replica on a random
// broker of each zone, and sizes by Zipf's law (the partition of rank k has 1/k of the largest one's bytes, over 1,090 ranks), so that the
// largest is about 145 times the mean. Disks are filled to 40 % on the average.
func Skewed(brokers, partitions int, seed uint64) Fleet {
	const (
		ranks      = 1090
		largest    = 64 << 30
		perTopic   = 100
		zoneCount  = 3
		usedOfDisk = 0.4
	)
	random := rand.New(rand.NewPCG(seed, 0))
	var f Fleet
	zones := make([][]int32, zoneCount)
	for i := range brokers {
		id, z := int32(i+1), i%zoneCount
		f.Brokers = append(f.Brokers, Broker{ID: id, Zone: string(rune('a' + z)), Group: "main"})
		zones[z] = append(zones[z], id)
	}
	var total int64
	f.Partitions = make([]Partition, partitions)
	for i := range f.Partitions {
		p := &f.Partitions[i]
		p.Topic, p.Partition = fmt.Sprintf("topic-%05d", i/perTopic), int32(i%perTopic)
		p.Bytes = largest / int64(random.IntN(ranks)+1)
		first := random.IntN(zoneCount)
		for z := range zones {
			of := zones[(first+z)%zoneCount]
			if len(of) > 0 {
				p.Replicas = append(p.Replicas, of[random.IntN(len(of))])
			}
		}
		p.Leader = p.Replicas[0]
		total += p.Bytes * int64(len(p.Replicas))
	}
	for i := range f.Brokers {
		f.Brokers[i].Capacity = int64(float64(total) / float64(brokers) / usedOfDisk)
	}
	return f
}
