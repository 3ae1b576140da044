package check

import "testing"

func TestMovement(t *testing.T) {
	a, b, late := topicPartition{"a", 0}, topicPartition{"b", 0}, topicPartition{"late", 0}
	type look = map[topicPartition][]int32
	sizes := map[topicPartition]int64{a: 100, b: 10, late: 1}
	tests := map[string]struct {
		looks []look
		want  Movement
		ratio float64
	}{
		"nothing moved": {
			[]look{{a: {1, 2, 3}}, {a: {3, 2, 1}}},
			Movement{0, 0, 300}, 0,
		},
		"every replica once": {
			[]look{{a: {1, 2, 3}, b: {1, 2, 3}}, {a: {4, 1, 2, 3}, b: {1, 2, 3}}, {a: {4, 5, 6}, b: {4, 5, 6}}},
			Movement{6, 330, 330}, 1,
		},
		"a detour counts": {
			[]look{{a: {1, 2, 3}}, {a: {4, 2, 3}}, {a: {5, 2, 3}}},
			Movement{2, 200, 300}, 2.0 / 3,
		},
		"a late topic's first placement does not": {
			[]look{{a: {1, 2, 3}}, {a: {1, 2, 3}, late: {4, 5, 6}}},
			Movement{0, 0, 303}, 0,
		},
		"a late topic's move does": {
			[]look{{late: {4}}, {late: {7}}},
			Movement{1, 1, 1}, 1,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := placement{}
			for _, l := range tt.looks {
				p.see(l)
			}
			got, err := p.movement(tt.looks[len(tt.looks)-1], sizes)
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want || got.Ratio() != tt.ratio {
				t.Errorf("movement = %+v (%v), want %+v (%v)", got, got.Ratio(), tt.want, tt.ratio)
			}
		})
	}
}

func TestMovementNeedsEverySize(t *testing.T) {
	p := placement{}
	now := map[topicPartition][]int32{{"a", 0}: {1}}
	p.see(now)
	if m, err := p.movement(now, nil); err == nil {
		t.Errorf("a partition of unknown size gave %+v", m)
	}
}
