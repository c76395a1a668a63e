package probe_test

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/minica"
)

// What begins as HTTP and does not go on is no other protocol.
func TestAnAnswerThatDoesNotEnd(t *testing.T) {
	w := newWorld(t)
	goAway := append([]byte{0, 0, 8, 7, 0, 0, 0, 0, 0}, binary.BigEndian.AppendUint64(nil, 0)...) // RFC 9113 §6.8
	for name, tt := range map[string]struct {
		protocol, says string
		ends           bool
		want           string
	}{
		"a status line stalls": {"http/1.1", "HTTP/1.1 20", false, "timeout"},
		"a head stalls":        {"http/1.1", "HTTP/1.1 200 OK\r\nContent-", false, "timeout"},
		"a head breaks off":    {"http/1.1", "HTTP/1.1 200 OK\r\nContent-", true, "closed"},
		"another protocol":     {"http/1.1", "220 mail.example ESMTP\r\n", true, "not-http"},
		"GOAWAY":               {"h2", "\x00\x00\x00\x04\x00\x00\x00\x00\x00" + string(goAway), true, "closed"},
		"GOAWAY, and silence":  {"h2", "\x00\x00\x00\x04\x00\x00\x00\x00\x00" + string(goAway), false, "closed"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := w.config()
			cfg.NextProtos = []string{tt.protocol}
			target := speak(t, func(c net.Conn) {
				s := tls.Server(c, cfg)
				if s.Handshake() != nil {
					return
				}
				_, _ = s.Read(make([]byte, 4<<10))
				_, _ = io.WriteString(s, tt.says)
				if tt.ends {
					_ = s.CloseWrite()
				}
				_, _ = io.Copy(io.Discard, s)
			})
			o := w.trusting()
			o.HTTP2, o.Timeout = tt.protocol == "h2", time.Second
			r := run(t, target, o)
			if got := wordsOf(r, false); got != tt.want {
				t.Errorf("words %q, want %q:\n%s", got, tt.want, textOf(r))
			}
		})
	}
}

func TestExpiredToday(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	cfg.Certificates = []tls.Certificate{w.issue(minica.Options{NotAfter: time.Now().Add(-time.Hour)}).TLS()}
	if text := textOf(run(t, serve(t, cfg, hello), w.trusting())); !strings.Contains(text, "less than a day ago") {
		t.Error(text)
	}
}
