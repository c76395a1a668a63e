package http1

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// Of frames in tests.
const (
	textual      = 0x81
	textToFollow = 0x01
	continuation = 0x00
	final        = 0x80
	closing      = 0x88
	ping         = 0x89
)

// frame makes a frame with size bytes of content, which are all x.
func frame(first byte, size int, masked bool) []byte {
	return frameOf(first, strings.Repeat("x", size), masked)
}

func frameOf(first byte, content string, masked bool) []byte {
	b := []byte{first, 0}
	switch size := len(content); {
	case size < 126:
		b[1] = byte(size)
	case size < 1<<16:
		b[1] = 126
		b = binary.BigEndian.AppendUint16(b, uint16(size))
	default:
		b[1] = 127
		b = binary.BigEndian.AppendUint64(b, uint64(size))
	}
	if !masked {
		return append(b, content...)
	}
	b[1] |= 0x80
	mask := "\xfe\x00\x81\x7f"
	b = append(b, mask...)
	for i := range len(content) {
		b = append(b, content[i]^mask[i%4])
	}
	return b
}

func TestAFrameEndsWhereItEnds(t *testing.T) {
	for _, masked := range []bool{false, true} {
		for _, size := range []int{0, 1, 125, 126, 127, 65535, 65536} {
			t.Run(fmt.Sprintf("%d bytes, masked %v", size, masked), func(t *testing.T) {
				one := frame(textual, size, masked)
				two := append(bytes.Clone(one), one...)
				for i := range len(two) + 1 {
					f := frames{masked: masked}
					f.scan(two[:i])
					if want := i%len(one) == 0; f.between() != want {
						t.Fatalf("after %d of %d bytes it is between frames: %v", i, len(two), !want)
					}
					rest := f.rest(two[i:])
					if want := (len(two) - i) % len(one); rest != want {
						t.Fatalf("after %d of %d bytes there are %d of the frame, want %d", i, len(two), rest, want)
					}
					f.scan(two[i+rest:])
					if !f.between() {
						t.Fatalf("cut after %d of %d bytes, it is not between frames", i, len(two))
					}
				}
			})
		}
	}
}

func TestWhatIsNoFrame(t *testing.T) {
	long := func(masked bool, length uint64) []byte {
		b := []byte{textual, 127}
		if masked {
			b[1] |= 0x80
		}
		return binary.BigEndian.AppendUint64(b, length)
	}
	for _, c := range []struct {
		what   string
		bytes  []byte
		masked bool
		lost   bool
	}{
		{"a length with the highest bit", long(false, 1<<63), false, true},
		{"the largest length", long(false, 1<<63-1), false, false},
		{"the largest length, masked", long(true, 1<<63-1), true, false},
		{"a frame of an application with a mask", frame(textual, 3, true), false, true},
		{"a frame of a client without one", frame(textual, 3, false), true, true},
		{"a ping in fragments", frame(ping&^final, 3, false), false, true},
		{"a ping of 125 bytes", frame(ping, 125, false), false, false},
		{"a ping of 126 bytes", frame(ping, 126, false), false, true},
		{"an opcode that nobody knows", frame(final|3, 3, false), false, false},
		{"a compressed message", frame(textual|0x40, 3, false), false, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			f := frames{masked: c.masked}
			f.scan(c.bytes)
			if f.lost != c.lost {
				t.Errorf("lost is %v", f.lost)
			}
			f.scan(frame(textual, 1, c.masked))
			if c.lost && f.between() {
				t.Error("it is between frames afterwards")
			}
		})
	}
}

func TestNothingFollowsACloseFrame(t *testing.T) {
	f := frames{}
	f.scan(frame(closing, 2, false)[:3])
	if f.closed {
		t.Error("it counts before its end")
	}
	f.scan(append(frame(closing, 2, false)[3:], "junk"...))
	if !f.closed || f.lost || f.between() {
		t.Errorf("closed is %v, lost %v, between frames %v", f.closed, f.lost, f.between())
	}
}

