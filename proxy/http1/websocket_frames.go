package http1

import (
	"crypto/rand"
	"encoding/binary"
)

// Of a WebSocket frame (RFC 6455 §5.2).
const (
	frameFinal   = 0x80 // first byte: no fragment follows
	frameOpcode  = 0x0f // first byte
	frameControl = 0x08 // first byte: the opcode of a control frame has it
	frameClose   = 0x08 // the opcode
	frameMasked  = 0x80 // second byte
	frameLength  = 0x7f // second byte
	length16     = 126  // second byte: the length follows in two bytes
	length64     = 127  // in eight

	maxControl = 125 // bytes in a control frame (RFC 6455 §5.5)
	maskSize   = 4
)

// frames knows where the frames begin and end in the bytes of a WebSocket that go
// one way. It looks at nothing else: opcodes that it does not know and the
// reserved bits are between the two sides, and extensions keep the framing
// (RFC 6455 §5.8). The zero value is for frames of an application.
type frames struct {
	masked bool // as those of a client must be, and those of an application must not (RFC 6455 §5.1)

	head    [10]byte // of the frame that begins, without its mask
	size    int      // bytes in head
	left    uint64   // of the frame behind head
	closing bool     // it is a Close frame

	closed bool // a Close frame has come to its end: what follows means nothing (RFC 6455 §5.5.1)
	lost   bool // these are no frames
}

// over reports whether there is no next frame to look for.
func (f *frames) over() bool { return f.closed || f.lost }

// between reports whether the next byte begins a frame.
func (f *frames) between() bool { return f.size == 0 && f.left == 0 && !f.over() }

// scan goes through all of p.
func (f *frames) scan(p []byte) {
	for len(p) > 0 && !f.over() {
		p = p[f.next(p):]
	}
}

// rest goes through what p has of the frame under way, and returns how much.
func (f *frames) rest(p []byte) int {
	if f.over() || f.between() {
		return 0
	}
	return f.next(p)
}

// next goes through p to the end of a frame, or to the end of p, and returns how
// far it got.
func (f *frames) next(p []byte) (n int) {
	for f.left == 0 {
		if n == len(p) {
			return n
		}
		f.head[f.size] = p[n]
		f.size++
		n++
		if f.size < 2 {
			continue
		}
		if f.check(); f.lost {
			return n
		}
		if f.size == f.headSize() {
			if f.begin(); f.left == 0 || f.lost {
				f.end()
				return n
			}
		}
	}
	skip := min(f.left, uint64(len(p)-n))
	if f.left -= skip; f.left == 0 {
		f.end()
	}
	return n + int(skip)
}

// headSize returns the size of the head, of which there are two bytes.
func (f *frames) headSize() int {
	switch f.head[1] & frameLength {
	case length16:
		return 4
	case length64:
		return 10
	}
	return 2
}

// check looks at the first two bytes of a head.
func (f *frames) check() {
	first, second := f.head[0], f.head[1]
	control := first&frameControl != 0
	f.lost = (second&frameMasked != 0) != f.masked ||
		control && (second&frameLength > maxControl || first&frameFinal == 0)
}

// begin reads a head that is complete.
func (f *frames) begin() {
	first, second := f.head[0], f.head[1]
	length := uint64(second & frameLength)
	switch f.size {
	case 4:
		length = uint64(binary.BigEndian.Uint16(f.head[2:]))
	case 10:
		length = binary.BigEndian.Uint64(f.head[2:])
	}
	f.size, f.lost = 0, length > 1<<63-1
	if f.masked {
		length += maskSize
	}
	f.left, f.closing = length, first&frameOpcode == frameClose
}

func (f *frames) end() {
	if f.closing && !f.lost {
		f.closed = true
	}
}

// closeFrame returns a Close frame with a status code and a reason (RFC 6455
// §5.5.1, §7.4), as an application sends it or, masked, a client.
func closeFrame(code uint16, reason string, masked bool) []byte {
	content := binary.BigEndian.AppendUint16(nil, code)
	content = append(content, reason[:min(len(reason), maxControl-len(content))]...)
	frame := []byte{frameFinal | frameClose, byte(len(content))}
	if masked {
		var mask [maskSize]byte
		_, _ = rand.Read(mask[:]) // never fails
		frame[1] |= frameMasked
		frame = append(frame, mask[:]...)
		for i := range content {
			content[i] ^= mask[i%maskSize]
		}
	}
	return append(frame, content...)
}
