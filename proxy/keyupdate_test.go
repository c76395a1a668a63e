package proxy_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"testing"
)

// A keyUpdater writes TLS 1.3 records by hand (RFC 8446 §5.2), because crypto/tls
// cannot make a client that changes its keys. What comes back is read by crypto/tls.
type keyUpdater struct {
	t      *testing.T
	raw    net.Conn
	secret []byte // client_application_traffic_secret_N
	seq    uint64
}

const (
	recordHandshake       = 22
	recordApplicationData = 23
)

// takeOver writes in place of a client that has not written anything yet. log is
// what it wrote to its KeyLogWriter.
func takeOver(t *testing.T, c *tls.Conn, log string) *keyUpdater {
	t.Helper()
	if s := c.ConnectionState(); s.CipherSuite != tls.TLS_AES_128_GCM_SHA256 {
		t.Skip("the cipher suite is " + tls.CipherSuiteName(s.CipherSuite))
	}
	_, line, ok := strings.Cut(log, "CLIENT_TRAFFIC_SECRET_0 ")
	fields := strings.Fields(line)
	if !ok || len(fields) < 2 {
		t.Fatalf("no secret in %q", log)
	}
	secret, err := hex.DecodeString(fields[1])
	if err != nil {
		t.Fatal(err)
	}
	return &keyUpdater{t: t, raw: c.NetConn(), secret: secret}
}

// expand is HKDF-Expand-Label (RFC 8446 §7.1) without a context.
func (k *keyUpdater) expand(label string, size int) []byte {
	info := binary.BigEndian.AppendUint16(nil, uint16(size))
	info = append(info, byte(len("tls13 "+label)))
	info = append(append(info, "tls13 "+label...), 0)
	out, err := hkdf.Expand(sha256.New, k.secret, string(info), size)
	if err != nil {
		k.t.Fatal(err)
	}
	return out
}

// seal returns a record.
func (k *keyUpdater) seal(kind byte, content string) []byte {
	block, err := aes.NewCipher(k.expand("key", 16))
	if err != nil {
		k.t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		k.t.Fatal(err)
	}
	nonce := k.expand("iv", aead.NonceSize())
	for i, b := range binary.BigEndian.AppendUint64(nil, k.seq) {
		nonce[4+i] ^= b
	}
	k.seq++
	inner := append([]byte(content), kind)
	head := []byte{recordApplicationData, 3, 3}
	head = binary.BigEndian.AppendUint16(head, uint16(len(inner)+aead.Overhead()))
	return aead.Seal(head, nonce, inner, head)
}

// update returns a KeyUpdate (RFC 8446 §4.6.3) and goes on with the next keys.
func (k *keyUpdater) update(requested bool) []byte {
	message := "\x18\x00\x00\x01\x00"
	if requested {
		message = "\x18\x00\x00\x01\x01"
	}
	record := k.seal(recordHandshake, message)
	k.secret, k.seq = k.expand("traffic upd", sha256.Size), 0
	return record
}

func (k *keyUpdater) send(records ...[]byte) {
	k.t.Helper()
	if _, err := k.raw.Write(bytes.Join(records, nil)); err != nil {
		k.t.Fatal(err)
	}
}

func TestKeyUpdates(t *testing.T) {
	g := openGate(t)
	g.app.respond(echoTarget)
	var log bytes.Buffer
	c := g.callerWith(g.partner, func(cfg *tls.Config) { cfg.MinVersion, cfg.KeyLogWriter = tls.VersionTLS13, &log })
	k := takeOver(t, c.conn, log.String())
	t.Cleanup(func() { _ = k.raw.Close() })
	get := func(i int) []byte {
		return k.seal(recordApplicationData, fmt.Sprintf("GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i))
	}
	for _, requested := range []bool{false, true} { // requested: the gate changes its keys too
		k.send(get(0))
		c.mustHear([]string{"/0 "})
		k.send(k.update(requested)) // and nothing else
		k.send(get(1))
		c.mustHear([]string{"/1 "})
		k.send(k.update(requested), get(2)) // together with the next request
		c.mustHear([]string{"/2 "})
		k.send(get(3), k.update(requested), get(4), k.update(requested)) // between two that are there at once
		c.mustHear([]string{"/3 ", "/4 "})
		post := "POST /5 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n"
		k.send(k.seal(recordApplicationData, post+"bo"), k.update(requested), k.seal(recordApplicationData, "dy")) // in content
		c.mustHear([]string{"/5 body"})
	}
}
