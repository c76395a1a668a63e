package subject_test

import (
	"encoding/hex"
	"slices"
	"testing"

	"github.com/sidegate/sidegate/proxy/subject"
)

// A hand-made encoder, so that tests can write what no library would.

func tlv(tag byte, parts ...[]byte) []byte {
	content := slices.Concat(parts...)
	head := []byte{tag, byte(len(content))}
	switch n := len(content); {
	case n >= 0x10000:
		head = []byte{tag, 0x83, byte(n >> 16), byte(n >> 8), byte(n)}
	case n >= 0x100:
		head = []byte{tag, 0x82, byte(n >> 8), byte(n)}
	case n >= 0x80:
		head = []byte{tag, 0x81, byte(n)}
	}
	return append(head, content...)
}

func sequence(parts ...[]byte) []byte { return tlv(0x30, parts...) }
func set(parts ...[]byte) []byte      { return tlv(0x31, parts...) }
func oid(content string) []byte       { return tlv(0x06, []byte(content)) }
func utf8String(s string) []byte      { return tlv(0x0c, []byte(s)) }

// The contents of some OIDs.
const (
	cn = "\x55\x04\x03"
	c  = "\x55\x04\x06"
	o  = "\x55\x04\x0a"
	ou = "\x55\x04\x0b"
)

func pair(typ string, value []byte) []byte { return sequence(oid(typ), value) }

// only is the name whose one attribute is O with the value.
func only(value []byte) []byte { return sequence(set(pair(o, value))) }

func fromHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustParse(t *testing.T, s string) subject.Name {
	t.Helper()
	n, err := subject.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func mustRead(t *testing.T, der []byte) subject.Name {
	t.Helper()
	n, err := subject.FromDER(der)
	if err != nil {
		t.Fatalf("FromDER(%x): %v", der, err)
	}
	return n
}
