package partner

import (
	"fmt"
	"io"
	"strings"
	"sync"
)

// lines tell the user what happens, a line each. Safe for concurrent use.
type lines struct {
	mu sync.Mutex
	w  io.Writer
}

// say writes a line. What comes from outside has to be quoted.
func (l *lines) say(format string, a ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintf(l.w, "partner: "+format+"\n", a...) // nobody is there to be told that nobody is there
}

// Write takes what net/http has to say, such as a handshake that failed.
func (l *lines) Write(p []byte) (int, error) {
	l.say("%q", strings.TrimSpace(string(p)))
	return len(p), nil
}

// introduce says what the user has to know of the partner.
func (l *lines) introduce(dir, address string) {
	l.say("a certificate authority signs what you put into %q as NAME.csr: take NAME.crt and %s there", dir, intermediateFile)
	l.say("my API is https://%s; its certificate has the Subject %s", address, ServiceDN)
	l.say("my webhooks come with the Subject %s", WebhookDN)
	l.say("POST {\"type\": …, \"url\": \"https://localhost:8443/…\"} to /api/v1/webhook: I register it and send one at once")
	l.say("trust %s for both. All of it is a rehearsal on this machine, and ends with Ctrl-C", intermediateFile)
}