func TestCloseFrame(t *testing.T) {
	if got, want := closeFrame(1008, "revoked", false), frameOf(closing, "\x03\xf0revoked", false); !bytes.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	long := closeFrame(1008, strings.Repeat("r", 200), true)
	if len(long) != 2+4+125 || long[1] != 0x80|125 {
		t.Errorf("with a reason that is too long it has %d bytes: %q", len(long), long)
	}
	f := frames{masked: true}
	if f.scan(long); !f.closed {
		t.Error("it is none")
	}
}

// ends reads frames in another way: all of them are there.
func ends(b []byte, masked bool) (ends []int, closed, lost bool) {
	for at := 0; ; {
		ends = append(ends, at)
		rest := b[at:]
		if len(rest) < 2 {
			return ends, false, false
		}
		size, content := 2, uint64(rest[1]&0x7f)
		if rest[1]>>7 == 1 != masked || rest[0]>>3&1 == 1 && (content > 125 || rest[0]>>7 == 0) {
			return ends, false, true
		}
		extended := map[uint64]int{126: 2, 127: 8}[content]
		if len(rest) < size+extended {
			return ends, false, false
		}
		if extended > 0 {
			content = 0
			for _, d := range rest[2 : 2+extended] {
				content = content<<8 | uint64(d)
			}
		}
		if content>>63 == 1 {
			return ends, false, true
		}
		size += extended
		if masked {
			size += 4
		}
		if content > uint64(len(rest)) || size+int(content) > len(rest) {
			return ends, false, false
		}
		at += size + int(content)
		if rest[0]&15 == 8 {
			return ends, true, false
		}
	}
}

// However the bytes are divided, frames end where they end.
func FuzzFrames(f *testing.F) {
	for _, masked := range []bool{false, true} {
		all := frame(textual, 3, masked)
		all = append(all, frame(textToFollow, 0, masked)...)
		all = append(all, frame(final|continuation, 126, masked)...)
		all = append(all, frame(ping, 1, masked)...)
		f.Add(append(bytes.Clone(all), frame(closing, 2, masked)...), masked, 7)
		f.Add(append(bytes.Clone(all), 0x71, all[1]&0x80|127, 0, 0, 0, 0, 0, 0, 0, 1, 'm', 'a', 's', 'k', 'x'), masked, 1000)
		f.Add(append(bytes.Clone(all), 0x82, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1), masked, 1)
	}
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), true, 2)
	f.Fuzz(func(t *testing.T, input []byte, masked bool, piece int) {
		want, closed, lost := ends(input, masked)
		if piece < 1 {
			piece = 1
		}
		single, pieces := frames{masked: masked}, frames{masked: masked}
		got := []int{0}
		for i := range input {
			if single.scan(input[i : i+1]); single.between() {
				got = append(got, i+1)
			}
		}
		stepped := []int{0}
		for at := 0; at < len(input) && !pieces.over(); {
			at += pieces.next(input[at:min(len(input), (at/piece+1)*piece)])
			if pieces.between() {
				stepped = append(stepped, at)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || fmt.Sprint(stepped) != fmt.Sprint(want) {
			t.Errorf("frames end at %v, byte by byte at %v, in pieces at %v", want, got, stepped)
		}
		for _, f := range []frames{single, pieces} {
			if f.closed != closed || f.lost != lost {
				t.Errorf("closed is %v, want %v; lost is %v, want %v", f.closed, closed, f.lost, lost)
			}
		}
	})
}

func BenchmarkFrames(b *testing.B) {
	for _, size := range []int{16, 125, 1 << 10, 64 << 10} {
		one := frame(textual, size, true)
		mib := bytes.Repeat(one, 1<<20/len(one))
		b.Run(fmt.Sprintf("MiB of %d bytes", size), func(b *testing.B) {
			b.SetBytes(int64(len(mib)))
			for b.Loop() {
				f := frames{masked: true}
				for p := range 16 {
					f.scan(mib[p*len(mib)/16 : (p+1)*len(mib)/16])
				}
			}
		})
	}
}
