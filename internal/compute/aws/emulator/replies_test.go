package emulator

import "testing"

func TestRepliesHoldUntilTheNextWrite(t *testing.T) {
	var r replies
	_, before := r.of("look")
	r.keep("look", []byte("one"), before)
	if known, _ := r.of("look"); string(known) != "one" {
		t.Errorf("what moto said is %q", known)
	}
	_, during := r.of("other")
	r.forget()
	if known, _ := r.of("look"); known != nil {
		t.Errorf("after a write it is still %q", known)
	}
	r.keep("other", []byte("old"), during)
	if known, _ := r.of("other"); known != nil {
		t.Errorf("a read from before a write is kept: %q", known)
	}
}
