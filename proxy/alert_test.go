package proxy

import "testing"

func TestAlertWatch(t *testing.T) {
	const (
		hello     = "\x16\x03\x01\x00\x04abcd"
		alert     = "\x15\x03\x03\x00\x02\x02\x30"
		encrypted = "\x17\x03\x03\x00\x13................\x02\x30\x15"
	)
	for _, test := range []struct {
		stream string
		want   bool
	}{
		{hello + alert, true},
		{alert, true},
		{hello + encrypted, false},
		{hello + alert + hello, false},
		{hello + alert[:6], false},
		{"", false},
		{"\x15\x03\x03\x00\x00", false},
		{"\x15\x03\x03\x00\x1a0123456789012345678901\x00\x02\x02\x30", false},
	} {
		for _, piece := range []int{1, 3, len(test.stream) + 1} { // however it arrives
			var a alertWatch
			for rest := []byte(test.stream); len(rest) > 0; {
				n := min(piece, len(rest))
				a.read(rest[:n])
				rest = rest[n:]
			}
			got, ok := a.alert()
			if ok != test.want || ok && got != 48 {
				t.Errorf("%q in pieces of %d: alert %d %v, want 48 %v", test.stream, piece, got, ok, test.want)
			}
		}
	}
}
